package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** When those who listen are told that something changed. */
@Timeout(Await.LIMIT_SECONDS)
class GatewaysTest {
  @TempDir private Path folder;
  private FakeGateway fake;
  private Gateways gateways;
  private final Stopwatch clock = Stopwatch.start();
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
    Long at = told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertTrue(at != null, "nobody was told");
    return at;
  }

  @Test
  void howeverMuchChangesNobodyIsToldMoreThanFourTimesASecond() throws Exception {
    gateways.listen(
        () -> {
          told.add(clock.millis());
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
  @Tag("timing")
  void manyChangesBetweenAreToldOnce() throws Exception {
    gateways.listen(() -> told.add(clock.millis()));
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
    gateways.listen(() -> other.add(clock.millis()));
    Runnable stop = gateways.listen(() -> told.add(clock.millis()));
    nextMs();

    stop.run();
    other.clear();
    // Whoever was being told when it stopped has been told when all are told once more.
    for (int round = 0; round < 2; round++) {
      assertNotNull(other.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    }
    told.clear();
    other.clear();
    gateways.changed();

    assertTrue(other.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS) != null);
    assertEquals(List.of(), List.copyOf(told));
  }
}
