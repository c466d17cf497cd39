package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.FakeGateway;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** When those who listen are told that something changed. */
@Timeout(30)
class GatewaysTest {
  @TempDir private Path folder;
  private FakeGateway fake;
  private Gateways gateways;
  private final BlockingQueue<Long> told = new LinkedBlockingQueue<>();

  @BeforeEach
  void start() throws Exception {
    fake = new FakeGateway();
    gateways = Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC());
  }

  @AfterEach
  void stop() {
    gateways.close();
    fake.close();
  }

  private long nextMs() throws InterruptedException {
    Long at = told.poll(20, TimeUnit.SECONDS);
    assertTrue(at != null, "nobody was told");
    return TimeUnit.NANOSECONDS.toMillis(at);
  }

  @Test
  void howeverMuchChangesNobodyIsToldMoreThanFourTimesASecond() throws Exception {
    gateways.listen(
        () -> {
          told.add(System.nanoTime());
          gateways.changed();
        });

    long before = nextMs();
    for (int i = 0; i < 6; i++) {
      long now = nextMs();
      assertTrue(now - before >= 249, "told again after " + (now - before) + " ms");
      before = now;
    }
  }

  @Test
  void manyChangesBetweenAreToldOnce() throws Exception {
    gateways.listen(() -> told.add(System.nanoTime()));
    nextMs();

    for (int i = 0; i < 1000; i++) {
      gateways.changed();
    }

    nextMs();
    assertNull(told.poll(200, TimeUnit.MILLISECONDS));
  }

  @Test
  void whoStoppedListeningIsNotTold() throws Exception {
    BlockingQueue<Long> other = new LinkedBlockingQueue<>();
    gateways.listen(() -> other.add(System.nanoTime()));
    Runnable stop = gateways.listen(() -> told.add(System.nanoTime()));
    nextMs();

    stop.run();
    other.clear();
    told.clear();
    gateways.changed();

    assertTrue(other.poll(20, TimeUnit.SECONDS) != null);
    assertEquals(List.of(), List.copyOf(told));
  }
}
