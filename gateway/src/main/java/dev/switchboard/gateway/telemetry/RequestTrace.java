package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.agent.CallerSampler;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.slo.Slo;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The spans of one request.
 *
 * <p>Only {@code chat {model}} is a live span, since its id must travel to the upstream before
 * anything is known. All others are made when the request is over, with their true times, so a
 * trace that nobody records costs nothing. The agent's context does not follow Vert.x response
 * handlers; it is taken once, when the request's head arrives, and passed explicitly from there on.
 *
 * <p>A trace that the agent's sampler left out is made all the same, after the fact, where the
 * request turned out to be of interest. Its agent spans were never recorded, so a span of ours
 * stands for the SERVER span, under the client's span if it sent one. Both it and the attempts are
 * new spans under the same trace id: an id cannot be given to a span. The parent of the first is
 * said to be remote and sampled, which is what lets a parent-based sampler record them; the replica
 * was told the truth, that nothing was sampled, and a remade attempt links to the span id it was
 * sent.
 *
 * <p>Where the governor lets only some requests be told, the others have no live span either, and
 * their replicas get the id of the SERVER span. What turns out to be of interest is told like those
 * that nothing sampled, but under that span.
 */
public final class RequestTrace {
  /** A request that has run for so long says so; far less than a collector's sampler waits. */
  public static final int RUNNING_MS = 15_000;

  /** Of a {@code traceparent}. */
  private static final int LENGTH = 55;

  private final Tracer tracer;
  private final Context parent;

  /** Of the SERVER span; asked for once, since each answer is a new object under the agent. */
  private final SpanContext server;

  private final Supplier<Context> client;
  private final String name;
  private final boolean sampled;

  /** Its attempts have spans while they run. */
  private final boolean live;

  private final Labels exemplar;
  private final List<Tried> tries = new ArrayList<>(1);
  private final Set<KeepReason> reasons = EnumSet.noneOf(KeepReason.class);
  private TraceDetail detail = TraceDetail.REQUEST;
  private TraceDetail wanted = TraceDetail.REQUEST;
  private @Nullable String conversation;
  private boolean saidRunning;

  /** The attempt that serves, or served last. */
  private @Nullable Tried serving;

  /** Why what runs is given up through no fault of its replica. */
  private @Nullable Outcome abandoned;

  /** An attempt, as its span tells it. */
  public static final class Tried {
    private final Context context;
    private final Span span;
    private final String replica;
    private final int number;
    private final boolean hedge;
    private final long startNanos;
    private SpanContext sent = SpanContext.getInvalid();
    private long endNanos;
    private @Nullable String failure;
    private @Nullable AttemptResult result;
    private @Nullable Outcome abandoned;
    private @Nullable String address;
    private int port;
    private StepMembers.@Nullable Member member;

    private Tried(
        Context context, Span span, String replica, int number, boolean hedge, long startNanos) {
      this.context = context;
      this.span = span;
      this.replica = replica;
      this.number = number;
      this.hedge = hedge;
      this.startNanos = startNanos;
    }

    /** Whose trace headers the upstream gets. */
    public Context context() {
      return context;
    }
  }

  /**
   * @param parent holds the agent's SERVER span
   * @param client what the client's own trace headers say
   * @param name of the request, as the agent calls it
   * @param levels asked whether it shall be an exemplar
   */
  public RequestTrace(
      Tracer tracer,
      Context parent,
      Supplier<Context> client,
      String name,
      TraceLevels levels,
      long nowNanos) {
    this.tracer = tracer;
    this.parent = parent;
    this.client = client;
    this.name = name;
    this.server = Span.fromContext(parent).getSpanContext();
    this.sampled = server.isSampled();
    this.live = sampled && levels.tells();
    this.exemplar = exemplar(levels, nowNanos);
  }

  /** Trace id for the flight and the exemplars; null when nobody traces. */
  public @Nullable String traceId() {
    return server.isValid() ? server.getTraceId() : null;
  }

  /**
   * How much it is to tell.
   *
   * @param allowed now, whatever becomes of it
   * @param wanted where it is kept
   */
  public void detail(TraceDetail allowed, TraceDetail wanted) {
    this.detail = allowed;
    this.wanted = wanted;
  }

  /** It is to be told in full, if at all. */
  public void keepFor(KeepReason reason) {
    reasons.add(reason);
  }

  /** The attribute by which a sampler knows a trace that a metric points to. */
  private Labels exemplar(TraceLevels levels, long nowNanos) {
    if (!server.isValid() || !levels.chooseExemplar(nowNanos)) {
      return Labels.EMPTY;
    }
    reasons.add(KeepReason.EXEMPLAR);
    Span.fromContext(parent).setAttribute("switchboard.exemplar", true);
    // The span of one that is made after the fact has another id.
    return sampled
        ? Labels.of("trace_id", server.getTraceId(), "span_id", server.getSpanId())
        : Labels.of("trace_id", server.getTraceId());
  }

  /** What the metrics of this request point to; empty when it was not chosen. */
  public Labels exemplar() {
    return sampled || tells() ? exemplar : Labels.EMPTY;
  }

  private boolean tells() {
    return TraceDetail.REQUEST.toldAt(detail) && server.isValid();
  }

  // ------------------------------------------------------------------ while it runs

  /**
   * An attempt begins, and its span if it has one while it runs.
   *
   * @param hedge it runs beside another one
   */
  public Tried startAttempt(
      Flight flight, String replica, int number, boolean hedge, long startNanos) {
    boolean told = TraceDetail.REQUEST.toldAt(detail);
    Tried tried;
    if (told && live) {
      Span span =
          attempt(parent, flight.endpoint(), flight.model(), startNanos, SpanContext.getInvalid());
      tried = new Tried(parent.with(span), span, replica, number, hedge, startNanos);
      describe(span, tried, flight.endpoint(), flight.model(), flight.stream());
    } else {
      tried = new Tried(parent, Span.getInvalid(), replica, number, hedge, startNanos);
    }
    if (told) {
      tries.add(tried);
    }
    return tried;
  }

  private Span attempt(
      Context above, String endpoint, String model, long startNanos, SpanContext sent) {
    SpanBuilder builder =
        tracer
            .spanBuilder(endpoint + " " + model)
            .setSpanKind(SpanKind.CLIENT)
            .setParent(above)
            .setStartTimestamp(startNanos, TimeUnit.NANOSECONDS);
    if (sent.isValid()) {
      builder.addLink(sent, Attributes.of(AttributeKey.stringKey("switchboard.link"), "sent"));
    }
    return builder.startSpan();
  }

  private void describe(Span span, Tried tried, String endpoint, String model, boolean stream) {
    span.setAttribute("gen_ai.operation.name", endpoint);
    span.setAttribute("gen_ai.provider.name", "switchboard");
    span.setAttribute("gen_ai.request.model", model);
    span.setAttribute("gen_ai.request.stream", stream);
    span.setAttribute("switchboard.replica", tried.replica);
    span.setAttribute("switchboard.attempt", tried.number);
    if (conversation != null) {
      span.setAttribute("gen_ai.conversation.id", conversation);
    }
    if (tried.hedge) {
      span.setAttribute("switchboard.hedge", true);
    }
    place(span, tried);
  }

  private static void place(Span span, Tried tried) {
    if (tried.address != null) {
      span.setAttribute("server.address", tried.address);
    }
    if (tried.port > 0) {
      span.setAttribute("server.port", tried.port);
    }
  }

  /** The session that it belongs to; null for none. */
  public void conversation(@Nullable String session) {
    conversation = session;
  }

  /**
   * Notes where an attempt's replica is.
   *
   * @param address its host, or the path of its Unix socket
   * @param port 0 for a Unix socket
   */
  public void place(Tried tried, String address, int port) {
    tried.address = address;
    tried.port = port;
    place(tried.span, tried);
  }

  /**
   * Notes that an attempt went to its replica.
   *
   * @param number what the replica calls it among this gateway's
   * @param traceparent under which it went, where its span will have another id
   */
  public void sent(
      Tried tried, long number, String requestId, StepSpans to, @Nullable String traceparent) {
    if (!TraceDetail.REQUEST.toldAt(detail)) {
      return;
    }
    tried.member = to.sent(number, requestId, tried.span.getSpanContext());
    if (!sampled && traceparent != null && traceparent.length() == LENGTH) {
      tried.sent =
          SpanContext.create(
              traceparent.substring(3, 35),
              traceparent.substring(36, 52),
              TraceFlags.getDefault(),
              TraceState.getDefault());
    }
  }

  /** From now on this attempt is the one whose answer the client gets. */
  public void serves(Tried tried) {
    serving = tried;
  }

  /** The request ends in this way while attempts at it may run: those are told as given up so. */
  public void abandons(Outcome outcome) {
    abandoned = outcome;
  }

  /** Ends the span of an attempt whose answer is not the client's, or not all of it. */
  public void attemptEnded(Tried tried, AttemptResult result, String reason, long endNanos) {
    tried.result = result;
    tried.failure = reason;
    tried.abandoned = result == AttemptResult.ABANDONED ? abandoned : null;
    tried.endNanos = endNanos;
    end(tried.span, tried);
    if (tried.equals(serving)) {
      serving = null;
    }
  }

  private static void end(Span span, Tried tried) {
    if (tried.result != null) {
      span.setAttribute("switchboard.result", tried.result.label());
      tell(span, tried, tried.result);
    }
    span.end(tried.endNanos, TimeUnit.NANOSECONDS);
  }

  /** Only what its replica did is an error. */
  private static void tell(Span span, Tried tried, AttemptResult result) {
    switch (result) {
      case FAILED -> error(span, tried, Outcome.UPSTREAM_BROKEN);
      case SHED -> error(span, tried, Outcome.SHED);
      case OUTRUN -> span.setAttribute("switchboard.outrun", true);
      case ABANDONED -> {
        if (tried.abandoned != null) {
          span.setAttribute("switchboard.outcome", tried.abandoned.label());
        }
      }
      case MOVED, SERVED -> {}
    }
  }

  private static void error(Span span, Tried tried, Outcome type) {
    if (tried.failure != null) {
      span.setStatus(StatusCode.ERROR, tried.failure);
    }
    span.setAttribute("error.type", type.label());
  }

  /**
   * Tells of a stream's first token while the stream goes on. All other spans of ours come at its
   * end, which may be later than a sampler waits.
   */
  public void firstToken(Flight flight) {
    if (live && tells()) {
      long now = flight.now();
      firstToken(parent, flight.sloClass(), flight.at(Mark.ACCEPTED), now);
    }
  }

  private void firstToken(Context above, String sloClass, long acceptedNanos, long nanos) {
    Span span = moment("switchboard.first_token", above, sloClass, nanos);
    span.setAttribute("switchboard.first_token", true);
    span.setAttribute("switchboard.exemplar", !exemplar.isEmpty());
    // Whole milliseconds: samplers compare no others.
    span.setAttribute("switchboard.ttft_ms", (nanos - acceptedNanos) / 1_000_000);
    span.end(nanos, TimeUnit.NANOSECONDS);
  }

  private Span moment(String name, Context above, String sloClass, long nanos) {
    Span span =
        tracer
            .spanBuilder(name)
            .setParent(above)
            .setStartTimestamp(nanos, TimeUnit.NANOSECONDS)
            .startSpan();
    span.setAttribute("switchboard.slo_class", sloClass);
    return span;
  }

  /**
   * Tells once, after {@link #RUNNING_MS}, that it runs. How it ends is told when it does, which
   * may be later than a sampler waits; by this one it keeps the trace until then. To be called now
   * and then while it runs.
   */
  public void runs(Flight flight) {
    if (saidRunning || !sampled || !tells()) {
      return;
    }
    long now = flight.now();
    if (now - flight.at(Mark.ACCEPTED) >= RUNNING_MS * 1_000_000L) {
      saidRunning = true;
      Span span = moment("switchboard.running", parent, flight.sloClass(), now);
      span.setAttribute("switchboard.running", true);
      span.end(now, TimeUnit.NANOSECONDS);
    }
  }

  /** The SERVER span says whose answer its client gets. */
  public void replica(String id) {
    ServerSpan.replica(Span.fromContext(parent), id);
  }

  /** The SERVER span says why another model answers; to be called with the answer's head. */
  public void answers(Flight flight) {
    ServerSpan.standsIn(Span.fromContext(parent), flight.decision());
  }

  /** The SERVER span says how it ends; to be called before its last byte is written. */
  public void ends(Outcome outcome, @Nullable String replica) {
    ServerSpan.ends(Span.fromContext(parent), outcome, replica);
  }

  // ------------------------------------------------------------------ when it is over

  /**
   * Decides what is told of a request that is over.
   *
   * @param slow it took so long that it is of interest
   */
  public Telling judge(
      FlightRecord record,
      Slo slo,
      boolean slow,
      TraceLevels levels,
      Metrics metrics,
      long nowNanos) {
    if (!tells()) {
      return Telling.NOTHING;
    }
    KeepReason.judge(record, slo, slow, reasons);
    boolean kept =
        !reasons.isEmpty() && (reasons.contains(KeepReason.EXEMPLAR) || levels.mayKeep(nowNanos));
    if (!live && !reasons.isEmpty()) {
      metrics.traceKept(kept ? reasons.iterator().next().label() : Metrics.LEFT_OUT);
    }
    if (kept) {
      return new Telling(
          levels.full(wanted, reasons.stream().anyMatch(KeepReason::breach), nowNanos), true);
    }
    if (live) {
      return new Telling(detail, false);
    }
    for (Tried tried : tries) {
      if (tried.member != null) {
        tried.member.over();
      }
    }
    return Telling.NOTHING;
  }

  /**
   * What is told.
   *
   * @param full with what replicas know beyond what their answers said
   */
  public record Telling(TraceDetail detail, boolean full) {
    static final Telling NOTHING = new Telling(TraceDetail.OFF, false);

    /** Whether no span is made. */
    public boolean nothing() {
      return detail == TraceDetail.OFF;
    }

    /** Whether each step of the engine is told. */
    public boolean steps() {
      return TraceDetail.STEPS.toldAt(detail);
    }

    /** Whether replicas are asked what their answers did not say. */
    public boolean asks() {
      return steps() || (full && TraceDetail.RANKS.toldAt(detail));
    }
  }

  /**
   * What was said, as JSON of the {@code gen_ai} conventions.
   *
   * @param input messages of the request
   * @param output and of its answer
   * @param stops sequences that end it, which are text of its client too
   */
  public record Content(String input, String output, List<String> stops) {
    public Content {
      stops = List.copyOf(stops);
    }
  }

  /**
   * What became known when the request was over.
   *
   * @param answers by the attempt's number: what replicas said afterwards
   * @param stragglers whose spans say so
   * @param steps takes the engines' steps
   * @param nowNanos of the gateway's clock, by which those are sent
   * @param content null where the trace must not tell it
   */
  public record Afterwards(
      Map<Integer, EngineAnswer> answers,
      Stragglers stragglers,
      StepSpans steps,
      long nowNanos,
      @Nullable Content content) {
    public Afterwards {
      answers = Map.copyOf(answers);
    }
  }

  /** Makes every span of a request that is over. */
  public void finish(
      FlightRecord record, PhaseBreakdown breakdown, Telling telling, Afterwards known) {
    if (telling.nothing()) {
      return;
    }
    Span root = sampled ? null : root(record);
    Context above = root == null ? parent : Context.root().with(root);
    RequestSpans spans =
        new RequestSpans(
            tracer,
            above,
            telling.detail(),
            record,
            breakdown,
            known.stragglers(),
            known.steps(),
            known.nowNanos());
    spans.beginning(
        telling.full() ? reasons.stream().map(KeepReason::label).toList() : List.of(),
        reasons.stream().anyMatch(KeepReason::breach));
    for (Tried tried : tries) {
      finish(tried, record, spans, above, breakdown, known);
    }
    if (!live && record.stream() && record.at(Mark.FIRST_TOKEN) != 0) {
      firstToken(above, record.sloClass(), record.at(Mark.ACCEPTED), record.at(Mark.FIRST_TOKEN));
    }
    if (root != null) {
      root.end(record.at(Mark.ENDED), TimeUnit.NANOSECONDS);
    }
  }

  private void finish(
      Tried tried,
      FlightRecord record,
      RequestSpans spans,
      Context above,
      PhaseBreakdown breakdown,
      Afterwards known) {
    Span span = live ? tried.span : remade(tried, record, above);
    Context attempt = live ? tried.context : above.with(span);
    if (tried.member != null) {
      tried.member.told(span.getSpanContext());
    }
    boolean served = tried.equals(serving);
    // What a replica was asked for afterwards has each step.
    if (known.answers().get(tried.number) instanceof EngineAnswer.Reported told) {
      spans.engine(attempt, tried.replica, told.engine());
    } else if (served && breakdown.engine() != null) {
      spans.engine(attempt, tried.replica, breakdown.engine());
    }
    if (served) {
      spans.describe(span);
      say(span, known.content());
      long ended = record.at(Mark.UPSTREAM_ENDED);
      span.end(ended == 0 ? record.at(Mark.ENDED) : ended, TimeUnit.NANOSECONDS);
    } else if (!live) {
      end(span, tried);
    }
  }

  private static void say(Span span, @Nullable Content content) {
    if (content != null) {
      span.setAttribute("gen_ai.input.messages", content.input());
      span.setAttribute("gen_ai.output.messages", content.output());
      if (!content.stops().isEmpty()) {
        span.setAttribute(
            AttributeKey.stringArrayKey("gen_ai.request.stop_sequences"), content.stops());
      }
    }
  }

  private Span remade(Tried tried, FlightRecord record, Context above) {
    Span span = attempt(above, record.endpoint(), record.model(), tried.startNanos, tried.sent);
    describe(span, tried, record.endpoint(), record.model(), record.stream());
    return span;
  }

  /** What stands for the SERVER span, which nobody recorded. */
  private Span root(FlightRecord record) {
    Span root =
        tracer
            .spanBuilder(name)
            .setSpanKind(SpanKind.SERVER)
            .setParent(Context.root().with(Span.wrap(remote())))
            .setStartTimestamp(record.at(Mark.ACCEPTED), TimeUnit.NANOSECONDS)
            // Before it begins: by this the sampler knows it from a caller's.
            .setAttribute(CallerSampler.RETROACTIVE, true)
            .startSpan();
    root.setAttribute(
        AttributeKey.stringArrayKey("switchboard.kept_for"),
        reasons.stream().map(KeepReason::label).toList());
    if (!exemplar.isEmpty()) {
      root.setAttribute("switchboard.exemplar", true);
    }
    ServerSpan.begins(root, record.id());
    ServerSpan.standsIn(root, record.decision());
    ServerSpan.ends(root, record.outcome(), record.replica());
    if (record.status() != 0) {
      root.setAttribute("http.response.status_code", record.status());
    }
    if (record.status() >= 500) {
      root.setStatus(StatusCode.ERROR, record.outcome().label());
    }
    return root;
  }

  /** Above all of it: the client's span, or else the SERVER span's own id, which stays unknown. */
  private SpanContext remote() {
    SpanContext its = Span.fromContext(client.get()).getSpanContext();
    SpanContext known =
        its.isValid() && its.getTraceId().equals(server.getTraceId()) ? its : server;
    return SpanContext.createFromRemoteParent(
        known.getTraceId(), known.getSpanId(), TraceFlags.getSampled(), known.getTraceState());
  }
}
