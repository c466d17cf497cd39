package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher's care for the gateway's process and files. */
class LauncherIT extends LauncherHome {
  @Test
  void theConsoleIsStartedKeptAndStoppedUnlessItIsNotWanted() throws Exception {
    String first = output();
    String console = Files.readString(home.resolve(".switchboard/run/console.pid")).strip();
    assertEquals(0, exit(launch("restart")));
    String restarted = output();

    assertTrue(first.contains("http://c:3    first sign-in, within an hour: http://c:3/in"), first);
    assertTrue(restarted.contains("  console  http://127.0.0.1:"), restarted);
    assertTrue(commandLine(Long.parseLong(console)).contains("ConsoleMain"));
    assertEquals(0, exit(launch("down")));
    assertEquals("", commandLine(Long.parseLong(console)));
    assertEquals(0, exit(launch("up", "-d", "--without", "console")));
    assertFalse(output().contains("console"), output());
    assertFalse(Files.exists(home.resolve(".switchboard/run/console.pid")));
  }

  /**
   * 3.4 KB of heap are what a span with a rank's attributes takes there, and what comes in and is
   * collected needs as much again.
   */
  @Test
  void zipkinKeepsNoMoreSpansThanItsHeapHolds() throws Exception {
    assertEquals(0, exit(launch("down")));
    String parts = Files.readString(home.resolve("launcher/companions.sh"));
    String version = found("(?m)^zipkin_version=(\\S+)$", parts);
    Path library = Files.createDirectories(home.resolve(".switchboard/lib"));
    Files.writeString(library.resolve("zipkin-server-" + version + "-exec.jar"), "fetched");

    assertEquals(0, exit(launch("up", "-d", "--with", "zipkin")), output());

    String java = Files.readString(folder.resolve("hang.zipkin"));
    long heap = Long.parseLong(found(" -Xmx(\\d+)m ", java)) << 20;
    long spans = Long.parseLong(found("^mem (\\d+) ", java));
    assertTrue(spans > 0);
    assertTrue(2 * 3_400 * spans <= heap, spans + " spans in " + heap);
    assertTrue(java.contains("-XX:+ExitOnOutOfMemoryError"), java);
    String told = spans / 1000 + " 000 spans in a heap of " + (heap >> 20) + " MiB";
    Path page = Path.of(System.getProperty("switchboard.home", "..")).resolve("otel/README.md");
    assertTrue(Files.readString(page).contains(told), told);
  }

  /** In a package the folders are apart; whose process it is not is never stopped. */
  @ParameterizedTest
  @CsvSource({
    "prometheus --config.file=/state/run/prometheus.yml, 0",
    "java -cp /home/lib/console.jar ConsoleMain, 0",
    "java ConsoleMain --state /data/console, 0",
    "prometheus --config.file=/etc/prometheus/prometheus.yml, 1",
    "tail -f /statement/run/log, 1"
  })
  void aCompanionIsKnownByAnyFolderOfItsInstallation(String commandLine, int status)
      throws Exception {
    String question = "home=/home data=/data state=/state run=/run; . \"$0\"; is_of_this \"$1\"";
    String parts = home.resolve("launcher/companions.sh").toString();

    assertEquals(
        status,
        exit(new ProcessBuilder("bash", "-c", question, parts, commandLine).inheritIO().start()));
  }

  private static String found(String pattern, String text) {
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    assertTrue(matcher.find(), text);
    return matcher.group(1);
  }

  @Test
  void aConsoleThatDoesNotStartStopsNothingElse() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(folder.resolve("hang.console"));

    assertEquals(0, exit(launch("up", "-d")));

    assertTrue(output().contains("console  does not start; see"), output());
    assertEquals(List.of(current()), gateways());
  }

  /** Their meanings are in the launcher's reference. */
  @ParameterizedTest
  @ValueSource(strings = {"up -d", "up"})
  void aGatewayThatCannotServeEndsTheLauncherWithItsOwnStatus(String command) throws Exception {
    assertEquals(0, exit(launch("down")));
    for (int status = 1; status <= 7; status++) {
      aside(
          "event",
          "{\"event\":\"failed\",\"message\":\"why " + status + "\",\"status\":" + status + "}\n");
      aside("status", "0");

      assertEquals(status, exit(launch(command.split(" "))), output());
      assertTrue(output().contains("not started: why " + status), output());
      assertEquals(List.of(), gateways());
    }
  }

  @ParameterizedTest
  @CsvSource({"3, out of memory", "134, native code crashed", "137, killed (signal 9)"})
  void aGatewayThatEndsWithoutAWordEndsTheLauncherWithItsStatus(int status, String meaning)
      throws Exception {
    assertEquals(0, exit(launch("down")));
    aside("event", "");
    aside("status", Integer.toString(status));

    assertEquals(status, exit(launch("up", "-d")));

    assertTrue(output().contains("ended before it was ready: " + meaning), output());
    assertEquals(List.of(), gateways());
  }

  @Test
  void aGatewayThatServedAndEndsGivesItsStatusToUpInTheForeground() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up");
    awaitOutput("curl ");

    aside("status", "5");

    assertEquals(5, exit(up));
    assertTrue(output().contains("the gateway ended with status 5"), output());
    assertEquals(List.of(), companions());
  }

  /**
   * A gateway that serves tells the event; what it prints is run by a shell in another folder.
   *
   * @param host that the certificate is for; none for clear text
   * @param clients whether it asks them for a certificate, which is all that must be put in
   */
  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, '', false",
    "0.0.0.0, '', false",
    "127.0.0.1, localhost, false",
    "0.0.0.0, switchboard.example, false",
    "127.0.0.1, localhost, true"
  })
  void theFirstQuestionWorksAsPrintedInAnyFolder(String bind, String host, boolean clients)
      throws Exception {
    assertEquals(0, exit(launch("down")));
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script(
          (request, body) ->
              FakeUpstream.events(request)
                  .end(FakeUpstream.content("served") + FakeUpstream.done()));
      try (InProcessGateway gateway =
          InProcessGateway.before("http: {bind: " + bind + tls(host, clients) + "}", upstream)) {
        Await.until("ready", gateway::events, told -> told.contains("\"event\":\"ready\""));
        aside("event", gateway.events());
        assertEquals(0, exit(launch("up", "-d")));
        String question =
            output()
                .lines()
                .filter(line -> line.matches("  (key=|certificate=|curl ).*"))
                .collect(Collectors.joining("\n"));

        assertEquals(bind.equals("0.0.0.0"), question.contains("keys create"), question);
        assertEquals(clients, question.contains("http.tls.client-ca-file asks"), question);
        String files = folder + "/client";
        assertTrue(run(question.replace("YOURS", files)).contains("served"), question);
      }
    }
  }

  /** Its files are named as seen from the gateway's folder. */
  private String tls(String host, boolean clients) throws Exception {
    if (host.isEmpty()) {
      return "";
    }
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issueFor(host);
    Path crt = Files.writeString(folder.resolve("its own.crt"), own.pem() + root.pem());
    Path key = Files.writeString(folder.resolve("its own.key"), own.keyPem());
    Path here = Path.of("").toAbsolutePath();
    return ", tls: {certificate-file: \"%s\", key-file: \"%s\"%s}"
        .formatted(here.relativize(crt), here.relativize(key), clients ? clientCa() : "");
  }

  private String clientCa() throws Exception {
    TestCertificate root = TestCertificate.root("clients", "EC");
    TestCertificate client = root.issueFor("client");
    Files.writeString(folder.resolve("client.crt"), client.pem());
    Files.writeString(folder.resolve("client.key"), client.keyPem());
    return ", client-ca-file: \"%s\""
        .formatted(Files.writeString(folder.resolve("clients.crt"), root.pem()));
  }

  private String run(String commands) throws Exception {
    Path elsewhere = Files.createDirectories(folder.resolve("quite/else/where"));
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-euo", "pipefail", "-c", commands)
            .directory(elsewhere.toFile())
            .redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
    Process shell = builder.start();
    shell.getOutputStream().close();
    String told = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, exit(shell), commands + told);
    return told;
  }

  @Test
  void upReturnsAndSaysWhatDoesNotServeAndWhy() throws Exception {
    String told = output();

    assertTrue(told.contains("Switchboard is ready"), told);
    assertTrue(told.contains("not yet  llama at u0: connection refused"), told);
  }

  @Test
  void upReturnsThoughNothingServes() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(hang.resolveSibling("hang.dead"));

    assertEquals(0, exit(launch("up", "-d")));

    assertTrue(output().contains("Switchboard listens, and serves no model yet"), output());
  }

  @ParameterizedTest
  @CsvSource({"-TERM, 143", "-INT, 130", "-HUP, 143"})
  void aRestartThatIsInterruptedLeavesTheOldGatewayAlone(String signal, int status)
      throws Exception {
    String old = current();
    Files.createFile(hang);
    Process restart = launch("restart");
    awaitGateways(2);
    String log = Files.readString(home.resolve(".switchboard/log/gateway.log"));

    GatewayProcess.signal(signal, restart.pid());

    assertEquals(status, exit(restart));
    assertEquals(List.of(old), gateways());
    assertEquals(old, current());
    assertTrue(output().contains("the old gateway goes on"), output());
    assertEquals(0, exit(launch("status")));
    assertTrue(output().contains("pid " + old + "), API http://127.0.0.1:1"), output());
    assertEquals(log, Files.readString(home.resolve(".switchboard/log/gateway.log")));
    assertEquals(0, exit(launch("logs")));
  }

  /** What a wrong configuration does: the new gateway says why, and ends. */
  @Test
  void aRestartThatFailsLeavesTheOldGatewayUnderControl() throws Exception {
    String old = current();
    String log = Files.readString(home.resolve(".switchboard/log/gateway.log"));
    aside("event", "{\"event\":\"failed\",\"message\":\"wrong key\",\"status\":1}\n");

    assertEquals(1, exit(launch("restart")));

    assertTrue(output().contains("not restarted, the old gateway goes on: wrong key"), output());
    assertEquals(List.of(old), gateways());
    assertEquals(old, current());
    assertEquals(0, exit(launch("status")));
    assertTrue(output().contains("pid " + old + "), API http://127.0.0.1:1"), output());
    assertEquals(log, Files.readString(home.resolve(".switchboard/log/gateway.log")));
    Files.delete(folder.resolve("hang.event"));
    assertEquals(0, exit(launch("restart")));
    assertNotEquals(old, current());
  }

  @Test
  void aRestartThatIsNotEndsTheOldGateway() throws Exception {
    String old = current();

    assertEquals(0, exit(launch("restart")));

    assertNotEquals(old, current());
    assertEquals(List.of(current()), gateways());
    assertFalse(Files.exists(home.resolve(".switchboard/run/next.jsonl")));
  }

  @Test
  void withoutTheAgentAStartUsesWhatAnEarlierOneLearnedOfTheSameBuild() throws Exception {
    Map<String, String> off = Map.of("SWITCHBOARD_AGENT", "off");
    Path cache = home.resolve(".switchboard/gateway.aot");

    assertEquals(0, exit(launch(off, "restart")));
    String first = commandLine(Long.parseLong(current()));
    Await.until("what it learned", () -> Files.exists(cache));
    awaitGateways(1);
    assertEquals(0, exit(launch(off, "restart")));
    String second = commandLine(Long.parseLong(current()));
    Files.setLastModifiedTime(cache, FileTime.fromMillis(0));
    assertEquals(0, exit(launch(off, "restart")));
    String third = commandLine(Long.parseLong(current()));

    assertFalse(first.contains("-javaagent") || first.contains("AOTCache"), first);
    assertTrue(second.contains("-XX:AOTCache=" + cache), second);
    assertFalse(third.contains("AOTCache"), third);
    // That one learns again, in the background.
    Await.until("it learned", () -> cache.toFile().lastModified() > 0);
    awaitGateways(1);
  }

  @Test
  void tracesWithoutTheAgentAreRefused() throws Exception {
    Process launcher =
        launch(
            Map.of("SWITCHBOARD_AGENT", "off", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
            "restart");

    assertEquals(1, exit(launcher));
    assertTrue(output().contains("traces need the agent"), output());
  }

  /** A JVM without one would do the same; what it complains of is not in the events. */
  @ParameterizedTest
  @ValueSource(strings = {"", "no cache at all"})
  void aBrokenCacheHindersNoStart(String content) throws Exception {
    Path cache = Files.writeString(folder.resolve("broken.aot"), content);
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + GatewayProcess.home().resolve("gateway/jvm.options"),
                "-Xlog:disable",
                "-Xlog:all=warning:stderr",
                "-XX:AOTCache=" + cache,
                "-cp",
                System.getProperty("java.class.path"),
                "dev.switchboard.gateway.boot.ConfigMain",
                "--help")
            .redirectError(folder.resolve("complaints").toFile())
            .start();

    String told = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertEquals(0, java.waitFor(), told);
    assertTrue(told.startsWith("Usage:"), told);
    assertTrue(Files.readString(folder.resolve("complaints")).contains("AOT cache"));
  }

  /** A gateway that serves stands where the launcher looks for the admin API. */
  @Test
  void whyTellsInWordsAndAsNumbersOrSaysWhatIsWrong() throws Exception {
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
      try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-Request-Id", "r.1");
        assertEquals("r.1", gateway.timeline("r.1").path("id").asText());
        Files.writeString(
            home.resolve(".switchboard/run/events.jsonl"),
            "{\"event\":\"ready\",\"admin\":\"" + gateway.admin("") + "\"}\n",
            StandardOpenOption.APPEND);
        JsonNode told = gateway.adminJson("/admin/v1/requests/r.1/explain");

        assertEquals(0, exit(launch("why", "r.1")));
        List<String> lines = output().lines().toList();
        assertEquals(told.path("text").asText(), lines.getFirst());
        assertEquals(told, InProcessGateway.JSON.readTree(lines.getLast()));
        assertEquals(0, exit(launch("why", "--json", "r.1")));
        assertEquals(told, InProcessGateway.JSON.readTree(output()));
      }
    }
    assertEquals(3, exit(launch("why", "r.1")));
    assertTrue(output().contains("the admin API does not answer"), output());
  }

  /** As in a container whose first process takes care of nobody's children. */
  @Test
  void downDoesNotWaitForAProcessThatIsDeadAndNotReaped() throws Exception {
    assertEquals(0, exit(launch("down")));
    Path pid = home.resolve(".switchboard/run/gateway.pid");
    Process parent =
        new ProcessBuilder(
                "bash",
                "-c",
                "\"$1\" -Dswitchboard.home=\"$2\" GatewayMain >/dev/null & echo $! >\"$3\""
                    + "; exec tail -f /dev/null",
                "bash",
                folder.resolve("jdk/bin/java").toString(),
                home.toString(),
                pid.toString())
            .start();
    try {
      awaitGateways(1);
      Await.until("its pid", () -> pid.toFile().length() > 0);
      String dead = current();

      Process down = launch("down");

      exit(down);
      assertTrue(output().contains("Stopped"), output());
      assertTrue(Files.readString(Path.of("/proc/" + dead + "/stat")).contains(") Z "));
      assertFalse(Files.exists(pid));
    } finally {
      parent.destroyForcibly().waitFor();
    }
  }

  /** Else it would run on, and {@code down} would say that nothing runs. */
  @Test
  void aGatewayIsKnownByWhateverPathTheLauncherIsCalled() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("link"), home);
    Path itself = Files.createSymbolicLink(folder.resolve("itself"), Path.of("link/switchboard"));
    Files.createDirectories(folder.resolve("others").resolve(home.getFileName()));
    String running = "Running (pid " + current() + ")";

    assertTrue(run("'%s/switchboard' status".formatted(link)).startsWith(running));
    assertTrue(run("'%s' status".formatted(itself)).startsWith(running));
    String told =
        run(
            "cd '%s'; export CDPATH='%1$s/others'; '%s/switchboard' status"
                .formatted(folder, home.getFileName()));
    assertTrue(told.startsWith(running), told);
    assertTrue(run("'%s/switchboard' down".formatted(link)).contains("Stopped"));
    assertEquals(List.of(), gateways());
    assertEquals(List.of(), companions());
  }

  /** Java names files by it, and where there is none it knows no letters but those of ASCII. */
  @ParameterizedTest
  @CsvSource({"C, C.UTF-8", "C.UTF-8, C.UTF-8", "'', C.UTF-8"})
  void aGatewayHasALocaleInWhichAnyFileHasAName(String given, String has) throws Exception {
    Map<String, String> locale = Map.of("LC_ALL", given, "LC_CTYPE", "", "LANG", "");

    assertEquals(0, exit(launch(locale, "restart")), output());

    Path environment = Path.of("/proc/" + current() + "/environ");
    String variables = Files.readString(environment, StandardCharsets.ISO_8859_1);
    assertTrue(("\0" + variables).contains("\0LC_ALL=" + has + "\0"), variables);
  }

  @Test
  void theStoreLiesApartAndItsLossStartsNothing() throws Exception {
    Path data = home.resolve("data");
    Path state = home.resolve(".switchboard");
    assertTrue(commandLine(Long.parseLong(current())).contains("-Dswitchboard.state=" + data));
    assertEquals(0, exit(launch("down")));
    // As an earlier version left it.
    Files.delete(data);
    Files.delete(state.resolve("had-data"));
    Files.writeString(
        Files.createDirectories(state.resolve("store")).resolve("gateway.mv.db"), "keys");

    assertEquals(0, exit(launch("up", "-d")));
    assertTrue(output().contains("are now in data"), output());
    assertEquals("keys", Files.readString(data.resolve("store/gateway.mv.db")));
    assertFalse(Files.exists(state.resolve("store")));

    assertEquals(0, exit(launch("down")));
    Files.move(data, folder.resolve("lost"));
    assertEquals(1, exit(launch("up", "-d")));
    assertTrue(output().contains("data is gone"), output());
    assertEquals(List.of(), gateways());
    assertEquals(0, exit(launch("up", "-d", "--accept-new-store")));
  }
}
