package dev.switchboard.gateway.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class UsageMeterTest {
  private static final long HOUR_MS = 3_600_000;
  private final UsageMeter meter = new UsageMeter();

  /** Else gateways that write to one database would wait for each other's rows. */
  @Test
  void whatIsDrainedIsInOrderOfTenantAndHour() {
    for (int i = 99; i >= 10; i--) {
      meter.add("t" + i, HOUR_MS, 1, 0, 0);
      meter.add("t" + i, 0, 1, 0, 0);
    }

    List<String> drained =
        meter.drain().stream().map(used -> used.tenant() + " " + used.hourMs()).toList();

    assertEquals(drained.stream().sorted().toList(), drained);
    assertEquals(180, drained.size());
  }

  @Test
  void requestsAreAddedUpByTenantAndHour() {
    meter.add("a", HOUR_MS, 10, 4, 3);
    meter.add("a", 2 * HOUR_MS - 1, 1, 9, -1);
    meter.add("a", 2 * HOUR_MS, -1, -1, -1);
    meter.add("b", HOUR_MS, 5, 0, 1);

    List<Consumption> used =
        meter.drain().stream().sorted((x, y) -> x.toString().compareTo(y.toString())).toList();

    assertEquals(
        List.of(
            new Consumption("a", HOUR_MS, 2, 11, 5, 3),
            new Consumption("a", 2 * HOUR_MS, 1, 0, 0, 0),
            new Consumption("b", HOUR_MS, 1, 5, 0, 1)),
        used);
    assertEquals(List.of(), meter.drain());
  }

  @Test
  void theTotalIsOfAllTenantsAndHoursDrainedOrNot() {
    meter.add("a", HOUR_MS, 10, 4, 3);
    meter.drain();
    meter.add("b", 2 * HOUR_MS, 5, 0, 1);
    meter.add("b", 2 * HOUR_MS, -1, -1, -1);

    assertEquals(new UsageMeter.Total(3, 15, 4), meter.total());
  }

  @Test
  void nothingIsLostOrCountedTwiceWhileItIsDrained() throws InterruptedException {
    int threads = 4;
    int each = 20_000;
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> adders =
        java.util.stream.IntStream.range(0, threads)
            .mapToObj(
                i ->
                    Thread.ofPlatform()
                        .start(
                            () -> {
                              for (int n = 0; n < each; n++) {
                                meter.add("t" + n % 3, 0, 2, 1, 1);
                              }
                            }))
            .toList();
    long[] requests = new long[1];
    Thread drainer =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!over.get()) {
                    meter.drain().forEach(used -> requests[0] += used.requests());
                  }
                });
    for (Thread adder : adders) {
      adder.join();
    }
    over.set(true);
    drainer.join();
    meter.drain().forEach(used -> requests[0] += used.requests());

    assertEquals((long) threads * each, requests[0]);
  }
}
