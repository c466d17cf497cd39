package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.Stragglers.Rank;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Makes the spans of a request that is over, with their true times. */
final class RequestSpans {
  private final Tracer tracer;
  private final Context above;
  private final TraceDetail detail;
  private final FlightRecord record;
  private final PhaseBreakdown breakdown;
  private final Stragglers stragglers;
  private final StepSpans steps;
  private final long nowNanos;

  /**
   * @param above the span of the whole request
   * @param nowNanos of the gateway's clock
   */
  RequestSpans(
      Tracer tracer,
      Context above,
      TraceDetail detail,
      FlightRecord record,
      PhaseBreakdown breakdown,
      Stragglers stragglers,
      StepSpans steps,
      long nowNanos) {
    this.tracer = tracer;
    this.above = above;
    this.detail = detail;
    this.record = record;
    this.breakdown = breakdown;
    this.stragglers = stragglers;
    this.steps = steps;
    this.nowNanos = nowNanos;
  }

  /**
   * What came before any attempt.
   *
   * @param keptFor why the trace is of interest; a collector's sampler finds it here, for the
   *     SERVER span may be over before that is known
   * @param missed it missed an objective
   */
  void beginning(List<String> keptFor, boolean missed) {
    admit(keptFor, missed);
    if (record.decision() != null) {
      route(record.decision());
    }
    new WaitSpans(tracer, above, record, breakdown).tell();
  }

  private void admit(List<String> keptFor, boolean missed) {
    long end =
        orElse(record.at(Mark.ADMITTED), orElse(record.at(Mark.PARSED), record.at(Mark.ENDED)));
    Span span = child("switchboard.admit", above, record.at(Mark.ACCEPTED));
    slo(span, record.slo());
    span.setAttribute("switchboard.receive_ms", breakdown.nanos(PhaseBreakdown.Phase.ACCEPT) / 1e6);
    span.setAttribute("switchboard.parse_ms", breakdown.nanos(PhaseBreakdown.Phase.PARSE) / 1e6);
    span.setAttribute("switchboard.queue_ms", breakdown.nanos(PhaseBreakdown.Phase.QUEUE) / 1e6);
    if (!keptFor.isEmpty()) {
      span.setAttribute("switchboard.kept", true);
      span.setAttribute(AttributeKey.stringArrayKey("switchboard.kept_for"), keptFor);
    }
    blame(span, missed);
    if (record.decision() == null && record.failure() != null) {
      span.setStatus(StatusCode.ERROR, record.outcome().label());
    }
    span.end(end, TimeUnit.NANOSECONDS);
  }

  /** What was wanted of it; nothing of what was not. */
  private static void slo(Span span, Slo slo) {
    span.setAttribute("switchboard.slo_class", slo.name());
    span.setAttribute("switchboard.priority", slo.priority());
    if (slo.ttftMs() > 0) {
      span.setAttribute("switchboard.slo_ttft_ms", slo.ttftMs());
    }
    if (slo.tpotMs() > 0) {
      span.setAttribute("switchboard.slo_tpot_ms", slo.tpotMs());
    }
    if (slo.deadlineMs() > 0) {
      span.setAttribute("switchboard.deadline_ms", slo.deadlineMs());
    }
  }

  /** The ranks that the metrics charge with this request, and with how much of its time. */
  private void blame(Span span, boolean missed) {
    List<String> harming = stragglers.harming(record).stream().map(Rank::toString).toList();
    if (!harming.isEmpty()) {
      span.setAttribute(AttributeKey.stringArrayKey("switchboard.waited_for"), harming);
      span.setAttribute("switchboard.slo_missed_ms", missed ? record.wallNanos() / 1e6 : 0);
    }
  }

  private void route(Decision decision) {
    long start = record.at(Mark.ADMITTED);
    long end = Math.max(start, orElse(record.at(Mark.ROUTED), record.at(Mark.ENDED)));
    Span span = child("switchboard.route", above, start);
    span.setAttribute("switchboard.policy", decision.policy());
    span.setAttribute("switchboard.attempts", record.attempts().size());
    if (decision.chosen() == null) {
      span.setStatus(StatusCode.ERROR, "no replica");
    } else {
      span.setAttribute("switchboard.replica", decision.chosen());
    }
    span.setAttribute("switchboard.requested_model", decision.requested());
    if (decision.fallback() != null) {
      span.setAttribute(ServerSpan.FALLBACK_REASON, decision.fallback().reason());
    }
    if (decision.shadow() != null) {
      span.setAttribute("switchboard.shadow_policy", decision.shadow().policy());
      span.setAttribute("switchboard.shadow_replica", String.valueOf(decision.shadow().chosen()));
    }
    for (Decision.Candidate candidate : decision.candidates()) {
      span.addEvent("candidate", candidateAttributes(candidate), end, TimeUnit.NANOSECONDS);
    }
    span.end(end, TimeUnit.NANOSECONDS);
  }

  private static Attributes candidateAttributes(Decision.Candidate candidate) {
    ReplicaView view = candidate.view();
    Prediction prediction = candidate.prediction();
    var attributes =
        Attributes.builder()
            .put("switchboard.replica", candidate.replica())
            .put("switchboard.in_flight", view.inFlight())
            .put("switchboard.running", view.running())
            .put("switchboard.waiting", view.waiting())
            .put("switchboard.report_age_ms", view.reportAgeMs())
            .put("switchboard.others", view.others())
            .put("switchboard.own_waiting", view.own().waiting())
            .put("switchboard.overdue_ms", view.own().overdueMs())
            .put("switchboard.weight", view.weight())
            .put("switchboard.cost", view.cost())
            .put("switchboard.prefix_tokens", Math.round(candidate.prefixTokens()))
            .put("switchboard.predicted_ttft_ms", prediction.ttftMs())
            .put("switchboard.predicted_ttft_p90_ms", prediction.ttftP90Ms())
            .put("switchboard.predicted_tpot_ms", prediction.tpotMs())
            .put("switchboard.predicted_tpot_p90_ms", prediction.tpotP90Ms());
    if (candidate.rejected() == null) {
      attributes.put("switchboard.score", candidate.score());
    } else {
      attributes.put("switchboard.rejected", candidate.rejected());
    }
    return attributes.build();
  }

  /** What is known of the attempt that served, or was the last. */
  void describe(Span span) {
    asked(span, record.parameters());
    answered(span);
    usage(span);
    if (record.outcome() != Outcome.OK) {
      span.setAttribute("error.type", record.outcome().label());
      span.setStatus(StatusCode.ERROR, record.outcome().label());
    }
  }

  private static void asked(Span span, RequestParameters parameters) {
    if (parameters.choices() > 1) {
      span.setAttribute("gen_ai.request.choice.count", parameters.choices());
    }
    if (parameters.maxTokens() != null) {
      span.setAttribute("gen_ai.request.max_tokens", parameters.maxTokens());
    }
    if (parameters.temperature() != null) {
      span.setAttribute("gen_ai.request.temperature", parameters.temperature());
    }
    if (parameters.topP() != null) {
      span.setAttribute("gen_ai.request.top_p", parameters.topP());
    }
    if (parameters.topK() != null) {
      span.setAttribute("gen_ai.request.top_k", parameters.topK());
    }
    if (parameters.presencePenalty() != null) {
      span.setAttribute("gen_ai.request.presence_penalty", parameters.presencePenalty());
    }
    if (parameters.frequencyPenalty() != null) {
      span.setAttribute("gen_ai.request.frequency_penalty", parameters.frequencyPenalty());
    }
    if (parameters.seed() != null) {
      span.setAttribute("gen_ai.request.seed", parameters.seed());
    }
    if (parameters.json()) {
      span.setAttribute("gen_ai.output.type", "json");
    }
  }

  private void answered(Span span) {
    if (record.names().id() != null) {
      span.setAttribute("gen_ai.response.id", record.names().id());
    }
    if (record.names().model() != null) {
      span.setAttribute("gen_ai.response.model", record.names().model());
    }
    if (record.finishReason() != null) {
      span.setAttribute(
          AttributeKey.stringArrayKey("gen_ai.response.finish_reasons"),
          List.of(record.finishReason()));
    }
  }

  private void usage(Span span) {
    if (record.usage().promptTokens() >= 0) {
      span.setAttribute("gen_ai.usage.input_tokens", record.usage().promptTokens());
      span.setAttribute("gen_ai.usage.cache_read.input_tokens", record.usage().cachedTokens());
    }
    if (record.usage().completionTokens() >= 0) {
      span.setAttribute("gen_ai.usage.output_tokens", record.usage().completionTokens());
    }
    if (record.stream() && record.ttftNanos() >= 0) {
      span.setAttribute("gen_ai.response.time_to_first_chunk", record.ttftNanos() / 1e9);
    }
  }

  /** What a replica did in an attempt. */
  void engine(Context attempt, String replica, PhaseBreakdown.Engine engine) {
    for (RequestTimeline timeline : engine.timelines()) {
      long queueEnd = orElse(timeline.scheduledNanos(), timeline.finishedNanos());
      Span queue = child("engine.queue", attempt, timeline.tokenizedNanos());
      queue.setAttribute("switchboard.choice", timeline.choice());
      queue.setAttribute("switchboard.preemptions", timeline.preemptions());
      queue.end(Math.max(queueEnd, timeline.tokenizedNanos()), TimeUnit.NANOSECONDS);
      phase("engine.prefill", attempt, replica, timeline, timeline.prefill(), engine);
      phase("engine.decode", attempt, replica, timeline, timeline.decode(), engine);
      if (TraceDetail.STEPS.toldAt(detail) && !timeline.steps().isEmpty()) {
        steps(Span.fromContext(attempt), replica, timeline, engine.offsetNanos());
      }
    }
  }

  private void steps(Span attempt, String replica, RequestTimeline timeline, long offsetNanos) {
    attempt.setAttribute(
        AttributeKey.stringArrayKey("switchboard.step_traces"),
        List.copyOf(steps.traces(replica, timeline)));
    int left = timeline.steps().size() - StepSpans.MOST_STEPS;
    if (left > 0) {
      attempt.setAttribute("switchboard.steps_left_out", left);
    }
    steps.add(replica, timeline, offsetNanos, attempt.getSpanContext(), nowNanos);
  }

  private void phase(
      String name,
      Context attempt,
      String replica,
      RequestTimeline timeline,
      @Nullable Phase phase,
      PhaseBreakdown.Engine engine) {
    if (phase == null) {
      return;
    }
    Span span = child(name, attempt, phase.startNanos());
    span.setAttribute("switchboard.choice", timeline.choice());
    span.setAttribute("switchboard.tokens", phase.tokens());
    span.setAttribute("switchboard.cached_tokens", phase.cachedTokens());
    if (phase.recomputedTokens() > 0) {
      span.setAttribute("switchboard.recomputed_tokens", phase.recomputedTokens());
    }
    span.setAttribute("switchboard.steps", phase.steps());
    span.setAttribute("switchboard.wait_ms", phase.waitNanos() / 1e6);
    span.setAttribute("switchboard.clock_error_ms", engine.errorNanos() / 1e6);
    if (phase.slowest() != null) {
      RequestTimeline.Step slowest = phase.slowest();
      span.setAttribute("switchboard.slowest_step", slowest.step());
      span.setAttribute(
          "switchboard.slowest_step_ms", (slowest.endNanos() - slowest.startNanos()) / 1e6);
    }
    Context context = attempt.with(span);
    if (TraceDetail.RANKS.toldAt(detail)) {
      phase.lanes().forEach(lane -> lane(context, replica, lane, phase));
    }
    span.end(Math.max(phase.endNanos(), phase.startNanos()), TimeUnit.NANOSECONDS);
  }

  /** A lane's steps are shared with its batch and may begin before the request's phase does. */
  private void lane(Context context, String replica, Lane lane, Phase phase) {
    long last = Math.max(phase.startNanos(), phase.endNanos());
    long start = Math.clamp(lane.startNanos(), phase.startNanos(), last);
    long end = Math.clamp(lane.endNanos(), start, last);
    Span span = child("stage " + lane.stage() + " › rank " + lane.rank(), context, start);
    span.setAttribute("switchboard.stage", lane.stage());
    span.setAttribute("switchboard.rank", lane.rank());
    span.setAttribute("switchboard.compute_ms", lane.computeNanos() / 1e6);
    span.setAttribute("switchboard.all_reduce_wait_ms", lane.allReduceWaitNanos() / 1e6);
    span.setAttribute("switchboard.receive_wait_ms", lane.receiveWaitNanos() / 1e6);
    span.setAttribute("switchboard.send_ms", lane.sendNanos() / 1e6);
    span.setAttribute("switchboard.sample_ms", lane.sampleNanos() / 1e6);
    span.setAttribute("switchboard.copy_ms", lane.copyNanos() / 1e6);
    span.setAttribute("switchboard.off_cpu_ms", lane.offCpuNanos() / 1e6);
    span.setAttribute("switchboard.steps", lane.steps());
    span.setAttribute(
        "switchboard.straggler_share",
        lane.steps() == 0 ? 0 : (double) lane.stragglerSteps() / lane.steps());
    if (stragglers.names(replica, lane)) {
      span.setAttribute("switchboard.straggler", true);
    }
    span.setAttribute("switchboard.bytes", lane.bytes());
    if (lane.lateNanos() > 0) {
      span.setAttribute("switchboard.late_ms", lane.lateNanos() / 1e6);
      span.setAttribute("switchboard.longest_late_ms", lane.longestLateNanos() / 1e6);
      span.setAttribute("switchboard.latest_at", lane.latestAt().toString());
    }
    span.end(end, TimeUnit.NANOSECONDS);
  }

  private Span child(String name, Context context, long startNanos) {
    return tracer
        .spanBuilder(name)
        .setParent(context)
        .setStartTimestamp(startNanos, TimeUnit.NANOSECONDS)
        .startSpan();
  }

  private static long orElse(long nanos, long other) {
    return nanos == 0 ? other : nanos;
  }
}
