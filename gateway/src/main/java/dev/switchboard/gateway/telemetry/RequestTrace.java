package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The spans of one request.
 *
 * <p>Only {@code chat {model}} is a live span, since its id must travel to the upstream before
 * anything is known. All others are made when the request is over, with their true times, so a
 * trace that nobody records costs nothing. The agent's context does not follow Vert.x response
 * handlers; it is taken once, when the request's head arrives, and passed explicitly from there on.
 */
public final class RequestTrace {
  private final Tracer tracer;
  private final Context parent;
  private final Labels exemplar;

  /** Of the attempt that serves, or served last. */
  private Context attemptContext;

  private boolean serving;

  private TraceDetail detail = TraceDetail.REQUEST;

  /**
   * @param parent holds the agent's SERVER span
   * @param chosen asked, where the trace is recorded, whether it shall be an exemplar
   */
  public RequestTrace(Tracer tracer, Context parent, BooleanSupplier chosen) {
    this.tracer = tracer;
    this.parent = parent;
    this.exemplar = exemplar(Span.fromContext(parent), chosen);
    this.attemptContext = parent;
  }

  /** Trace id for the flight and the exemplars; null when nobody traces. */
  public @Nullable String traceId() {
    SpanContext context = Span.fromContext(parent).getSpanContext();
    return context.isValid() ? context.getTraceId() : null;
  }

  /** How much it is to tell. */
  public void detail(TraceDetail wanted) {
    detail = wanted;
  }

  /** The attribute by which a sampler knows a trace that a metric points to. */
  private static Labels exemplar(Span server, BooleanSupplier chosen) {
    SpanContext context = server.getSpanContext();
    if (!context.isSampled() || !chosen.getAsBoolean()) {
      return Labels.EMPTY;
    }
    server.setAttribute("switchboard.exemplar", true);
    return Labels.of("trace_id", context.getTraceId(), "span_id", context.getSpanId());
  }

  /** What the metrics of this request point to; empty when it was not chosen. */
  public Labels exemplar() {
    return exemplar;
  }

  /**
   * Starts the span of an attempt.
   *
   * @param hedge it runs beside another one
   * @return the context whose trace headers the upstream gets
   */
  public Context startAttempt(
      Flight flight, String replica, int number, boolean hedge, long startNanos) {
    if (!TraceDetail.REQUEST.toldAt(detail)) {
      return parent;
    }
    SpanBuilder builder =
        tracer
            .spanBuilder(flight.endpoint() + " " + flight.model())
            .setSpanKind(SpanKind.CLIENT)
            .setParent(parent)
            .setStartTimestamp(startNanos, TimeUnit.NANOSECONDS);
    Span span = builder.startSpan();
    span.setAttribute("gen_ai.operation.name", flight.endpoint());
    span.setAttribute("gen_ai.provider.name", "switchboard");
    span.setAttribute("gen_ai.request.model", flight.model());
    span.setAttribute("gen_ai.request.stream", flight.stream());
    span.setAttribute("switchboard.replica", replica);
    span.setAttribute("switchboard.attempt", number);
    if (hedge) {
      span.setAttribute("switchboard.hedge", true);
    }
    return parent.with(span);
  }

  /** From now on this attempt is the one whose answer the client gets. */
  public void serves(Context traced) {
    attemptContext = traced;
    serving = own(traced);
  }

  /** Whether an attempt has a span; else it goes by the context around the request. */
  private boolean own(Context traced) {
    return !traced.equals(parent);
  }

  /** Ends the span of an attempt that failed. */
  public void attemptFailed(Context traced, String reason, long endNanos) {
    if (!own(traced)) {
      return;
    }
    Span span = Span.fromContext(traced);
    span.setStatus(StatusCode.ERROR, reason);
    span.setAttribute("error.type", Outcome.UPSTREAM_BROKEN.label());
    ended(traced, endNanos);
  }

  /** Ends the span of an attempt that another one outran; no fault of anybody. */
  public void attemptOutrun(Context traced, long endNanos) {
    if (!own(traced)) {
      return;
    }
    Span.fromContext(traced).setAttribute("switchboard.outrun", true);
    ended(traced, endNanos);
  }

  private void ended(Context traced, long endNanos) {
    Span.fromContext(traced).end(endNanos, TimeUnit.NANOSECONDS);
    if (traced.equals(attemptContext)) {
      serving = false;
    }
  }

  /**
   * Tells of a stream's first token while the stream goes on. All other spans of ours come at its
   * end, which may be later than a sampler waits.
   */
  public void firstToken(Flight flight) {
    if (!told()) {
      return;
    }
    long now = flight.now();
    Span span = child("switchboard.first_token", parent, now);
    span.setAttribute("switchboard.first_token", true);
    span.setAttribute("switchboard.exemplar", !exemplar.isEmpty());
    span.setAttribute("switchboard.slo_class", flight.sloClass());
    // Whole milliseconds: samplers compare no others.
    span.setAttribute("switchboard.ttft_ms", (now - flight.at(Mark.ACCEPTED)) / 1_000_000);
    span.end(now, TimeUnit.NANOSECONDS);
  }

  private boolean told() {
    return TraceDetail.REQUEST.toldAt(detail)
        && Span.fromContext(parent).getSpanContext().isSampled();
  }

  /** Marks the SERVER span, while it is still open, with what only we know. */
  public void outcome(String requestId, Outcome outcome, @Nullable String replica) {
    Span server = Span.fromContext(parent);
    server.setAttribute("switchboard.request.id", requestId);
    server.setAttribute("switchboard.outcome", outcome.label());
    if (replica != null) {
      server.setAttribute("switchboard.replica", replica);
    }
  }

  /** Makes every span of a finished request. */
  public void finish(FlightRecord record, Story story) {
    if (!told()) {
      return;
    }
    admit(record, story);
    if (record.decision() != null) {
      route(record, record.decision());
    }
    if (serving) {
      Span span = Span.fromContext(attemptContext);
      describe(span, record);
      if (story.engine() != null) {
        engine(story.engine());
      }
      span.end(orElse(record.at(Mark.UPSTREAM_ENDED), record.at(Mark.ENDED)), TimeUnit.NANOSECONDS);
    }
  }

  private void admit(FlightRecord record, Story story) {
    long end =
        orElse(record.at(Mark.ADMITTED), orElse(record.at(Mark.PARSED), record.at(Mark.ENDED)));
    Span span = child("switchboard.admit", parent, record.at(Mark.ACCEPTED));
    span.setAttribute("switchboard.receive_ms", story.nanos(Story.Phase.ACCEPT) / 1e6);
    span.setAttribute("switchboard.parse_ms", story.nanos(Story.Phase.PARSE) / 1e6);
    span.setAttribute("switchboard.queue_ms", story.nanos(Story.Phase.QUEUE) / 1e6);
    if (record.decision() == null && record.failure() != null) {
      span.setStatus(StatusCode.ERROR, record.outcome().label());
    }
    span.end(end, TimeUnit.NANOSECONDS);
  }

  private void route(FlightRecord record, Decision decision) {
    long start = record.at(Mark.ADMITTED);
    long end = Math.max(start, orElse(record.at(Mark.ROUTED), record.at(Mark.ENDED)));
    Span span = child("switchboard.route", parent, start);
    span.setAttribute("switchboard.policy", decision.policy());
    span.setAttribute("switchboard.attempts", record.attempts().size());
    if (decision.chosen() == null) {
      span.setStatus(StatusCode.ERROR, "no replica");
    } else {
      span.setAttribute("switchboard.replica", decision.chosen());
    }
    span.setAttribute("switchboard.requested_model", decision.requested());
    if (decision.fallback() != null) {
      span.setAttribute("switchboard.fallback_reason", decision.fallback().reason());
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

  private static void describe(Span span, FlightRecord record) {
    RequestParameters parameters = record.parameters();
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
    if (parameters.seed() != null) {
      span.setAttribute("gen_ai.request.seed", parameters.seed());
    }
    if (record.finishReason() != null) {
      span.setAttribute(
          AttributeKey.stringArrayKey("gen_ai.response.finish_reasons"),
          List.of(record.finishReason()));
    }
    usage(span, record);
    if (record.outcome() != Outcome.OK) {
      span.setAttribute("error.type", record.outcome().label());
      span.setStatus(StatusCode.ERROR, record.outcome().label());
    }
  }

  private static void usage(Span span, FlightRecord record) {
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

  private void engine(Story.Engine engine) {
    for (RequestTimeline timeline : engine.timelines()) {
      long queueEnd = orElse(timeline.scheduledNanos(), timeline.finishedNanos());
      Span queue = child("engine.queue", attemptContext, timeline.tokenizedNanos());
      queue.setAttribute("switchboard.choice", timeline.choice());
      queue.setAttribute("switchboard.preemptions", timeline.preemptions());
      queue.end(Math.max(queueEnd, timeline.tokenizedNanos()), TimeUnit.NANOSECONDS);
      phase("engine.prefill", timeline, timeline.prefill(), engine);
      phase("engine.decode", timeline, timeline.decode(), engine);
    }
  }

  private void phase(
      String name, RequestTimeline timeline, @Nullable Phase phase, Story.Engine engine) {
    if (phase == null) {
      return;
    }
    Span span = child(name, attemptContext, phase.startNanos());
    span.setAttribute("switchboard.choice", timeline.choice());
    span.setAttribute("switchboard.tokens", phase.tokens());
    span.setAttribute("switchboard.cached_tokens", phase.cachedTokens());
    span.setAttribute("switchboard.steps", phase.steps());
    span.setAttribute("switchboard.wait_ms", phase.waitNanos() / 1e6);
    span.setAttribute("switchboard.clock_error_ms", engine.errorNanos() / 1e6);
    if (phase.slowest() != null) {
      RequestTimeline.Step slowest = phase.slowest();
      span.setAttribute("switchboard.slowest_step", slowest.step());
      span.setAttribute(
          "switchboard.slowest_step_ms", (slowest.endNanos() - slowest.startNanos()) / 1e6);
    }
    Context context = attemptContext.with(span);
    if (TraceDetail.RANKS.toldAt(detail)) {
      phase.lanes().forEach(lane -> lane(context, lane, phase));
    }
    span.end(Math.max(phase.endNanos(), phase.startNanos()), TimeUnit.NANOSECONDS);
  }

  /** A lane's steps are shared with its batch and may begin before the request's phase does. */
  private void lane(Context context, Lane lane, Phase phase) {
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
    span.setAttribute("switchboard.steps", lane.steps());
    span.setAttribute(
        "switchboard.straggler_share",
        lane.steps() == 0 ? 0 : (double) lane.stragglerSteps() / lane.steps());
    span.setAttribute("switchboard.bytes", lane.bytes());
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
