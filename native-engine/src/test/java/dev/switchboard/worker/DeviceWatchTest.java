package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.CudaDevices;
import dev.switchboard.executor.CudaDevices.Driver;
import dev.switchboard.executor.DeviceInventory;
import dev.switchboard.executor.DeviceReading;
import dev.switchboard.executor.DeviceSensors.Readings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class DeviceWatchTest {
  private static final Duration SHORT = Duration.ofMillis(5);

  private static DeviceInventory of(List<DeviceReading> readings) {
    CudaDevices cuda = new CudaDevices(new Driver.Works(13000), List.of(), List.of());
    return new DeviceInventory(cuda, new Readings(null, "", readings), null, List.of());
  }

  private static DeviceInventory oneDevice() {
    DeviceReading.Ecc ecc = new DeviceReading.Ecc(null, null, null, null, null, false, false);
    return of(
        List.of(
            new DeviceReading(
                0, List.of(), "GPU", "GPU-0", null, null, null, null, null, null, null, null, null,
                null, null, Set.of(), ecc, null, List.of())));
  }

  @Test
  void whoAsksDoesNotWaitForADriverThatHangs() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch hang = new CountDownLatch(1);
    DeviceInventory found = oneDevice();
    try (DeviceWatch watch =
        new DeviceWatch(
            () -> found,
            before -> {
              asked.countDown();
              awaitQuietly(hang);
              return before;
            },
            System::nanoTime)) {
      assertNull(watch.last());
      watch.start(SHORT);
      assertTrue(asked.await(5, TimeUnit.SECONDS));

      DeviceWatch.Snapshot last = watch.last();
      assertSame(found, last == null ? null : last.inventory());
    } finally {
      hang.countDown();
    }
  }

  @Test
  void readingsAreAtLeastTheIntervalApartAndOnOneThread() throws InterruptedException {
    CountDownLatch enough = new CountDownLatch(4);
    List<Long> times = Collections.synchronizedList(new ArrayList<>());
    List<Long> threads = Collections.synchronizedList(new ArrayList<>());
    try (DeviceWatch watch =
        new DeviceWatch(
            DeviceWatchTest::oneDevice,
            before -> {
              times.add(System.nanoTime());
              threads.add(Thread.currentThread().threadId());
              enough.countDown();
              return before;
            },
            System::nanoTime)) {
      watch.start(SHORT);
      assertTrue(enough.await(5, TimeUnit.SECONDS));
    }

    assertEquals(1, threads.stream().distinct().count());
    for (int i = 1; i < 4; i++) {
      assertTrue(times.get(i) - times.get(i - 1) >= SHORT.toNanos());
    }
  }

  @Test
  void whereThereIsNoDeviceNothingIsReadAgain() throws InterruptedException {
    CountDownLatch looked = new CountDownLatch(1);
    AtomicInteger again = new AtomicInteger();
    DeviceWatch watch =
        new DeviceWatch(
            () -> {
              looked.countDown();
              return of(List.of());
            },
            before -> {
              again.incrementAndGet();
              return before;
            },
            System::nanoTime);
    watch.start(SHORT);

    assertTrue(looked.await(5, TimeUnit.SECONDS));
    assertTrue(watch.awaitEnd(Duration.ofSeconds(5)));
    assertEquals(0, again.get());
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
