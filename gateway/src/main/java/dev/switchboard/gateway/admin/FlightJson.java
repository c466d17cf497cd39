package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.SloCheck;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A flight record for people and for the console: durations in milliseconds, times in milliseconds
 * since the request was accepted.
 */
final class FlightJson {
  private static final double NANOS_PER_MS = 1e6;

  /** Told of those that could have been chosen, where not all are. */
  private static final int MOST_CANDIDATES = 8;

  private final boolean full;

  private FlightJson(boolean full) {
    this.full = full;
  }

  /** One line of the list of requests. */
  static ObjectNode summary(FlightRecord record) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", record.id());
    json.put("accepted_at", instant(record.at(Mark.ACCEPTED)));
    json.put("endpoint", record.endpoint()).put("model", record.model());
    json.put("tenant", record.tenant()).put("slo_class", record.sloClass());
    json.put("stream", record.stream());
    json.put("outcome", record.outcome().label()).put("status", record.status());
    if (record.failure() != null) {
      json.put("error", record.failure().error().message());
    }
    json.put("replica", record.replica()).put("attempts", record.attempts().size());
    json.put("migrations", record.moves());
    json.put("wall_ms", record.wallNanos() / NANOS_PER_MS);
    json.put("missed", record.missed());
    millis(json, "ttft_ms", record.ttftNanos());
    millis(json, "tpot_ms", record.tpotNanos());
    tokens(json, "prompt_tokens", record.usage().promptTokens());
    tokens(json, "cached_tokens", record.usage().cachedTokens());
    tokens(json, "completion_tokens", record.usage().completionTokens());
    json.put("finish_reason", record.finishReason()).put("trace_id", record.traceId());
    more(json, record);
    return json;
  }

  private static void more(ObjectNode json, FlightRecord record) {
    json.put("priority", record.slo().priority());
    ArrayNode missed = json.putArray("slo_missed");
    SloCheck.missed(record).forEach(objective -> missed.add(objective.label()));
    if (record.outcome() == Outcome.DEADLINE) {
      missed.add("deadline");
    }
    PhaseBreakdown breakdown = PhaseBreakdown.of(record);
    long queued =
        breakdown.nanos(PhaseBreakdown.Phase.QUEUE)
            + breakdown.nanos(PhaseBreakdown.Phase.WORKER_QUEUE);
    json.put("queue_ms", queued / NANOS_PER_MS);
    json.put("policy", record.decision() == null ? null : record.decision().policy());
    json.put("hedged", record.attempts().stream().anyMatch(FlightRecord.Attempt::hedge));
    ArrayNode replicas = json.putArray("replicas");
    record.attempts().stream().map(FlightRecord.Attempt::replica).distinct().forEach(replicas::add);
  }

  /**
   * What is known of a request.
   *
   * @param full with every step, and every replica that could have been chosen
   */
  static ObjectNode timeline(FlightRecord record, boolean full) {
    return new FlightJson(full).timeline(record);
  }

  private ObjectNode timeline(FlightRecord record) {
    PhaseBreakdown breakdown = PhaseBreakdown.of(record);
    long origin = record.at(Mark.ACCEPTED);
    ObjectNode json = summary(record);
    json.set("slo", slo(record.slo()));
    json.set("phases", phases(record, breakdown));
    before(json, breakdown);
    json.put("client_stall_ms", breakdown.clientStallNanos() / NANOS_PER_MS);
    millis(json, "longest_gap_ms", record.longestGapNanos());
    json.set("attempts", attempts(record, origin));
    json.set("queue", queue(breakdown));
    json.set("route", route(record, breakdown));
    PhaseBreakdown.Engine engine = breakdown.engine();
    if (engine == null) {
      json.putNull("prefill").putNull("decode");
      return json;
    }
    engine(json, engine, origin);
    return json;
  }

  /** What was wanted of it; 0 where nothing was. */
  static ObjectNode slo(Slo slo) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("class", slo.name())
        .put("ttft_ms", slo.ttftMs())
        .put("tpot_ms", slo.tpotMs())
        .put("deadline_ms", slo.deadlineMs())
        .put("priority", slo.priority());
  }

  private void engine(ObjectNode json, PhaseBreakdown.Engine engine, long origin) {
    RequestTimeline told = engine.timelines().getFirst();
    json.set("prefill", phase(told.prefill(), origin));
    json.set("decode", phase(told.decode(), origin));
    ArrayNode choices = json.putArray("choices");
    engine.timelines().forEach(timeline -> choices.add(choice(timeline, origin)));
    json.putObject("clock")
        .put("offset_ms", engine.offsetNanos() / NANOS_PER_MS)
        .put("error_ms", engine.errorNanos() / NANOS_PER_MS)
        .put("clamped", engine.clamped());
  }

  /** Of the first request of a connection. */
  private static void before(ObjectNode json, PhaseBreakdown breakdown) {
    if (!breakdown.before().isEmpty()) {
      ArrayNode array = json.putArray("before");
      breakdown
          .before()
          .forEach(
              (phase, nanos) ->
                  array.addObject().put("phase", phase.label()).put("ms", nanos / NANOS_PER_MS));
    }
  }

  private static ArrayNode phases(FlightRecord record, PhaseBreakdown breakdown) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    double wall = Math.max(1, record.wallNanos());
    for (PhaseBreakdown.Segment segment : breakdown.segments()) {
      array
          .addObject()
          .put("phase", segment.phase().label())
          .put("ms", segment.nanos() / NANOS_PER_MS)
          .put("share", segment.nanos() / wall);
    }
    return array;
  }

  private ArrayNode attempts(FlightRecord record, long origin) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (FlightRecord.Attempt attempt : record.attempts()) {
      ObjectNode row = array.addObject();
      row.put("number", attempt.number())
          .put("replica", attempt.replica())
          .put("start_ms", since(origin, attempt.startNanos()))
          .put("end_ms", since(origin, attempt.endNanos()))
          .put("error", attempt.error());
      if (attempt.hedge()) {
        row.put("hedge", true);
      }
      FlightRecord.Move move = attempt.move();
      if (move != null) {
        ObjectNode moved = row.putObject("migration").put("cause", move.cause());
        moved.put("cut_ms", since(origin, move.cutNanos()));
        moment(moved, "resumed_ms", origin, move.resumedNanos());
      }
      switch (record.engines().asked().get(attempt.number())) {
        case EngineAnswer.Reported told -> engine(row.putObject("engine"), told.engine(), origin);
        case EngineAnswer.Missing missing -> row.put("engine_missing", missing.why().label());
        case null -> {}
      }
    }
    return array;
  }

  private static ObjectNode queue(PhaseBreakdown breakdown) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    long gateway = breakdown.nanos(PhaseBreakdown.Phase.QUEUE);
    long worker = breakdown.nanos(PhaseBreakdown.Phase.WORKER_QUEUE);
    return json.put("ms", (gateway + worker) / NANOS_PER_MS)
        .put("gateway_ms", gateway / NANOS_PER_MS)
        .put("worker_ms", worker / NANOS_PER_MS);
  }

  private ObjectNode route(FlightRecord record, PhaseBreakdown breakdown) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("ms", breakdown.nanos(PhaseBreakdown.Phase.ROUTE) / NANOS_PER_MS);
    Decision decision = record.decision();
    if (decision != null) {
      decide(json, decision);
    }
    return json;
  }

  /** A decision with every replica that it was between. */
  static ObjectNode decision(Decision decision) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    new FlightJson(true).decide(json, decision);
    return json;
  }

  private void decide(ObjectNode json, Decision decision) {
    json.put("policy", decision.policy()).put("chosen", decision.chosen());
    json.put("requested_model", decision.requested()).put("model", decision.model());
    Decision.Fallback fallback = decision.fallback();
    json.put("fallback_reason", fallback == null ? null : fallback.reason());
    if (decision.shadow() != null) {
      json.putObject("shadow")
          .put("policy", decision.shadow().policy())
          .put("chosen", decision.shadow().chosen());
    }
    List<Decision.Candidate> told = told(decision);
    json.put("candidates_left_out", decision.candidates().size() - told.size());
    ArrayNode candidates = json.putArray("candidates");
    for (Decision.Candidate candidate : told) {
      ObjectNode row = candidates.addObject().put("replica", candidate.replica());
      row.put("rejected", candidate.rejected());
      if (candidate.rejected() == null && Double.isFinite(candidate.score())) {
        row.put("score", candidate.score());
      }
      load(row, candidate.view());
      promise(row, candidate);
    }
  }

  /** All, or the chosen one and some of the others. */
  private List<Decision.Candidate> told(Decision decision) {
    List<Decision.Candidate> all = decision.candidates();
    if (full || all.size() <= MOST_CANDIDATES) {
      return all;
    }
    return all.stream()
        .sorted(
            Comparator.comparing(
                (Decision.Candidate each) -> !each.replica().equals(decision.chosen())))
        .limit(MOST_CANDIDATES)
        .toList();
  }

  private static void load(ObjectNode row, ReplicaView view) {
    row.put("in_flight", view.inFlight()).put("running", view.running());
    row.put("waiting", view.waiting()).put("report_age_ms", view.reportAgeMs());
    row.put("others", view.others());
    row.put("own_waiting", view.own().waiting());
    row.put("own_waiting_tokens", Math.round(view.own().waitingTokens()));
    row.put("overdue_ms", view.own().overdueMs());
    row.put("weight", view.weight()).put("cost", view.cost());
    row.put("max_concurrency", view.maxConcurrency());
    row.put("circuit", view.circuit().name()).put("kv_used_ratio", view.kvUsed());
  }

  private static void promise(ObjectNode row, Decision.Candidate candidate) {
    Prediction prediction = candidate.prediction();
    row.put("prefix_tokens", Math.round(candidate.prefixTokens()));
    row.put("ttft_ms", prediction.ttftMs()).put("ttft_p90_ms", prediction.ttftP90Ms());
    row.put("tpot_ms", prediction.tpotMs()).put("tpot_p90_ms", prediction.tpotP90Ms());
    row.put("samples", candidate.view().own().rates().samples());
  }

  private ObjectNode choice(RequestTimeline timeline, long origin) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("choice", timeline.choice());
    json.put("received_ms", since(origin, timeline.receivedNanos()));
    json.put("tokenized_ms", since(origin, timeline.tokenizedNanos()));
    moment(json, "scheduled_ms", origin, timeline.scheduledNanos());
    moment(json, "first_token_ms", origin, timeline.firstTokenNanos());
    json.put("finished_ms", since(origin, timeline.finishedNanos()));
    json.put("preemptions", timeline.preemptions());
    if (full) {
      json.set("prefill", phase(timeline.prefill(), origin));
      json.set("decode", phase(timeline.decode(), origin));
      ArrayNode steps = json.putArray("steps");
      timeline.steps().forEach(step -> steps.add(step(step, origin)));
    } else {
      json.put("steps_left_out", timeline.steps().size());
    }
    return json;
  }

  private @Nullable ObjectNode phase(@Nullable Phase phase, long origin) {
    if (phase == null) {
      return null;
    }
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("start_ms", since(origin, phase.startNanos()));
    json.put("end_ms", since(origin, phase.endNanos()));
    json.put("ms", (phase.endNanos() - phase.startNanos()) / NANOS_PER_MS);
    json.put("tokens", phase.tokens()).put("cached_tokens", phase.cachedTokens());
    json.put("recomputed_tokens", phase.recomputedTokens());
    json.put("steps", phase.steps()).put("wait_ms", phase.waitNanos() / NANOS_PER_MS);
    json.set("slowest_step", phase.slowest() == null ? null : step(phase.slowest(), origin));
    ArrayNode lanes = json.putArray("lanes");
    phase.lanes().forEach(lane -> lanes.add(lane(lane, origin)));
    return json;
  }

  private ObjectNode step(Step step, long origin) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("step", step.step());
    json.put("submit_ms", since(origin, step.submitNanos()));
    json.put("start_ms", since(origin, step.startNanos()));
    json.put("end_ms", since(origin, step.endNanos()));
    json.put("request_tokens", step.requestTokens());
    json.put("batch_tokens", step.batchTokens()).put("batch_requests", step.batchRequests());
    if (full) {
      ArrayNode lanes = json.putArray("lanes");
      step.lanes().forEach(lane -> lanes.add(lane(lane, origin)));
    }
    return json;
  }

  private static ObjectNode lane(Lane lane, long origin) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("stage", lane.stage()).put("rank", lane.rank());
    json.put("start_ms", since(origin, lane.startNanos()));
    json.put("end_ms", since(origin, lane.endNanos()));
    json.put("compute_ms", lane.computeNanos() / NANOS_PER_MS);
    json.put("all_reduce_wait_ms", lane.allReduceWaitNanos() / NANOS_PER_MS);
    json.put("receive_wait_ms", lane.receiveWaitNanos() / NANOS_PER_MS);
    json.put("send_ms", lane.sendNanos() / NANOS_PER_MS);
    json.put("sample_ms", lane.sampleNanos() / NANOS_PER_MS);
    json.put("copy_ms", lane.copyNanos() / NANOS_PER_MS);
    json.put("off_cpu_ms", lane.offCpuNanos() / NANOS_PER_MS);
    json.put("steps", lane.steps()).put("straggler_steps", lane.stragglerSteps());
    if (lane.lateNanos() > 0) {
      json.put("late_ms", lane.lateNanos() / NANOS_PER_MS);
      json.put("longest_late_ms", lane.longestLateNanos() / NANOS_PER_MS);
      json.put("latest_at", lane.latestAt().toString());
    }
    return json.put("bytes", lane.bytes());
  }

  private static void moment(ObjectNode json, String name, long origin, long nanos) {
    if (nanos == 0) {
      json.putNull(name);
    } else {
      json.put(name, since(origin, nanos));
    }
  }

  private static void millis(ObjectNode json, String name, long nanos) {
    if (nanos < 0) {
      json.putNull(name);
    } else {
      json.put(name, nanos / NANOS_PER_MS);
    }
  }

  private static void tokens(ObjectNode json, String name, int count) {
    if (count < 0) {
      json.putNull(name);
    } else {
      json.put(name, count);
    }
  }

  private static double since(long origin, long nanos) {
    return (nanos - origin) / NANOS_PER_MS;
  }

  static String instant(long nanos) {
    return Instant.ofEpochSecond(nanos / 1_000_000_000L, nanos % 1_000_000_000L).toString();
  }
}
