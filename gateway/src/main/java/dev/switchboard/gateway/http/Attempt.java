package dev.switchboard.gateway.http;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.fleet.OutlierEjection;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.ServedRequest;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.telemetry.KeepReason;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import io.opentelemetry.context.Scope;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One try at one replica, from its ticket there to its end: it opens a connection, sends the
 * request, and tells the replica's workload and circuit how that went. What becomes of the answer
 * its {@link Owner} decides. Callbacks may come after it was given up; they ask {@link #over}
 * first.
 */
final class Attempt implements ServedRequest {
  /** For an answer that waits to be read. */
  private static final long LOST_MS = 1000;

  /** Hears of an attempt, on the event loop that owns the request. */
  interface Owner {
    /** It has its connection. */
    void connected(Attempt attempt);

    /** The head of an answer is there. */
    void answered(Attempt attempt, HttpClientResponse answer);

    /** It broke; of one that is over it says nothing. */
    void broke(Attempt attempt, String reason);

    /** Its replica is gone; of one that is over it says nothing. */
    void gone(Attempt attempt, String reason);

    /** The replica asks it to go. */
    void leave(Attempt attempt, Leave why);

    /** How it stands. */
    StreamState state(Attempt attempt);
  }

  private final Call call;
  private final Flight flight;
  private final GatewayContext gateway;
  private final Owner owner;
  private final Context eventLoop;
  private final int number;
  private final Replica replica;
  private final Decision decision;
  private final boolean hedge;
  private final int incarnation;
  private final String fingerprint;
  private final long startNanos;
  private final @Nullable Move move;
  private Replica.@Nullable Ticket ticket;
  private Workload.@Nullable Job job;
  private @Nullable HttpClientRequest upstream;
  private @Nullable EventRelay relay;
  private AnswerMemory.@Nullable Share memory;
  private RequestTrace.@Nullable Tried traced;
  private boolean leads;
  private boolean inMetrics;
  private long connectedNanos;
  private long answeredNanos;
  private long heardNanos;
  private boolean over;
  private boolean lost;

  /**
   * @param decision that chose the replica
   * @param hedge it runs beside another one, whose first token is late
   * @param move when it goes on with a stream that another one began; else null
   */
  Attempt(
      Call call,
      Owner owner,
      int number,
      Replica replica,
      Decision decision,
      boolean hedge,
      long startNanos,
      @Nullable Move move) {
    this.call = call;
    this.flight = call.flight();
    this.gateway = call.gateway();
    this.owner = owner;
    this.eventLoop = call.loop().vertx().getOrCreateContext();
    this.number = number;
    this.replica = replica;
    this.decision = decision;
    this.hedge = hedge;
    this.leads = !hedge;
    this.incarnation = replica.incarnation();
    this.fingerprint = replica.fingerprint();
    this.startNanos = startNanos;
    this.move = move;
  }

  int number() {
    return number;
  }

  Replica replica() {
    return replica;
  }

  long startNanos() {
    return startNanos;
  }

  boolean over() {
    return over;
  }

  /** Whether the process it went to is still the replica's. */
  boolean sameProcess() {
    return replica.incarnation() == incarnation;
  }

  /**
   * What the replica's answers depend on: as it was when it began, or as the same process told
   * since. A worker elsewhere serves before its first report is read. Empty where it does not say.
   */
  String fingerprint() {
    return fingerprint.isEmpty() && sameProcess() ? replica.fingerprint() : fingerprint;
  }

  /** Whether its replica may have seen the request. */
  boolean sent() {
    return upstream != null;
  }

  /** Whether the process it went to is known to be gone. */
  boolean processGone() {
    return !sameProcess() || !replica.state().listening();
  }

  /** Whether nothing of an answer came. */
  boolean silent() {
    return heardNanos == 0;
  }

  /** Whether it was the only request at its replica, from its start on. */
  boolean alone() {
    return ticket().alone();
  }

  /** Prompt tokens that its replica has to compute. */
  double computeTokens(RouteRequest request) {
    Decision.Candidate winner = decision.winner();
    return winner == null ? 0 : winner.computeTokens(request);
  }

  // ------------------------------------------------------------------ at its replica

  /**
   * Enters the replica, where it is counted until it is over.
   *
   * @return false when the replica takes no requests any more
   */
  boolean enter() {
    ticket = replica.open(this, flight.gatewayNanos(startNanos));
    return ticket != null;
  }

  private Replica.Ticket ticket() {
    return Objects.requireNonNull(ticket, "it entered its replica");
  }

  @Override
  public void leave(Leave why) {
    eventLoop.runOnContext(
        asked -> {
          if (!over) {
            owner.leave(this, why);
          }
        });
  }

  @Override
  public void tell(Consumer<StreamState> hearer) {
    eventLoop.runOnContext(asked -> hearer.accept(owner.state(this)));
  }

  /**
   * What its replica says that it has not may have been answered, and wait to be read by an event
   * loop that is late. So the loop gets a second to read it; only what got nowhere meanwhile is
   * given up.
   */
  void lost() {
    if (lost || !expectsMore()) {
      return;
    }
    lost = true;
    long before = progress();
    call.loop()
        .timers()
        .after(
            LOST_MS,
            () -> {
              lost = false;
              if (expectsMore() && progress() == before) {
                owner.broke(this, "the replica does not know the request");
              }
            });
  }

  /**
   * Whether its replica must be writing to it now: what was answered whole, or waits for its
   * client, may have left the replica long ago.
   */
  private boolean expectsMore() {
    return answeredNanos == 0 || (relay != null && flight.stalledSince() == 0);
  }

  /** Rises whenever something of its answer arrives. */
  private long progress() {
    return Math.max(answeredNanos, heardNanos);
  }

  /** Something of its answer arrived. */
  void heard() {
    heardNanos = flight.now();
    replica.heard(flight.gatewayNanos(heardNanos));
    heard(heardNanos, expectsMore());
  }

  private void heard(long nanos, boolean more) {
    ticket().heard(flight.gatewayNanos(nanos), more);
  }

  // ------------------------------------------------------------------ its request

  /**
   * It is noted wherever attempts are: in the metrics, the trace and its replica's workload.
   *
   * @param wanted as the replica was chosen for it
   */
  void begin(RouteRequest wanted) {
    learns(wanted);
    gateway.metrics().replicaInFlight(replica.id()).inc();
    inMetrics = true;
    traced = call.trace().startAttempt(flight, replica.id(), number, hedge, startNanos);
  }

  private RequestTrace.Tried traced() {
    return Objects.requireNonNull(traced, "its trace began with it");
  }

  /** Sends it off. */
  void open(UpstreamRequest asked) {
    UpstreamAddress address = replica.address();
    if (address == null) {
      owner.gone(this, "the replica went away");
      return;
    }
    call.trace().place(traced(), address.host(), address.port());
    try (Scope _ = traced().context().makeCurrent()) {
      call.loop()
          .client()
          .open(address, HttpMethod.POST, call.endpoint().path())
          .onComplete(
              opened -> connected(opened, asked), cause -> failed("cannot connect: ", cause));
    }
  }

  private void connected(HttpClientRequest opened, UpstreamRequest asked) {
    if (over) {
      opened.reset();
      return;
    }
    upstream = opened;
    connectedNanos = flight.now();
    if (leads) {
      if (move == null) {
        flight.mark(Mark.CONNECTED);
      }
      owner.connected(this);
    }
    send(opened, asked);
  }

  private void send(HttpClientRequest opened, UpstreamRequest asked) {
    @Nullable Buffer answered = move == null ? null : move.answered();
    AttemptId name = gateway.fleet().nextAttempt();
    ticket().sent(name.number());
    asked.head(opened, replica, name, traced().context(), answered == null ? 0 : answered.length());
    Buffer body = asked.body(replica);
    try (Scope _ = traced().context().makeCurrent()) {
      opened
          .send(answered == null ? body : answered.appendBuffer(body))
          .onComplete(this::answered, cause -> failed("no answer: ", cause));
    }
    // The agent puts its own span there.
    call.trace()
        .sent(
            traced(),
            name.number(),
            flight.id(),
            gateway.steps(),
            opened.headers().get("traceparent"));
  }

  private void failed(String what, Throwable cause) {
    if (LostReplicas.saidBy(cause)) {
      owner.gone(this, what + cause.getMessage());
    } else {
      owner.broke(this, what + cause.getMessage());
    }
  }

  private void answered(HttpClientResponse answer) {
    if (over) {
      answer.request().reset();
      return;
    }
    answeredNanos = flight.now();
    heard(answeredNanos, false);
    if (leads && move == null) {
      flight.mark(Mark.ANSWERED);
    }
    owner.answered(this, answer);
  }

  void streams(EventRelay value) {
    relay = value;
    heard(answeredNanos, true);
  }

  /** Its answer comes whole, and takes this memory: until it is given up, or its client has it. */
  void holds(AnswerMemory.Share share) {
    memory = share;
  }

  /** Whether it waits for its connection. */
  boolean connecting() {
    return upstream == null;
  }

  /** It outran the one that it ran beside: what belongs to it becomes the flight's. */
  void takesOver() {
    leads = true;
    flight.decisionAnew(decision);
    flight.mark(Mark.ROUTED, startNanos);
    flight.mark(Mark.CONNECTED, connectedNanos);
    flight.mark(Mark.ANSWERED, answeredNanos);
  }

  /** Its answer is to be the client's: what it says counts. */
  void serves() {
    call.trace().serves(traced());
    Workload.Job own = job;
    if (own != null) {
      flight.onContent(nanos -> own.content(flight.gatewayNanos(nanos)));
    }
  }

  /** Whether its session, and what begins like its prompt, do well to come here too. */
  boolean leavesPrompt() {
    return job != null && call.endpoint().generates();
  }

  // ------------------------------------------------------------------ what the workload learns

  /** Tells the replica's workload of it, until it is over. */
  private void learns(RouteRequest wanted) {
    Decision.Candidate winner = decision.winner();
    if (winner == null || !call.endpoint().computes()) {
      return;
    }
    Workload.Job begun =
        replica
            .workload()
            .begin(
                winner, wanted, flight.stream(), this::predicted, flight.gatewayNanos(startNanos));
    if (move != null) {
      begun.goesOn();
    }
    job = begun;
  }

  private void predicted(Prediction told, double ttftMs, double tpotMs) {
    gateway
        .metrics()
        .predicted(
            decision.model(),
            told,
            ttftMs,
            tpotMs,
            decision.regretMs(ttftMs),
            call.trace().exemplar());
    gateway.metrics().shadowScores().measured(decision, ttftMs, tpotMs);
  }

  /** The client does not read. */
  void stalled() {
    heard(heardNanos, false);
    if (job != null) {
      job.pause();
    }
  }

  /** What its replica still had to say, a first token or a whole answer, takes longer than this. */
  void late() {
    if (job != null && !connecting()) {
      job.late(call.nowNanos());
    }
  }

  /** Its stream ended well. */
  void streamEnded() {
    if (job != null) {
      job.cached(flight.usage().cachedTokens(), flight.usage().promptTokens());
      job.ended();
    }
  }

  /** An answer that came at once tells its times by the worker's stamps, or only their sum. */
  void wholeAnswer() {
    Workload.Job own = job;
    if (own == null) {
      return;
    }
    own.cached(flight.usage().cachedTokens(), flight.usage().promptTokens());
    long now = call.nowNanos();
    RequestTimeline timeline = flight.timelines().isEmpty() ? null : flight.timelines().getFirst();
    if (timeline == null || timeline.firstTokenNanos() == 0) {
      own.whole(flight.usage().completionTokens(), now);
      return;
    }
    double ttftMs = (timeline.firstTokenNanos() - timeline.receivedNanos()) / 1e6;
    double restMs = (timeline.finishedNanos() - timeline.firstTokenNanos()) / 1e6;
    RequestTimeline.Phase decode = timeline.decode();
    int rest = decode == null ? 0 : decode.tokens();
    int tokens = flight.usage().completionTokens();
    own.whole(tokens, ttftMs, rest > 0 ? restMs / rest : Double.NaN, now);
  }

  // ------------------------------------------------------------------ its end

  /**
   * Ends it, once.
   *
   * @param error why it is given up: its connection is closed, so the replica stops working on it;
   *     null when it answered
   * @param begun the client has a part of its answer
   */
  void end(@Nullable String error, AttemptResult result, boolean begun) {
    if (over) {
      return;
    }
    // Each is given back, or told, whatever the others throw: it ends only once.
    CleanupSteps.all(
        () -> outrun(result),
        () -> leaveReplica(error != null, departure(result, begun)),
        () -> judge(error == null ? "an error status" : error, result, call.nowNanos()),
        () -> tell(error, result));
  }

  private void tell(@Nullable String error, AttemptResult result) {
    long now = flight.now();
    if (replica.state() == ReplicaState.DRAINING) {
      call.trace().keepFor(KeepReason.DRAINED);
    }
    gateway.metrics().attempt(replica.id(), result);
    flight.attempt(
        new FlightRecord.Attempt(
            number,
            replica.id(),
            startNanos,
            now,
            error,
            hedge,
            move == null ? null : move.record()));
    RequestTrace.Tried told = traced;
    if (told != null && error != null) {
      call.trace().attemptEnded(told, result, error, now);
    }
  }

  /** What is known of a replica that another one outran: it would have taken longer than this. */
  private void outrun(AttemptResult result) {
    if (result != AttemptResult.OUTRUN) {
      return;
    }
    long now = call.nowNanos();
    if (job != null) {
      job.outrun(now);
    }
    Circuit.FirstToken late = firstToken(flight.now());
    if (!hedge && late != null) {
      gateway.fleet().outlierEjection().outrun(ticket(), late, now);
    }
  }

  private void leaveReplica(boolean reset, Drain.Departure how) {
    over = true;
    CleanupSteps.all(
        () -> {
          if (relay != null) {
            relay.stop();
          }
        },
        () -> {
          if (upstream != null && reset) {
            upstream.reset();
          }
        },
        () -> {
          if (memory != null && reset) {
            memory.close();
          }
        },
        () -> {
          if (job != null) {
            job.close();
          }
        },
        () -> ticket().close(how),
        () -> {
          if (inMetrics) {
            inMetrics = false;
            gateway.metrics().replicaInFlight(replica.id()).dec();
          }
        });
  }

  private static Drain.Departure departure(AttemptResult result, boolean begun) {
    return switch (result) {
      case SERVED -> Drain.Departure.FINISHED;
      case MOVED -> begun ? Drain.Departure.MOVED : Drain.Departure.RESTARTED;
      case SHED, OUTRUN -> Drain.Departure.RESTARTED;
      case ABANDONED -> Drain.Departure.ABANDONED;
      case FAILED -> Drain.Departure.FAILED;
    };
  }

  /** What it says of its replica. */
  private void judge(String reason, AttemptResult result, long now) {
    OutlierEjection outlierEjection = gateway.fleet().outlierEjection();
    switch (result) {
      case SERVED -> outlierEjection.served(ticket(), firstToken(), now);
      case FAILED -> outlierEjection.failed(ticket(), reason, now);
      case MOVED, SHED, OUTRUN, ABANDONED -> outlierEjection.left(ticket());
    }
  }

  /** Null where the answer has none, another attempt had it, or it says nothing of the replica. */
  private Circuit.@Nullable FirstToken firstToken() {
    if (move != null || !flight.stream() || flight.at(Mark.FIRST_TOKEN) == 0) {
      return null;
    }
    return firstToken(flight.at(Mark.FIRST_TOKEN));
  }

  private Circuit.@Nullable FirstToken firstToken(long atNanos) {
    return job == null || waitedForRoom(job)
        ? null
        : new Circuit.FirstToken((atNanos - startNanos) / 1e6, job.usualTtftMs());
  }

  /**
   * How many an engine runs at once nobody tells: who comes beyond that waits until one has ended.
   * So the first tokens of the fullest say nothing of how well it is while it makes the others as
   * quickly as its peers.
   */
  private boolean waitedForRoom(Workload.Job job) {
    return decision.choseTheFullest() && job.keptPace();
  }
}
