package dev.switchboard.gateway.http;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.stream.AnswerText;
import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.stream.Pieces;
import dev.switchboard.gateway.telemetry.KeepReason;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The course of one request, from its head to its last byte, on one event loop:
 *
 * <pre>
 *   RequestHead ─▶ ParsedRequest ─▶ RequestAdmission ─▶ Attempts ────────────────────────▶ Settlement
 *                                                  │ ReplicaChoice ─▶ Attempt
 *                                                  │    ▲─ retry, hedge, Migration
 *                                                  └ AnswerRelay ─▶ ClientAnswer
 * </pre>
 *
 * <p>Three things can end it: the answer, the client's leaving and a deadline. Whichever comes
 * first wins; {@link #ended} runs once, closes the admission pass, and makes the record.
 */
final class Exchange implements Admission.Waiter, ClientAnswer.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  /** Of a request whose body is not read; nobody writes to it. */
  private static final Buffer UNREAD = Buffer.buffer();

  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final DeadlineTimer deadline;
  private final ClientAnswer answer;
  private final QuotaReservation allowance;

  private RequestHead head = RequestHead.NONE;
  private Buffer body = UNREAD;
  private @Nullable UpstreamRequest upstream;

  /** What the body takes of the memory that all have for theirs. */
  private BodyMemory.@Nullable Share bodyMemory;

  /** Null until the body is read. */
  private @Nullable RequestAdmission place;

  /** Null until it is admitted. */
  private @Nullable Attempts attempts;

  /** Known with the model that is asked for. */
  private ClientQuarantine.Client client = new ClientQuarantine.Client("", "", "");

  private boolean faulted;

  Exchange(Call call) {
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.deadline =
        new DeadlineTimer(
            call.loop().timers(),
            gateway.deadlines(),
            gateway.migration().waitMs(),
            flight,
            this::deadlineMissed);
    this.answer = new ClientAnswer(call, deadline, this);
    this.allowance = new QuotaReservation(call);
    flight.endpoint(call.endpoint().operation());
    flight.traceId(call.trace().traceId());
    // Which model it is for is not known yet.
    call.trace().detail(gateway.traces().of(""), gateway.traces().general());
  }

  void start() {
    RequestFaults.begins(this);
    call.loop().running().add(this);
    flight.tenant(call.caller().tenant());
    gateway.recorder().begin(flight.id());
    try {
      read();
    } catch (RuntimeException fault) {
      faulted(fault);
    }
  }

  /** To be called now and then while it runs. */
  void runs() {
    call.trace().runs(flight);
  }

  private void read() {
    HttpServerResponse response = call.response();
    response.closeHandler(closed -> clientGone());
    response.exceptionHandler(
        broken -> {
          // Of bytes that cannot be read whoever reads the body hears.
          if (!ProtocolGuard.malformed(broken)) {
            clientGone();
          }
        });
    try {
      head = RequestHead.read(call);
    } catch (ApiException refused) {
      fail(Failure.of(refused.error()));
      return;
    }
    flight.slo(head.slo());
    call.trace().conversation(head.session());
    deadline.request(head.slo().deadlineNanos(flight.at(Mark.ACCEPTED)));
    BodyMemory.Share memory = gateway.bodies().open();
    bodyMemory = memory;
    long begun = flight.now();
    BodyReader.Limit limit =
        new BodyReader.Limit(gateway.deadlines().bodyMs(), () -> flight.lateNanosSince(begun));
    BodyReader.read(
            call.loop().timers(), call.request(), gateway.http().maxBodyBytes(), limit, memory)
        .compose(this::parse)
        .onComplete(this::parsed, this::unreadable);
  }

  private Future<ParsedRequest> parse(Buffer bytes) {
    flight.mark(Mark.RECEIVED);
    body = bytes;
    byte[] array = Pieces.bytes(bytes);
    return call.loop()
        .work(
            array.length,
            () -> ParsedRequest.parse(call.loop().parser(), call.endpoint(), array, head.salt()));
  }

  private void unreadable(Throwable cause) {
    if (cause instanceof ApiException refused) {
      fail(Failure.of(refused.error()));
    } else if (cause instanceof BodyReader.NoMemory full) {
      BodyMemory.Wait wait = full.predicted();
      refused(gateway.admission().noBodyMemory(wait.p50Nanos(), wait.p90Nanos()));
    } else if (answer.over() || call.response().closed()) {
      clientGone();
    } else {
      faulted(cause);
    }
  }

  private void parsed(ParsedRequest parsed) {
    if (answer.over()) {
      return;
    }
    flight.mark(Mark.PARSED);
    flight.model(parsed.model());
    flight.stream(parsed.stream());
    flight.parameters(parsed.parameters());
    head = head.prioritized(call, parsed.priority());
    flight.slo(head.slo());
    if (!gateway.router().knows(parsed.model())) {
      fail(Failure.of(ApiError.modelNotFound(parsed.model())));
      return;
    }
    HttpConnection connection = call.request().connection();
    if (call.loop().sockets().left(connection) && !HalfClose.isAllowed(connection)) {
      clientGone();
      return;
    }
    client = new ClientQuarantine.Client(flight.model(), call.caller().tenant(), call.clientName());
    Failure held = held();
    if (held != null) {
      fail(held);
      return;
    }
    ReplicaChoice choice = ReplicaChoice.of(call, head, parsed, body.length());
    if (choice.models().stream().noneMatch(gateway.fleet()::serves)) {
      // It was served when the request began; who leaves does not wait for the end of its body.
      fail(Failure.of(ApiError.modelNotFound(parsed.model())));
      return;
    }
    flight.model(choice.models().getFirst());
    Quotas.Exhausted tooShort = allowance.take(choice.promptTokens());
    if (tooShort != null) {
      fail(Failures.of(tooShort, ServerTiming.times(flight)));
      return;
    }
    traced();
    upstream = upstream(parsed, choice.requested());
    RequestAdmission entering = new RequestAdmission(call, head.slo(), choice, this);
    place = entering;
    entering.enter(parsed, body.length());
  }

  /** What is said to a request that is not tried, since workers died of it or of its client's. */
  private @Nullable Failure held() {
    int seconds = gateway.poison().clients().heldSeconds(client);
    if (seconds > 0) {
      LOG.warn(
          "client_held request={} trace={} seconds={}", flight.id(), flight.traceId(), seconds);
      gateway.metrics().poisoned(flight.model(), "client_held");
      return Failures.clientHeld(seconds);
    }
    seconds = gateway.poison().heldSeconds(call.endpoint().path(), body);
    if (seconds > 0) {
      LOG.warn(
          "request_held request={} trace={} seconds={}", flight.id(), flight.traceId(), seconds);
      gateway.metrics().poisoned(flight.model(), "held");
      return Failures.engineFailed(seconds);
    }
    return null;
  }

  /** What replicas get: the body as it came, or with the priority that it has. */
  private UpstreamRequest upstream(ParsedRequest parsed, String model) {
    int most = allowance.mostTokens();
    int priority = head.slo().priority();
    boolean said = parsed.priority() != 0;
    if (!said || parsed.priority() == priority) {
      return new UpstreamRequest(call, head, body, parsed.spans(), model, most, said);
    }
    byte[] changed = BodySpans.prioritized(body.getBytes(), priority);
    return new UpstreamRequest(
        call, head, Buffer.buffer(changed), BodySpans.of(changed), model, most, true);
  }

  /** In how much detail, now that its model is known. */
  private void traced() {
    String tenant = call.caller().tenant();
    TraceDetail asked = head.trace();
    call.trace()
        .detail(
            gateway.traces().of(flight.model(), tenant, asked),
            gateway.traces().wanted(flight.model(), tenant, asked));
    int bytes = call.endpoint().generates() ? gateway.traces().contentBytes(tenant) : 0;
    if (bytes > 0) {
      answer.noting(new AnswerText(bytes));
    }
    if (asked != null && gateway.traces().mayRaise(tenant)) {
      call.trace().keepFor(KeepReason.ASKED);
    }
  }

  @Override
  public void refused(Refusal refusal) {
    if (answer.over()) {
      return;
    }
    gateway.metrics().admission(flight.model(), head.slo().name(), refusal.reason().label());
    fail(Failures.of(refusal, ServerTiming.times(flight)));
  }

  @Override
  public void admitted() {
    RequestAdmission entered = place;
    UpstreamRequest asked = upstream;
    if (answer.over() || entered == null || asked == null) {
      return;
    }
    flight.mark(Mark.ADMITTED);
    entered.begins();
    Attempts begun =
        new Attempts(
            call,
            head,
            asked,
            entered,
            deadline,
            answer,
            allowance,
            new PoisonCheck(call, client, body));
    attempts = begun;
    begun.begin();
  }

  // ------------------------------------------------------------------ deadlines

  private void deadlineMissed(DeadlineTimer.Phase phase) {
    if (answer.over()) {
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

  private void clientStalled() {
    LOG.info("client_stalled request={} trace={}", flight.id(), flight.traceId());
    abandonAttempts("the client did not read", Outcome.CLIENT_GONE);
    // Before the cut, by which what waits to be written fails, and tells no reason.
    answer.abandon(Failure.of(ApiError.deadlineExceeded("The client did not read.")));
    LingeringClose.now(call.request().connection());
  }

  private void noConnection() {
    Failure failure = Failures.noConnection(gateway.admission().retryAfterSeconds());
    abandonAttempts("no connection was free in time", failure.outcome());
    fail(failure.withTiming(ServerTiming.json(flight)));
  }

  private void nextTokenMissing() {
    String what = "the next token did not come in time";
    if (attempts == null || !attempts.silent(what)) {
      tooLate(what);
    }
  }

  private void nobodyGoesOn() {
    if (attempts != null) {
      attempts.nobodyGoesOn();
    }
  }

  private void tooLate(String what) {
    if (attempts != null) {
      attempts.late(what);
    }
    answer.fail(Failures.late(what).withTiming(ServerTiming.json(flight)));
  }

  // ------------------------------------------------------------------ ends

  private void clientGone() {
    if (!answer.over()) {
      abandonAttempts("the client left", Outcome.CLIENT_GONE);
      answer.abandon(null);
    }
  }

  /** A step of its course threw this: none that would have followed it comes any more. */
  void faulted(Throwable fault) {
    LOG.error("request_failed request={} trace={}", flight.id(), flight.traceId(), fault);
    if (answer.over()) {
      return;
    }
    if (faulted) {
      // Not even its error could be told.
      answer.abandon(Failure.of(ApiError.internal()));
      LingeringClose.now(call.request().connection());
      return;
    }
    faulted = true;
    CleanupSteps.all(
        () -> abandonAttempts("a fault of the gateway", Outcome.INTERNAL),
        () -> answer.lost(Failure.of(ApiError.internal())));
  }

  /** The gateway stops, and waits no longer for its end. */
  void dismiss() {
    if (answer.ended()) {
      return;
    }
    try {
      Failure failure = Failures.stopping();
      abandonAttempts("the gateway stops", failure.outcome());
      answer.fail(failure.withTiming(ServerTiming.json(flight)));
    } catch (RuntimeException fault) {
      // Others are dismissed after it.
      faulted(fault);
    }
  }

  /** How it stands; on its event loop. */
  RunningRequest look() {
    Attempts begun = attempts;
    return new RunningRequest(
        flight.snapshot(Outcome.OK, 0, null),
        phase(),
        begun == null ? null : begun.replica(),
        begun == null ? 0 : begun.relayed());
  }

  private RunningRequest.Phase phase() {
    if (answer.ended()) {
      return RunningRequest.Phase.FLUSHING;
    }
    if (flight.at(Mark.PARSED) == 0) {
      return RunningRequest.Phase.RECEIVING;
    }
    return attempts == null ? RunningRequest.Phase.QUEUED : attempts.phase();
  }

  boolean is(String id) {
    return flight.id().equals(id);
  }

  /**
   * An operator ends it: its replica and its place are free at once, and its client reads why.
   *
   * @return how it stood; null where its answer had ended already
   */
  @Nullable RunningRequest cancel() {
    if (answer.ended()) {
      return null;
    }
    RunningRequest before = look();
    LOG.info("request_cancelled request={} trace={}", flight.id(), flight.traceId());
    abandonAttempts("an operator cancelled it", Outcome.CANCELLED);
    answer.fail(Failures.cancelled(ServerTiming.json(flight)));
    return before;
  }

  private void fail(Failure failure) {
    if (!answer.over()) {
      if (attempts != null) {
        attempts.end(failure.outcome().label(), AttemptResult.FAILED);
      }
      answer.fail(failure);
    }
  }

  /** Gives up what runs, through no fault of its replica. */
  private void abandonAttempts(String why, Outcome outcome) {
    if (attempts != null) {
      call.trace().abandons(outcome);
      attempts.end(why, AttemptResult.ABANDONED);
    }
  }

  @Override
  public void ended(Outcome outcome, @Nullable Failure failure) {
    call.loop().running().remove(this);
    CleanupSteps.all(
        () -> closeAttempts(outcome),
        this::closeBody,
        deadline::cancel,
        () -> settle(outcome, failure),
        // After what it took is counted: a hold that stays is never given back.
        allowance::close);
  }

  private void closeAttempts(Outcome outcome) {
    Attempts begun = attempts;
    if (begun != null) {
      CleanupSteps.all(
          () -> abandonAttempts("the request is over", outcome), () -> begun.close(outcome));
    }
  }

  private void closeBody() {
    if (bodyMemory != null) {
      bodyMemory.close();
    }
  }

  private void settle(Outcome outcome, @Nullable Failure failure) {
    HttpServerResponse response = call.response();
    int status = response.headWritten() ? response.getStatusCode() : 0;
    FlightRecord record = null;
    try {
      record = flight.finish(outcome, status, failure);
    } finally {
      FlightRecord made = record;
      CleanupSteps.all(
          () -> {
            if (place != null) {
              place.leave(made);
            }
          },
          () -> {
            if (made == null) {
              gateway.recorder().over(flight.id());
            } else {
              new Settlement(call, head.slo(), body, answer.said()).settle(made);
            }
          });
    }
  }
}
