package dev.switchboard.timers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Vertx;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VertxTimersTest {
  private static final long NEVER_MS = 3_600_000;
  private static final int WAIT_SECONDS = 120;

  private final Vertx vertx = Vertx.vertx();
  private final Timers timers = new VertxTimers(vertx);

  @AfterEach
  void close() throws Exception {
    Object _ =
        vertx.close().toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);
  }

  /** Does something on an event loop, and gives what that completes. */
  private <T> T onLoop(Consumer<CompletableFuture<T>> task) throws Exception {
    CompletableFuture<T> done = new CompletableFuture<>();
    vertx.runOnContext(now -> task.accept(done));
    return done.get(WAIT_SECONDS, TimeUnit.SECONDS);
  }

  @Test
  void whatFiresDoesSoOnTheEventLoopThatAskedForIt() throws Exception {
    List<Thread> threads =
        this.<List<Thread>>onLoop(
            done -> {
              Thread asked = Thread.currentThread();
              timers.after(1, () -> done.complete(List.of(asked, Thread.currentThread())));
            });

    assertEquals(threads.getFirst(), threads.getLast());
  }

  @Test
  void whatIsAskedForAgainAndAgainFiresUntilItIsCancelled() throws Exception {
    AtomicReference<Timer> again = new AtomicReference<>(Timer.NONE);

    List<Boolean> cancelled =
        this.<List<Boolean>>onLoop(
            done -> {
              int[] fired = {0};
              again.set(
                  timers.every(
                      1,
                      () -> {
                        if (++fired[0] == 3) {
                          done.complete(List.of(again.get().cancel(), again.get().cancel()));
                        }
                      }));
            });

    assertEquals(List.of(true, false), cancelled);
  }

  @Test
  void cancellingSaysWhetherItWouldHaveFired() throws Exception {
    List<Timer> fired =
        this.<List<Timer>>onLoop(
            done -> {
              AtomicReference<Timer> once = new AtomicReference<>(Timer.NONE);
              once.set(timers.after(1, () -> done.complete(List.of(once.get()))));
            });
    Timer waits = timers.after(NEVER_MS, () -> {});

    assertFalse(fired.getFirst().cancel());
    assertTrue(waits.cancel());
    assertFalse(waits.cancel());
  }
}
