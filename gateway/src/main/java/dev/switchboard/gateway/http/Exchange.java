package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.fleet.Guest;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.HedgePolicy;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.shared.SharedLimits;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.stream.AnswerReader;
import dev.switchboard.gateway.stream.AnswerText;
import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.Replay;
import dev.switchboard.gateway.stream.WholeAnswer;
import dev.switchboard.gateway.telemetry.KeptFor;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.telemetry.Stragglers;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import io.opentelemetry.context.Scope;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The course of one request, from its head to its last byte, on one event loop:
 *
 * <pre>
 *   body → parse → admit → route → connect → send → answer → end
 *                            ↑________ retry _______|
 * </pre>
 *
 * <p>An attempt that breaks before the first byte went out is retried on another replica while the
 * retry budget allows. After the first byte a stream of one of our workers moves: another worker
 * gets the request and the tokens that the client has, and goes on behind them, so that the client
 * reads one answer. Where that cannot be, a failure becomes an error event at the end of the
 * stream, never a clean {@code [DONE]}.
 *
 * <p>Where the first token is late a second attempt may run beside the first, at another replica.
 * The first of the two to say something is the answer, and the other is given up at that moment;
 * until then neither told the flight or the replay anything.
 *
 * <p>Three things can end it: the answer, the client's leaving and a deadline. Whichever comes
 * first wins; {@link #finish} runs once, closes the admission pass and the replica's ticket, and
 * makes the record. A late callback of an attempt that was given up finds that {@link Attempt}
 * over.
 */
final class Exchange {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  /** For an answer that waits to be read. */
  private static final long LOST_MS = 1000;

  /** A larger body is parsed off the event loop. */
  private static final int OFF_LOOP_BYTES = 32 << 10;

  /** Of a body, its JSON included: a rough estimate before anybody has tokenized it. */
  private static final int BYTES_PER_TOKEN = 4;

  private static final int USUAL_OUTPUT_TOKENS = 256;

  /** Between two looks for a replica that can take over a stream. */
  private static final int MOVE_POLL_MS = 20;

  private final Gatehouse house;
  private final Vertx vertx;
  private final UpstreamClient client;
  private final AnswerMemory answers;
  private final RequestParser parser;
  private final Endpoint endpoint;
  private final HttpServerRequest request;
  private final Caller caller;

  /**
   * Whether all gateways together hold the tenant's limits per minute, and counted this request.
   */
  private final SharedLimits.Entry shared;

  private final HttpServerResponse response;
  private final Flight flight;
  private final RequestTrace trace;
  private final DeadlineTimer deadline;
  private final Set<String> failedReplicas = new HashSet<>();
  private final List<Attempt> failedAttempts = new ArrayList<>(0);
  private final Replay replay;

  private Buffer body = Buffer.buffer();

  /** What the body takes of the memory that all have for theirs. */
  private BodyMemory.@Nullable Share bodyMemory;

  private Slo slo = Slo.NONE;
  private boolean keepTimeline;
  private boolean stepsAsked;
  private Admission.@Nullable Pass pass;
  private @Nullable GaugeDataPoint inFlight;
  private boolean over;
  private long turn;
  private RouteRequest wanted = RouteRequest.of("");
  private @Nullable String salt;
  private @Nullable String session;

  /** How much its trace is to tell, where the client says so. */
  private @Nullable TraceDetail traceAsked;

  private BodySpans spans = BodySpans.NONE;
  private Affinity.Key affinity = Affinity.Key.NONE;
  private Router.@Nullable Plan plan;

  /** Bytes of the answer went out. */
  private boolean committed;

  /** How often the stream had to move because something broke. */
  private int faults;

  private boolean moved;

  /** While the stream is between two replicas. */
  private @Nullable Move move;

  /** What the answer says, for a trace that may tell it; else null. */
  private @Nullable AnswerText said;

  /** The bytes of the last whole answer. */
  private AnswerMemory.@Nullable Share held;

  /** The present attempt, or the last one. */
  private @Nullable Attempt attempt;

  /** A second one beside it, while both wait for their first token. */
  private @Nullable Attempt rival;

  /** Looks whether the first token is late; −1 while nobody does. */
  private long hedgeTimer = -1;

  private boolean hedged;

  /** A routing policy threw. */
  private boolean routingBroke;

  Exchange(
      Gatehouse house,
      Vertx vertx,
      UpstreamClient client,
      AnswerMemory answers,
      RequestParser parser,
      Endpoint endpoint,
      HttpServerRequest request,
      Caller caller,
      SharedLimits.Entry shared,
      Flight flight,
      RequestTrace trace) {
    this.house = house;
    this.vertx = vertx;
    this.client = client;
    this.answers = answers;
    this.parser = parser;
    this.endpoint = endpoint;
    this.request = request;
    this.caller = caller;
    this.shared = shared;
    this.response = request.response();
    this.flight = flight;
    this.trace = trace;
    this.replay = new Replay(house.migration().maxTokens());
    this.deadline =
        new DeadlineTimer(
            vertx, house.deadlines(), house.migration().waitMs(), flight, this::deadlineMissed);
    flight.endpoint(endpoint.operation());
    flight.traceId(trace.traceId());
    // Which model it is for is not known yet.
    trace.detail(house.traces().of(""));
  }

  void start() {
    flight.tenant(caller.tenant());
    house.recorder().begin(flight.id());
    response.closeHandler(closed -> clientGone());
    response.exceptionHandler(
        broken -> {
          // Of bytes that cannot be read whoever reads the body hears.
          if (!ProtocolGuard.malformed(broken)) {
            clientGone();
          }
        });
    String wanted = request.getHeader("X-Switchboard-Timeline");
    keepTimeline = wanted != null;
    stepsAsked = "full".equals(wanted);
    if (wanted != null && !wanted.equals("summary") && !wanted.equals("full")) {
      fail(
          Failure.of(
              ApiError.invalid(
                  "X-Switchboard-Timeline", "X-Switchboard-Timeline must be summary or full.")));
      return;
    }
    try {
      slo = house.slos().read(request::getHeader, house.admission().maxPriority(caller.tenant()));
      session = SessionHeader.read(request);
      traceAsked = TraceHeader.read(request);
    } catch (ApiException refused) {
      fail(Failure.of(refused.error()));
      return;
    }
    flight.sloClass(slo.name());
    salt =
        house
            .cacheSalt()
            .of(request.getHeader("Authorization"), request.getHeader(CacheSalt.HEADER));
    deadline.request(slo.deadlineNanos(flight.at(Mark.ACCEPTED)));
    BodyMemory.Share memory = house.bodies().open();
    bodyMemory = memory;
    BodyReader.read(vertx, request, house.http().maxBodyBytes(), house.deadlines().bodyMs(), memory)
        .compose(this::parse)
        .onSuccess(this::parsed)
        .onFailure(this::unreadable);
  }

  private Future<ParsedRequest> parse(Buffer bytes) {
    flight.mark(Mark.RECEIVED);
    body = bytes;
    byte[] array = bytes.getBytes();
    return work(array.length, () -> ParsedRequest.parse(parser, endpoint, array, salt));
  }

  private void unreadable(Throwable cause) {
    if (cause instanceof ApiException refused) {
      fail(Failure.of(refused.error()));
    } else if (cause instanceof BodyReader.NoMemory) {
      refused(house.admission().noBodyMemory());
    } else if (over || response.closed()) {
      clientGone();
    } else {
      LOG.error("request_failed request={}", flight.id(), cause);
      fail(Failure.of(ApiError.internal("The request could not be processed.")));
    }
  }

  private void parsed(ParsedRequest parsed) {
    if (over) {
      return;
    }
    flight.mark(Mark.PARSED);
    flight.model(parsed.model());
    flight.stream(parsed.stream());
    flight.parameters(parsed.parameters());
    if (!house.router().knows(parsed.model())) {
      fail(Failure.of(ApiError.modelNotFound(parsed.model())));
      return;
    }
    planned(parsed);
    enter(house.clock().epochNanos());
  }

  /** Which models may serve it; a split is decided by the session, or by the request's id. */
  private void planned(ParsedRequest parsed) {
    Router.Plan made = house.router().plan(parsed.model(), session == null ? flight.id() : session);
    plan = made;
    flight.model(made.models().getFirst());
    traced();
    spans = parsed.spans();
    affinity =
        new Affinity.Key(parsed.promptChain(), PromptBlocks.BLOCK_TOKENS, caller.tenant(), session);
  }

  /** In how much detail, now that its model is known. */
  private void traced() {
    TraceDetail asked = traceAsked;
    trace.detail(house.traces().of(flight.model(), caller.tenant(), asked));
    int bytes = endpoint.generates() ? house.traces().contentBytes(caller.tenant()) : 0;
    said = bytes > 0 ? new AnswerText(bytes) : null;
    if (asked != null && house.traces().mayRaise(caller.tenant())) {
      trace.keepFor(KeptFor.ASKED);
    }
  }

  private void enter(long now) {
    var context = vertx.getOrCreateContext();
    Entrance entrance =
        endpoint.computes() ? entrance(now) : new Entrance(null, demand(flight.model(), now));
    Admission.Answer answer =
        house
            .admission()
            .enter(
                entrance.model,
                entrance.demand,
                shared.counted(),
                new Admission.Waiter() {
                  @Override
                  public void admitted() {
                    context.runOnContext(told -> Exchange.this.admitted());
                  }

                  @Override
                  public void refused(Refusal refusal) {
                    context.runOnContext(told -> Exchange.this.refused(refusal));
                  }
                },
                now);
    answer.headers().forEach(response::putHeader);
    // What is left over all gateways goes before what is left here.
    shared.headers().forEach(response::putHeader);
    pass = answer.pass();
    Refusal refusal = answer.refusal();
    if (refusal != null) {
      refused(refusal);
    } else if (!answer.waits()) {
      admitted();
    }
  }

  /**
   * Where it comes in.
   *
   * @param model whose queue it enters; null for none
   */
  private record Entrance(@Nullable String model, Demand demand) {}

  /**
   * The model whose queue it enters, and that routing looks at first: the first of the plan that
   * some replica serves now, and in time, as far as this one knows; else the first that is served,
   * which then refuses it.
   */
  private Entrance entrance(long now) {
    Router.Plan made = Objects.requireNonNull(plan, "made before admission");
    String unfit = "no_replica";
    Entrance late = null;
    for (String model : made.models()) {
      AdmissionQueue queue = house.admission().queue(model);
      if (!queue.ready()) {
        continue;
      }
      Entrance entrance = new Entrance(model, demand(model, now));
      if (queue.inTime(entrance.demand, now)) {
        plan = made.ledBy(model, unfit);
        return entrance;
      }
      late = late == null ? entrance : late;
      unfit = model.equals(flight.model()) ? "deadline" : unfit;
    }
    return late == null ? new Entrance(flight.model(), demand(flight.model(), now)) : late;
  }

  /**
   * @param now of the gateway's clock; the flight's own may have another origin
   */
  private Demand demand(String model, long now) {
    long accepted = now - (flight.now() - flight.at(Mark.ACCEPTED));
    boolean first = endpoint.generates() && slo.ttftMs() > 0;
    return new Demand(
        caller.tenant(),
        1,
        Band.of(slo.priority()),
        first ? accepted + slo.ttftMs() * 1_000_000L : Long.MAX_VALUE,
        slo.deadlineNanos(accepted),
        house.affinity().enrich(wanted(model, flight.now()), affinity).prompt(),
        endpoint.generates() ? outputTokens() : 0,
        body.length());
  }

  private void refused(Refusal refusal) {
    if (over) {
      return;
    }
    house.metrics().admission(flight.model(), slo.name(), refusal.reason().label());
    fail(Failures.of(refusal, ServerTiming.times(flight)));
  }

  private void admitted() {
    if (over) {
      return;
    }
    flight.mark(Mark.ADMITTED);
    house.metrics().admission(flight.model(), slo.name(), "admitted");
    inFlight = house.metrics().inFlight(flight.model());
    inFlight.inc();
    turn = house.fleet().nextTurn();
    attempt();
  }

  // ------------------------------------------------------------------ attempts

  private Decision decide() {
    Router.Plan made = Objects.requireNonNull(plan, "made before admission");
    return decide(committed ? made.only(flight.model()) : made);
  }

  /** A policy that throws chooses nobody; it is told once for each request. */
  private Decision decide(Router.Plan among) {
    long now = flight.now();
    try {
      Router.Routed routed =
          house
              .router()
              .route(
                  among,
                  model -> house.fleet().views(model, now),
                  model -> house.affinity().enrich(wanted(model, now), affinity),
                  now);
      wanted = routed.request();
      return routed.decision();
    } catch (RuntimeException broken) {
      if (!routingBroke) {
        routingBroke = true;
        house.metrics().routingFailed(flight.model());
        LOG.error("routing_failed request={} model={}", flight.id(), flight.model(), broken);
      }
      return Decision.of("none", among.models().getFirst(), null, List.of());
    }
  }

  private RouteRequest wanted(String model, long now) {
    return new RouteRequest(
        model,
        failedReplicas,
        turn,
        slo,
        (now - flight.at(Mark.ACCEPTED)) / 1e6,
        promptTokens(),
        outputTokens(),
        Map.of(),
        null);
  }

  private int promptTokens() {
    return body.length() / BYTES_PER_TOKEN + 1;
  }

  private int outputTokens() {
    Integer most = flight.parameters().maxTokens();
    return most == null ? USUAL_OUTPUT_TOKENS : most;
  }

  private void attempt() {
    Decision decision = decide();
    flight.decision(decision);
    flight.model(decision.model());
    if (flight.attempts() == 0) {
      house.retries().earn(decision.model());
    }
    house.metrics().decided(decision);
    Attempt begun = enter(decision, false, flight.at(Mark.ROUTED));
    // Whoever was chosen may have been drained since then.
    for (int again = 0; begun == null && decision.chosen() != null && again < 2; again++) {
      decision = decide();
      flight.decision(decision);
      begun = enter(decision, false, flight.at(Mark.ROUTED));
    }
    if (begun == null) {
      noReplica(decision);
      return;
    }
    replay.reset();
    begin(begun, decision);
    watchFirstToken(begun, decision);
  }

  /** An attempt at the chosen replica, counted there; null when it takes none. */
  private @Nullable Attempt enter(Decision decision, boolean hedge, long start) {
    Replica chosen = chosen(decision);
    if (chosen == null) {
      return null;
    }
    int number = flight.attempts() + (hedge ? 2 : 1);
    Attempt entering = new Attempt(number, chosen, decision, hedge, start, move);
    return entering.enter(new AtReplica(entering)) ? entering : null;
  }

  /** The request as its replica sees it. */
  private final class AtReplica implements Guest {
    private final Attempt current;
    private final Context eventLoop = vertx.getOrCreateContext();

    AtReplica(Attempt current) {
      this.current = current;
    }

    @Override
    public void leave(Leave why) {
      eventLoop.runOnContext(asked -> Exchange.this.leave(current, why));
    }

    @Override
    public void tell(Consumer<StreamState> hearer) {
      eventLoop.runOnContext(asked -> hearer.accept(state(current)));
    }
  }

  private StreamState state(Attempt current) {
    Integer most = flight.parameters().maxTokens();
    boolean streams = flight.stream() && endpoint.generates();
    int said = replay.promptTokens();
    return new StreamState(
        flight.id(),
        streams,
        committed && mayMove(current, MoveCause.DRAINED),
        said >= 0 ? said : promptTokens(),
        replay.tokens(),
        most == null ? -1 : most * flight.parameters().choices(),
        current.startNanos(),
        flight.at(Mark.FIRST_TOKEN));
  }

  private @Nullable Replica chosen(Decision decision) {
    return decision.chosen() == null ? null : house.fleet().find(decision.chosen());
  }

  private void begin(Attempt begun, Decision decision) {
    attempt = begun;
    deadline.connecting(true);
    work(begun, decision);
    open(begun);
  }

  /** Sends it off, be it the first or a second one. */
  private void open(Attempt begun) {
    Replica chosen = begun.replica();
    URI address = chosen.address();
    long start = begun.startNanos();
    house.metrics().replicaInFlight(chosen.id()).inc();
    RequestTrace.Tried traced =
        trace.startAttempt(flight, chosen.id(), begun.number(), begun.hedge(), start);
    begun.traced(traced);
    if (begun != rival) {
      serves(begun);
    }
    if (address == null) {
      attemptBroke(begun, "the replica went away");
      return;
    }
    try (Scope _ = traced.context().makeCurrent()) {
      client
          .open(
              address,
              chosen.socket(),
              HttpMethod.POST,
              endpoint.path(),
              chosen.access().tlsCaFile())
          .onSuccess(opened -> connected(begun, opened))
          .onFailure(cause -> attemptBroke(begun, "cannot connect: " + cause.getMessage()));
    }
  }

  /** Its answer is to be the client's: what it says counts, and where it is. */
  private void serves(Attempt current) {
    trace.serves(current.traced());
    if (pass != null) {
      long ago = flight.now() - current.startNanos();
      boolean streams = flight.stream() && endpoint.generates();
      pass.routed(current.replica().id(), streams, house.clock().epochNanos() - ago);
    }
    Workload.Job job = current.job();
    if (job != null) {
      flight.onContent(job::content);
      house.affinity().sent(flight.model(), current.replica().id(), affinity);
    }
  }

  /** Tells the replica's workload of the attempt, which learns from its tokens. */
  private void work(Attempt begun, Decision decision) {
    Decision.Candidate winner = decision.winner();
    if (winner == null || !endpoint.generates()) {
      return;
    }
    String model = decision.model();
    Workload.Job job =
        begun
            .replica()
            .workload()
            .begin(
                winner,
                wanted,
                (predicted, ttftMs, tpotMs) ->
                    house
                        .metrics()
                        .predicted(
                            model,
                            predicted,
                            ttftMs,
                            tpotMs,
                            decision.regretMs(ttftMs),
                            trace.exemplar()),
                begun.startNanos());
    begun.works(job);
  }

  private void noReplica(Decision decision) {
    int least = house.admission().retryAfterSeconds();
    if (routingBroke) {
      fail(Failure.of(ApiError.internal("The request could not be routed.")));
    } else if (decision.full()) {
      fail(Failures.full(flight.model(), least));
    } else if (failedReplicas.isEmpty()) {
      int seconds = house.fleet().retryAfterSeconds(flight.model(), least);
      fail(Failures.noReplica(flight.model(), seconds));
    } else {
      fail(Failure.of(ApiError.upstreamFailed("Every replica that was tried failed.")));
    }
  }

  private void connected(Attempt current, HttpClientRequest opened) {
    if (current.over()) {
      opened.reset();
      return;
    }
    current.connectedAt(flight.now());
    if (current != rival) {
      if (!committed) {
        flight.mark(Mark.CONNECTED);
      }
      deadline.connecting(false);
    }
    current.connected(opened);
    RequestTrace.Tried traced = current.traced();
    boolean worker = current.replica().worker();
    Buffer answered = committed ? replay.toBuffer() : Buffer.buffer();
    int answeredBytes = answered.length();
    AttemptId name = current.sent(house.fleet());
    UpstreamHead.write(
        opened,
        flight,
        current.replica(),
        salt,
        stepsAsked,
        worker && replays(),
        name,
        answeredBytes);
    if (worker) {
      UpstreamHead.urgency(opened, flight, slo);
    }
    UpstreamHead.trace(
        opened, request, house.propagator(), traced.context(), trace.traceId() != null);
    Buffer asked = bodyFor(current.replica());
    try (Scope _ = traced.context().makeCurrent()) {
      opened
          .send(committed ? answered.appendBuffer(asked) : asked)
          .onSuccess(answer -> answered(current, answer))
          .onFailure(cause -> attemptBroke(current, "no answer: " + cause.getMessage()));
    }
    // The agent puts its own span there.
    trace.sent(
        traced, name.number(), flight.id(), house.steps(), opened.headers().get("traceparent"));
  }

  /** The body as it came, but for the model's name where the replica knows it by another one. */
  private Buffer bodyFor(Replica replica) {
    String own = replica.ownModelName();
    return plan == null || own.equals(plan.requested()) ? body : spans.renamed(body, own);
  }

  private void answered(Attempt current, HttpClientResponse answer) {
    if (current.over()) {
      answer.request().reset();
      return;
    }
    current.answeredAt(flight.now());
    if (!committed && current != rival) {
      flight.mark(Mark.ANSWERED);
    }
    String type = answer.getHeader("Content-Type");
    if (answer.statusCode() == 200 && type != null && type.startsWith("text/event-stream")) {
      relay(current, answer);
      return;
    }
    if (committed) {
      attemptBroke(current, "it answered " + answer.statusCode());
      return;
    }
    dropHeld();
    AnswerMemory.Share share = answers.open(answer);
    held = share;
    WholeAnswer.collect(answer, house.http().maxAnswerBytes(), share)
        .onSuccess(bytes -> whole(current, answer, bytes))
        .onFailure(cause -> attemptBroke(current, "the answer broke: " + cause.getMessage()));
  }

  private void dropHeld() {
    AnswerMemory.Share last = held;
    if (last != null) {
      last.close();
    }
  }

  private void attemptBroke(Attempt current, String reason) {
    attemptBroke(current, MoveCause.BROKEN, broken(reason), AttemptResult.FAILED);
  }

  /** The current attempt is over without an answer; late news of an earlier one is ignored. */
  private void attemptBroke(
      Attempt current, MoveCause cause, EventRelay.Break how, AttemptResult result) {
    if (current.over() || leavesRace(current, how.reason(), result)) {
      return;
    }
    boolean goesOn = committed && how.movable() && mayMove(current, cause);
    endAttempt(how.reason(), result);
    LOG.warn(
        "attempt_failed request={} replica={} attempt={} goes_on={} reason=\"{}\"",
        flight.id(),
        current.replica().id(),
        current.number(),
        goesOn,
        how.reason());
    failedReplicas.add(current.replica().id());
    if (goesOn) {
      move(current, cause, how);
    } else if (committed) {
      breakStream(how);
    } else if (mayRetry(current)) {
      attempt();
    } else {
      fail(Failures.broken(how.reason()));
    }
  }

  // ------------------------------------------------------------------ hedges

  /** Has a stream looked at again when its first token is late. */
  private void watchFirstToken(Attempt begun, Decision decision) {
    HedgePolicy hedge = house.retries().hedge();
    Decision.Candidate chosen = decision.winner();
    if (!hedge.covers(slo.name())
        || hedged
        || begun.over()
        || chosen == null
        || !flight.stream()
        || !endpoint.generates()
        || begun.number() >= house.retries().attempts()) {
      return;
    }
    double lateMs = hedge.lateAfterMs(chosen);
    if (!Double.isNaN(lateMs)) {
      vertx.cancelTimer(hedgeTimer);
      hedgeTimer = vertx.setTimer((long) Math.ceil(lateMs), late -> firstTokenLate(begun, lateMs));
    }
  }

  private void firstTokenLate(Attempt current, double lateMs) {
    if (over || committed || current.over() || flight.at(Mark.FIRST_TOKEN) != 0) {
      return;
    }
    hedged = true;
    HedgeResult refused = hedge(current, lateMs);
    if (refused != null) {
      house.metrics().hedged(flight.model(), refused);
    }
  }

  /** Sends the request to a second replica, or says why not. */
  private @Nullable HedgeResult hedge(Attempt current, double lateMs) {
    AdmissionQueue.Snapshot queue =
        house.admission().queue(flight.model()).snapshot(house.clock().epochNanos());
    if (house.admission().closing() || queue.full()) {
      return HedgeResult.OVERLOADED;
    }
    Router.Plan made = Objects.requireNonNull(plan, "made before admission");
    boolean added = failedReplicas.add(current.replica().id());
    Decision second = decide(made.only(flight.model()));
    if (added) {
      failedReplicas.remove(current.replica().id());
    }
    double elapsedMs = (flight.now() - flight.at(Mark.ACCEPTED)) / 1e6;
    return switch (HedgePolicy.judge(second, lateMs, slo, elapsedMs)) {
      case NO_REPLICA -> HedgeResult.NO_REPLICA;
      case OVERLOADED -> HedgeResult.OVERLOADED;
      case DRAINING -> HedgeResult.DRAINING;
      case SEND -> send(second);
    };
  }

  private @Nullable HedgeResult send(Decision second) {
    if (!house.retries().spend(flight.model())) {
      return HedgeResult.NO_BUDGET;
    }
    Attempt begun = enter(second, true, flight.now());
    if (begun == null) {
      return HedgeResult.NO_REPLICA;
    }
    rival = begun;
    trace.keepFor(KeptFor.HEDGED);
    work(begun, second);
    open(begun);
    return null;
  }

  /** The first of two to say something goes on alone. */
  private void wins(Attempt current) {
    Attempt second = rival;
    Attempt first = attempt;
    if (second == null || first == null) {
      return;
    }
    rival = null;
    Attempt loser = current == second ? first : second;
    house.metrics().hedged(flight.model(), current == second ? HedgeResult.WON : HedgeResult.LOST);
    house.metrics().wasted(flight.model(), "hedge", loser.computeTokens(wanted));
    if (current == second) {
      takesOver(second);
    }
    endAttempt(loser, "another replica answered first", AttemptResult.OUTRUN);
  }

  private void takesOver(Attempt second) {
    attempt = second;
    second.tell(flight);
    serves(second);
    deadline.connecting(second.connecting());
  }

  /**
   * One of two is over without an answer: the other one goes on alone.
   *
   * @return whether there was another one
   */
  private boolean leavesRace(Attempt current, String reason, AttemptResult result) {
    Attempt second = rival;
    if (second == null) {
      return false;
    }
    rival = null;
    boolean broke = current == second;
    house.metrics().hedged(flight.model(), broke ? HedgeResult.BROKEN : HedgeResult.WON);
    failedReplicas.add(current.replica().id());
    if (!broke) {
      takesOver(second);
    }
    endAttempt(current, reason, result);
    // It was the end of the one that is gone.
    flight.mark(Mark.UPSTREAM_ENDED, 0);
    LOG.info(
        "hedge_decided request={} gone={} reason=\"{}\"",
        flight.id(),
        current.replica().id(),
        reason);
    return true;
  }

  // ------------------------------------------------------------------ moves

  /** Whether workers are asked to say which tokens their events tell. */
  private boolean replays() {
    return house.migration().attempts() > 0 && flight.stream() && endpoint.generates();
  }

  private boolean mayMove(Attempt current, MoveCause cause) {
    boolean another = move != null || !cause.fault() || faults < house.migration().attempts();
    return replays() && another && current.replica().worker() && replay.complete();
  }

  /** The stream is cut; another replica is to go on with it. */
  private void move(Attempt current, MoveCause cause, EventRelay.Break how) {
    failedAttempts.add(current);
    Move begun = move;
    if (begun == null) {
      begun = new Move(cause, current.replica().id(), flight.now(), how);
      move = begun;
      faults += cause.fault() ? 1 : 0;
      deadline.moving(begun.cutNanos());
    } else {
      begun.brokeAgain(how);
    }
    moveOn();
  }

  private void moveOn() {
    Attempt last = attempt;
    if (over || move == null || last == null || !last.over()) {
      return;
    }
    excludeFromMoves();
    Decision decision = decide();
    Attempt begun = enter(decision, false, flight.now());
    if (begun == null) {
      vertx.setTimer(MOVE_POLL_MS, again -> moveOn());
      return;
    }
    flight.decisionAnew(decision);
    begin(begun, decision);
  }

  /** Foreign servers cannot go on; what failed can once its process is another one. */
  private void excludeFromMoves() {
    failedReplicas.clear();
    for (Attempt failed : failedAttempts) {
      if (failed.sameProcess()) {
        failedReplicas.add(failed.replica().id());
      }
    }
    for (Replica replica : house.fleet().replicas()) {
      if (!replica.worker()) {
        failedReplicas.add(replica.id());
      }
    }
  }

  /** The client got more from the replica that goes on. */
  private void resumed() {
    Move done = move;
    if (done == null) {
      return;
    }
    long now = flight.now();
    done.resumed(now);
    move = null;
    moved = true;
    deadline.moving(0);
    house
        .metrics()
        .moved(flight.model(), done.cause(), (now - done.cutNanos()) / 1e9, trace.exemplar());
    if (done.cause() == MoveCause.DRAINED) {
      house.fleet().resumed(done.from(), now - done.cutNanos());
    }
  }

  /** The replica asks the request to go. */
  private void leave(Attempt current, Guest.Leave why) {
    if (current.over()) {
      return;
    }
    switch (why) {
      case GONE ->
          attemptBroke(
              current, MoveCause.DIED, broken("the replica went away"), AttemptResult.FAILED);
      case SILENT ->
          leaveIfElsewhere(
              current, MoveCause.SILENT, "the replica says nothing", AttemptResult.FAILED);
      case LOST -> lost(current);
      case DRAINED ->
          leaveIfElsewhere(
              current, MoveCause.DRAINED, "the replica is drained", AttemptResult.MOVED);
    }
  }

  /**
   * What its replica says that it has not may have been answered, and wait to be read by an event
   * loop that is late. So the loop gets a second to read it; only what got nowhere meanwhile is
   * given up.
   */
  private void lost(Attempt current) {
    if (!current.expectsMore(flight) || !current.lost()) {
      return;
    }
    long progress = current.progress();
    vertx.setTimer(
        LOST_MS,
        later -> {
          current.found();
          if (!current.over() && current.expectsMore(flight) && current.progress() == progress) {
            attemptBroke(current, "the replica does not know the request");
          }
        });
  }

  private static EventRelay.Break broken(String reason) {
    return EventRelay.Break.empty(reason, true);
  }

  /** Where nobody else can take it, it may still end where it is. */
  private void leaveIfElsewhere(
      Attempt current, MoveCause cause, String reason, AttemptResult result) {
    if (committed) {
      if (mayMove(current, cause) && elsewhere(current)) {
        attemptBroke(current, cause, broken(reason), result);
      }
    } else if (!leavesRace(current, reason, result) && elsewhere(current)) {
      failedReplicas.add(current.replica().id());
      endAttempt(reason, result);
      attempt();
    }
  }

  private boolean elsewhere(Attempt current) {
    if (committed) {
      excludeFromMoves();
    }
    boolean added = failedReplicas.add(current.replica().id());
    boolean there = decide().chosen() != null;
    if (added) {
      failedReplicas.remove(current.replica().id());
    }
    return there;
  }

  private boolean mayRetry(Attempt current) {
    int attempts = flight.attempts() + (current.over() ? 0 : 1);
    if (attempts >= house.retries().attempts()
        || house.admission().closing()
        || flight.now() >= slo.deadlineNanos(flight.at(Mark.ACCEPTED))) {
      return false;
    }
    if (house.retries().spend(flight.model())) {
      return true;
    }
    house.metrics().retryDenied(flight.model());
    return false;
  }

  /** The replica has enough to do; another one may not. */
  private boolean shedElsewhere(Attempt current) {
    if (leavesRace(current, "the replica answered 429", AttemptResult.SHED)) {
      return true;
    }
    failedReplicas.add(current.replica().id());
    if (decide().chosen() == null || !mayRetry(current)) {
      return false;
    }
    endAttempt("the replica answered 429", AttemptResult.SHED);
    attempt();
    return true;
  }

  /** Ends what runs, and a second attempt beside it as well. */
  private void endAttempt(@Nullable String error, AttemptResult result) {
    Attempt second = rival;
    if (second != null) {
      rival = null;
      house.metrics().hedged(flight.model(), HedgeResult.ABANDONED);
      endAttempt(second, error, result);
    }
    Attempt current = attempt;
    if (current != null) {
      endAttempt(current, error, result);
    }
  }

  /**
   * Ends one attempt.
   *
   * @param error why it is given up: its connection is closed, so the replica stops working on it
   */
  private void endAttempt(Attempt current, @Nullable String error, AttemptResult result) {
    if (current.over()) {
      return;
    }
    if (result == AttemptResult.OUTRUN) {
      outrun(current);
    }
    current.end(error != null, departure(result));
    long now = flight.now();
    String id = current.replica().id();
    if (current.replica().state() == ReplicaState.DRAINING) {
      trace.keepFor(KeptFor.DRAINED);
    }
    house.metrics().replicaInFlight(id).dec();
    house.metrics().attempt(id, result);
    judge(current.ticket(), error == null ? "an error status" : error, result, now);
    flight.attempt(
        new FlightRecord.Attempt(
            current.number(),
            id,
            current.startNanos(),
            now,
            error,
            current.hedge(),
            moveRecord(current)));
    if (result == AttemptResult.OUTRUN) {
      trace.attemptOutrun(current.traced(), now);
    } else if (error != null) {
      trace.attemptFailed(current.traced(), error, now);
    }
  }

  /** What is known of a replica that another one outran: it would have taken longer than this. */
  private void outrun(Attempt current) {
    long now = flight.now();
    Workload.Job job = current.job();
    if (job != null) {
      job.outrun(now);
    }
    if (!current.hedge()) {
      house.fleet().outrun(current.ticket(), (now - current.startNanos()) / 1e6, now);
    }
  }

  /** What an attempt says of its replica. */
  private void judge(Replica.Ticket there, String reason, AttemptResult result, long now) {
    switch (result) {
      case SERVED -> house.fleet().served(there, firstTokenMs(), now);
      case FAILED -> house.fleet().failed(there, reason, now);
      case MOVED, SHED, OUTRUN, ABANDONED -> house.fleet().left(there);
    }
  }

  /** −1 where the answer has none, or another attempt had it. */
  private double firstTokenMs() {
    Attempt served = attempt;
    if (served == null || moved || !flight.stream() || flight.at(Mark.FIRST_TOKEN) == 0) {
      return -1;
    }
    return (flight.at(Mark.FIRST_TOKEN) - served.startNanos()) / 1e6;
  }

  private Drain.Departure departure(AttemptResult result) {
    return switch (result) {
      case SERVED -> Drain.Departure.FINISHED;
      case MOVED -> committed ? Drain.Departure.MOVED : Drain.Departure.RESTARTED;
      case SHED, OUTRUN -> Drain.Departure.RESTARTED;
      case ABANDONED -> Drain.Departure.ABANDONED;
      case FAILED -> Drain.Departure.FAILED;
    };
  }

  private static FlightRecord.@Nullable Move moveRecord(Attempt current) {
    Move came = current.move();
    return came == null ? null : came.record();
  }

  // ------------------------------------------------------------------ answers

  private void relay(Attempt current, HttpClientResponse answer) {
    EventRelay created =
        new EventRelay(
            flight,
            response,
            keepTimeline ? () -> ServerTiming.times(flight) : null,
            house.metrics().itl(flight.model(), flight.sloClass(), trace.exemplar()),
            current.replica().worker() && replays() ? replay : null,
            committed,
            new Relayed(current));
    current.streams(created);
    created.noting(said);
    created.start(answer);
  }

  /** What becomes of the stream of one attempt. */
  private final class Relayed implements EventRelay.Listener {
    private final Attempt current;

    Relayed(Attempt current) {
      this.current = current;
    }

    @Override
    public void speaks() {
      wins(current);
    }

    @Override
    public void committing() {
      committed = true;
      vertx.cancelTimer(hedgeTimer);
      firstToken();
      trace.firstToken(flight);
      AnswerHead.stream(response, current.replica().id(), flight);
      deadline.moved();
    }

    @Override
    public void heard() {
      current.heard(flight.now());
    }

    @Override
    public void resumed() {
      Exchange.this.resumed();
    }

    @Override
    public void stalled() {
      deadline.moved();
      pauseLearning(current);
    }

    @Override
    public void ended() {
      learn(current);
      countMovedTokens();
      endAttempt(null, AttemptResult.SERVED);
      end(response.end(), Outcome.OK, null);
    }

    @Override
    public void refused(ApiError error) {
      endAttempt(null, AttemptResult.SERVED);
      end(response.end(), Outcome.INVALID_REQUEST, Failure.of(error));
    }

    @Override
    public void broken(EventRelay.Break how) {
      MoveCause cause = how.told() ? MoveCause.FAILED : MoveCause.BROKEN;
      attemptBroke(current, cause, how, AttemptResult.FAILED);
    }
  }

  /** The last worker's timeline knows only of what it computed itself. */
  private void countMovedTokens() {
    if (moved && !flight.hasUsage()) {
      flight.usage(new Usage(replay.promptTokens(), replay.cachedTokens(), replay.tokens()));
    }
  }

  /** Ends a stream that nobody goes on with: with its replica's own error where it told one. */
  private void breakStream(EventRelay.Break how) {
    if (how.rest().length() > 0) {
      response.write(how.rest());
      DoubleConsumer gaps =
          house.metrics().itl(flight.model(), flight.sloClass(), trace.exemplar());
      for (int i = 0; i < how.pieces(); i++) {
        long gap = flight.content();
        if (gap >= 0) {
          gaps.accept(gap / 1e9);
        }
      }
    }
    if (how.told()) {
      Failure failure = Failure.of(ApiError.upstreamFailed(how.reason()));
      end(response.end(), Outcome.UPSTREAM_BROKEN, failure);
    } else {
      breakStream(Failures.broken(how.reason()));
    }
  }

  private void firstToken() {
    if (pass != null) {
      pass.firstToken(house.clock().epochNanos());
    }
  }

  /** An error event, then the end of the body; the missing {@code [DONE]} says it too. */
  private void breakStream(Failure failure) {
    response.write("data: " + failure.toJson() + "\n\n");
    end(response.end(), failure.outcome(), failure);
  }

  private void whole(Attempt current, HttpClientResponse answer, Buffer bytes) {
    if (current.over()) {
      return;
    }
    int status = answer.statusCode();
    boolean raced = rival != null && status >= 500;
    if (raced || status == 502 || status == 503 || status == 504) {
      attemptBroke(current, "the replica answered " + status);
      return;
    }
    boolean shed = status == Outcome.SHED.status();
    if (shed && pass != null) {
      pass.refusedBy(current.replica().id());
    }
    if (shed && shedElsewhere(current)) {
      return;
    }
    wins(current);
    flight.mark(Mark.UPSTREAM_ENDED);
    forClient(current, bytes, status)
        .onSuccess(forwarded -> forward(current, answer, forwarded, status, shed));
  }

  private void forward(
      Attempt current, HttpClientResponse answer, Buffer forwarded, int status, boolean shed) {
    if (current.over()) {
      return;
    }
    if (status < 300 && endpoint.generates()) {
      noted(forwarded);
      learnWhole(current);
      flight.content();
    }
    if (status < 300 && pass != null) {
      int tokens = endpoint.generates() ? flight.usage().completionTokens() : -1;
      pass.wholeAnswer(tokens, house.clock().epochNanos());
    }
    boolean failed = status >= 500;
    endAttempt(
        null, shed ? AttemptResult.SHED : failed ? AttemptResult.FAILED : AttemptResult.SERVED);
    AnswerHead.whole(response, answer, current.replica().id(), flight);
    end(PieceWriter.write(response, forwarded, deadline::flushing), Outcome.ofStatus(status), null);
  }

  private void noted(Buffer answer) {
    if (said != null) {
      said.whole(answer);
    }
  }

  private static void pauseLearning(Attempt current) {
    Workload.Job job = current.job();
    if (job != null) {
      job.pause();
    }
  }

  /** What its replica still had to say, a first token or a whole answer, takes longer than this. */
  private void learnLateness() {
    Attempt current = attempt;
    Workload.Job job = current == null || current.connecting() ? null : current.job();
    if (job != null) {
      job.late(flight.stream(), flight.now());
    }
  }

  /** A stream ended well. */
  private void learn(Attempt current) {
    Workload.Job job = current.job();
    if (job != null) {
      job.cached(flight.usage().cachedTokens());
      job.ended();
    }
  }

  /** An answer that came at once tells its times by the worker's stamps, or only their sum. */
  private void learnWhole(Attempt current) {
    Workload.Job job = current.job();
    if (job == null) {
      return;
    }
    job.cached(flight.usage().cachedTokens());
    long now = flight.now();
    RequestTimeline timeline = flight.timelines().isEmpty() ? null : flight.timelines().getFirst();
    if (timeline == null || timeline.firstTokenNanos() == 0) {
      job.whole(flight.usage().completionTokens(), now);
      return;
    }
    double ttftMs = (timeline.firstTokenNanos() - timeline.receivedNanos()) / 1e6;
    double restMs = (timeline.finishedNanos() - timeline.firstTokenNanos()) / 1e6;
    RequestTimeline.Phase decode = timeline.decode();
    int rest = decode == null ? 0 : decode.tokens();
    job.whole(ttftMs, rest > 0 ? restMs / rest : Double.NaN, now);
  }

  /** Reads an answer for the flight, and takes our own object out of it. */
  private Future<Buffer> forClient(Attempt current, Buffer bytes, int status) {
    byte[] array = bytes.getBytes();
    return work(array.length, () -> AnswerReader.read(array, 0, array.length))
        .map(
            read -> {
              if (current.over()) {
                return bytes;
              }
              read.tell(flight);
              return kept(read, bytes, array, status);
            })
        .otherwise(
            cause -> {
              // A foreign server may answer an error in plain text; it goes on as it came.
              LOG.debug("answer_not_json request={} status={}", flight.id(), status, cause);
              return bytes;
            });
  }

  private Buffer kept(AnswerReader.Answer read, Buffer bytes, byte[] array, int status) {
    if (keepTimeline && status < 300) {
      return read.withTimes(array, 0, array.length, ServerTiming.times(flight));
    }
    return keepTimeline || read.switchboard() == null
        ? bytes
        : read.without(array, 0, array.length);
  }

  /** Works on a body, elsewhere when it is so long that streams would wait for it. */
  private <T> Future<T> work(int bytes, Callable<T> work) {
    if (bytes > OFF_LOOP_BYTES) {
      return vertx.executeBlocking(work, false).map(Objects::requireNonNull);
    }
    return Future.future(
        promise -> {
          try {
            promise.complete(work.call());
          } catch (Exception broken) {
            promise.fail(broken);
          }
        });
  }

  // ------------------------------------------------------------------ deadlines

  private void deadlineMissed(DeadlineTimer.Phase phase) {
    if (over) {
      return;
    }
    switch (phase) {
      case CLIENT -> clientStalled();
      case CONNECTION -> noConnection();
      case ANSWER -> tooLate("no answer came in time");
      case NEXT_TOKEN -> nextTokenMissing();
      case MOVE -> nobodyGoesOn();
      case QUEUE -> tooLate("no place was free in time");
      case DEADLINE -> tooLate("the request's deadline passed");
    }
  }

  private void nextTokenMissing() {
    Attempt current = attempt;
    String what = "the next token did not come in time";
    if (current != null && mayMove(current, MoveCause.SILENT) && elsewhere(current)) {
      attemptBroke(current, MoveCause.SILENT, broken(what), AttemptResult.FAILED);
    } else {
      tooLate(what);
    }
  }

  private void nobodyGoesOn() {
    Move waiting = move;
    endAttempt("it did not go on in time", AttemptResult.FAILED);
    breakStream(waiting == null ? broken("nobody went on with it") : waiting.how());
  }

  private void clientStalled() {
    LOG.info("client_stalled request={}", flight.id());
    endAttempt("the client did not read", AttemptResult.ABANDONED);
    request.connection().close();
    finish(Outcome.CLIENT_GONE, Failure.of(ApiError.deadlineExceeded("The client did not read.")));
  }

  private void noConnection() {
    endAttempt("no connection was free in time", AttemptResult.ABANDONED);
    fail(
        Failures.noConnection(house.admission().retryAfterSeconds())
            .withTiming(ServerTiming.json(flight)));
  }

  private void tooLate(String what) {
    learnLateness();
    endAttempt(what, AttemptResult.FAILED);
    Failure failure = Failures.late(what).withTiming(ServerTiming.json(flight));
    if (committed) {
      breakStream(failure);
    } else {
      fail(failure);
    }
  }

  // ------------------------------------------------------------------ ends

  private void clientGone() {
    if (over) {
      return;
    }
    endAttempt("the client left", AttemptResult.ABANDONED);
    finish(Outcome.CLIENT_GONE, null);
  }

  private void fail(Failure failure) {
    if (over) {
      return;
    }
    endAttempt(failure.outcome().label(), AttemptResult.FAILED);
    end(Answers.error(vertx, request, failure), failure.outcome(), failure);
  }

  /** Waits until the last byte is out; the outcome is settled before that. */
  private void end(Future<Void> sent, Outcome outcome, @Nullable Failure failure) {
    trace.outcome(flight.id(), outcome, attempt == null ? null : attempt.replica().id());
    deadline.flushing();
    sent.onComplete(
        done -> {
          if (done.failed()) {
            // What is missing of this answer must not be taken from the next one.
            request.connection().close();
          }
          finish(done.succeeded() ? outcome : Outcome.CLIENT_GONE, failure);
        });
  }

  private void finish(Outcome outcome, @Nullable Failure failure) {
    if (over) {
      return;
    }
    over = true;
    dropHeld();
    if (bodyMemory != null) {
      bodyMemory.close();
    }
    deadline.cancel();
    vertx.cancelTimer(hedgeTimer);
    if (inFlight != null) {
      inFlight.dec();
    }
    Move unfinished = move;
    if (unfinished != null) {
      boolean left = outcome == Outcome.CLIENT_GONE;
      house.metrics().notMoved(flight.model(), unfinished.cause(), left);
      if (unfinished.cause() == MoveCause.DRAINED) {
        house.fleet().notResumed(unfinished.from(), left);
      }
    }
    int status = response.headWritten() ? response.getStatusCode() : 0;
    FlightRecord record = flight.finish(outcome, status, failure);
    if (pass != null) {
      pass.close(tokens(record), house.clock().epochNanos());
    }
    long begun = house.clock().epochNanos();
    Story story = Story.of(record);
    house.recorder().add(record);
    house.metrics().finished(record, story, slo, trace.exemplar());
    count(record);
    tell(record, story);
    house.metrics().recorded(house.clock().epochNanos() - begun);
    LOG.atLevel(outcome == Outcome.OK ? Level.DEBUG : Level.INFO)
        .log(
            "request_end request={} endpoint={} outcome={} status={} replica={} wall_ms={}",
            record.id(),
            record.endpoint(),
            outcome.label(),
            status,
            record.replica(),
            record.wallNanos() / 1_000_000);
  }

  /**
   * Charges slow ranks with it, and makes its spans: now, or when the workers have said what their
   * answers did not.
   */
  private void tell(FlightRecord record, Story story) {
    long now = house.clock().epochNanos();
    Stragglers stragglers = Stragglers.of(record, house.fleet()::find);
    house.metrics().blamed(record, slo, stragglers);
    RequestTrace.Telling telling =
        trace.judge(
            record, slo, house.recorder().slow(record), house.traces(), house.metrics(), now);
    Future<Map<Integer, EngineAnswer>> answers = answers(record, telling, now);
    if (telling.nothing()) {
      return;
    }
    content()
        .compose(
            content ->
                answers.map(
                    found ->
                        new RequestTrace.Afterwards(
                            found, stragglers, house.steps(), content.orElse(null))))
        .onSuccess(known -> trace.finish(record, story, telling, known));
  }

  /** Asks replicas where spans will tell it, or the record is one that stays. */
  private Future<Map<Integer, EngineAnswer>> answers(
      FlightRecord record, RequestTrace.Telling telling, long nowNanos) {
    boolean asks =
        telling.asks()
            || (house.recorder().interesting(record)
                && EngineDetail.lacks(record)
                && house.traces().mayKeep(nowNanos));
    if (!asks) {
      return Future.succeededFuture(Map.of());
    }
    return new EngineDetail(vertx, client, house.fleet())
        .of(record, telling.steps())
        .onSuccess(found -> house.recorder().replace(record, EngineDetail.summed(record, found)));
  }

  /** What was said, where the tenant's traces tell it. */
  private Future<Optional<RequestTrace.Content>> content() {
    AnswerText answer = said;
    if (answer == null) {
      return Future.succeededFuture(Optional.empty());
    }
    byte[] asked = body.getBytes();
    int most = house.traces().contentBytes(caller.tenant());
    return work(
        asked.length,
        () ->
            Optional.of(
                new RequestTrace.Content(AnswerText.ofRequest(asked, most), answer.messages())));
  }

  private void count(FlightRecord record) {
    Usage used = record.usage();
    house
        .usage()
        .add(
            caller.tenant(),
            record.at(Mark.ACCEPTED) / 1_000_000,
            used.promptTokens(),
            used.cachedTokens(),
            used.completionTokens());
    if (shared.counted() && attempt == null) {
      house.shared().giveBack(caller.tenant());
    }
    house
        .shared()
        .spend(
            caller.tenant(),
            Math.max(0, used.promptTokens()) + Math.max(0, used.completionTokens()));
  }

  /** What it read and generated; −1 where nobody said. */
  private long tokens(FlightRecord record) {
    Usage usage = record.usage();
    if (usage.completionTokens() < 0 && record.contentEvents() == 0) {
      return usage.promptTokens() < 0 ? -1 : usage.promptTokens();
    }
    int prompt = usage.promptTokens() < 0 ? promptTokens() : usage.promptTokens();
    int generated =
        usage.completionTokens() < 0 ? record.contentEvents() : usage.completionTokens();
    return (long) prompt + generated;
  }
}
