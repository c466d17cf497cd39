package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class WorkloadTest {
  private static final long MS = 1_000_000L;

  private final SharedCostModel peers = new SharedCostModel();
  private final Workload workload = new Workload(peers);
  private final List<Times> observed = new ArrayList<>();

  private record Times(double ttftMs, double tpotMs) {}

  @Test
  void aRequestWaitsUntilItsFirstTokenAndRunsUntilItsEnd() {
    Workload.Job job = begin(RouteRequest.of("m").withTokens(400, 10), 0);
    Workload.Snapshot waiting = workload.snapshot(0);
    job.content(50 * MS);
    Workload.Snapshot running = workload.snapshot(50 * MS);
    job.close();
    job.close();
    Workload.Snapshot over = workload.snapshot(60 * MS);

    assertEquals(1, waiting.waiting());
    assertEquals(400, waiting.waitingTokens());
    assertEquals(0, running.waiting());
    assertEquals(0, running.waitingTokens());
    assertEquals(1, running.running());
    assertEquals(0, over.running());
  }

  @Test
  void anAnswerKeepsPaceWhoseTokensComeAsUsual() {
    double usualMs = Rates.UNKNOWN.tpotMs(1, 0);

    assertTrue(tokensEvery(1.4 * usualMs).keptPace());
    assertFalse(tokensEvery(1.6 * usualMs).keptPace());
    assertFalse(begin(RouteRequest.of("m").withTokens(400, 10), 0).keptPace());
  }

  /** Fewer than teach what is usual. */
  private Workload.Job tokensEvery(double millis) {
    Workload.Job job = begin(RouteRequest.of("m").withTokens(400, 10), 0);
    for (int i = 0; i < 4; i++) {
      job.content(50 * MS + (long) (i * millis * MS));
    }
    job.ended();
    return job;
  }

  /** A worker of ours goes by priority, a foreign server by arrival. */
  @Test
  void whatWaitsAndIsLessUrgentDelaysNobodyWhereTheMostUrgentIsServedFirst() {
    Workload ours = new Workload(peers, true);
    Workload.Job batch = begin(ours, prioritized(-50), true, 0);
    Workload.Job person = begin(ours, prioritized(50), true, 0);
    begin(prioritized(-50), 0);

    assertEquals(2, waits(ours, -50));
    assertEquals(1, waits(ours, 0));
    assertEquals(1, waits(ours, 50));
    assertEquals(0, waits(ours, 75));
    assertEquals(1, waits(workload, 50));
    assertEquals(
        expectedMs(ours, 75) + 400 * Rates.UNKNOWN.promptTokenMs() + 2, expectedMs(ours, 50), 1e-6);

    person.content(MS);
    batch.close();

    assertEquals(0, waits(ours, -50));
    assertEquals(List.of(), ours.snapshot(MS).line());
  }

  private static RouteRequest prioritized(int priority) {
    return RouteRequest.of("m").withTokens(400, 10).withSlo(new Slo("c", 0, 0, 0, priority), 0);
  }

  private static double waits(Workload at, int priority) {
    return view(at).load(priority).waiting();
  }

  private static double expectedMs(Workload at, int priority) {
    return view(at).predict(Prompt.of(400), 10, priority, 0).ttftMs();
  }

  private static ReplicaView view(Workload at) {
    return ReplicaView.of("w0", "m").withOwn(at.snapshot(MS));
  }

  @Test
  void aJobThatIsGivenUpLeavesNothing() {
    Workload.Job job = begin(RouteRequest.of("m").withTokens(400, 10), 0);
    job.close();
    job.content(5 * MS);

    assertEquals(0, workload.snapshot(0).waiting());
    assertEquals(0, workload.snapshot(0).waitingTokens());
    assertEquals(0, workload.snapshot(0).rates().samples());
  }

  /** One a second, each of which has its first token after so long. */
  private void twentyStreams(long firstMs) {
    for (int i = 0; i < 20; i++) {
      Workload.Job job = begin(RouteRequest.of("m"), i * 1000L * MS);
      job.content((i * 1000L + firstMs) * MS);
      job.ended();
    }
  }

  @Test
  void oneThatIsOutrunSaysThatItWouldHaveTakenLonger() {
    twentyStreams(20);
    double usual = usualMs(20_000);
    begin(RouteRequest.of("m"), 20_000 * MS).outrun(20_001 * MS);
    double early = usualMs(20_000);
    for (int i = 20; i < 24; i++) {
      Workload.Job late = begin(RouteRequest.of("m"), i * 1000L * MS);
      late.outrun((i * 1000L + 400) * MS);
      late.outrun((i * 1000L + 400) * MS);
    }

    assertEquals(usual, early);
    assertTrue(usualMs(24_000) > 5 * usual, () -> usual + " then " + usualMs(24_000));
    assertEquals(0, workload.snapshot(24_000 * MS).waiting());
  }

  /** After half of a fleet is lost they wait for the room of those that end. */
  @Test
  void streamsThatGoOnHereSayNothingOfFirstTokens() {
    twentyStreams(20);
    double usual = usualMs(50_000);
    Workload.Job waits = begin(RouteRequest.of("m"), 20_000 * MS);
    waits.goesOn();
    waits.content(50_000 * MS);
    waits.ended();
    Workload.Job isLate = begin(RouteRequest.of("m"), 20_000 * MS);
    isLate.goesOn();
    isLate.late(50_000 * MS);
    Workload.Job isOutrun = begin(RouteRequest.of("m"), 20_000 * MS);
    isOutrun.goesOn();
    isOutrun.outrun(50_000 * MS);

    assertEquals(usual, usualMs(50_000));
  }

  @Test
  void oneThatMissesItsDeadlineSaysThatItTakesLonger() {
    begin(RouteRequest.of("m"), false, 0).late(250 * MS);
    Workload.Snapshot own = workload.snapshot(250 * MS);

    assertEquals(1.25 * 250, own.rates().predict(Load.NONE, 100, 100, 0, 250 * MS).endMs(), 20);
    assertEquals(0, own.waiting());
  }

  @Test
  void aStreamThatMissesItsDeadlineSaysThatItsFirstTokenTakesLonger() {
    begin(RouteRequest.of("m"), 0).late(250 * MS);

    assertEquals(1.25 * 250, usualMs(250), 20);
  }

  @Test
  void aMissThatWasToBeExpectedTeachesNothing() {
    twentyStreams(200);
    double before = usualMs(20_000);
    begin(RouteRequest.of("m"), 20_000 * MS).late(20_100 * MS);

    assertEquals(before, usualMs(20_000));
  }

  /** A dozen requests are there before the first of them tells that it is another one. */
  @Test
  void theFirstRequestsOfASlowReplicaDoNotMakeTheOthersLookUncertain() {
    for (int i = 0; i < 20; i++) {
      stream(dozen(workload, i * 10_000L), i * 10_000L, 20);
    }
    double before = new Workload(peers).snapshot(200_000 * MS).rates().tpotSpread();
    Workload slow = new Workload(peers);
    stream(dozen(slow, 200_000), 200_000, 80);

    Rates learned = slow.snapshot(206_000 * MS).rates();
    double after = new Workload(peers).snapshot(206_000 * MS).rates().tpotSpread();
    assertEquals(80, learned.predict(new Load(0, 0, 11), 1, 100, 0, 206_000 * MS).tpotMs(), 16);
    assertTrue(after < before + Math.log(1.3), () -> before + ", then " + after);
  }

  private List<Workload.Job> dozen(Workload at, long ms) {
    List<Workload.Job> jobs = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      jobs.add(begin(at, RouteRequest.of("m"), true, ms * MS));
    }
    return jobs;
  }

  /** 64 tokens after the first. */
  private static void stream(List<Workload.Job> jobs, long fromMs, long tokenMs) {
    for (int token = 0; token <= 64; token++) {
      long now = (fromMs + (1 + token) * tokenMs) * MS;
      jobs.forEach(job -> job.content(now));
    }
    jobs.forEach(Workload.Job::ended);
  }

  @Test
  void theTightestPaceOfThoseThereIsKnown() {
    Workload.Job quick = begin(wants(40, 0, 0), 0);
    Workload.Job slow = begin(wants(90, 0, 0), 0);
    begin(RouteRequest.of("m"), 0);
    double both = workload.snapshot(0).paceMs();
    quick.close();
    double one = workload.snapshot(0).paceMs();
    slow.close();

    assertEquals(40, both);
    assertEquals(90, one);
    assertEquals(0, workload.snapshot(0).paceMs());
  }

  @Test
  void whatYieldsOrGeneratesNothingOrWantsMoreThanAnyReplicaCanNeedsNoPace() {
    begin(wants(40, 0, -1), 0);
    begin(wants(40, 4000, 0).withTokens(100, 0), 0);
    begin(wants(2, 0, 0), 0);

    assertEquals(0, workload.snapshot(0).paceMs());
  }

  @Test
  void aDeadlineThatComesNearerIsATighterPaceUnlessLittleIsToCome() {
    Workload.Job job = begin(wants(0, 4000, 0).withTokens(100, 100), 0);
    double before = workload.snapshot(0).paceMs();
    for (int token = 0; token <= 16; token++) {
      job.content((1000 + 20 * token) * MS);
    }
    double late = workload.snapshot(1320 * MS).paceMs();
    Workload.Job brief = begin(wants(0, 4000, 0).withTokens(100, 20), 1320 * MS);
    job.close();

    assertEquals(40, before, 1);
    assertEquals(2680.0 / 84, late, 0.01);
    assertTrue(workload.snapshot(1320 * MS).paceMs() > 120, "a brief answer has time");
    brief.close();
  }

  private static RouteRequest wants(double tpotMs, int deadlineMs, int priority) {
    return RouteRequest.of("m").withSlo(new Slo("s", 0, tpotMs, deadlineMs, priority), 0);
  }

  private double usualMs(long atMs) {
    Workload.Snapshot own = workload.snapshot(atMs * MS);
    return own.rates().predict(new Load(0, 0, 0), 100, 100, 0, atMs * MS).ttftMs();
  }

  @Test
  void theTimesOfAStreamAreComparedWithWhatWasPredicted() {
    Workload.Job job = begin(RouteRequest.of("m"), 0);
    for (int i = 0; i <= 20; i++) {
      job.content((100 + i * 30) * MS);
    }
    job.ended();

    assertEquals(List.of(new Times(100, 30)), observed);
    assertEquals(1, workload.snapshot(0).rates().samples());
  }

  @Test
  void whatAClientDidNotReadInTimeIsNotHeldAgainstTheReplica() {
    Workload.Job job = begin(RouteRequest.of("m"), 0);
    job.content(100 * MS);
    job.content(130 * MS);
    job.pause();
    job.content(9_130 * MS);
    job.content(9_160 * MS);
    job.ended();

    assertEquals(List.of(new Times(100, 20)), observed);
  }

  @Test
  void anAnswerWithoutStampsIsOffByOneFactor() {
    Workload.Job job = begin(RouteRequest.of("m"), 0);
    Prediction told = Rates.UNKNOWN.predict(Load.NONE, 100, 100, 0, 0);
    job.whole(11, (long) (told.endMs(11) * 2 * MS));

    assertEquals(2 * told.ttftMs(), observed.getFirst().ttftMs(), 0.01);
    assertEquals(2 * told.tpotMs(), observed.getFirst().tpotMs(), 0.01);
  }

  @Test
  void aRequestThatWaitsLongerThanNineOfTenIsOverdue() {
    Workload.Job job = begin(RouteRequest.of("m"), 0);
    double expected = Rates.UNKNOWN.predict(Load.NONE, 100, 100, 0, 0).ttftP90Ms();

    double overdue = workload.snapshot(5_000 * MS).overdueMs();
    job.close();

    assertEquals(5_000 - expected, overdue, 1);
    assertEquals(0, workload.snapshot(5_000 * MS).overdueMs());
  }

  @Test
  void aWholeAnswerIsOverdueOnlyWhenALongOneWouldHaveEnded() {
    Workload.Job job = begin(RouteRequest.of("m"), false, 0);
    double expected = Rates.UNKNOWN.predict(Load.NONE, 100, 100, 0, 0).endP90Ms(100);

    double soon = workload.snapshot((long) (expected * MS)).overdueMs();
    double late = workload.snapshot((long) ((expected + 700) * MS)).overdueMs();
    job.close();

    assertEquals(0, soon);
    assertEquals(700, late, 1);
    assertEquals(0, workload.snapshot(60_000 * MS).overdueMs());
  }

  @Test
  void aWholeAnswerRunsFromWhenItsFirstTokenIsExpected() {
    Workload.Job job = begin(RouteRequest.of("m").withTokens(400, 10), false, 0);
    long first = (long) (Rates.UNKNOWN.predict(Load.NONE, 400, 10, 0, 0).ttftMs() * MS);
    Workload.Snapshot waiting = workload.snapshot(first - 1);
    Workload.Snapshot running = workload.snapshot(first);
    job.whole(10, 80, 20, 300 * MS);
    Workload.Snapshot over = workload.snapshot(300 * MS);

    assertEquals(1, waiting.waiting());
    assertEquals(400, waiting.waitingTokens());
    assertEquals(0, waiting.running());
    assertEquals(0, running.waiting());
    assertEquals(0, running.waitingTokens());
    assertEquals(1, running.running());
    assertEquals(0, over.running());
    assertEquals(List.of(new Times(80, 20)), observed);
  }

  @Test
  void howLongAnswersAreIsLearnedFromWholeOnesWithStampsToo() {
    for (int i = 0; i < 100; i++) {
      begin(RouteRequest.of("m"), false, i * 1000L * MS).whole(20, 80, 20, (i * 1000L + 500) * MS);
    }

    assertEquals(20, workload.snapshot(100_000 * MS).rates().answerTokens(), 1);
  }

  /** Its step is 15 ms, and one more for each that runs. */
  @Test
  void aStreamLearnsFromTheBatchThatWholeAnswersMake() {
    for (int round = 0; round < 60; round++) {
      long start = round * 10_000L * MS;
      List<Workload.Job> wholes = new ArrayList<>();
      for (int i = 0; i < round % 20; i++) {
        wholes.add(begin(RouteRequest.of("m").withTokens(1, 100), false, start));
      }
      Workload.Job stream = begin(RouteRequest.of("m"), start);
      for (int token = 0; token <= 16; token++) {
        stream.content(start + (500 + token * (16 + round % 20)) * MS);
      }
      stream.ended();
      wholes.forEach(Workload.Job::close);
    }

    Rates rates = workload.snapshot(600_000 * MS).rates();
    assertEquals(17, rates.tpotMs(2, 0), 2);
    assertEquals(35, rates.tpotMs(20, 0), 3);
  }

  @Test
  void aStreamIsOverdueThoughAnOlderWholeAnswerIsNot() {
    begin(RouteRequest.of("m"), false, 0);
    begin(RouteRequest.of("m"), 5 * MS);

    assertTrue(workload.snapshot(1_000 * MS).overdueMs() > 500);
  }

  @Test
  void aReplicaWhoseStreamsStandStillIsOverdueUnlessItsClientsDoNotRead() {
    Workload.Job job = begin(RouteRequest.of("m"), 0);
    job.content(10 * MS);
    double soon = workload.snapshot(60 * MS).overdueMs();
    double late = workload.snapshot(2_010 * MS).overdueMs();
    job.pause();
    double paused = workload.snapshot(2_010 * MS).overdueMs();
    job.content(2_020 * MS);
    double again = workload.snapshot(4_020 * MS).overdueMs();
    job.close();

    assertEquals(0, soon);
    assertEquals(2_000, late, 1);
    assertEquals(0, paused);
    assertEquals(2_000, again, 1);
    assertEquals(0, workload.snapshot(9_000 * MS).overdueMs());
  }

  @Test
  void requestsWithATargetMakeItsReplicaUrgentWhileTheyRun() {
    Slo slo = new Slo("interactive", 300, 50, 0, 0);
    Workload.Job job = begin(RouteRequest.of("m").withSlo(slo, 0), 0);
    job.content(10 * MS);
    double urgency = workload.snapshot(10 * MS).urgency();
    job.close();

    assertEquals(1 / 50.0, urgency);
    assertEquals(0, workload.snapshot(10 * MS).urgency());
  }

  @Test
  void hitsThatDoNotComeAreTrustedLess() {
    for (int i = 0; i < 40; i++) {
      Workload.Job job =
          begin(RouteRequest.of("m").withTokens(100, 1).withPrefixTokens(Map.of("w0", 80)), 0);
      job.cached(0, 100);
      job.close();
    }

    assertTrue(workload.snapshot(0).prefixTrust() < 0.1);
  }

  /** The prompt was half as long as its bytes said, and so was what was cached of it. */
  @Test
  void anEstimateThatIsOffIsNoMissingHit() {
    Workload.Job job =
        begin(RouteRequest.of("m").withTokens(100, 1).withPrefixTokens(Map.of("w0", 80)), 0);
    job.cached(40, 50);
    job.close();

    assertEquals(1, workload.snapshot(0).prefixTrust(), 0.001);
  }

  private static RouteRequest embedding(int tokens) {
    return RouteRequest.of("m").withTokens(tokens, 0);
  }

  @Test
  void whatGeneratesNothingWaitsWithItsTokensUntilItsEnd() {
    Workload.Job job = begin(embedding(700), false, 0);
    Workload.Snapshot there = workload.snapshot(MS);
    job.whole(-1, 50 * MS);

    assertEquals(1, there.waiting());
    assertEquals(700, there.waitingTokens());
    assertEquals(0, there.running());
    assertEquals(0, workload.snapshot(50 * MS).waiting());
    assertEquals(50, observed.getFirst().ttftMs(), 0.01);
    assertTrue(Double.isNaN(observed.getFirst().tpotMs()));
  }

  /** A reranking may take seconds; answers behind it have their first tokens meanwhile. */
  @Test
  void whatGeneratesNothingDoesNotKeepAnswersBehindItFromBeingTakenToRun() {
    Workload.Job job = begin(embedding(700), false, 0);
    begin(RouteRequest.of("m").withTokens(400, 10), false, 0);
    begin(RouteRequest.of("m").withTokens(400, 10), false, 0);
    Workload.Snapshot later = workload.snapshot(60_000 * MS);
    job.close();

    assertEquals(2, later.running());
    assertEquals(1, later.waiting());
    assertEquals(700, later.waitingTokens(), 0.001);
    assertEquals(0, workload.snapshot(60_000 * MS).waiting());
  }

  @Test
  void itsTimeIsLearnedFromItsPromptAloneAndToldToPeers() {
    for (int i = 0; i < 40; i++) {
      int tokens = 100 * (1 + i % 8);
      begin(embedding(tokens), false, i * 1000L * MS).whole(-1, (i * 1000L + 5 + tokens) * MS);
    }
    Rates own = workload.snapshot(40_000 * MS).rates();
    Rates other = new Workload(peers).snapshot(40_000 * MS).rates();

    for (Rates rates : List.of(own, other)) {
      Prediction long1000 = rates.predict(Load.NONE, 1000, 0, 0, 40_000 * MS);
      assertEquals(1005, long1000.endMs(), 120);
    }
    assertEquals(Rates.UNKNOWN.stepMs(), own.stepMs());
  }

  /** Else one embedding that misses its deadline would make a guess at tokens that nobody saw. */
  @Test
  void oneThatMissesItsDeadlineTeachesNothingOfTokens() {
    begin(embedding(100), false, 0).late(250 * MS);

    Rates learned = workload.snapshot(250 * MS).rates();
    assertEquals(1.25 * 250, learned.predict(Load.NONE, 100, 0, 0, 250 * MS).endMs(), 20);
    assertEquals(Rates.UNKNOWN.stepMs(), learned.stepMs());
  }

  private Workload.Job begin(RouteRequest request, long now) {
    return begin(request, true, now);
  }

  private Workload.Job begin(RouteRequest request, boolean streams, long now) {
    return begin(workload, request, streams, now);
  }

  private Workload.Job begin(Workload at, RouteRequest request, boolean streams, long now) {
    ReplicaView view = ReplicaView.of("w0", "m").withOwn(at.snapshot(now));
    Candidate candidate = new LeastLoaded().route(List.of(view), request, now).winner();
    return at.begin(
        Objects.requireNonNull(candidate),
        request,
        streams,
        (predicted, ttftMs, tpotMs) -> observed.add(new Times(ttftMs, tpotMs)),
        now);
  }
}
