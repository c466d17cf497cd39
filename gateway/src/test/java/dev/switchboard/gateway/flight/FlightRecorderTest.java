package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FlightRecorderTest {
  private long now = 1;

  @Test
  void theNewestComeFirst() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(10, 1 << 20, 1 << 20, 1000));
    recorder.add(record("a", Outcome.OK, 1));
    recorder.add(record("b", Outcome.OK, 1));

    List<FlightRecord> newest = recorder.newest(1);

    assertEquals("b", newest.getFirst().id());
  }

  @Test
  void aFailedOrSlowOneOutlivesTheGoodOnesThatFollow() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    recorder.add(record("good", Outcome.OK, 1));
    recorder.add(record("failed", Outcome.UPSTREAM_BROKEN, 1));
    recorder.add(record("slow", Outcome.OK, 2_000_000_000L));
    for (int i = 0; i < 5; i++) {
      recorder.add(record("later" + i, Outcome.OK, 1));
    }

    assertNull(recorder.find("good"));
    assertNotNull(recorder.find("failed"));
    assertNotNull(recorder.find("slow"));
  }

  @Test
  void itSaysSinceWhenItHasAllAndSinceWhenAllOfInterest() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 16, 1000));
    FlightRecord good = record("good", Outcome.OK, 1);
    recorder.add(good);
    assertEquals(0, recorder.reach().allSinceNanos());
    for (int i = 0; i < 3; i++) {
      recorder.add(record("failed" + i, Outcome.UPSTREAM_BROKEN, 1));
    }
    FlightRecorder.Reach some = recorder.reach();
    for (int i = 3; i < 200; i++) {
      recorder.add(record("failed" + i, Outcome.UPSTREAM_BROKEN, 1));
    }
    FlightRecorder.Reach full = recorder.reach();

    assertEquals(3, some.requests());
    assertEquals(1, some.ofInterest());
    assertEquals(good.at(Flight.Mark.ENDED), some.allSinceNanos());
    assertEquals(0, some.ofInterestSinceNanos());
    assertTrue(full.ofInterestBytes() <= 1 << 16, full::toString);
    assertEquals(full.requests(), full.ofInterest() + 2);
    FlightRecord oldest = recorder.newest(1000).getLast();
    assertTrue(full.ofInterestSinceNanos() <= oldest.at(Flight.Mark.ENDED), full::toString);
    assertTrue(full.ofInterestSinceNanos() > good.at(Flight.Mark.ENDED), full::toString);
    assertEquals(full.ofInterestSinceNanos(), full.allSinceNanos());
  }

  /** Every request takes the lock, and a long list takes long to unpack. */
  @Test
  void recordsAreUnpackedOutsideOfTheLock() {
    List<FlightRecorder> recorders = new ArrayList<>();
    List<Boolean> locked = new ArrayList<>();
    FlightRecorder recorder =
        new FlightRecorder(
            new FlightRecorder.Limits(10, 1 << 20, 1 << 20, 1000),
            packed -> {
              locked.add(Thread.holdsLock(recorders.getFirst()));
              return FlightCodec.unpack(packed);
            });
    recorders.add(recorder);
    FlightRecord first = record("a", Outcome.OK, 1);
    recorder.add(first);
    recorder.add(record("b", Outcome.OK, 1));

    recorder.newest(1000);
    recorder.find("a");
    recorder.heard(first, missing(1));

    assertEquals(List.of(false, false, false, false), locked);
    assertEquals(1, asked(recorder, "a"));
  }

  @Test
  void theNewestOfBothRingsComeInOrder() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    for (String id : List.of("a", "b", "c", "d", "e")) {
      recorder.add(record(id, Outcome.UPSTREAM_BROKEN, 1));
    }

    assertEquals(
        List.of("e", "d", "c"), recorder.newest(3).stream().map(FlightRecord::id).toList());
  }

  @Test
  void whatReplicasSayIsAddedToTheRecord() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    FlightRecord broken = record("broken", Outcome.UPSTREAM_BROKEN, 1);
    recorder.add(broken);

    recorder.heard(broken, missing(1));
    int recent = asked(recorder, "broken");
    recorder.add(record("a", Outcome.OK, 1));
    recorder.add(record("b", Outcome.OK, 1));

    assertEquals(1, recent);
    assertEquals(1, asked(recorder, "broken"));
    recorder.heard(broken, missing(2));
    assertEquals(2, asked(recorder, "broken"));
  }

  @Test
  void ofSeveralWhoAskedNoneTakesAwayWhatAnotherHeard() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    FlightRecord moved = record("moved", Outcome.OK, 1);
    recorder.add(moved);
    EngineAnswer half = told(1);
    EngineAnswer whole = told(2);

    recorder.heard(moved, Map.of(1, half));
    recorder.heard(moved, Map.of(1, whole, 2, half));
    recorder.heard(moved, Map.of(1, half));
    recorder.heard(moved, missing(3));

    FlightRecord kept = Objects.requireNonNull(recorder.find("moved"));
    EngineAnswer nothing = new EngineAnswer.Missing(EngineAnswer.Why.REPLICA_GONE);
    assertEquals(Map.of(1, whole, 2, half, 3, nothing), kept.engines().asked());
  }

  private static EngineAnswer told(int choices) {
    RequestTimeline one = new RequestTimeline("r", 0, 1, 1, 1, 1, 1, 0, null, null, List.of());
    List<RequestTimeline> timelines = Collections.nCopies(choices, one);
    return new EngineAnswer.Told(new PhaseBreakdown.Engine(timelines, 0, 0, false));
  }

  @Test
  void aRecordThatIsGoneOrHiddenIsLeftAlone() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    FlightRecord hidden = record("same", Outcome.OK, 1);
    recorder.add(hidden);
    recorder.add(record("same", Outcome.OK, 1));

    recorder.heard(hidden, missing(1));
    recorder.heard(record("gone", Outcome.OK, 1), missing(1));

    assertEquals(0, asked(recorder, "same"));
    assertNull(recorder.find("gone"));
  }

  @Test
  void whatIsAddedToRecordsCountsAgainstTheBound() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(1000, 1 << 16, 1 << 16, 1));
    for (int i = 0; i < 40; i++) {
      FlightRecord record = record("r" + i, Outcome.INTERNAL, 1);
      recorder.add(record);
      recorder.heard(record, missing(100));
    }

    // An answer is at least its attempt's number, what it is and why.
    assertTrue(recorder.size() <= (1 << 17) / (512 + 100 * 3), () -> "" + recorder.size());
  }

  private static Map<Integer, EngineAnswer> missing(int answers) {
    Map<Integer, EngineAnswer> missing = new HashMap<>();
    for (int i = 1; i <= answers; i++) {
      missing.put(i, new EngineAnswer.Missing(EngineAnswer.Why.REPLICA_GONE));
    }
    return missing;
  }

  private static int asked(FlightRecorder recorder, String id) {
    FlightRecord found = recorder.find(id);
    return found == null ? -1 : found.engines().asked().size();
  }

  @Test
  void memoryIsBoundedInCountAndBytes() {
    FlightRecorder byCount = new FlightRecorder(new FlightRecorder.Limits(5, 1 << 30, 1 << 30, 1));
    FlightRecorder byBytes =
        new FlightRecorder(new FlightRecorder.Limits(1000, 1 << 16, 1 << 16, 1));
    for (int i = 0; i < 1000; i++) {
      byCount.add(record("r" + i, Outcome.OK, 0));
      byBytes.add(record("r" + i, Outcome.INTERNAL, 1));
    }

    assertEquals(5, byCount.size());
    assertTrue(byBytes.size() <= (1 << 17) / 512);
  }

  @Test
  void whoAsksTooEarlyIsToldWhenTheRequestHasEnded() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(10, 1 << 20, 1 << 20, 1000));
    List<String> told = new ArrayList<>();
    recorder.begin("a");

    assertTrue(recorder.whenEnded("a", () -> told.add("a: " + (recorder.find("a") != null))));
    assertFalse(recorder.whenEnded("b", () -> told.add("b")));
    recorder.add(record("a", Outcome.OK, 1));
    recorder.add(record("b", Outcome.OK, 1));

    assertEquals(List.of("a: true"), told);
    assertFalse(recorder.whenEnded("a", () -> told.add("again")));
  }

  @Test
  void twoRunningRequestsOfOneIdAreBothWaitedFor() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(10, 1 << 20, 1 << 20, 1000));
    List<String> told = new ArrayList<>();
    recorder.begin("a");
    recorder.begin("a");
    recorder.whenEnded("a", () -> told.add("ended"));

    recorder.add(record("a", Outcome.OK, 1));
    assertEquals(List.of(), told);
    recorder.add(record("a", Outcome.OK, 1));
    assertEquals(List.of("ended"), told);
  }

  @Test
  void whoGaveUpIsNotTold() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(10, 1 << 20, 1 << 20, 1000));
    List<String> told = new ArrayList<>();
    Runnable listener = () -> told.add("ended");
    recorder.begin("a");
    recorder.whenEnded("a", listener);

    recorder.forget("a", listener);
    recorder.add(record("a", Outcome.OK, 1));

    assertEquals(List.of(), told);
  }

  @Test
  void theyAreFoundByWhatTheyHaveInCommonAPageAtATime() {
    FlightRecorder recorder = new FlightRecorder(FlightRecorder.Limits.DEFAULTS);
    for (int i = 0; i < 10; i++) {
      recorder.add(record("r" + i, i % 2 == 0 ? Outcome.OK : Outcome.INTERNAL, i * 1_000_000L));
    }

    FlightRecorder.Found first = recorder.find(failed(Long.MAX_VALUE, 3));
    recorder.add(record("later", Outcome.INTERNAL, 1));
    FlightRecorder.Found second = recorder.find(failed(first.next(), 3));

    assertEquals(List.of("r9", "r7", "r5"), ids(first));
    assertEquals(List.of("r3", "r1"), ids(second));
    assertEquals(0, second.next());
    assertEquals(List.of("r9", "r8"), ids(recorder.find(lasted(8))));
  }

  @Test
  void theyAreFoundByTheRankThatTheyWaitedFor() {
    FlightRecorder recorder = new FlightRecorder(FlightRecorder.Limits.DEFAULTS);
    FlightRecord waited = record("waited", Outcome.OK, 1);
    recorder.add(waited);
    recorder.add(record("other", Outcome.OK, 1));

    recorder.waited(waited, List.of("0.1", "2.0"));
    recorder.waited(record("unknown", Outcome.OK, 1), List.of("0.1"));

    assertEquals(List.of("waited"), ids(recorder.find(waitedFor("2.0"))));
    assertEquals(List.of(), ids(recorder.find(waitedFor("1.0"))));
  }

  private static FlightQuery failed(long before, int limit) {
    return query(Outcome.INTERNAL, 0, null, before, limit);
  }

  private static FlightQuery lasted(long minMs) {
    return query(null, minMs, null, Long.MAX_VALUE, 9);
  }

  private static FlightQuery waitedFor(String rank) {
    return query(null, 0, rank, Long.MAX_VALUE, 9);
  }

  private static FlightQuery query(
      @Nullable Outcome outcome, long minMs, @Nullable String rank, long before, int limit) {
    return new FlightQuery(
        null,
        null,
        null,
        outcome,
        0,
        null,
        minMs,
        false,
        rank,
        null,
        0,
        Long.MAX_VALUE,
        before,
        limit);
  }

  private static List<String> ids(FlightRecorder.Found found) {
    return found.records().stream().map(FlightRecord::id).toList();
  }

  private FlightRecord record(String id, Outcome outcome, long wallNanos) {
    Flight flight = new Flight(id, () -> now);
    now += wallNanos;
    return flight.finish(outcome, outcome.status(), null);
  }
}
