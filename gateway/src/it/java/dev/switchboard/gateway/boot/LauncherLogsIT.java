package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Logs that are kept from filling the disk, also while it is full. */
class LauncherLogsIT extends LauncherHome {
  private static final Map<String, String> SMALL =
      Map.of("SWITCHBOARD_LOG_KIB", "1", "SWITCHBOARD_LOG_SECONDS", "0.1");

  private Path log;

  @BeforeEach
  void begin() throws Exception {
    log = home.resolve(".switchboard/log/gateway.log");
    assertEquals(0, exit(launch("down")));
  }

  @Test
  void logsAreTurnedOverWhileTheirProgramsRun() throws Exception {
    assertEquals(0, exit(launch(SMALL, "up", "-d")));

    for (String round : List.of("one", "two")) {
      append(round.repeat(1000));
      Await.until("an empty log", () -> log.toFile().length(), bytes -> bytes == 0);
    }

    assertEquals("two".repeat(1000), Files.readString(log.resolveSibling("gateway.log.1")));
    assertEquals("one".repeat(1000), Files.readString(log.resolveSibling("gateway.log.2")));
  }

  /** A limit of what a file may have fails the copy as a full disk does, and needs no rights. */
  @Test
  void whatThereIsNoRoomToKeepIsLostAndSaid() throws Exception {
    assertEquals(0, exit(launchUnder(List.of("prlimit", "--fsize=8192"), SMALL, "up", "-d")));
    Path kept = log.resolveSibling("gateway.log.1");
    Files.writeString(kept, "older");

    append("x".repeat(20_000));

    awaitLogged("launcher lines_lost bytes=20000 ");
    assertTrue(log.toFile().length() < 1024);
    // The older ones made way first; and it goes on.
    assertFalse(Files.exists(kept) || Files.exists(log.resolveSibling("gateway.log.2")));
    append("y".repeat(2000));
    Await.until("an empty log", () -> log.toFile().length(), bytes -> bytes == 0);
    assertTrue(Files.readString(kept).endsWith("y".repeat(2000)));
  }

  @Test
  void theOldestMakesWayForTheNewestBeforeAnythingIsLost() throws Exception {
    String script =
        """
        log_kept=5
        logs=$PWD
        source "$0"
        cp() { [[ -e gateway.log.3 ]] && return 1 || command cp "$@"; }
        echo new >gateway.log
        for n in 1 2 3; do echo "$n" >gateway.log.$n; done
        turn_over gateway.log
        cat gateway.log.* gateway.log
        """;
    Process bash =
        new ProcessBuilder("bash", "-euc", script, home.resolve("launcher/logs.sh").toString())
            .directory(Files.createDirectories(folder.resolve("logs")).toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();

    assertEquals(
        "new\n1\n", new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    assertEquals(0, exit(bash));
  }

  /** What the keeper writes to see whether there is room meets a full device once. */
  @Test
  void aDiskThatWasFullIsSaidInTheLog() throws Exception {
    assertEquals(0, exit(launch(SMALL, "up", "-d")));
    assertFalse(logged().contains("lost"));

    Files.createSymbolicLink(log.resolveSibling(".room"), Path.of("/dev/full"));

    awaitLogged("launcher lines_may_be_lost disk_full_since=2");
  }

  /** At once, as a program writes a line. */
  private void append(String text) throws Exception {
    try (SeekableByteChannel channel = Files.newByteChannel(log, StandardOpenOption.APPEND)) {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
    }
  }

  private String logged() throws Exception {
    return Files.readString(log);
  }

  private void awaitLogged(String part) {
    Await.until("the line " + part, this::logged, lines -> lines.contains(part));
  }
}
