package dev.switchboard.worker;

import dev.switchboard.executor.DeviceFinding;
import dev.switchboard.executor.DeviceFinding.Level;
import dev.switchboard.executor.DeviceInventory;
import dev.switchboard.executor.DeviceSensors;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the machine's devices again and again, on one thread that does nothing else: a driver may
 * take its time, or never come back. Whoever asks gets what was read last, at once, with its age.
 * Each finding is logged when it is new. Where there is no device the thread ends after its first
 * look. Any thread.
 */
final class DeviceWatch implements AutoCloseable {
  /**
   * A management library should not be asked more often; some of its facts are means of a second.
   */
  static final Duration INTERVAL = Duration.ofSeconds(1);

  private static final Logger LOG = LoggerFactory.getLogger(DeviceWatch.class);

  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon(true).name("devices").factory());
  private final Supplier<DeviceInventory> first;
  private final UnaryOperator<DeviceInventory> again;
  private final LongSupplier nanos;
  private final Set<DeviceFinding> logged = new HashSet<>();
  private volatile @Nullable Snapshot last;

  /** What was read, and when, on the watch's clock. */
  record Snapshot(DeviceInventory inventory, long atNanos) {}

  /**
   * Watches once it is started.
   *
   * @param first looks for devices
   * @param again reads those that were found
   */
  DeviceWatch(
      Supplier<DeviceInventory> first, UnaryOperator<DeviceInventory> again, LongSupplier nanos) {
    this.first = first;
    this.again = again;
    this.nanos = nanos;
  }

  /** Of this machine. */
  static DeviceWatch of(LongSupplier nanos) {
    DeviceSensors sensors = new DeviceSensors();
    return new DeviceWatch(
        () -> DeviceInventory.take(sensors, System.getenv("CUDA_VISIBLE_DEVICES")),
        before -> before.again(sensors),
        nanos);
  }

  DeviceWatch start(Duration interval) {
    thread.execute(() -> begin(interval));
    return this;
  }

  private void begin(Duration interval) {
    DeviceInventory found = first.get();
    tell(found);
    if (found.hasDevices()) {
      long millis = interval.toMillis();
      var _ = thread.scheduleWithFixedDelay(this::turn, millis, millis, TimeUnit.MILLISECONDS);
    } else {
      thread.shutdown();
    }
  }

  private void turn() {
    Snapshot before = last;
    if (before != null) {
      tell(again.apply(before.inventory()));
    }
  }

  private void tell(DeviceInventory inventory) {
    last = new Snapshot(inventory, nanos.getAsLong());
    logged.retainAll(inventory.findings());
    for (DeviceFinding finding : inventory.findings()) {
      if (logged.add(finding)) {
        log(finding);
      }
    }
  }

  private static void log(DeviceFinding finding) {
    String line = "device_finding code={} message=\"{}\"";
    String code = finding.code().word();
    if (finding.code().level() == Level.PROBLEM) {
      LOG.warn(line, code, finding.message());
    } else {
      LOG.info(line, code, finding.message());
    }
  }

  /** What was read last; null before the first look is over. */
  @Nullable Snapshot last() {
    return last;
  }

  /** Age of what was read last. */
  long ageNanos(Snapshot snapshot) {
    return Math.max(0, nanos.getAsLong() - snapshot.atNanos());
  }

  /** Waits until its thread has ended; false where it has not by then. */
  boolean awaitEnd(Duration limit) throws InterruptedException {
    return thread.awaitTermination(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
