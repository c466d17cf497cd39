package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.stream.AnswerReader;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.WholeAnswer;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.RequestParser;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.net.URI;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The course of one request, from its head to its last byte, on one event loop:
 *
 * <pre>
 *   body → parse → admit → route → connect → send → answer → end
 *                            ↑________ retry _______|
 * </pre>
 *
 * <p>An attempt that breaks before the first byte went out is retried on another replica while the
 * retry budget allows. After the first byte a failure becomes an error event at the end of the
 * stream, never a clean {@code [DONE]}.
 *
 * <p>Three things can end it: the answer, the client's leaving and a deadline. Whichever comes
 * first wins; {@link #finish} runs once, closes the admission pass and the replica's ticket, and
 * makes the record. A late callback of an attempt that was given up is told apart by the attempt's
 * number.
 */
final class Exchange {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

  /** A larger body is parsed off the event loop. */
  private static final int OFF_LOOP_BYTES = 32 << 10;

  private final Gatehouse house;
  private final Vertx vertx;
  private final UpstreamClient client;
  private final RequestParser parser;
  private final Endpoint endpoint;
  private final HttpServerRequest request;
  private final HttpServerResponse response;
  private final Flight flight;
  private final RequestTrace trace;
  private final Set<String> failedReplicas = new HashSet<>();

  private Buffer body = Buffer.buffer();
  private boolean keepTimeline;
  private Admission.@Nullable Pass pass;
  private @Nullable GaugeDataPoint inFlight;
  private boolean over;
  private long turn;
  private long deadlineTimer = -1;
  private long armedUntil;

  // Of the current attempt.
  private int attemptNumber;
  private long attemptStart;
  private @Nullable Replica replica;
  private Replica.@Nullable Ticket ticket;
  private @Nullable HttpClientRequest upstream;
  private @Nullable EventRelay relay;

  Exchange(
      Gatehouse house,
      Vertx vertx,
      UpstreamClient client,
      RequestParser parser,
      Endpoint endpoint,
      HttpServerRequest request,
      Flight flight,
      RequestTrace trace) {
    this.house = house;
    this.vertx = vertx;
    this.client = client;
    this.parser = parser;
    this.endpoint = endpoint;
    this.request = request;
    this.response = request.response();
    this.flight = flight;
    this.trace = trace;
    flight.endpoint(endpoint.operation());
    flight.traceId(trace.traceId());
  }

  void start() {
    response.closeHandler(closed -> clientGone());
    response.exceptionHandler(broken -> clientGone());
    String wanted = request.getHeader("X-Switchboard-Timeline");
    keepTimeline = wanted != null;
    if (wanted != null && !wanted.equals("summary") && !wanted.equals("full")) {
      fail(
          Failure.of(
              ApiError.invalid(
                  "X-Switchboard-Timeline", "X-Switchboard-Timeline must be summary or full.")));
      return;
    }
    BodyReader.read(vertx, request, house.http().maxBodyBytes(), house.deadlines().bodyMs())
        .compose(this::parse)
        .onSuccess(this::parsed)
        .onFailure(this::unreadable);
  }

  private Future<ParsedRequest> parse(Buffer bytes) {
    flight.mark(Mark.RECEIVED);
    body = bytes;
    byte[] array = bytes.getBytes();
    if (array.length <= OFF_LOOP_BYTES) {
      return Future.future(
          promise -> promise.complete(ParsedRequest.parse(parser, endpoint, array)));
    }
    return vertx
        .executeBlocking(() -> ParsedRequest.parse(parser, endpoint, array), false)
        .map(Objects::requireNonNull);
  }

  private void unreadable(Throwable cause) {
    if (cause instanceof ApiException refused) {
      fail(Failure.of(refused.error()));
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
    if (!house.fleet().serves(parsed.model())) {
      fail(Failure.of(ApiError.modelNotFound(parsed.model())));
      return;
    }
    switch (house.admission().enter()) {
      case Admission.Pass admitted -> admitted(admitted);
      case Admission.Shed shed ->
          fail(
              Failure.of(
                      ApiError.overloaded(
                          "Too many requests are in flight (" + shed.inFlight() + ")."))
                  .withRetryAfter(shed.retryAfterSeconds()));
      case Admission.Closing closing ->
          fail(
              Failure.of(ApiError.draining("This gateway is shutting down."))
                  .withRetryAfter(closing.retryAfterSeconds()));
    }
  }

  private void admitted(Admission.Pass admitted) {
    pass = admitted;
    flight.mark(Mark.ADMITTED);
    inFlight = house.metrics().inFlight(flight.model());
    inFlight.inc();
    house.retries().earn();
    turn = house.fleet().nextTurn();
    armDeadline();
    attempt();
  }

  // ------------------------------------------------------------------ attempts

  private void attempt() {
    Decision decision =
        house
            .policy()
            .route(house.fleet().views(), new RouteRequest(flight.model(), failedReplicas, turn));
    flight.decision(decision);
    Replica chosen = decision.chosen() == null ? null : house.fleet().find(decision.chosen());
    URI address = chosen == null ? null : chosen.address();
    if (chosen == null || address == null) {
      noReplica();
      return;
    }
    attemptNumber = flight.attempts() + 1;
    attemptStart = flight.at(Mark.ROUTED);
    replica = chosen;
    int number = attemptNumber;
    var context = vertx.getOrCreateContext();
    ticket =
        chosen.open(
            () -> context.runOnContext(gone -> attemptBroke(number, "the replica went away")),
            flight.at(Mark.ROUTED));
    house.metrics().replicaInFlight(chosen.id()).inc();
    Context traced = trace.startAttempt(flight, chosen.id(), number, attemptStart);
    try (Scope _ = traced.makeCurrent()) {
      client
          .open(address, HttpMethod.POST, endpoint.path())
          .onSuccess(opened -> connected(number, opened, traced))
          .onFailure(cause -> attemptBroke(number, "cannot connect: " + cause.getMessage()));
    }
  }

  private void noReplica() {
    if (failedReplicas.isEmpty()) {
      fail(
          Failure.of(
                  ApiError.unavailable("No replica of " + flight.model() + " is ready right now."))
              .withRetryAfter(house.admission().retryAfterSeconds()));
    } else {
      fail(Failure.of(ApiError.upstreamFailed("Every replica that was tried failed.")));
    }
  }

  private void connected(int number, HttpClientRequest opened, Context traced) {
    if (over || number != attemptNumber || ticket == null) {
      opened.reset();
      return;
    }
    flight.mark(Mark.CONNECTED);
    upstream = opened;
    opened.putHeader("Content-Type", "application/json");
    opened.putHeader("Accept", flight.stream() ? "text/event-stream" : "application/json");
    opened.putHeader(RequestIds.HEADER, flight.id());
    Replica target = Objects.requireNonNull(replica);
    if (target.local()) {
      opened.putHeader("X-Switchboard-Timeline", "full");
    }
    traceHeaders(opened, traced);
    try (Scope _ = traced.makeCurrent()) {
      opened
          .send(body)
          .onSuccess(answer -> answered(number, answer))
          .onFailure(cause -> attemptBroke(number, "no answer: " + cause.getMessage()));
    }
  }

  /** The attempt's own trace headers; without an agent the client's, as they came. */
  private void traceHeaders(HttpClientRequest opened, Context traced) {
    house.propagator().inject(traced, opened, Exchange::putHeader);
    if (trace.traceId() == null) {
      for (String name : new String[] {"traceparent", "tracestate"}) {
        String value = request.getHeader(name);
        if (value != null) {
          opened.putHeader(name, value);
        }
      }
    }
  }

  private static void putHeader(@Nullable HttpClientRequest carrier, String name, String value) {
    if (carrier != null) {
      carrier.putHeader(name, value);
    }
  }

  private void answered(int number, HttpClientResponse answer) {
    if (over || number != attemptNumber) {
      answer.request().reset();
      return;
    }
    flight.mark(Mark.ANSWERED);
    String type = answer.getHeader("Content-Type");
    if (answer.statusCode() == 200 && type != null && type.startsWith("text/event-stream")) {
      relay(number, answer);
      return;
    }
    WholeAnswer.collect(answer, house.http().maxAnswerBytes())
        .onSuccess(bytes -> whole(number, answer, bytes))
        .onFailure(cause -> attemptBroke(number, "the answer broke: " + cause.getMessage()));
  }

  /** The current attempt is over without an answer; late news of an earlier one is ignored. */
  private void attemptBroke(int number, String reason) {
    if (over || number != attemptNumber) {
      return;
    }
    EventRelay running = relay;
    boolean committed = running != null && running.committed();
    String name = replica == null ? "" : replica.id();
    endAttempt(reason);
    LOG.warn(
        "attempt_failed request={} replica={} attempt={} reason=\"{}\"",
        flight.id(),
        name,
        number,
        reason);
    if (committed) {
      breakStream(Failure.of(ApiError.upstreamFailed("The replica failed: " + reason + ".")));
      return;
    }
    failedReplicas.add(name);
    if (number < house.retries().attempts() && !house.admission().closing()) {
      if (house.retries().spend()) {
        attempt();
        return;
      }
      house.metrics().retryDenied();
    }
    fail(Failure.of(ApiError.upstreamFailed("The replica failed: " + reason + ".")));
  }

  /** Gives the attempt up: its connection is closed, so the replica stops working on it. */
  private void endAttempt(@Nullable String error) {
    attemptNumber++;
    EventRelay running = relay;
    if (running != null) {
      running.stop();
      relay = null;
    }
    HttpClientRequest sent = upstream;
    upstream = null;
    if (sent != null && error != null) {
      sent.reset();
    }
    Replica.Ticket held = ticket;
    ticket = null;
    if (held != null) {
      held.close();
    }
    Replica target = replica;
    if (target != null && attemptStart != 0) {
      long now = flight.now();
      house.metrics().replicaInFlight(target.id()).dec();
      flight.attempt(
          new FlightRecord.Attempt(flight.attempts() + 1, target.id(), attemptStart, now, error));
      attemptStart = 0;
      house.metrics().attempt(target.id(), error == null);
      if (error != null) {
        trace.attemptFailed(error, now);
      }
    }
  }

  // ------------------------------------------------------------------ answers

  private void relay(int number, HttpClientResponse answer) {
    EventRelay created =
        new EventRelay(
            flight,
            response,
            keepTimeline,
            house.metrics().itl(flight.model()),
            new EventRelay.Listener() {
              @Override
              public void committing() {
                streamHead();
                deadlineMoved();
              }

              @Override
              public void stalled() {
                deadlineMoved();
              }

              @Override
              public void ended() {
                endAttempt(null);
                end(response.end(), Outcome.OK, null);
              }

              @Override
              public void broken(String reason, boolean errorSent) {
                if (errorSent) {
                  endAttempt(reason);
                  Failure failure = Failure.of(ApiError.upstreamFailed(reason));
                  end(response.end(), Outcome.UPSTREAM_BROKEN, failure);
                } else {
                  attemptBroke(number, reason);
                }
              }
            });
    relay = created;
    created.start(answer);
  }

  private void streamHead() {
    response
        .setStatusCode(200)
        .setChunked(true)
        .putHeader("Content-Type", "text/event-stream; charset=utf-8")
        .putHeader("Cache-Control", "no-store")
        .putHeader("X-Accel-Buffering", "no");
    answerHeaders();
  }

  private void answerHeaders() {
    if (replica != null) {
      response.putHeader("X-Switchboard-Replica", replica.id());
    }
    response.putHeader("Server-Timing", ServerTiming.of(flight));
  }

  /** An error event, then the end of the body; the missing {@code [DONE]} says it too. */
  private void breakStream(Failure failure) {
    response.write("data: " + failure.toJson() + "\n\n");
    end(response.end(), failure.outcome(), failure);
  }

  private void whole(int number, HttpClientResponse answer, Buffer bytes) {
    if (over || number != attemptNumber) {
      return;
    }
    int status = answer.statusCode();
    if (status == 502 || status == 503 || status == 504) {
      attemptBroke(number, "the replica answered " + status);
      return;
    }
    flight.mark(Mark.UPSTREAM_ENDED);
    Buffer forwarded = bytes;
    try {
      byte[] array = bytes.getBytes();
      AnswerReader.Read read = AnswerReader.read(array, 0, array.length, flight, keepTimeline);
      forwarded = read.changed() ? Buffer.buffer(read.bytes()) : bytes;
    } catch (IOException e) {
      // A foreign server may answer an error in plain text; it goes on as it came.
      LOG.debug("answer_not_json request={} status={}", flight.id(), status, e);
    }
    if (status < 300) {
      flight.content();
    }
    endAttempt(null);
    String type = answer.getHeader("Content-Type");
    String retryAfter = answer.getHeader("Retry-After");
    response.setStatusCode(status);
    response.putHeader("Content-Type", type == null ? "application/json" : type);
    if (retryAfter != null) {
      response.putHeader("Retry-After", retryAfter);
    }
    answerHeaders();
    end(response.end(forwarded), Outcome.ofStatus(status), null);
  }

  // ------------------------------------------------------------------ deadlines

  private void armDeadline() {
    armedUntil = nextDeadline();
    long waitMs = Math.max(1, (armedUntil - flight.now()) / 1_000_000 + 1);
    deadlineTimer = vertx.setTimer(waitMs, id -> checkDeadline());
  }

  /** The request entered a phase whose deadline may be nearer than the one it waits for. */
  private void deadlineMoved() {
    if (nextDeadline() < armedUntil) {
      vertx.cancelTimer(deadlineTimer);
      armDeadline();
    }
  }

  /** Within a phase deadlines only move away, with every token; the timer looks when it fires. */
  private void checkDeadline() {
    if (over) {
      return;
    }
    if (flight.now() < nextDeadline()) {
      armDeadline();
    } else if (flight.stalledSince() != 0) {
      LOG.info("client_stalled request={}", flight.id());
      endAttempt("the client did not read");
      request.connection().close();
      finish(
          Outcome.CLIENT_GONE, Failure.of(ApiError.deadlineExceeded("The client did not read.")));
    } else {
      deadlineMissed();
    }
  }

  private void deadlineMissed() {
    boolean first = flight.at(Mark.FIRST_TOKEN) == 0;
    String what = first ? "no answer came in time" : "the next token did not come in time";
    boolean committed = relay != null && relay.committed();
    endAttempt(what);
    Failure failure =
        Failure.of(ApiError.deadlineExceeded("Deadline exceeded: " + what + "."))
            .withTiming(ServerTiming.json(flight));
    if (committed) {
      breakStream(failure);
    } else {
      fail(failure);
    }
  }

  private long nextDeadline() {
    DeadlinesConfig limits = house.deadlines();
    long stalled = flight.stalledSince();
    if (stalled != 0) {
      return stalled + limits.writeStallMs() * 1_000_000L;
    }
    if (!flight.stream()) {
      return flight.at(Mark.ADMITTED) + limits.answerMs() * 1_000_000L;
    }
    return flight.at(Mark.FIRST_TOKEN) == 0
        ? flight.at(Mark.ADMITTED) + limits.firstTokenMs() * 1_000_000L
        : flight.lastProgressNanos() + limits.interTokenMs() * 1_000_000L;
  }

  // ------------------------------------------------------------------ ends

  private void clientGone() {
    if (over) {
      return;
    }
    endAttempt("the client left");
    finish(Outcome.CLIENT_GONE, null);
  }

  private void fail(Failure failure) {
    if (over) {
      return;
    }
    endAttempt(failure.outcome().label());
    end(Answers.error(vertx, request, failure), failure.outcome(), failure);
  }

  /** Waits until the last byte is out; the outcome is settled before that. */
  private void end(Future<Void> sent, Outcome outcome, @Nullable Failure failure) {
    trace.outcome(flight.id(), outcome, replica == null ? null : replica.id());
    sent.onComplete(done -> finish(done.succeeded() ? outcome : Outcome.CLIENT_GONE, failure));
  }

  private void finish(Outcome outcome, @Nullable Failure failure) {
    if (over) {
      return;
    }
    over = true;
    vertx.cancelTimer(deadlineTimer);
    if (pass != null) {
      pass.close();
    }
    if (inFlight != null) {
      inFlight.dec();
    }
    int status = response.headWritten() ? response.getStatusCode() : 0;
    FlightRecord record = flight.finish(outcome, status, failure);
    Story story = Story.of(record);
    house.recorder().add(record);
    house.metrics().finished(record, story, trace.spanId());
    trace.finish(record, story);
    LOG.info(
        "request_end request={} endpoint={} outcome={} status={} replica={} wall_ms={}",
        record.id(),
        record.endpoint(),
        outcome.label(),
        status,
        record.replica(),
        record.wallNanos() / 1_000_000);
  }
}
