package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.Governor;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.telemetry.StepSpans;
import dev.switchboard.gateway.telemetry.Stragglers;
import dev.switchboard.gateway.telemetry.TelemetryConfig;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.gateway.telemetry.TraceLevels;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A streamed request that is over, was sampled by nobody, and was served by a worker of {@value
 * #STAGES} stages of {@value #RANKS} ranks; its spans are made as often as somebody asks, by the
 * code that makes those of every request.
 */
final class RecordedRequest {
  static final int STAGES = 4;
  static final int RANKS = 8;

  /** A span each: every rank of every stage took part in prefill and in decoding. */
  static final int RANK_SPANS = 2 * STAGES * RANKS;

  private static final String MODEL = "bench";
  private static final String REPLICA = "w0";

  /** Nothing was promised that it could have missed. */
  private static final Slo SLO = new Slo("standard", 0, 0, 0, 0);

  private static final long BEGUN = 1_795_622_138_000_000_000L;
  private static final long MS = 1_000_000;

  /** So far apart no limit on what is kept in a second says no. */
  private static final long APART_NANOS = 1_000_000_000;

  private final Tracer tracer;
  private final StepSpans steps;
  private final Metrics metrics = new Metrics(MODEL::equals, "bench", true);
  private final TraceLevels levels =
      new TraceLevels(
          new TelemetryConfig(2, List.of(), 0, 50, false, false, Governor.Config.DEFAULTS));
  private final RequestTrace.Afterwards known;
  private final FlightRecord record;
  private final PhaseBreakdown breakdown;
  private long now = BEGUN;
  private long number;

  /** How much is told of it. */
  enum Extent {
    /** Nothing made it of interest. */
    NOTHING(0, TraceDetail.RANKS),
    /** That it was there, its waits, and its attempt with queue, prefill and decode. */
    REQUEST(9, TraceDetail.REQUEST),
    RANKS(9 + RANK_SPANS, TraceDetail.RANKS);

    private final int spans;
    private final TraceDetail ceiling;

    Extent(int spans, TraceDetail ceiling) {
      this.spans = spans;
      this.ceiling = ceiling;
    }

    /** How many are made. */
    int spans() {
      return spans;
    }
  }

  /**
   * @param tracer of an SDK that samples nothing but what a sampled parent asks for
   */
  RecordedRequest(Tracer tracer) {
    this.tracer = tracer;
    this.steps = new StepSpans(tracer, "gateway");
    this.record = flight();
    this.known =
        new RequestTrace.Afterwards(
            Map.of(), Stragglers.of(record, id -> null), steps, record.at(Mark.ENDED), null);
    this.breakdown = PhaseBreakdown.of(record);
  }

  /** The SERVER span of a request that begins, as the agent makes it. */
  Context begin() {
    return Context.root()
        .with(
            tracer
                .spanBuilder("POST /v1/chat/completions")
                .setSpanKind(SpanKind.SERVER)
                .startSpan());
  }

  /** All that tracing one request takes, beside its SERVER span. */
  void tell(Context server, Extent told) {
    now += APART_NANOS;
    levels.ceiling(told.ceiling);
    RequestTrace trace =
        new RequestTrace(tracer, server, Context::root, "POST /v1/chat/completions", levels, now);
    trace.detail(levels.of(MODEL), levels.general());
    Flight flight = new Flight("bench", () -> BEGUN);
    flight.model(MODEL);
    RequestTrace.Tried tried = trace.startAttempt(flight, REPLICA, 1, false, BEGUN + 2 * MS);
    trace.sent(tried, ++number, "bench", steps, traceparent(server));
    trace.serves(tried);
    boolean slow = told != Extent.NOTHING;
    RequestTrace.Telling telling = trace.judge(record, SLO, slow, levels, metrics, now);
    trace.finish(
        record,
        breakdown,
        told == Extent.REQUEST ? new RequestTrace.Telling(told.ceiling, true) : telling,
        known);
  }

  private static String traceparent(Context server) {
    SpanContext span = Span.fromContext(server).getSpanContext();
    return "00-" + span.getTraceId() + "-" + span.getSpanId() + "-00";
  }

  private static FlightRecord flight() {
    Flight flight = new Flight("bench", () -> BEGUN + 300 * MS);
    flight.endpoint("chat");
    flight.model(MODEL);
    flight.slo(SLO);
    flight.stream(true);
    flight.decision(Decision.of("slo", MODEL, REPLICA, List.of()));
    flight.mark(Mark.ACCEPTED, BEGUN);
    flight.mark(Mark.RECEIVED, BEGUN + MS);
    flight.mark(Mark.PARSED, BEGUN + MS);
    flight.mark(Mark.ADMITTED, BEGUN + MS);
    flight.mark(Mark.ROUTED, BEGUN + 2 * MS);
    flight.mark(Mark.CONNECTED, BEGUN + 3 * MS);
    flight.mark(Mark.ANSWERED, BEGUN + 20 * MS);
    flight.mark(Mark.FIRST_TOKEN, BEGUN + 60 * MS);
    flight.mark(Mark.UPSTREAM_ENDED, BEGUN + 299 * MS);
    flight.attempt(
        new FlightRecord.Attempt(1, REPLICA, BEGUN + 2 * MS, BEGUN + 299 * MS, null, false, null));
    flight.timelines(List.of(timeline()), new EngineStamps(BEGUN + 3 * MS, BEGUN + 298 * MS));
    return flight.finish(Outcome.OK, 200, null);
  }

  private static RequestTimeline timeline() {
    return new RequestTimeline(
        "bench",
        0,
        BEGUN + 3 * MS,
        BEGUN + 4 * MS,
        BEGUN + 5 * MS,
        BEGUN + 59 * MS,
        BEGUN + 298 * MS,
        0,
        phase(BEGUN + 5 * MS, BEGUN + 59 * MS, 200, 2),
        phase(BEGUN + 59 * MS, BEGUN + 298 * MS, 63, 63),
        List.of());
  }

  private static Phase phase(long start, long end, int tokens, int engineSteps) {
    List<Lane> lanes = new ArrayList<>();
    for (int stage = 0; stage < STAGES; stage++) {
      for (int rank = 0; rank < RANKS; rank++) {
        lanes.add(lane(stage, rank, start, end, engineSteps));
      }
    }
    Step slowest =
        new Step(
            7, start, start, start + 4 * MS, Calls.NONE, 1, 4, 4, List.of(1L), lanes.subList(0, 1));
    Critical critical = new Critical((end - start) / 2, MS, MS, MS, 0, 0);
    return new Phase(start, end, tokens, 0, 0, engineSteps, MS, critical, slowest, lanes);
  }

  /** Of many steps each rank is the last somewhere. */
  private static Lane lane(int stage, int rank, long start, long end, int engineSteps) {
    long part = (end - start) / STAGES;
    return new Lane(
        stage,
        rank,
        start + stage * MS,
        end,
        part / 2,
        part / 8,
        part / 16,
        part / 32,
        part / 64,
        part / 128,
        part / 256,
        engineSteps,
        engineSteps / RANKS,
        rank * 1_000_000L,
        MS + rank,
        MS / 2,
        Collective.of(rank));
  }
}
