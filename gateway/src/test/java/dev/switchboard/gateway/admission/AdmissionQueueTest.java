package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.routing.LatencyTarget;
import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdmissionQueueTest {
  private static final long NEVER = Long.MAX_VALUE;
  private static final long MS = 1_000_000L;

  private final Map<AdmissionQueue.Entry, String> names = new HashMap<>();
  private final List<String> dispatched = new ArrayList<>();
  private final List<AdmissionQueue.Entry> running = new ArrayList<>();
  private final Set<AdmissionQueue.Entry> begun = new HashSet<>();
  private final Map<String, Refusal> refused = new HashMap<>();
  private final AdmissionQueue.Listener listener =
      new AdmissionQueue.Listener() {
        @Override
        public void dispatched(AdmissionQueue.Entry entry, long nowNanos) {
          dispatched.add(names.get(entry));
          running.add(entry);
        }

        @Override
        public void refused(AdmissionQueue.Entry entry, Refusal refusal) {
          refused.put(names.get(entry), refusal);
        }
      };

  private long ttft = WaitPredictor.UNKNOWN;
  private int rooms = Integer.MAX_VALUE;
  private AdmissionQueue queue = queue(4, 1000, 1);

  private AdmissionQueue queue(int requests, long bytes, int places) {
    AdmissionQueue made =
        new AdmissionQueue(
            new AdmissionConfig(100, requests, bytes, 60_000, places, 50, 1), predictor(), () -> 0);
    made.replica("r", true, 0);
    return made;
  }

  private WaitPredictor predictor() {
    return new WaitPredictor() {
      @Override
      public long ttftNanos(Demand demand, long nowNanos) {
        return ttft;
      }

      @Override
      public int rooms(LatencyTarget promise, double promptTokens, long nowNanos) {
        return rooms;
      }
    };
  }

  private static Demand demand(String tenant, Band band, long ttftAt, long deadline, int tokens) {
    int ttftMs = ttftAt == NEVER ? 0 : (int) (ttftAt / MS);
    return Demands.of(tenant, band, 0, ttftMs, 0, deadline, Prompt.of(tokens), 0, 10);
  }

  private static Demand plain(Band band) {
    return demand("t", band, NEVER, NEVER, 100);
  }

  private AdmissionDecision offer(String name, Demand demand, long now) {
    return offer(name, demand, 1, now);
  }

  private AdmissionDecision offer(String name, Demand demand, double weight, long now) {
    AdmissionDecision verdict = queue.offer(demand, weight, listener, now);
    switch (verdict) {
      case AdmissionDecision.Running(AdmissionQueue.Entry entry) -> {
        names.put(entry, name);
        running.add(entry);
      }
      case AdmissionDecision.Waiting(AdmissionQueue.Entry entry, int _) -> names.put(entry, name);
      case Refusal refusal -> refused.put(name, refusal);
    }
    return verdict;
  }

  /** The oldest that runs ends. */
  private void finishOne(long now) {
    AdmissionQueue.Entry first = running.removeFirst();
    queue.finished(first, first.demand().tokens(), now);
  }

  private Reason reason(String name) {
    return refusal(name).reason();
  }

  private Refusal refusal(String name) {
    return Objects.requireNonNull(refused.get(name), name);
  }

  @Test
  void aFreePlaceIsTakenAtOnce() {
    assertInstanceOf(AdmissionDecision.Running.class, offer("a", plain(Band.NORMAL), 0));
    assertEquals(
        1,
        assertInstanceOf(AdmissionDecision.Waiting.class, offer("b", plain(Band.NORMAL), 0))
            .position());
  }

  @Test
  void bandsGoInTheirOrder() {
    offer("first", plain(Band.NORMAL), 0);
    offer("batch", plain(Band.SHEDDABLE), 0);
    offer("normal", plain(Band.NORMAL), 0);
    offer("critical", plain(Band.CRITICAL), 0);
    offer("high", plain(Band.HIGH), 0);

    for (int i = 0; i < 4; i++) {
      finishOne(MS);
    }

    assertEquals(List.of("critical", "high", "normal", "batch"), dispatched);
  }

  @Test
  void withinATenantTheEarliestDeadlineGoesFirst() {
    offer("first", plain(Band.NORMAL), 0);
    offer("late", demand("t", Band.NORMAL, NEVER, 900 * MS, 1), 0);
    offer("never", demand("t", Band.NORMAL, NEVER, NEVER, 1), 0);
    offer("early", demand("t", Band.NORMAL, NEVER, 500 * MS, 1), 0);
    offer("target", demand("t", Band.NORMAL, 300 * MS, NEVER, 1), 0);

    for (int i = 0; i < 4; i++) {
      finishOne(MS);
    }

    assertEquals(List.of("target", "early", "late", "never"), dispatched);
  }

  @Test
  void itsPlaceInTheQueueIsToldByWhenItIsDue() {
    offer("first", plain(Band.NORMAL), 0);
    AdmissionDecision one = offer("never", plain(Band.NORMAL), 0);
    AdmissionDecision two = offer("late", demand("t", Band.NORMAL, NEVER, 900 * MS, 1), 0);
    AdmissionDecision three = offer("between", demand("t", Band.NORMAL, NEVER, 950 * MS, 1), 0);

    assertEquals(1, assertInstanceOf(AdmissionDecision.Waiting.class, one).position());
    assertEquals(1, assertInstanceOf(AdmissionDecision.Waiting.class, two).position());
    assertEquals(2, assertInstanceOf(AdmissionDecision.Waiting.class, three).position());
  }

  @Test
  void aBandThatIsPassedOverGetsATwentieth() {
    flood(number -> plain(Band.HIGH), plain(Band.NORMAL));

    assertEquals(10, dispatched.stream().filter("lower"::equals).count());
  }

  @Test
  void butNotOfThoseWhoWouldBeLateForIt() {
    ttft = 50 * MS;
    flood(number -> demand("t", Band.HIGH, (52 + number) * MS, NEVER, 100), plain(Band.NORMAL));

    assertEquals(0, dispatched.stream().filter("lower"::equals).count());
  }

  @Test
  void andNoBatchGoesWhileAnybodyElseWaits() {
    flood(number -> plain(Band.NORMAL), plain(Band.SHEDDABLE));

    assertEquals(0, dispatched.stream().filter("lower"::equals).count());
  }

  /** One ends each millisecond. */
  private void flood(IntFunction<Demand> higher, Demand lower) {
    queue = queue(1000, 1 << 20, 1);
    offer("first", plain(Band.HIGH), 0);
    for (int i = 0; i < 400; i++) {
      offer("higher", higher.apply(i), 0);
      offer("lower", lower, 0);
    }
    for (int i = 1; i <= 210; i++) {
      finishOne(i * MS);
    }
  }

  @Test
  void aFullQueueGivesUpTheNewestOfItsLowestBand() {
    offer("first", plain(Band.NORMAL), 0);
    offer("old batch", plain(Band.SHEDDABLE), 0);
    offer("new batch", plain(Band.SHEDDABLE), 0);
    offer("normal", plain(Band.NORMAL), 0);
    offer("normal", plain(Band.NORMAL), 0);

    offer("critical", plain(Band.CRITICAL), 0);
    offer("third batch", plain(Band.SHEDDABLE), 0);

    assertEquals(Reason.EVICTED, reason("new batch"));
    assertEquals(Reason.QUEUE_FULL, reason("third batch"));
    assertEquals(2, refused.size());
  }

  @Test
  void theQueueIsBoundedInBytes() {
    queue = queue(100, 25, 1);
    offer("first", plain(Band.NORMAL), 0);
    offer("second", plain(Band.NORMAL), 0);
    offer("third", plain(Band.NORMAL), 0);

    offer("fourth", plain(Band.NORMAL), 0);
    finishOne(MS);
    offer("fifth", plain(Band.NORMAL), 2 * MS);

    assertEquals(Reason.QUEUE_FULL, reason("fourth"));
    assertEquals(1, refused.size());
    assertEquals(20, queue.snapshot(3 * MS).waitingBytes());
  }

  @Test
  void aStarvedTenantTakesThePlaceOfAGreedyOne() {
    offer("first", demand("greedy", Band.NORMAL, NEVER, NEVER, 1), 0);
    for (int i = 1; i <= 4; i++) {
      offer("greedy " + i, demand("greedy", Band.NORMAL, NEVER, NEVER, 1), i);
    }

    offer("modest", demand("modest", Band.NORMAL, NEVER, NEVER, 1), 5);
    offer("greedy 5", demand("greedy", Band.NORMAL, NEVER, NEVER, 1), 6);

    assertEquals(Reason.EVICTED, reason("greedy 4"));
    assertEquals(Reason.QUEUE_FULL, reason("greedy 5"));
    assertEquals(2, refused.size());
  }

  @Test
  void anIdleTenantBanksNoCredit() {
    queue = queue(100, 1 << 20, 1);
    offer("first", demand("busy", Band.NORMAL, NEVER, NEVER, 100), 0);
    for (int i = 0; i < 20; i++) {
      offer("busy", demand("busy", Band.NORMAL, NEVER, NEVER, 100), 0);
    }
    for (int i = 0; i < 10; i++) {
      finishOne(MS);
    }
    for (int i = 0; i < 10; i++) {
      offer("idle", demand("idle", Band.NORMAL, NEVER, NEVER, 100), 2 * MS);
    }
    dispatched.clear();

    for (int i = 0; i < 10; i++) {
      finishOne(3 * MS);
    }

    long idle = dispatched.stream().filter("idle"::equals).count();
    assertTrue(idle == 5 || idle == 6, () -> "of ten places the newcomer got " + idle);
  }

  @Test
  void whatExpiredIsDroppedAndNeverDispatched() {
    offer("first", plain(Band.NORMAL), 0);
    offer("deadline", demand("t", Band.NORMAL, NEVER, 10 * MS, 1), 0);
    offer("target", demand("t", Band.NORMAL, 20 * MS, NEVER, 1), 0);
    offer("patient", demand("t", Band.NORMAL, NEVER, NEVER, 1), 0);

    queue.tick(10 * MS);
    assertEquals(Reason.EXPIRED, reason("deadline"));
    finishOne(30 * MS);

    assertEquals(Reason.TTFT, reason("target"));
    assertEquals(List.of("patient"), dispatched);
  }

  @Test
  void nobodyWaitsForEver() {
    offer("first", plain(Band.NORMAL), 0);
    offer("second", plain(Band.NORMAL), 0);

    queue.tick(60_000 * MS);

    assertEquals(Reason.QUEUE_TIMEOUT, reason("second"));
  }

  @Test
  void aDeadlineThatCannotBeMetIsRefusedWithoutAQueue() {
    ttft = 50 * MS;

    offer("no", demand("t", Band.NORMAL, NEVER, 40 * MS, 1), 0);
    offer("yes", demand("t", Band.NORMAL, NEVER, 60 * MS, 1), 0);

    assertEquals(new Refusal(Reason.DEADLINE, 1, 0, 0, 50, 50, 40, 1), refused.get("no"));
    assertEquals(1, running.size());
  }

  @Test
  void whetherADeadlineCanBeMetCountsTheWaitAsTheRefusalDoes() {
    offer("first", plain(Band.NORMAL), 0);
    finishOne(100 * MS);
    ttft = 50 * MS;
    Demand tight = demand("t", Band.NORMAL, NEVER, 220 * MS, 1);
    Demand enough = demand("t", Band.NORMAL, NEVER, 280 * MS, 1);

    boolean idle = queue.inTime(tight, 100 * MS);
    offer("runs", plain(Band.NORMAL), 100 * MS);

    assertTrue(idle);
    assertFalse(queue.inTime(tight, 100 * MS));
    assertTrue(queue.inTime(enough, 100 * MS));
    offer("no", tight, 100 * MS);
    assertInstanceOf(AdmissionDecision.Waiting.class, offer("yes", enough, 100 * MS));
    assertEquals(Reason.DEADLINE, reason("no"));
  }

  @Test
  void aTargetThatTheModelMissesWhenIdleRefusesNobody() {
    offer("first", plain(Band.NORMAL), 0);
    queue.routed(running.getFirst(), "r", 0);
    queue.firstToken(running.getFirst(), 50 * MS);
    finishOne(50 * MS);
    ttft = 60 * MS;

    offer("running", demand("t", Band.NORMAL, 140 * MS, NEVER, 100), 100 * MS);
    offer("waiting", demand("t", Band.NORMAL, 140 * MS, NEVER, 100), 100 * MS);
    queue.tick(145 * MS);
    finishOne(150 * MS);

    assertEquals(Map.of(), refused);
    assertEquals(List.of("waiting"), dispatched);
  }

  @Test
  void noPlaceIsWastedOnWhatHasTooLittleTimeLeft() {
    offer("first", plain(Band.NORMAL), 0);
    offer("target", demand("t", Band.NORMAL, 100 * MS, NEVER, 1), 0);
    offer("deadline", demand("t", Band.NORMAL, NEVER, 110 * MS, 1), 0);
    offer("patient", demand("t", Band.NORMAL, NEVER, NEVER, 1), 0);
    ttft = 50 * MS;

    finishOne(70 * MS);

    assertEquals(Reason.TTFT, reason("target"));
    assertEquals(Reason.DEADLINE, reason("deadline"));
    assertEquals(List.of("patient"), dispatched);
  }

  @Test
  void theQueuesLengthIsPredictedFromHowLongPlacesAreHeld() {
    queue = queue(100, 1 << 20, 2);
    for (int i = 0; i < 100; i++) {
      offer("w", plain(Band.NORMAL), i * 1000L * MS);
      finishOne((i * 1000L + 400) * MS);
    }
    long now = 100_000 * MS;
    offer("1", plain(Band.NORMAL), now);
    offer("2", plain(Band.NORMAL), now);
    for (int i = 0; i < 9; i++) {
      offer("w", plain(Band.HIGH), now);
    }

    offer("tight", demand("t", Band.NORMAL, now + 1900 * MS, NEVER, 100), now);
    AdmissionDecision loose =
        offer("loose", demand("t", Band.NORMAL, now + 2100 * MS, NEVER, 100), now);

    Refusal refusal = refusal("tight");
    assertEquals(Reason.TTFT, refusal.reason());
    assertEquals(10, refusal.position());
    assertEquals(2000, refusal.waitP50Ms());
    assertInstanceOf(AdmissionDecision.Waiting.class, loose);
  }

  @Test
  void retryAfterIsHowLongTheQueueIsTooLong() {
    queue = queue(20, 1 << 20, 1);
    offer("first", plain(Band.NORMAL), 0);
    finishOne(1000 * MS);
    offer("first", plain(Band.NORMAL), 1000 * MS);
    for (int i = 0; i < 20; i++) {
      offer("waits", plain(Band.NORMAL), 1000 * MS);
    }

    offer("full", plain(Band.NORMAL), 1000 * MS);
    offer("target", demand("u", Band.SHEDDABLE, 11_000 * MS, NEVER, 1), 1000 * MS);

    assertEquals(
        new Refusal(Reason.QUEUE_FULL, 21, 21_000, 31_500, -1, -1, -1, 21), refused.get("full"));
    assertEquals(11, refusal("target").retryAfterSeconds());
  }

  @Test
  void aStallLengthensThePrediction() {
    offer("first", plain(Band.NORMAL), 0);
    finishOne(10 * MS);
    offer("first", plain(Band.NORMAL), 10 * MS);

    AdmissionDecision early =
        offer("early", demand("t", Band.NORMAL, 1000 * MS, NEVER, 1), 20 * MS);
    offer("late", demand("t", Band.NORMAL, 4000 * MS, NEVER, 1), 3010 * MS);

    assertInstanceOf(AdmissionDecision.Waiting.class, early);
    assertEquals(Reason.TTFT, reason("late"));
  }

  /** Streams that began together end together: the silence before says nothing of what follows. */
  @Test
  void aSilenceDelaysAllThatWaitOnceAndNotEachOfThem() {
    queue = queue(100, 1 << 20, 10);
    offer("first", plain(Band.NORMAL), 0);
    finishOne(20_000 * MS);
    for (int i = 0; i < 10 + 9; i++) {
      offer("w", plain(Band.HIGH), 20_000 * MS);
    }
    long now = 35_000 * MS;

    offer("tight", demand("t", Band.NORMAL, now + 22_000 * MS, NEVER, 100), now);
    AdmissionDecision loose =
        offer("loose", demand("t", Band.NORMAL, now + 24_000 * MS, NEVER, 100), now);

    // A third of the silence of 15 s, then nine times a tenth of 20 s.
    assertEquals(22_950, refusal("tight").waitP50Ms());
    assertInstanceOf(AdmissionDecision.Waiting.class, loose);
  }

  @Test
  void withoutAReadyReplicaEverybodyPasses() {
    offer("first", plain(Band.NORMAL), 0);
    offer("waits", plain(Band.NORMAL), 0);

    queue.replica("r", false, MS);
    offer("third", plain(Band.NORMAL), MS);

    assertEquals(List.of("waits"), dispatched);
    assertEquals(3, running.size());
  }

  @Test
  void aDrainingReplicaTakesNoPlaceOfTheOthers() {
    queue = queue(10, 1000, 2);
    queue.replica("s", true, 0);
    for (int i = 0; i < 5; i++) {
      offer("e" + i, plain(Band.NORMAL), 0);
    }
    queue.routed(running.get(0), "r", 0);
    queue.routed(running.get(1), "r", 0);
    queue.routed(running.get(2), "s", 0);
    queue.routed(running.get(3), "s", 0);

    queue.replica("r", false, MS);
    queue.finished(running.get(2), 1, MS);

    assertEquals(List.of("e4"), dispatched);
    queue.replica("r", true, 2 * MS);
    assertEquals(4, queue.snapshot(2 * MS).running());
  }

  @Test
  void aReplicaHasNoMorePlacesThanItIsSaidToHave() {
    queue = queue(10, 1000, 0);
    queue.replica("r", true, 3, false, false, 0);

    assertEquals(3, queue.snapshot(0).places());
    queue.reconfigure(new AdmissionConfig(100, 10, 1000, 60_000, 2, 50, 1));
    assertEquals(2, queue.snapshot(0).places());
  }

  @Test
  void fourTenantsOfWhichOneIsGreedyAreServedAlike() {
    queue = queue(64, 1 << 20, 4);
    Map<String, Long> served = new HashMap<>();
    long now = 0;
    for (int round = 0; round < 4000; round++) {
      now += 10 * MS;
      for (int i = 0; i < 8; i++) {
        offer("greedy", demand("greedy", Band.NORMAL, NEVER, NEVER, 100), now);
      }
      for (String modest : List.of("a", "b", "c")) {
        if (round % 2 == 0) {
          offer(modest, demand(modest, Band.NORMAL, NEVER, NEVER, 100), now);
        }
      }
      if (!running.isEmpty()) {
        AdmissionQueue.Entry first = running.removeFirst();
        // The greedy one's answers are also longer than anybody could know.
        long tokens = "greedy".equals(names.get(first)) ? 300 : 100;
        served.merge(Objects.requireNonNull(names.get(first)), tokens, Long::sum);
        queue.finished(first, tokens, now);
      }
    }

    double sum = served.values().stream().mapToLong(Long::longValue).sum();
    double squares = served.values().stream().mapToDouble(v -> (double) v * v).sum();
    assertTrue(sum * sum / (4 * squares) >= 0.95, served::toString);
  }

  @Test
  void whoWaitsGoesOnWaitingForTheOnlyReplicaThatComesBackInTime() {
    queue = queue(10, 10_000, 1);
    offer("first", plain(Band.NORMAL), 0);
    offer("second", plain(Band.NORMAL), 0);

    queue.comesBack("r", 500 * MS);
    queue.replica("r", false, 100 * MS);
    finishOne(100 * MS);
    queue.tick(900 * MS);
    assertEquals(List.of(), dispatched);
    // Who comes meanwhile hears at once that nobody serves.
    assertInstanceOf(AdmissionDecision.Running.class, offer("late", plain(Band.NORMAL), 900 * MS));
    finishOne(900 * MS);
    queue.comesBack("r", NEVER);
    queue.replica("r", true, 1000 * MS);

    assertEquals(List.of("second"), dispatched);
    assertEquals(Map.of(), refused);
  }

  @Test
  void whoWaitsForAReplicaThatDoesNotComeBackInTimeLeavesAtOnceOrWhenItsTimeIsUp() {
    queue = queue(10, 10_000, 1);
    offer("first", plain(Band.NORMAL), 0);
    offer("hasty", demand("t", Band.NORMAL, NEVER, 300 * MS, 100), 0);
    offer("elsewhere", Demands.orElsewhere(plain(Band.NORMAL)), 0);
    offer("patient", plain(Band.NORMAL), 0);

    queue.comesBack("r", 500 * MS);
    queue.replica("r", false, 100 * MS);
    assertEquals(List.of("hasty", "elsewhere"), dispatched);
    queue.tick(3600_000 * MS);

    assertEquals(List.of("hasty", "elsewhere"), dispatched);
    assertEquals(Reason.QUEUE_TIMEOUT, reason("patient"));
  }

  @Test
  void weightsShareAsTheySay() {
    queue = queue(400, 1 << 20, 1);
    offer("first", plain(Band.NORMAL), 0);
    for (int i = 0; i < 100; i++) {
      offer("one", Demands.of("one", Band.NORMAL, 0, 0, 0, NEVER, Prompt.of(100), 0, 1), 1, 0);
      offer("three", Demands.of("three", Band.NORMAL, 0, 0, 0, NEVER, Prompt.of(100), 0, 1), 3, 0);
    }

    for (int i = 0; i < 80; i++) {
      finishOne(MS);
    }

    long three = dispatched.stream().filter("three"::equals).count();
    assertTrue(three >= 58 && three <= 62, () -> "three times the weight got " + three + " of 80");
  }

  @Test
  void whatWaitsForItsFirstTokenAtAReplicaHoldsOthersBack() {
    queue = queue(100, 10_000, 0);
    for (int i = 0; i < 8; i++) {
      offer("stream " + i, plain(Band.NORMAL), 0);
      queue.routed(running.getLast(), "r", true, 0);
    }
    offer("next", plain(Band.NORMAL), 0);
    assertEquals(List.of(), dispatched);

    queue.firstToken(running.getFirst(), 50 * MS);

    assertEquals(List.of("next"), dispatched);
  }

  @Test
  void aStreamThatMovedWaitsForNoFirstTokenOnceItGoesOn() {
    queue = queue(100, 10_000, 0);
    queue.replica("other", true, 0);
    for (int i = 0; i < 12; i++) {
      offer("stream " + i, plain(Band.NORMAL), 0);
      queue.routed(running.getLast(), "r", true, 0);
      queue.firstToken(running.getLast(), 50 * MS);
    }
    queue.replica("r", false, 100 * MS);
    running.forEach(entry -> queue.routed(entry, "other", true, 200 * MS));
    offer("next", plain(Band.NORMAL), 200 * MS);
    assertEquals(List.of(), dispatched);

    List.copyOf(running).forEach(entry -> queue.resumed(entry, 300 * MS));

    assertEquals(List.of("next"), dispatched);
  }

  @Test
  void howLongStreamsTookToGoOnTeachesNothingOfFirstTokens() {
    queue = queue(100, 10_000, 0);
    queue.replica("other", true, 0);
    for (int i = 0; i < 8; i++) {
      offer("quick", plain(Band.NORMAL), 0);
      queue.routed(running.getLast(), "other", true, 0);
      queue.firstToken(running.getLast(), 50 * MS);
      finishOne(60 * MS);
    }
    for (int i = 0; i < 8; i++) {
      offer("stream", plain(Band.NORMAL), 100 * MS);
      queue.routed(running.getLast(), "r", true, 100 * MS);
      queue.firstToken(running.getLast(), 150 * MS);
    }
    queue.replica("r", false, 200 * MS);
    running.forEach(entry -> queue.routed(entry, "other", true, 200 * MS));

    List.copyOf(running).forEach(entry -> queue.resumed(entry, 9000 * MS));

    for (int i = 0; i < 8; i++) {
      assertInstanceOf(
          AdmissionDecision.Running.class, offer("next", plain(Band.NORMAL), 9000 * MS));
      queue.routed(running.getLast(), "other", true, 9000 * MS);
    }
  }

  @Test
  void whatMovedToAReplicaTakesNoPlaceOfTheOthers() {
    queue = queue(100, 10_000, 0);
    queue.replica("other", true, 0);
    for (int i = 0; i < 24; i++) {
      offer("stream", plain(Band.NORMAL), 0);
      queue.routed(running.getLast(), i < 12 ? "r" : "other", true, 0);
      queue.firstToken(running.getLast(), 50 * MS);
    }
    queue.replica("r", false, 100 * MS);
    List.copyOf(running.subList(0, 12))
        .forEach(
            entry -> {
              queue.routed(entry, "other", true, 200 * MS);
              queue.resumed(entry, 300 * MS);
            });
    // 24 where 16 are taken.
    assertInstanceOf(AdmissionDecision.Waiting.class, offer("first", plain(Band.NORMAL), 400 * MS));

    queue.replica("r", true, 500 * MS);

    assertEquals(List.of("first"), dispatched);
    for (int i = 0; i < 7; i++) {
      assertInstanceOf(
          AdmissionDecision.Running.class, offer("next", plain(Band.NORMAL), 600 * MS));
      queue.routed(running.getLast(), "r", true, 600 * MS);
    }
  }

  @Test
  void aReplicaWithMoreThanItTakesCountsAgainstTheOthers() {
    queue = queue(100, 10_000, 0);
    queue.replica("idle", true, 0);
    for (int i = 0; i < 16; i++) {
      offer("stream " + i, plain(Band.NORMAL), 0);
      queue.routed(running.getLast(), "r", true, 0);
    }

    assertInstanceOf(AdmissionDecision.Waiting.class, offer("next", plain(Band.NORMAL), 0));
  }

  @Test
  void aPlaceThatNobodyElseWantsIsGivenToWhatMayJustBeInTime() {
    long[] end = {900 * MS};
    queue =
        new AdmissionQueue(
            new AdmissionConfig(100, 4, 1000, 60_000, 1, 50, 1),
            new WaitPredictor() {
              @Override
              public long ttftNanos(Demand demand, long nowNanos) {
                return 10 * MS;
              }

              @Override
              public long usualEndNanos(Demand demand, long nowNanos) {
                return end[0];
              }

              @Override
              public long endNanos(Demand demand, long nowNanos) {
                return 2 * end[0];
              }
            },
            () -> 0);
    queue.replica("r", true, 0);
    Demand inASecond = demand("t", Band.NORMAL, NEVER, 1000 * MS, 100);

    assertInstanceOf(AdmissionDecision.Running.class, offer("free", inASecond, 0));
    assertEquals(Reason.DEADLINE, ((Refusal) offer("queued", inASecond, 0)).reason());
    finishOne(0);
    end[0] = 1100 * MS;
    assertEquals(Reason.DEADLINE, ((Refusal) offer("hopeless", inASecond, 0)).reason());
  }

  @Test
  void aBatchWaitsWhereItWouldBreakAPromiseThoughThereIsAPlace() {
    queue = queue(4, 1000, 8);
    rooms = 0;
    offer("batch", plain(Band.SHEDDABLE), 0);
    queue.tick(10 * MS);
    List<String> before = List.copyOf(dispatched);
    rooms = 1;
    queue.tick(20 * MS);

    assertEquals(List.of(), before);
    assertEquals(List.of("batch"), dispatched);
  }

  /** Six people were there at once, of whom one is left: places are kept for the others. */
  @Test
  void aServerThatDoesNotPreemptKeepsPlacesBackForPeopleAndGivesBatchesTheRest() {
    queue = queue(100, 10_000, 10);
    for (int i = 0; i < 6; i++) {
      offer("person" + i, plain(Band.HIGH), 0);
      queue.routed(running.getLast(), "r", true, 0);
      queue.firstToken(running.getLast(), 50 * MS);
    }
    for (int i = 0; i < 5; i++) {
      finishOne(60 * MS);
    }
    for (int i = 0; i < 9; i++) {
      offer("batch" + i, plain(Band.SHEDDABLE), 61 * MS);
    }

    assertEquals(1 + 4, running.size());
  }

  /** It learns how many it takes. */
  @Test
  void aPeakOfPeopleDoesNotHoldAllBatchesBackThatMayBeWithoutAToken() {
    queue = queue(100, 10_000, 0);
    for (int i = 0; i < 12; i++) {
      offer("person" + i, plain(Band.HIGH), 0);
      queue.routed(running.getLast(), "r", true, 0);
      queue.firstToken(running.getLast(), 50 * MS);
    }
    for (int i = 0; i < 12; i++) {
      finishOne(60 * MS);
    }

    assertInstanceOf(
        AdmissionDecision.Running.class, offer("batch", plain(Band.SHEDDABLE), 61 * MS));
  }

  /** Eight may be without a token, of which one place is kept for people. */
  @Test
  void wherePeopleAreBatchesLeaveOnePlaceWithoutAToken() {
    queue = queue(100, 10_000, 0);
    offer("person", plain(Band.HIGH), 0);
    queue.routed(running.getLast(), "r", true, 0);
    queue.firstToken(running.getLast(), 50 * MS);
    for (int i = 0; i < 9; i++) {
      offer("batch" + i, plain(Band.SHEDDABLE), 51 * MS);
      queue.routed(running.getLast(), "r", true, 51 * MS);
    }

    assertEquals(1 + 7, running.size());
    assertInstanceOf(AdmissionDecision.Running.class, offer("another", plain(Band.HIGH), 52 * MS));
  }

  @Test
  void peoplePassBatchesThatAreHeldBackWithoutWaiting() {
    queue = queue(4, 1000, 2);
    rooms = 0;
    offer("batch", plain(Band.SHEDDABLE), 0);

    assertInstanceOf(AdmissionDecision.Running.class, offer("one", plain(Band.NORMAL), MS));
    assertFalse(queue.snapshot(MS).full());
    assertInstanceOf(AdmissionDecision.Running.class, offer("two", plain(Band.HIGH), MS));
    assertTrue(queue.snapshot(MS).full());
    assertInstanceOf(AdmissionDecision.Waiting.class, offer("three", plain(Band.HIGH), MS));
    finishOne(2 * MS);
    assertEquals(List.of("three"), dispatched);
  }

  @Test
  void whatABandIsOwedIsNotHeldBack() {
    queue = queue(1000, 1 << 20, 1000);
    rooms = 0;
    for (int i = 0; i < 100; i++) {
      offer("batch", plain(Band.SHEDDABLE), 0);
    }
    for (int i = 0; i < 205; i++) {
      offer("high", plain(Band.HIGH), i * MS);
    }

    assertEquals(10, dispatched.stream().filter("batch"::equals).count());
  }

  @Test
  void onlyAsManyBatchesBeginAtOnceAsReplicasHaveRoom() {
    queue = queue(9, 1000, 9);
    rooms = 0;
    for (int i = 0; i < 5; i++) {
      offer("batch" + i, plain(Band.SHEDDABLE), 0);
    }
    rooms = 2;
    queue.tick(10 * MS);
    int first = dispatched.size();
    running.forEach(entry -> queue.routed(entry, "r", 11 * MS));
    queue.tick(12 * MS);

    assertEquals(2, first);
    assertEquals(4, dispatched.size());
  }

  /** Eight places are held for 100 ms each, and a batch begins every two seconds. */
  @Test
  void theWaitOfBatchesIsPredictedFromHowOftenTheyBegin() {
    queue = queue(100, 1 << 20, 8);
    offer("person", plain(Band.HIGH), 0);
    finishOne(100 * MS);
    rooms = 0;
    for (int i = 0; i < 30; i++) {
      offer("batch", plain(Band.SHEDDABLE), 1000 * MS);
    }
    long now = 1000 * MS;
    for (int i = 0; i < 20; i++) {
      now += 2000 * MS;
      rooms = 1;
      queue.tick(now);
      rooms = 0;
      queue.routed(running.getFirst(), "r", now);
      finishOne(now + 100 * MS);
    }
    now += 100 * MS;

    offer("late", demand("u", Band.SHEDDABLE, NEVER, now + 3900 * MS, 1), now);
    AdmissionDecision inTime =
        offer("in time", demand("u", Band.SHEDDABLE, NEVER, now + 4100 * MS, 1), now);

    assertEquals(Reason.DEADLINE, reason("late"));
    assertEquals(2, refusal("late").position());
    assertEquals(4000, refusal("late").waitP50Ms());
    assertEquals(4, refusal("late").retryAfterSeconds());
    assertInstanceOf(AdmissionDecision.Waiting.class, inTime);
    assertEquals(20, dispatched.size());
  }

  /** Its batches waited for the start, of which the next one has nothing to wait for. */
  @Test
  void whatWaitedForTheFirstReplicaSaysNothingOfHowOftenBatchesBegin() {
    queue.replica("r", false, 0);
    queue.startsFirst(new FirstReplica(10, 1 << 20, 180_000 * MS, 60_000 * MS));
    long asked = 3_600_000 * MS;
    offer("first", plain(Band.SHEDDABLE), asked);
    offer("second", plain(Band.SHEDDABLE), asked);
    long ready = asked + 60_000 * MS;
    queue.replica("r", true, ready);
    finishOne(ready + 100 * MS);

    AdmissionDecision next =
        offer("next", demand("u", Band.SHEDDABLE, NEVER, ready + 10_000 * MS, 1), ready + 100 * MS);

    assertEquals(List.of("first", "second"), dispatched);
    assertEquals(Map.of(), refused);
    assertInstanceOf(AdmissionDecision.Waiting.class, next);
  }

  /** None of them began, for there was no replica. */
  @Test
  void whatWasGivenUpBeforeTheFirstReplicaSaysNothingOfHowOftenBatchesBegin() {
    queue.replica("r", false, 0);
    queue.startsFirst(new FirstReplica(10, 1 << 20, 30_000 * MS, 60_000 * MS));
    long asked = 3_600_000 * MS;
    offer("left", plain(Band.SHEDDABLE), asked);
    queue.tick(asked + 40_000 * MS);
    long ready = asked + 60_000 * MS;
    queue.replica("r", true, ready);
    offer("first", plain(Band.SHEDDABLE), ready);
    offer("second", plain(Band.SHEDDABLE), ready);
    finishOne(ready + 100 * MS);

    AdmissionDecision next =
        offer("next", demand("u", Band.SHEDDABLE, NEVER, ready + 10_000 * MS, 1), ready + 100 * MS);

    assertEquals(Set.of("left"), refused.keySet());
    assertInstanceOf(AdmissionDecision.Waiting.class, next);
  }

  /** Four of its five answers have a place, and one of four that are held ends in 250 ms. */
  @Test
  void aRequestOfManyAnswersWaitsOnlyForThePlacesThatItLacks() {
    heldForASecond();
    long now = 10_000 * MS;
    for (int i = 0; i < 4; i++) {
      offer("one", plain(Band.NORMAL), now);
    }

    AdmissionDecision many = offer("many", Demands.withPlaces(5, within("t", now + 500 * MS)), now);

    assertInstanceOf(AdmissionDecision.Waiting.class, many);
  }

  /** It begins when it has all there are, and needs not wait for a hundred. */
  @Test
  void aRequestOfMoreAnswersThanThereArePlacesWaitsForAllOfThemOnly() {
    heldForASecond();
    long now = 10_000 * MS;
    offer("one", plain(Band.NORMAL), now);

    AdmissionDecision many =
        offer("many", Demands.withPlaces(100, within("t", now + 2000 * MS)), now);

    assertInstanceOf(AdmissionDecision.Waiting.class, many);
  }

  /** All eight places but one are free, which helps nobody who wants them all for a second. */
  @Test
  void placesThatAreFreeEndNothing() {
    heldForASecond();
    long now = 10_000 * MS;
    offer("one", plain(Band.NORMAL), now);

    AdmissionDecision many = offer("many", Demands.withPlaces(8, within("t", now + 500 * MS)), now);

    assertEquals(Reason.DEADLINE, assertInstanceOf(Refusal.class, many).reason());
  }

  /** Each of those that wait before it takes all eight places, for a second. */
  @Test
  void whoWaitsBehindRequestsOfManyAnswersWaitsForAllTheirPlaces() {
    heldForASecond();
    long now = 10_000 * MS;
    for (int i = 0; i < 5; i++) {
      offer("before", Demands.withPlaces(8, plain(Band.HIGH)), now);
    }

    AdmissionDecision last = offer("last", within("t", now + 2000 * MS), now);

    assertEquals(Reason.DEADLINE, assertInstanceOf(Refusal.class, last).reason());
    assertTrue(refusal("last").waitP50Ms() >= 4000, () -> refusal("last").toString());
  }

  /** The other tenant's next one takes all eight places, for a second. */
  @Test
  void whoWaitsForItsTurnWaitsForAllThatTheOtherTenantTakes() {
    heldForASecond();
    long now = 10_000 * MS;
    for (int i = 0; i < 3; i++) {
      offer("other", Demands.withPlaces(8, plain(Band.NORMAL)), now);
    }

    AdmissionDecision last = offer("last", within("u", now + 500 * MS), now);

    assertEquals(Reason.DEADLINE, assertInstanceOf(Refusal.class, last).reason());
  }

  /** A replica that learns what it takes has 8 places without a token at first, of 16. */
  @Test
  void aRequestOfMoreAnswersThanMayBeWithoutATokenBeginsBesideStreams() {
    queue = queue(100, 1 << 20, 0);
    for (int i = 0; i < 4; i++) {
      offer("stream", plain(Band.NORMAL), 0);
    }
    running.forEach(entry -> queue.routed(entry, "r", true, 0));
    streamsBegin(MS);

    AdmissionDecision many = offer("many", Demands.withPlaces(12, plain(Band.NORMAL)), MS);

    assertInstanceOf(AdmissionDecision.Running.class, many);
  }

  /** People always hold some of the places, so it never has all; a worker serves them first. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aBatchOfManyAnswersBeginsBesidePeopleWhereTheyPreemptIt(boolean preempts) {
    queue = queue(100, 1 << 20, 8);
    queue.replica("r", true, 0, false, preempts, 0);
    offer("person", plain(Band.NORMAL), 0);
    queue.routed(running.getFirst(), "r", true, 0);

    AdmissionDecision batch = offer("batch", Demands.withPlaces(8, plain(Band.SHEDDABLE)), MS);

    assertEquals(preempts, batch instanceof AdmissionDecision.Running);
  }

  /** Eight places, each of which was held for so long. */
  private void heldForASecond() {
    queue = queue(100, 1 << 20, 8);
    for (int i = 0; i < 8; i++) {
      offer("held", plain(Band.NORMAL), 0);
    }
    while (!running.isEmpty()) {
      finishOne(1000 * MS);
    }
  }

  private static Demand within(String tenant, long deadline) {
    return demand(tenant, Band.NORMAL, NEVER, deadline, 1);
  }

  @Test
  void withoutAReadyReplicaNothingIsHeldBack() {
    queue.replica("r", false, 0);
    rooms = 0;

    assertInstanceOf(AdmissionDecision.Running.class, offer("batch", plain(Band.SHEDDABLE), 0));
  }

  /** All of them are long streams, so first tokens tell nothing after the first ones. */
  @Test
  void aReplicaThatRunsAllItWasSentWhileNobodyWaitsThereGetsMore() {
    queue = queue(100, 1_000_000, 0);
    for (int i = 0; i < 60; i++) {
      offer("s" + i, plain(Band.NORMAL), i);
      streamsBegin(i);
    }
    assertEquals(16, running.size());

    int reports = 0;
    while (running.size() < 60 && reports < 100) {
      queue.reported("r", running.size(), 0);
      queue.tick(100 + reports);
      streamsBegin(100 + reports++);
    }
    assertEquals(60, running.size(), "after " + reports + " reports");
    assertTrue(reports <= 30, reports + " reports");
  }

  @Test
  void oneThatDoesNotSayThatAllOfItRunsGetsNoMore() {
    queue = queue(100, 1_000_000, 0);
    for (int i = 0; i < 60; i++) {
      offer("s" + i, plain(Band.NORMAL), i);
      streamsBegin(i);
    }
    for (int i = 0; i < 100; i++) {
      queue.reported("r", 0, 0);
      queue.reported("r", running.size(), 1);
      queue.tick(100 + i);
      streamsBegin(100 + i);
    }
    assertEquals(16, running.size());
  }

  @Test
  void noMoreAreTakenWhereThoseWithoutATokenHoldBack() {
    queue = queue(100, 1_000_000, 0);
    for (int i = 0; i < 15; i++) {
      offer("s" + i, plain(Band.NORMAL), i);
      if (i < 7) {
        streamsBegin(i);
      }
    }
    List<AdmissionQueue.Entry> without = List.copyOf(running.subList(7, 15));
    without.forEach(entry -> queue.routed(entry, "r", true, 15));
    offer("waits", plain(Band.NORMAL), 16);
    offer("waits too", plain(Band.NORMAL), 17);
    for (int i = 0; i < 10; i++) {
      queue.reported("r", running.size(), 0);
    }
    without.forEach(entry -> queue.resumed(entry, 20));
    queue.tick(21);

    assertEquals(16, running.size());
  }

  /** Those that came to run since the last call are at the replica and have a token. */
  private void streamsBegin(long now) {
    for (AdmissionQueue.Entry entry : List.copyOf(running)) {
      if (begun.add(entry)) {
        queue.routed(entry, "r", true, now);
        queue.resumed(entry, now);
      }
    }
  }
}
