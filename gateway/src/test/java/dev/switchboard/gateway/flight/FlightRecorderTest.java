package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FlightRecorderTest {
  private static final long TODAY = 1_795_000_000_000_000_000L;

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

  /** Of what makes a request one that outlives those that follow it. */
  enum Interest {
    FAILED,
    SLOW,
    LATE_FIRST_TOKEN,
    LATE_TOKENS,
    MOVED,
    ASKED
  }

  @ParameterizedTest
  @EnumSource
  void oneOfInterestOutlivesTheGoodOnesThatFollow(Interest why) {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    recorder.add(stream("good", null));
    recorder.add(stream("kept", why));
    for (int i = 0; i < 5; i++) {
      recorder.add(record("later" + i, Outcome.OK, 1));
    }

    assertNull(recorder.find("good"));
    assertNotNull(recorder.find("kept"));
    assertEquals(1, recorder.reach().ofInterest());
  }

  @Test
  void oneThatSomebodyLooksAtStaysAndIsToldToTheStoreOnce() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000));
    List<StoredFlight> stored = new ArrayList<>();
    recorder.keepIn(stored::add);
    recorder.add(stream("good", null));
    recorder.add(stream("read", null));

    assertNotNull(recorder.look("read"));
    assertNotNull(recorder.look("read"));
    for (int i = 0; i < 5; i++) {
      recorder.add(record("later" + i, Outcome.OK, 1));
    }

    assertNull(recorder.look("good"));
    assertNotNull(recorder.look("read"));
    assertEquals(1, stored.size());
  }

  /** A stream of two tokens, of which the first may take 100 ms and the other one 10. */
  private FlightRecord stream(String id, @Nullable Interest why) {
    long ms = 1_000_000;
    Flight flight = new Flight(id, () -> now);
    flight.stream(true);
    flight.slo(new Slo("c", 100, 10, 0, 0));
    now += (why == Interest.LATE_FIRST_TOKEN ? 101 : 100) * ms;
    flight.content();
    now += (why == Interest.LATE_TOKENS ? 11 : 10) * ms;
    flight.content();
    flight.mark(Flight.Mark.UPSTREAM_ENDED);
    FlightRecord.Move move = new FlightRecord.Move("died", 1, 1, why == Interest.MOVED ? 2 : 0);
    flight.attempt(new FlightRecord.Attempt(1, "w0", 1, now, null, false, move));
    flight.usage(new Usage(9, 0, 2));
    flight.timelines(List.of(timeline(1, why == Interest.ASKED ? 1 : 0)), EngineStamps.NONE);
    now += (why == Interest.SLOW ? 1000 : 1) * ms;
    return flight.finish(why == Interest.FAILED ? Outcome.INTERNAL : Outcome.OK, 200, null);
  }

  /** A worker's story of one, with so many ranks, and some steps one by one. */
  private static RequestTimeline timeline(int ranks, int steps) {
    List<Lane> lanes = Collections.nCopies(ranks, lane());
    Calls calls = new Calls(TODAY, TODAY + 20_000, TODAY + 15_000_000);
    long end = TODAY + 15_000_000;
    Step step = new Step(81_234, TODAY, TODAY, end, calls, 1, 12, 8, List.of(), lanes);
    RequestTimeline.Critical critical =
        new RequestTimeline.Critical(9_123_456, 1_234_567, 345_678, 456_789, 567_890, 678_901);
    RequestTimeline.Phase phase =
        new RequestTimeline.Phase(
            TODAY, TODAY + 900_000_000, 200, 64, 0, 200, 12_345_678, critical, step, lanes);
    return new RequestTimeline(
        "chatcmpl-3d956f26e5b63a46",
        0,
        TODAY,
        TODAY + 1_000_000,
        TODAY + 2_000_000,
        TODAY + 90_000_000,
        TODAY + 990_000_000,
        0,
        phase,
        phase,
        Collections.nCopies(steps, step));
  }

  private static Lane lane() {
    return new Lane(
        0,
        1,
        TODAY,
        TODAY + 900_000_000,
        812_345_678,
        12_345_678,
        2_345_678,
        345_678,
        456_789,
        567_890,
        6_789_012,
        200,
        17,
        812_345_678,
        9_876_543,
        876_543,
        Collective.of(21));
  }

  /** What CONFIG.md says of flight.kept-bytes: of streams, by the size of what stands behind. */
  @ParameterizedTest
  @CsvSource({"1, 2, 1536, 1792", "2, 4, 2304, 2560"})
  void aKeptRecordTakesAsMuchAsIsSaid(int ranks, int candidates, int least, int most) {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(1, 1 << 20, 64 << 20, 1000));
    Decision decision = Decision.of("slo", "m", "w1", candidates(candidates));
    for (int i = 0; i < 101; i++) {
      Flight flight = new Flight("0b5ac58a-5a3b-4a0c-9d1a-2c6b8e1f" + i, () -> TODAY + now);
      flight.model("m");
      flight.endpoint("chat");
      flight.tenant("default");
      flight.slo(new Slo("standard", 1000, 50, 0, 0));
      flight.stream(true);
      flight.decision(decision);
      flight.attempt(new FlightRecord.Attempt(1, "w1", TODAY, TODAY + now, null, false, null));
      flight.usage(new Usage(164, 64, 200));
      flight.timelines(List.of(timeline(ranks, 0)), EngineStamps.NONE);
      now += 2_000_000_000L;
      recorder.add(flight.finish(Outcome.OK, 200, null));
    }

    FlightRecorder.Reach reach = recorder.reach();
    long each = reach.ofInterestBytes() / reach.ofInterest();

    assertEquals(100, reach.ofInterest());
    assertTrue(each >= least && each <= most, () -> each + " bytes");
  }

  private static List<Candidate> candidates(int count) {
    Rates rates =
        new Rates(11.5, 0.21, 0.52, 2.1, 14.5, 0.51, 0.11, 9.5, 0.1, 0.2, 0.3, 0.4, 99.5, TODAY, 9);
    Workload.Snapshot own = new Workload.Snapshot(2, 512, 3, 1.5, 0.2, 12.5, 0.9, rates);
    List<Candidate> candidates = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ReplicaView view =
          ReplicaView.of("w" + i, "m").withInFlight(4).withReport(5, 2, 300, 40).withOwn(own);
      Prediction prediction = new Prediction(81.5, 99.5, 14.5, 16.5, 199.5);
      candidates.add(new Candidate(view, null, 0.125 + i, prediction, 64.5));
    }
    return candidates;
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
    return new EngineAnswer.Reported(new PhaseBreakdown.Engine(timelines, 0, 0, false));
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

  @Test
  void whatRanBesideIsWholeAsLongAsNoneOfItIsForgottenOrLeftOut() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(3, 1 << 20, 1 << 20, 1000));
    Flight beside = new Flight("beside", () -> now);
    Flight flight = new Flight("r", () -> now);
    now += 10;
    recorder.add(beside.finish(Outcome.OK, 200, null));
    now += 10;
    FlightRecord record = flight.finish(Outcome.OK, 200, null);
    recorder.add(record);
    recorder.add(record("later", Outcome.OK, 1));

    FlightRecorder.Beside all = recorder.beside(record, 1);
    FlightRecorder.Beside some = recorder.beside(record, 0);
    recorder.add(record("one too many", Outcome.OK, 1));
    FlightRecorder.Beside forgotten = recorder.beside(record, 1);
    FlightRecorder.Beside stored = recorder.beside(record("of an earlier start", Outcome.OK, 1), 9);

    assertEquals("beside", all.records().getFirst().id());
    assertTrue(all.whole());
    assertEquals(new FlightRecorder.Beside(List.of(), false), some);
    assertEquals(new FlightRecorder.Beside(List.of(), false), forgotten);
    assertFalse(stored.whole());
  }

  /** Its client gets 409 for ever else, where it asks for it. */
  @Test
  void oneOfWhichNoRecordCouldBeMadeDoesNotRunAnyMore() {
    FlightRecorder recorder = new FlightRecorder(FlightRecorder.Limits.DEFAULTS);
    List<String> told = new ArrayList<>();
    recorder.begin("r");
    boolean ran = recorder.whenEnded("r", () -> told.add("ended"));

    recorder.over("r");

    assertTrue(ran);
    assertEquals(List.of("ended"), told);
    assertFalse(recorder.whenEnded("r", () -> {}));
  }

  @Test
  void whereNothingIsToCountAsSlowNothingDoes() {
    FlightRecorder recorder =
        new FlightRecorder(new FlightRecorder.Limits(10, 1 << 20, 1 << 20, Long.MAX_VALUE / 1000));

    assertFalse(recorder.slow(record("r", Outcome.OK, 1)));
  }

  private FlightRecord record(String id, Outcome outcome, long wallNanos) {
    Flight flight = new Flight(id, () -> now);
    now += wallNanos;
    return flight.finish(outcome, outcome.status(), null);
  }
}
