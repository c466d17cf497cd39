package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A real process that stands still and goes on, whoever sees to it. */
class StoppedWorkerIT {
  private final CompletableFuture<Integer> exit = new CompletableFuture<>();
  private WorkerProcess process;

  @BeforeEach
  void start() throws IOException {
    process =
        WorkerProcess.start(
            "w0",
            new Launch(List.of("cat"), Map.of()),
            System.err,
            line -> {},
            event -> {},
            exit::complete);
  }

  @AfterEach
  void stop() {
    process.kill();
  }

  /** Linux's letter for what a process does; T for one that is stopped. */
  private char state() throws IOException {
    String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
    return stat.charAt(stat.lastIndexOf(')') + 2);
  }

  @Test
  void itGoesOnWhenItIsTold() throws Exception {
    process.suspend(60_000);
    Await.until("what it does", this::state, state -> state == 'T');
    process.proceed();
    Await.until("what it does", this::state, state -> state != 'T');
    process.proceed();

    Await.until("guards", this::guards, count -> count == 0);
  }

  @Test
  void itGoesOnThoughNobodyTellsIt() throws Exception {
    process.suspend(3000);
    Await.until("what it does", this::state, state -> state == 'T');

    // What a gateway that was killed leaves behind is the guard alone.
    Await.until("what it does", this::state, state -> state != 'T');
  }

  @Test
  void oneThatIsToEndIsNotLeftStopped() throws Exception {
    process.suspend(60_000);
    Await.until("what it does", this::state, state -> state == 'T');
    process.terminate();

    assertEquals(128 + 15, exit.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    Await.until("guards", this::guards, count -> count == 0);
  }

  @Test
  void oneThatDiedLeavesNoGuardAndCannotBeStopped() throws Exception {
    process.suspend(60_000);
    process.kill();
    exit.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

    Await.until("guards", this::guards, count -> count == 0);
    assertThrows(IOException.class, () -> process.suspend(60_000));
    Await.until("guards", this::guards, count -> count == 0);
  }

  /** Those that live; one that is dismissed is killed, which takes a moment. */
  private long guards() {
    String pid = Long.toString(process.pid());
    return ProcessHandle.current()
        .descendants()
        .filter(ProcessHandle::isAlive)
        .filter(each -> each.info().commandLine().orElse("").endsWith("sh " + pid + " 61"))
        .count();
  }
}
