package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What the governor is told is processor time: a thread that waits, as one does on a busy machine,
 * takes nothing, and one that computes does.
 */
class ProcessorTimeOfTelemetryTest {
  private static final long WAITED = TimeUnit.MILLISECONDS.toNanos(400);
  private static final long COMPUTED = TimeUnit.MILLISECONDS.toNanos(50);

  private final Metrics metrics = new Metrics("m"::equals, "1", true);

  @Test
  void recordingThatWaitsTakesNothing() throws Exception {
    long begun = metrics.threadNanos();
    TimeUnit.NANOSECONDS.sleep(WAITED);
    metrics.recorded(begun);
    long waited = metrics.spent().recordingNanos();

    begun = metrics.threadNanos();
    while (metrics.threadNanos() - begun < COMPUTED) {
      Thread.onSpinWait();
    }
    metrics.recorded(begun);
    long both = metrics.spent().recordingNanos();

    assertTrue(waited < WAITED / 4, waited + " ns");
    assertTrue(both - waited >= COMPUTED, both - waited + " ns");
  }

  @Test
  void ofExportingThreadsTheirComputingCountsAndOfOthersNothing() throws Exception {
    ExporterThreads exporters = new ExporterThreads();
    assertEquals(0, exporters.cpuNanos());
    CountDownLatch computed = new CountDownLatch(2);
    CountDownLatch over = new CountDownLatch(1);
    Thread exporter = computes("BatchSpanProcessor_WorkerThread-1", computed, over);
    Thread other = computes("something else", computed, over);
    assertTrue(computed.await(30, TimeUnit.SECONDS));

    long first = exporters.cpuNanos();
    TimeUnit.NANOSECONDS.sleep(WAITED);
    long second = exporters.cpuNanos();
    over.countDown();
    exporter.join();
    other.join();

    assertTrue(first >= COMPUTED && first < 2 * COMPUTED, first + " ns");
    assertTrue(second - first < WAITED / 4, second - first + " ns");
  }

  private static Thread computes(String name, CountDownLatch computed, CountDownLatch over) {
    return Thread.ofPlatform()
        .name(name)
        .start(
            () -> {
              long begun = ThreadTime.nanos();
              while (ThreadTime.nanos() - begun < COMPUTED) {
                Thread.onSpinWait();
              }
              computed.countDown();
              try {
                over.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }
}
