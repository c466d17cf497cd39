package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.timers.VertxTimers;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LoopLagTest {
  private static final int WAIT_SECONDS = 20;

  private final AtomicLong now = new AtomicLong(1_000_000_000);
  private final Metrics metrics = new Metrics("m"::equals, "1", true);
  private final List<Double> seen = new ArrayList<>();

  private LoopLag loop() {
    return new LoopLag(now::get, seen::add);
  }

  private void passes(long ms) {
    now.addAndGet(ms * 1_000_000);
  }

  private double overdue(String listener) {
    return metrics.registry().scrape().stream()
        .filter(one -> one.getMetadata().getName().equals("switchboard_event_loop_overdue_seconds"))
        .flatMap(one -> ((GaugeSnapshot) one).getDataPoints().stream())
        .filter(point -> listener.equals(point.getLabels().get("listener")))
        .mapToDouble(GaugeSnapshot.GaugeDataPointSnapshot::getValue)
        .findFirst()
        .orElse(-1);
  }

  @Test
  void aTimerInTimeCountsOnce() {
    LoopLag lag = loop();

    passes(LoopLag.EVERY_MS);
    lag.came();

    assertEquals(List.of(0.0), seen);
  }

  @Test
  void aLateTimerCountsForThoseThatItKeptFromComing() {
    LoopLag lag = loop();

    passes(LoopLag.EVERY_MS + 250);
    lag.came();

    assertEquals(List.of(0.25, 0.15, 0.05), seen);
  }

  /** The alert asks for the hundredth that is latest, of all loops of a listener. */
  @Test
  void oneLoopOfSixteenThatIsAlwaysLateIsMoreThanAHundredthOfWhatIsSeen() {
    for (int i = 0; i < 100; i++) {
      LoopLag late = loop();
      passes(LoopLag.EVERY_MS + 1000);
      late.came();
    }
    long inTime = 15 * 100 * (LoopLag.EVERY_MS + 1000) / LoopLag.EVERY_MS;
    long above = seen.stream().filter(seconds -> seconds > 0.1).count();

    assertTrue(above > 0.01 * (inTime + seen.size()), () -> above + " of " + inTime);
  }

  @Test
  void aLoopThatHangsIsSeenWhileItDoes() {
    LoopLag hangs = loop();
    metrics.eventLoop("api", hangs::overdueSeconds);
    passes(10_000);
    metrics.eventLoop("api", loop()::overdueSeconds);
    passes(LoopLag.EVERY_MS);

    assertEquals(10, overdue("api"), 1e-9);
  }

  @Test
  void anEventLoopOfVertxIsWatched() throws Exception {
    CountDownLatch hanging = new CountDownLatch(1);
    CountDownLatch looked = new CountDownLatch(1);
    Vertx vertx = Vertx.vertx();
    vertx.runOnContext(
        begun -> {
          LoopLag.watch(new VertxTimers(vertx), now::get, metrics, "api");
          hanging.countDown();
          await(looked);
        });
    await(hanging);
    double atFirst = overdue("api");
    passes(5_000 + LoopLag.EVERY_MS);
    double later = overdue("api");
    looked.countDown();
    vertx.close().toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);

    assertEquals(0, atFirst);
    assertEquals(5, later, 1e-9);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(WAIT_SECONDS, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
