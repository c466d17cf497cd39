package dev.switchboard.gateway.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher where it lies in a package, and the service unit that comes with it. */
final class PackageTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home"));

  @TempDir private Path folder;

  @BeforeEach
  void unpack() throws IOException {
    Path launcher = Files.createDirectories(folder.resolve("package/launcher"));
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(HOME.resolve("launcher"))) {
      for (Path part : parts) {
        Files.copy(part, launcher.resolve(part.getFileName()));
      }
    }
    Files.copy(HOME.resolve("package/packaged.sh"), launcher.resolve("packaged.sh"));
    Files.copy(
        HOME.resolve("switchboard"),
        folder.resolve("package/switchboard"),
        StandardCopyOption.COPY_ATTRIBUTES);
    Files.writeString(folder.resolve("package/VERSION"), "1.2.3\nc0ffee\n");
    Path order = Files.createDirectories(folder.resolve("package/classpath"));
    for (String component : List.of("gateway", "worker", "console")) {
      Files.writeString(order.resolve(component), component + ".jar\nshared.jar\n");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"build", "test", "bench", "images", "package", "dashboards"})
  void whatNeedsSourcesSaysSo(String command) throws Exception {
    String said = run(2, "./switchboard " + command);

    assertTrue(said.contains(command + " needs a checkout of the sources"), said);
  }

  @Test
  void itKnowsItsOwnVersion() throws Exception {
    assertEquals("switchboard 1.2.3 (c0ffee)\n", run(0, "./switchboard --version"));
  }

  /** As a unit of systemd or a container's first process has it. */
  @ParameterizedTest
  @ValueSource(strings = {"", "--help", "-h", "help", "help up", "up --help", "up -h"})
  void itsHelpNeedsNoHome(String arguments) throws Exception {
    String said = run(0, "unset HOME XDG_STATE_HOME; ./switchboard " + arguments);

    assertTrue(said.startsWith("Usage: ./switchboard "), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {"up", "status", "down"})
  void whatKeepsStateSaysThatItNeedsAHome(String command) throws Exception {
    String said = run(1, "unset HOME XDG_STATE_HOME; ./switchboard " + command);

    assertTrue(said.contains("SWITCHBOARD_STATE must name a folder"), said);
  }

  @Test
  void itsVersionNeedsNoHome() throws Exception {
    String script = "unset HOME XDG_STATE_HOME; ./switchboard --version; ./switchboard up -V";

    assertEquals("switchboard 1.2.3 (c0ffee)\n".repeat(2), run(0, script));
  }

  @Test
  void nothingIsWrittenToItsOwnFolder() throws Exception {
    run(3, "./switchboard status");
    run(0, "./switchboard down");

    assertFalse(Files.exists(folder.resolve("package/.switchboard")));
    assertFalse(Files.exists(folder.resolve("package/data")));
  }

  @Test
  void itsStateIsWhereTheUsersStateIs() throws Exception {
    assertEquals(folder + "/xdg/switchboard", sourced("$state"));
    assertEquals(folder + "/xdg/switchboard/data", sourced("$data"));
    assertEquals("/elsewhere/log", sourced("$logs", "SWITCHBOARD_STATE=/elsewhere"));
    assertEquals(folder + "/.local/state/switchboard", sourced("$state", "XDG_STATE_HOME="));
    // However it is spelled: by it a gateway that runs is known.
    assertEquals("/elsewhere/data", sourced("$data", "SWITCHBOARD_STATE=/here//../elsewhere/"));
  }

  @Test
  void theClassPathHasTheOrderItWasStagedIn() throws Exception {
    String home = folder.resolve("package").toRealPath().toString();

    assertEquals(
        home + "/lib/worker.jar:" + home + "/lib/shared.jar", sourced("$worker_class_path"));
  }

  @Test
  void throughALinkItKeepsItsOwnFilesAndKnowsTheLink() throws Exception {
    Files.createSymbolicLink(folder.resolve("link"), folder.resolve("package"));

    String said = run(0, "cd ../link && " + SOURCE + "printf '%s %s' \"$home\" \"$installed\"");

    assertEquals(folder.resolve("package").toRealPath() + " " + folder + "/link", said);
  }

  @Test
  void theServiceStopsLaterThanTheLauncherInsists() throws IOException {
    Map<String, String> unit = unit();

    assertEquals("SIGTERM", unit.get("Service.KillSignal"));
    assertEquals("mixed", unit.get("Service.KillMode"));
    assertEquals("143", unit.get("Service.SuccessExitStatus"));
    assertTrue(Integer.parseInt(unit.getOrDefault("Service.TimeoutStopSec", "0")) > 60);
    assertTrue(
        Files.readString(HOME.resolve("launcher/lifecycle.sh")).contains("exit 143' TERM HUP"));
  }

  @Test
  void theServiceIsReadyWhenItSaysSoAndStartsAgainWhenItFails() throws IOException {
    Map<String, String> unit = unit();

    assertEquals("notify", unit.get("Service.Type"));
    assertEquals("all", unit.get("Service.NotifyAccess"));
    assertEquals("on-failure", unit.get("Service.Restart"));
    assertEquals("/opt/switchboard/switchboard reload", unit.get("Service.ExecReload"));
    assertEquals("-/etc/switchboard/switchboard.env", unit.get("Service.EnvironmentFile"));
    assertTrue(
        Files.readString(HOME.resolve("launcher/lifecycle.sh")).contains("tell_manager --ready"));
  }

  @Test
  void theServiceHasAUserAndAFolderOfItsOwnAndNoRights() throws IOException {
    Map<String, String> unit = unit();

    assertEquals("yes", unit.get("Service.DynamicUser"));
    assertEquals("switchboard", unit.get("Service.StateDirectory"));
    assertEquals("", unit.get("Service.CapabilityBoundingSet"));
    assertEquals("strict", unit.get("Service.ProtectSystem"));
    assertEquals("@system-service", unit.get("Service.SystemCallFilter"));
    assertFalse(unit.containsKey("Service.MemoryDenyWriteExecute"), "Java compiles as it runs");
    assertTrue(unit.getOrDefault("Service.Environment", "").contains("SWITCHBOARD_STATE=%S/"));
  }

  /** Section.key to value; an unknown shape of a line or a key that comes twice is a failure. */
  private static Map<String, String> unit() throws IOException {
    Map<String, String> read = new HashMap<>();
    String section = "";
    for (String line : Files.readAllLines(HOME.resolve("package/systemd/switchboard.service"))) {
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      if (line.matches("\\[(Unit|Service|Install)]")) {
        section = line.substring(1, line.length() - 1);
        continue;
      }
      assertTrue(line.matches("[A-Z][A-Za-z]+=[^#]*"), line);
      int equals = line.indexOf('=');
      String key = section + "." + line.substring(0, equals);
      assertEquals(null, read.put(key, line.substring(equals + 1)), key + " comes twice");
    }
    return read;
  }

  private static final String SOURCE = "set -- --version; . ./switchboard >/dev/null; ";

  private String sourced(String variable, String... environment) throws Exception {
    return run(0, SOURCE + "printf %s \"" + variable + "\"", environment);
  }

  private String run(int status, String script, String... environment) throws Exception {
    List<String> command = new ArrayList<>(List.of("env", "-i"));
    command.add("PATH=" + System.getenv("PATH"));
    command.add("HOME=" + folder);
    command.add("XDG_STATE_HOME=" + folder + "/xdg");
    command.addAll(List.of(environment));
    command.addAll(List.of("bash", "-c", script));
    Process process =
        new ProcessBuilder(command)
            .directory(folder.resolve("package").toFile())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(status, process.waitFor(), said);
    return said;
  }
}
