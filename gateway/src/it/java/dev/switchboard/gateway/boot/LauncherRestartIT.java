package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a restart leaves behind: one gateway, and whoever watches it or asks it. */
class LauncherRestartIT extends LauncherHome {
  /** In the foreground, as a service manager has it; another launcher started what it waits for. */
  private Process handedOver() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up", "--without", "console");
    awaitOutput("curl ");
    assertEquals(0, exit(launch("restart")));
    String mark = "--pid=" + current();
    Await.until(
        "two that follow the new gateway",
        () -> up.children().filter(each -> commandLine(each.pid()).contains(mark)).count() == 2);
    return up;
  }

  @Test
  void upFailsWhenTheOneThatTookOverDies() throws Exception {
    Process up = handedOver();

    GatewayProcess.signal("-KILL", Long.parseLong(current()));

    assertEquals(1, exit(up));
    assertTrue(
        Files.readString(folder.resolve("output3")).contains("the gateway ended without a word"));
  }

  @Test
  void upEndsWellWhenTheOneThatTookOverWasToldToStop() throws Exception {
    Process up = handedOver();

    assertEquals(0, exit(launch("down")));

    assertEquals(0, exit(up));
  }

  /** A gateway in the foreground and its restart, which waits for the streams of the old one. */
  private List<Process> handsOver() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up", "--without", "console");
    awaitOutput("curl ");
    String old = current();
    aside("long", "600000");
    Process restart = launch("restart");
    Await.until("another gateway", this::current, pid -> !pid.equals(old));
    return List.of(up, restart);
  }

  @Test
  void upAndRestartFailWhenTheOneThatTakesOverDiesBeforeTheOldOneHasEnded() throws Exception {
    List<Process> both = handsOver();

    GatewayProcess.signal("-KILL", Long.parseLong(current()));
    Files.delete(folder.resolve("hang.long"));

    assertEquals(1, exit(both.getLast()), output());
    assertTrue(output().contains("the new gateway has ended"), output());
    assertEquals(1, exit(both.getFirst()));
    assertTrue(
        Files.readString(folder.resolve("output3")).contains("the gateway ended without a word"));
  }

  @Test
  void aSignalToUpEndsBothGatewaysOfARestart() throws Exception {
    List<Process> both = handsOver();

    GatewayProcess.signal("-TERM", both.getFirst().pid());
    Files.delete(folder.resolve("hang.long"));

    assertEquals(143, exit(both.getFirst()));
    assertEquals(1, exit(both.getLast()), output());
    assertEquals(List.of(), gateways());
  }

  /**
   * As on a disk that is full: its file cannot be written, and nobody would know of the new one.
   */
  @Test
  void aRestartThatCannotKeepItsFilesLeavesNoGatewayBehind() throws Exception {
    String old = current();
    Path next = home.resolve(".switchboard/run/next.pid");
    Files.createDirectories(next);

    assertEquals(1, exit(launch("restart")), output());

    awaitGateways(1);
    assertEquals(List.of(old), gateways());
    Files.delete(next);
    assertEquals(0, exit(launch("restart")), output());
  }

  @Test
  void theNewGatewayIsToldWhichPortsItShares() throws Exception {
    assertFalse(commandLine(Long.parseLong(current())).contains("shared-ports"));

    assertEquals(0, exit(launch("restart")), output());

    String command = commandLine(Long.parseLong(current()));
    assertTrue(command.contains("\0-Dswitchboard.shared-ports=1,2\0"), command);
  }

  /** As when memory runs out: what it had begun goes on, and writes what the next one would. */
  @Test
  void theBuildOfALauncherThatWasKilledIsWaitedFor() throws Exception {
    Path built = home.resolve(".switchboard/built");
    Files.setLastModifiedTime(built, FileTime.fromMillis(0));
    Files.createDirectories(home.resolve("native-engine/src/main"));
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Path steps = folder.resolve("steps");
    aside("build", "");
    script(
        bin.resolve("cmake"),
        """
        #!/bin/bash
        echo begun >>"%1$s"
        while [[ -e "%2$s.build" ]]; do sleep 0.02; done
        echo ended >>"%1$s"
        """
            .formatted(steps, hang));
    script(bin.resolve("mvn"), "#!/bin/sh\n");
    Map<String, String> tools = Map.of("PATH", bin + ":" + System.getenv("PATH"));
    Process first = launch(tools, "build");
    Await.until("a build", () -> Files.exists(steps));
    GatewayProcess.signal("-KILL", first.pid());
    exit(first);

    Process second = launch(tools, "build");
    try {
      awaitOutput("Waiting for another build");
      assertEquals("begun\n", Files.readString(steps));
    } finally {
      Files.delete(folder.resolve("hang.build"));
    }

    assertEquals(0, exit(second), output());
    assertEquals("begun ended ".repeat(4), Files.readString(steps).replace('\n', ' '));
  }

  @Test
  void ofTwoThatStartAGatewayAtTheSameTimeOneIsRefused() throws Exception {
    String old = current();
    Files.createFile(hang);
    Process first = launch("restart");
    awaitGateways(2);

    for (String command : List.of("restart", "up")) {
      Process second = launch(command);
      assertEquals(1, exit(second), command);
      assertTrue(output().contains("another up or restart is at work"), output());
    }

    GatewayProcess.signal("-TERM", first.pid());
    assertEquals(143, exit(first));
    assertEquals(List.of(old), gateways());
    Files.delete(hang);
    assertEquals(0, exit(launch("restart")));
    assertEquals(List.of(current()), gateways());
  }

  /** A lock that its gateway had would refuse every later restart. */
  @Test
  void aLauncherThatIsKilledWhileItStartsOneHindersNoOther() throws Exception {
    Files.createFile(hang);
    Process first = launch("restart");
    Await.until(
        "a reader of events", () -> first.children().anyMatch(each -> followsEvents(each.pid())));
    String next = Files.readString(home.resolve(".switchboard/run/next.pid")).strip();
    GatewayProcess.signal("-KILL", first.pid());
    exit(first);
    Files.delete(hang);

    assertEquals(0, exit(launch("restart")), output());

    GatewayProcess.signal("-KILL", Long.parseLong(next));
    awaitGateways(1);
  }

  /** A launcher reads them once it has kept the pid of whose they are. */
  private boolean followsEvents(long pid) {
    String line = commandLine(pid);
    return line.startsWith("tail\0") && line.contains("next.jsonl");
  }

  @Test
  void aRestartFromAnotherFolderReadsTheFilesThatUpWasTold() throws Exception {
    assertEquals(0, exit(launch("down")));
    Path there = Files.createDirectories(folder.resolve("there"));
    Files.writeString(there.resolve("a.yaml"), "http: {}\n");
    assertEquals(0, exit(launchIn(there, "up", "-d", "--config", "a.yaml")), output());
    String old = current();

    assertEquals(0, exit(launchIn(folder, "restart")));

    assertNotEquals(old, current());
    assertTrue(commandLine(Long.parseLong(current())).contains("--config\0a.yaml\0"));
    assertEquals(there, workingFolder());
    // Its own options are meant where they are said.
    assertEquals(0, exit(launchIn(folder, "restart", "--config", "there/a.yaml")));
    assertEquals(folder, workingFolder());
    assertEquals(0, exit(launchIn(there, "restart")));
    assertEquals(folder, workingFolder());
  }

  private Path workingFolder() throws Exception {
    return Files.readSymbolicLink(Path.of("/proc/" + current() + "/cwd"));
  }

  @Test
  void consoleAndPrometheusGoWithTheAdminApi() throws Exception {
    assertEquals(0, exit(launch("down")));
    assertEquals(0, exit(launch("up", "-d", "--with", "prometheus")), output());
    Path run = home.resolve(".switchboard/run");
    String prometheus = Files.readString(run.resolve("prometheus.pid")).strip();
    awaitPrometheus("127.0.0.1:2");
    aside(
        "event",
        "{\"event\":\"ready\",\"api\":\"http://127.0.0.1:1\",\"admin\":\"https://127.0.0.1:42\"}\n");

    assertEquals(0, exit(launch("restart", "--admin-port", "42")), output());

    long console = Long.parseLong(Files.readString(run.resolve("console.pid")).strip());
    assertTrue(commandLine(console).contains("--gateway\0https://127.0.0.1:42\0"));
    assertTrue(output().contains("first sign-in"), output());
    awaitPrometheus("127.0.0.1:42");
    awaitPrometheus("scheme: https");
    assertEquals(prometheus, Files.readString(run.resolve("prometheus.pid")).strip());
    assertEquals(List.of(Long.toString(console)), companions());
  }

  /** It would go on with the former version, whose files are no longer there. */
  @Test
  void aConsoleThatIsOlderThanTheBuildMakesWay() throws Exception {
    Path pid = home.resolve(".switchboard/run/console.pid");
    String first = Files.readString(pid).strip();
    assertEquals(0, exit(launch("restart")), output());
    String same = Files.readString(pid).strip();
    long builtMs = Files.getLastModifiedTime(home.resolve(".switchboard/built")).toMillis();
    Files.setLastModifiedTime(pid, FileTime.fromMillis(builtMs - 1000));

    assertEquals(0, exit(launch("restart")), output());

    assertEquals(first, same);
    assertNotEquals(first, Files.readString(pid).strip());
    assertEquals(List.of(Files.readString(pid).strip()), companions());
  }

  private void awaitPrometheus(String part) {
    Await.until(
        "settings with " + part,
        this::settingsOfPrometheus,
        told -> told.contains(part + "\\n") || told.contains(part + "\""));
  }

  private String settingsOfPrometheus() throws Exception {
    String port = Files.readString(home.resolve(".switchboard/run/prometheus.port")).strip();
    URI settings = URI.create("http://127.0.0.1:" + port + "/api/v1/status/config");
    try (InputStream in = settings.toURL().openStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
