package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.TimeBuckets;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Critical;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Targets of 100 ms each: what a request missed them for. */
class SloBlameTest {
  private static final long MS = 1_000_000;
  private static final Slo SLO = new Slo("live", 100, 10, 1000, 0);

  private long now = 1_000 * MS;

  /** By rank of a single stage, how long the others waited for it. */
  private List<Long> lateNanos = List.of();

  @Test
  void aLongQueueIsToBlameWhereTheRestWouldHaveBeenInTime() {
    assertEquals(SloCause.QUEUE, ttft(80, 0, new Critical(60 * MS, 0, 0, 0, 0, 0)));
  }

  @Test
  void ofALongPromptAShortQueueIsNotToBlame() {
    assertEquals(SloCause.PREFILL, ttft(30, 0, new Critical(150 * MS, 0, 0, 0, 0, 0)));
  }

  @Test
  void aQueueThatIsMostOfTheTimeIsToBlameThoughThePromptWasTooLongByItself() {
    assertEquals(SloCause.QUEUE, ttft(400, 0, new Critical(150 * MS, 0, 0, 0, 0, 0)));
  }

  @Test
  void whatTheEngineWaitedForIsToBlame() {
    lateNanos = List.of(0L, 80 * MS);
    assertEquals(SloCause.STRAGGLER, ttft(0, 0, new Critical(60 * MS, 80 * MS, 0, 0, 0, 0)));
    lateNanos = List.of();
    assertEquals(SloCause.MACHINE, ttft(0, 0, new Critical(60 * MS, 0, 0, 0, 80 * MS, 0)));
    assertEquals(SloCause.NEIGHBOURS, ttft(0, 80, new Critical(60 * MS, 0, 0, 0, 0, 0)));
  }

  /** As where a request is explained. */
  @Test
  void ranksThatAreLateInTurnAreTheRequestsOwnWork() {
    lateNanos = List.of(40 * MS, 40 * MS);

    assertEquals(SloCause.PREFILL, ttft(0, 0, new Critical(60 * MS, 80 * MS, 0, 0, 0, 0)));
  }

  /** A process that is stopped reads nothing, and has no step that lost its core. */
  @Test
  void aWorkerThatDoesNotReadItsSocketIsTheMachinesDoing() {
    Flight flight = admitted(0);
    now += 400 * MS;
    RequestTimeline.Phase prefill = phase(now, now + MS, 0, new Critical(MS, 0, 0, 0, 0, 0));
    RequestTimeline told =
        new RequestTimeline("r", 0, now, now, now, now + MS, now + MS, 0, prefill, null, List.of());
    now += MS;
    flight.timelines(List.of(told), EngineStamps.NONE);
    flight.content();
    flight.mark(Mark.UPSTREAM_ENDED);

    assertEquals(SloCause.MACHINE, of(Objective.TTFT, flight.finish(Outcome.OK, 200, null)));
  }

  @Test
  void theWaitForAReplicaIsTheQueuesBeforeTheFirstTokenAndTheMigrationsAfterIt() {
    Flight first = new Flight("r", () -> now);
    first.mark(Mark.RECEIVED);
    first.mark(Mark.PARSED);
    first.mark(Mark.ADMITTED);
    waitForReplica(first);
    first.decision(Decision.of("p", "m", "w0", List.of()));
    first.mark(Mark.CONNECTED);
    first.content();
    first.mark(Mark.UPSTREAM_ENDED);
    FlightRecord late = first.finish(Outcome.OK, 200, null);

    Flight again = admitted(0);
    again.stream(true);
    now += 150 * MS;
    again.content();
    long lost = now;
    again.attempt(new FlightRecord.Attempt(1, "w0", lost, lost, "died", false, null));
    waitForReplica(again);
    long start = now;
    now += 5 * MS;
    FlightRecord.Move move = new FlightRecord.Move("died", lost, lost, now);
    again.attempt(new FlightRecord.Attempt(2, "w1", start, now, null, false, move));
    again.content();
    again.usage(new Usage(1, 0, 11));
    again.mark(Mark.UPSTREAM_ENDED);
    FlightRecord moved = again.finish(Outcome.OK, 200, null);

    assertEquals(SloCause.QUEUE, of(Objective.TTFT, late));
    assertEquals(SloCause.MIGRATION, of(Objective.TPOT, moved));
    assertEquals(SloCause.MIGRATION, of(Objective.DEADLINE, moved));
    assertEquals(SloCause.OTHER, of(Objective.TTFT, moved));
  }

  /** Its client has nothing before the last token is there. */
  @Test
  void anAnswerThatComesWholeIsLateForAllOfItsTokens() {
    FlightRecord own = decoded(false, 1, new Critical(500 * MS, 0, 0, 0, 0, 0));
    FlightRecord neighbours = decoded(false, 1, new Critical(40 * MS, 0, 0, 0, 0, 460 * MS));

    assertEquals(SloCause.DECODE, of(Objective.TTFT, own));
    assertEquals(SloCause.NEIGHBOURS, of(Objective.TTFT, neighbours));
  }

  private void waitForReplica(Flight flight) {
    flight.replicaWaitBegins();
    now += 400 * MS;
    flight.replicaWaitEnds();
  }

  @Test
  void laterTokensAreJudgedByWhatCameAfterTheFirst() {
    FlightRecord neighbours = decoded(300, new Critical(40 * MS, 0, 0, 0, 0, 90 * MS));
    FlightRecord own = decoded(300, new Critical(130 * MS, 0, 0, 0, 0, 0));

    assertEquals(SloCause.NEIGHBOURS, of(Objective.TPOT, neighbours));
    assertEquals(SloCause.DECODE, of(Objective.TPOT, own));
    assertEquals(SloCause.QUEUE, of(Objective.DEADLINE, own));
  }

  @Test
  void howLateItWasIsWhatCameAfterTheTarget() {
    FlightRecord record = decoded(300, new Critical(130 * MS, 0, 0, 0, 0, 0));
    FlightRecord unanswered = unanswered(Outcome.UNAVAILABLE, 2000);

    assertEquals(200_000, SloCheck.lateMicros(Objective.TTFT, record, SLO));
    // Ten tokens of 13 ms where 10 are asked for.
    assertEquals(30_000, SloCheck.lateMicros(Objective.TPOT, record, SLO));
    assertEquals(0, SloCheck.lateMicros(Objective.DEADLINE, record, SLO));
    assertEquals(0, SloCheck.lateMicros(Objective.AVAILABILITY, unanswered, SLO));
  }

  @Test
  void whoWasNotAnsweredIsJudgedByTheOutcome() {
    FlightRecord shed = unanswered(Outcome.SHED, 0);
    FlightRecord late = unanswered(Outcome.DEADLINE, 1100);
    FlightRecord nobody = unanswered(Outcome.UNAVAILABLE, 0);

    assertEquals(SloCause.QUEUE, of(Objective.AVAILABILITY, shed));
    assertEquals(SloCause.QUEUE, of(Objective.AVAILABILITY, late));
    assertEquals(SloCause.QUEUE, of(Objective.DEADLINE, late));
    assertEquals(SloCause.FAILURE, of(Objective.AVAILABILITY, nobody));
  }

  @Test
  void aDeadlineIsAnObjectiveWhereTheRequestHasOne() {
    FlightRecord late = unanswered(Outcome.DEADLINE, 1100);
    FlightRecord inTime = decoded(0, new Critical(130 * MS, 0, 0, 0, 0, 0));

    assertEquals(SloCheck.Kept.MISSED, SloCheck.of(Objective.DEADLINE, late, SLO));
    assertEquals(SloCheck.Kept.MET, SloCheck.of(Objective.DEADLINE, inTime, SLO));
    assertEquals(SloCheck.Kept.NONE, SloCheck.of(Objective.DEADLINE, late, Slo.NONE));
  }

  /** So that the store's histograms add up to the metrics'. */
  @Test
  void everyBoundOfTheMetricsIsOneOfTheHistory() {
    for (Metric metric : List.of(Metric.TTFT, Metric.TPOT, Metric.REQUEST)) {
      for (double bound : Objects.requireNonNull(metric.buckets()).bounds()) {
        long micros = Math.round(bound * 1e6);
        assertEquals(micros, TimeBuckets.of(micros * 1000), metric.word());
      }
    }
    assertTrue(TimeBuckets.of(50 * MS) <= 55_000);
  }

  private static SloCause of(Objective objective, FlightRecord record) {
    return SloBlame.of(objective, record, PhaseBreakdown.of(record), SLO, List.of());
  }

  /** What a first token is late for: milliseconds in a queue, waiting in prefill, and its work. */
  private SloCause ttft(long queueMs, long waitMs, Critical work) {
    Flight flight = admitted(queueMs);
    long start = now;
    now += (waitMs * MS) + sum(work);
    RequestTimeline.Phase prefill = phase(start, now, waitMs * MS, work);
    flight.timelines(
        List.of(
            new RequestTimeline(
                "r", 0, start, start, start, now, now, 0, prefill, null, List.of())),
        EngineStamps.NONE);
    flight.content();
    flight.mark(Mark.UPSTREAM_ENDED);
    return of(Objective.TTFT, flight.finish(Outcome.OK, 200, null));
  }

  /** Eleven tokens, of which ten took what the work did. */
  private FlightRecord decoded(long queueMs, Critical work) {
    return decoded(true, queueMs, work);
  }

  private FlightRecord decoded(boolean stream, long queueMs, Critical work) {
    Flight flight = admitted(queueMs);
    flight.slo(SLO);
    flight.stream(stream);
    if (stream) {
      flight.content();
    }
    long start = now;
    now += sum(work);
    if (!stream) {
      flight.content();
    }
    RequestTimeline.Phase decode = phase(start, now, 0, work);
    flight.timelines(
        List.of(
            new RequestTimeline(
                "r", 0, start, start, start, start, now, 0, null, decode, List.of())),
        EngineStamps.NONE);
    flight.usage(new Usage(1, 0, 11));
    flight.mark(Mark.UPSTREAM_ENDED);
    return flight.finish(Outcome.OK, 200, null);
  }

  private FlightRecord unanswered(Outcome outcome, long waitedMs) {
    Flight flight = new Flight("r", () -> now);
    flight.mark(Mark.RECEIVED);
    flight.mark(Mark.PARSED);
    now += waitedMs * MS;
    return flight.finish(outcome, outcome.status(), null);
  }

  private Flight admitted(long queueMs) {
    Flight flight = new Flight("r", () -> now);
    flight.mark(Mark.RECEIVED);
    flight.mark(Mark.PARSED);
    now += queueMs * MS;
    flight.mark(Mark.ADMITTED);
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    flight.mark(Mark.CONNECTED);
    return flight;
  }

  private RequestTimeline.Phase phase(long from, long to, long waitNanos, Critical work) {
    List<RequestTimeline.Lane> lanes = new ArrayList<>();
    for (long late : lateNanos) {
      lanes.add(lane(lanes.size(), late));
    }
    return new RequestTimeline.Phase(from, to, 10, 0, 0, 10, waitNanos, work, null, lanes);
  }

  private static RequestTimeline.Lane lane(int rank, long lateNanos) {
    return new RequestTimeline.Lane(
        0,
        rank,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        10,
        0,
        0,
        lateNanos,
        0,
        new Collective(Collective.Kind.START, 0));
  }

  private static long sum(Critical work) {
    return work.computeNanos()
        + work.collectiveWaitNanos()
        + work.offCpuNanos()
        + work.neighbourPrefillNanos();
  }
}
