package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.HandTimers;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LoopLagTest {
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
  void anEventLoopIsWatchedFromItsBeginningOn() {
    HandTimers time = new HandTimers();
    LoopLag.watch(time, time::nanos, metrics, "api");

    time.advance(10 * LoopLag.EVERY_MS);
    assertEquals(List.of(10L, 0.0), lag());
    assertEquals(0, overdue("api"));

    time.hold(5_000 + LoopLag.EVERY_MS);
    assertEquals(5, overdue("api"), 1e-9);

    time.advance(0);
    assertEquals(0, overdue("api"));
    assertEquals(List.of(60L, 127.5), lag());
  }

  /** How many timers counted, and by how many seconds they were late. */
  private List<Object> lag() {
    return metrics.registry().scrape().stream()
        .filter(one -> one.getMetadata().getName().equals("switchboard_event_loop_lag_seconds"))
        .flatMap(one -> ((HistogramSnapshot) one).getDataPoints().stream())
        .filter(point -> "api".equals(point.getLabels().get("listener")))
        .<List<Object>>map(
            point -> List.of(point.getCount(), Math.round(point.getSum() * 1e6) / 1e6))
        .findFirst()
        .orElseThrow();
  }
}
