package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever happens in whatever order, nothing is lost, told twice or counted for ever. */
class AdmissionQueuePropertyTest {
  private static final int STEPS = 20_000;
  private static final int MOST_WAITING = 30;
  private static final long MOST_BYTES = 2000;

  private final Set<AdmissionQueue.Entry> waiting = new HashSet<>();
  private final List<AdmissionQueue.Entry> running = new ArrayList<>();
  private long now;

  private final AdmissionQueue.Listener listener =
      new AdmissionQueue.Listener() {
        @Override
        public void dispatched(AdmissionQueue.Entry entry, long nowNanos) {
          assertTrue(waiting.remove(entry), "dispatched what did not wait");
          assertTrue(entry.expires > nowNanos, "dispatched what had expired");
          running.add(entry);
        }

        @Override
        public void refused(AdmissionQueue.Entry entry, Refusal refusal) {
          assertTrue(waiting.remove(entry), "refused what did not wait");
          assertTrue(refusal.retryAfterSeconds() >= 1);
        }
      };

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void nothingLeaksUnderRandomCancels(long seed) {
    Random random = new Random(seed);
    AdmissionConfig config =
        new AdmissionConfig(1000, MOST_WAITING, MOST_BYTES, 2000, seed % 2 == 0 ? 0 : 3, 50, 1);
    AdmissionQueue queue =
        new AdmissionQueue(config, (demand, at) -> WaitPredictor.UNKNOWN, random::nextDouble);
    queue.replica("r0", true, now);

    for (int step = 0; step < STEPS; step++) {
      now += random.nextInt(5_000_000);
      act(queue, random);
      check(queue);
    }
    while (!running.isEmpty() || !waiting.isEmpty()) {
      now += 1_000_000;
      endOne(queue, random);
    }

    assertEquals(0, queue.snapshot(now).running());
    assertEquals(0, queue.snapshot(now).waitingBytes());
    assertEquals(0, queue.tenants());
  }

  private void act(AdmissionQueue queue, Random random) {
    int what = random.nextInt(100);
    if (what < 55) {
      offer(queue, random);
    } else if (what < 80) {
      endOne(queue, random);
    } else if (what < 85) {
      queue.replica("r" + random.nextInt(3), random.nextInt(3) > 0, now);
    } else if (what < 95 && !running.isEmpty()) {
      AdmissionQueue.Entry entry = running.get(random.nextInt(running.size()));
      queue.routed(entry, "r" + random.nextInt(3), now);
      queue.firstToken(entry, now + random.nextInt(1_000_000));
    } else {
      queue.tick(now);
      queue.reported("r0", random.nextInt(40), random.nextInt(20) * random.nextInt(2));
    }
  }

  private void offer(AdmissionQueue queue, Random random) {
    Demand demand =
        Demands.of(
            "t" + random.nextInt(5),
            List.of(Band.values()).get(random.nextInt(4)),
            now - random.nextInt(1_000_000),
            random.nextBoolean() ? 0 : random.nextInt(100),
            random.nextInt(200),
            random.nextBoolean() ? Long.MAX_VALUE : now + random.nextInt(200_000_000),
            Prompt.of(1 + random.nextInt(1000)),
            random.nextInt(500),
            random.nextInt(300));
    switch (queue.offer(demand, 1 + random.nextInt(3), listener, now)) {
      case AdmissionDecision.Running(AdmissionQueue.Entry entry) -> running.add(entry);
      case AdmissionDecision.Waiting(AdmissionQueue.Entry entry, int position) -> {
        assertTrue(position >= 1 && position <= MOST_WAITING);
        waiting.add(entry);
      }
      case Refusal refusal -> assertTrue(refusal.retryAfterSeconds() >= 1);
    }
  }

  private void endOne(AdmissionQueue queue, Random random) {
    boolean fromRunning = waiting.isEmpty() || (!running.isEmpty() && random.nextInt(4) > 0);
    if (fromRunning && !running.isEmpty()) {
      AdmissionQueue.Entry entry = running.remove(random.nextInt(running.size()));
      if (random.nextBoolean()) {
        queue.finished(entry, random.nextInt(3000), now);
      } else {
        queue.abandon(entry, now);
      }
      queue.finished(entry, 1, now);
    } else if (!waiting.isEmpty()) {
      AdmissionQueue.Entry entry = waiting.iterator().next();
      waiting.remove(entry);
      queue.abandon(entry, now);
      queue.abandon(entry, now);
    }
  }

  private void check(AdmissionQueue queue) {
    queue.tick(now);
    AdmissionQueue.Snapshot seen = queue.snapshot(now);
    assertEquals(
        waiting.size(), seen.waiting().values().stream().mapToInt(Integer::intValue).sum());
    assertTrue(waiting.size() <= MOST_WAITING);
    assertTrue(seen.waitingBytes() <= MOST_BYTES && seen.waitingBytes() >= 0);
    assertTrue(seen.running() >= 0 && seen.running() <= running.size());
    int people = waiting.size() - seen.waiting().getOrDefault(Band.SHEDDABLE, 0);
    assertTrue(people == 0 || seen.running() >= seen.places(), "a place is free for nobody");
  }
}
