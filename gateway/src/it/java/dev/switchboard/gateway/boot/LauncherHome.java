package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * A checkout that is started by its launcher, with a script in the gateway's place that tells its
 * events: the real one would be ready before a signal finds the launcher waiting.
 */
abstract class LauncherHome {
  private static final String JAVAC = "#!/bin/sh\necho javac 25.0.1\n";

  /**
   * One that takes over is never ready while the file is there. What it tells in the place of
   * {@code ready}, the status that it ends with, and who hears no SIGTERM are files too; so is how
   * long one that stops says that it takes, which is until that file is gone.
   */
  private static final String GATEWAY =
      """
      #!/bin/bash
      if [[ " $* " == *AdminMain* ]]; then
        while [[ $1 != *AdminMain ]]; do shift; done
        exec JAVA -XX:TieredStopAtLevel=1 -cp "CLASSES" "$@"
      fi
      if [[ " $* " == *zipkin-server* ]]; then
        echo "$STORAGE_TYPE $MEM_MAX_SPANS $* " >HANG.zipkin
        port=$*
        port=${port#*.port=}
        while [[ $1 != -jar ]]; do shift; done
        exec JAVA -m jdk.httpserver -b 127.0.0.1 -p "${port%% *}" -d "${2%/*}"
      fi
      if [[ " $* " == *ConsoleMain* ]]; then
        [[ ! -e HANG.console ]] || exit 1
        echo '{"event":"ready","url":"http://c:3","first_run_token":"t","first_run_url":"http://c:3/in?token=t"}'
        trap 'exit 0' TERM
        [[ ! -e HANG.deaf ]] || trap '' TERM
        while :; do sleep 0.02; done
      fi
      stopped() {
        if [[ -e HANG.long ]]; then
          echo '{"event":"stopping","in_flight":1,"within_ms":'"$(<HANG.long)"'}'
          while [[ -e HANG.long ]]; do sleep 0.02; done
          echo >HANG.finished
        fi
        echo '{"event":"stopped"}'
        exit 0
      }
      cache=
      for option; do [[ $option != -XX:AOTCacheOutput=* ]] || cache=${option#*=}; done
      trap '[[ -z $cache ]] || echo learned >"$cache"; stopped' TERM
      [[ -z $cache ]] || echo '{"event":"warm","requests":1}'
      if [[ -e HANG.start ]]; then
        trap '' TERM
        while :; do sleep 0.02; done
      fi
      [[ ! -e HANG.deaf ]] || trap '' TERM
      serves=true
      [[ ! -e HANG.dead ]] || serves=false
      if [[ -e HANG.event ]]; then
        cat HANG.event
      elif [[ " $* " != *" --take-over "* || ! -e HANG ]]; then
        echo '{"event":"not_serving","replica":"u0","model":"llama","message":"connection refused"}'
        echo '{"event":"ready","api":"http://127.0.0.1:1","admin":"http://127.0.0.1:2","model":"m","serves":'"$serves"'}'
      fi
      while [[ ! -e HANG.status ]]; do sleep 0.02; done
      exit $(<HANG.status)
      """;

  @TempDir Path folder;
  Path home;
  Path hang;
  private final AtomicInteger outputs = new AtomicInteger();

  @BeforeEach
  void start() throws Exception {
    home = Files.createDirectories(folder.resolve("its home"));
    hang = folder.resolve("hang");
    Path bin = Files.createDirectories(folder.resolve("jdk/bin"));
    script(bin.resolve("javac"), JAVAC);
    script(bin.resolve("java"), gateway());
    Path launcher = GatewayProcess.home();
    script(home.resolve("switchboard"), Files.readString(launcher.resolve("switchboard")));
    Files.createDirectories(home.resolve("launcher"));
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(launcher.resolve("launcher"))) {
      for (Path part : parts) {
        Files.copy(part, home.resolve("launcher").resolve(part.getFileName()));
      }
    }
    Files.createDirectories(home.resolve("gateway"));
    Path library = Files.createDirectories(home.resolve("native-engine/build/release"));
    Files.createFile(library.resolve("libswitchboard.so"));
    // What was built is newer than its sources.
    Files.createFile(Files.createDirectories(home.resolve(".switchboard")).resolve("built"));
    assertEquals(0, exit(launch("up", "-d")));
  }

  @AfterEach
  void stop() throws Exception {
    assertEquals(0, exit(launch("down")));
    assertEquals(List.of(), gateways());
  }

  private String gateway() {
    return GATEWAY
        .replace("HANG", hang.toString())
        .replace("JAVA", Path.of(System.getProperty("java.home"), "bin", "java").toString())
        .replace("CLASSES", classPath());
  }

  /** As seen from any folder. */
  private static String classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(":"))
        .map(each -> Path.of(each).toAbsolutePath().toString())
        .collect(Collectors.joining(":"));
  }

  static void script(Path file, String text) throws Exception {
    Files.writeString(file, text);
    assertTrue(file.toFile().setExecutable(true));
  }

  Process launch(String... arguments) throws Exception {
    return launch(Map.of(), arguments);
  }

  Process launch(Map<String, String> environment, String... arguments) throws Exception {
    return launch(null, environment, arguments);
  }

  /** As from a shell in that folder. */
  Process launchIn(Path there, String... arguments) throws Exception {
    return launch(there.toFile(), Map.of(), arguments);
  }

  private Process launch(@Nullable File there, Map<String, String> environment, String... arguments)
      throws Exception {
    return launch(List.of(), there, environment, arguments);
  }

  /** Under another command, which has it as its last arguments. */
  Process launchUnder(List<String> command, Map<String, String> environment, String... arguments)
      throws Exception {
    return launch(command, null, environment, arguments);
  }

  private Process launch(
      List<String> under,
      @Nullable File there,
      Map<String, String> environment,
      String... arguments)
      throws Exception {
    // A shell cannot trap what is ignored when it starts, as in the background of another one.
    List<String> command = new ArrayList<>(under);
    command.addAll(
        List.of("env", "--default-signal=INT,HUP,TERM", home.resolve("switchboard").toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    File output = folder.resolve("output" + outputs.incrementAndGet()).toFile();
    builder.redirectOutput(output);
    builder.directory(there);
    builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
    builder.environment().putAll(environment);
    return builder.start();
  }

  String output() throws Exception {
    return Files.readString(folder.resolve("output" + outputs.get()), StandardCharsets.UTF_8);
  }

  static int exit(Process launcher) throws Exception {
    assertTrue(launcher.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    return launcher.exitValue();
  }

  String current() throws Exception {
    Path file = home.resolve(".switchboard/run/gateway.pid");
    return Files.exists(file) ? Files.readString(file).strip() : "";
  }

  /** Without their children, which look alike until they are another program. */
  List<String> gateways() {
    String mark = "-Dswitchboard.home=" + home;
    return ProcessHandle.allProcesses()
        .filter(each -> commandLine(each.pid()).contains(mark))
        .filter(
            each -> each.parent().stream().noneMatch(up -> commandLine(up.pid()).contains(mark)))
        .map(each -> Long.toString(each.pid()))
        .toList();
  }

  void awaitGateways(int count) {
    Await.until(count + " gateways", this::gateways, running -> running.size() == count);
  }

  /** How long the launcher waits for a gateway that does not say how long it takes. */
  void stopGrace(int seconds) throws Exception {
    Path part = home.resolve("launcher/gateway.sh");
    String text = Files.readString(part);
    String changed = text.replaceFirst("(?m)^stop_grace=60 ", "stop_grace=" + seconds + " ");
    assertNotEquals(text, changed);
    Files.writeString(part, changed);
  }

  static String commandLine(long pid) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
    } catch (Exception gone) {
      return "";
    }
  }

  /** Whole as soon as it is there: the gateway reads a file that it was waiting for at once. */
  void aside(String what, String text) throws Exception {
    Path written = Files.writeString(folder.resolve("aside"), text);
    Files.move(written, folder.resolve("hang." + what), StandardCopyOption.ATOMIC_MOVE);
  }

  void awaitOutput(String part) throws Exception {
    Await.until("the output " + part, this::output, told -> told.contains(part));
  }

  List<String> companions() {
    return ProcessHandle.allProcesses()
        .map(each -> Long.toString(each.pid()))
        .filter(pid -> commandLine(Long.parseLong(pid)).contains(home + "/data/console"))
        .toList();
  }
}
