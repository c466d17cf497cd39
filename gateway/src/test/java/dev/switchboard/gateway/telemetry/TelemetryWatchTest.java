package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.testing.HandTimers;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** The governor says in the log what it does, once for each step and only then. */
class TelemetryWatchTest {
  private static final int CORES = 2;
  private static final int CALM_WINDOWS = 2;
  private static final long WINDOW_NANOS = 1_000_000_000;
  private static final String DOWN =
      "WARN trace_ceiling level=%d before=%d told=%s cpu_percent=1.50"
          + " recording=1.50 scrapes=0.00 export=0.00 allowed=1.00";

  private final Logger logger = (Logger) LoggerFactory.getLogger(TelemetryWatch.class);
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private long spent;
  private final Metrics metrics = new Metrics("m"::equals, "1", true, new SloMeter(), () -> spent);
  private final TraceLevels levels =
      new TraceLevels(
          new TelemetryConfig(
              3, List.of(), 0, 0, false, false, new Governor.Config(1, 1000, CALM_WINDOWS)));
  private long now = WINDOW_NANOS;
  private final List<String> steps = new ArrayList<>();
  private final TelemetryWatch watch =
      new TelemetryWatch(
          metrics,
          levels,
          CORES,
          () -> now,
          (before, after) ->
              steps.add(before.ceiling().level() + " to " + after.ceiling().level()));

  @BeforeEach
  void listen() {
    log.start();
    logger.addAppender(log);
  }

  @AfterEach
  void listenNoMore() {
    logger.detachAppender(log);
  }

  @Test
  void eachStepDownIsSaidOnceWithItsLevelAndTheShareThatTelemetryTook() {
    windows(0.015, 14);

    assertEquals(
        List.of(
            DOWN.formatted(2, 3, "1.0"),
            DOWN.formatted(1, 2, "1.0"),
            DOWN.formatted(1, 1, "0.25"),
            DOWN.formatted(1, 1, "0.0625"),
            DOWN.formatted(1, 1, "0.015625")),
        said());
    assertEquals(List.of("3 to 2", "2 to 1", "1 to 1", "1 to 1", "1 to 1"), steps);
  }

  /** Its worker threads are gone by then, and what throws on an event loop is in the log. */
  @Test
  void afterItsEndItAsksNothingOfVertxThatCloses() {
    HandTimers time = new HandTimers();
    AtomicInteger looks = new AtomicInteger();
    TelemetryWatch running = start(time, looks);
    int windowMs = levels.governing().windowMs();

    time.advance(windowMs - 1);
    assertEquals(0, looks.get());
    time.advance(1);
    assertEquals(1, looks.get());
    time.advance(windowMs);
    assertEquals(2, looks.get());

    running.close();
    time.advance(10L * windowMs);

    assertEquals(2, looks.get());
    assertEquals(0, time.waiting());
  }

  /** With a Vert.x that counts what it is asked to do beside the event loop, and has done it. */
  private TelemetryWatch start(HandTimers time, AtomicInteger looks) {
    Vertx counting =
        (Vertx)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Vertx.class},
                (proxy, method, arguments) -> {
                  assertEquals("executeBlocking", method.getName());
                  looks.incrementAndGet();
                  return Future.succeededFuture(((Callable<?>) arguments[0]).call());
                });
    return TelemetryWatch.start(
        counting, time, metrics, levels, CORES, time::nanos, (before, after) -> {});
  }

  @Test
  void aStepBackIsSaidTooAndNobodyIsAlarmed() {
    windows(0.015, 6);
    log.list.clear();

    windows(0, CALM_WINDOWS);

    assertEquals(
        List.of(
            "INFO trace_ceiling level=3 before=1 told=1.0 cpu_percent=0.00"
                + " recording=0.00 scrapes=0.00 export=0.00 allowed=1.00"),
        said());
  }

  @Test
  void whileNothingChangesNothingIsSaid() {
    windows(0.0075, 5);

    assertEquals(List.of(), said());
    assertEquals(List.of(), steps);
  }

  private void windows(double share, int count) {
    for (int i = 0; i < count; i++) {
      now += WINDOW_NANOS;
      long begun = metrics.threadNanos();
      spent += Math.round(share * CORES * WINDOW_NANOS);
      metrics.recorded(begun);
      watch.look();
    }
  }

  private List<String> said() {
    return log.list.stream()
        .map(event -> event.getLevel() + " " + event.getFormattedMessage())
        .toList();
  }
}
