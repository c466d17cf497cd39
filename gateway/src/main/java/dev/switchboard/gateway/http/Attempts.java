package dev.switchboard.gateway.http;

import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.edge.EdgeReason;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ServedRequest;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.Replay;
import dev.switchboard.gateway.telemetry.KeepReason;
import dev.switchboard.openai.ApiError;
import io.vertx.core.http.HttpClientResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who serves a request that was admitted: one attempt after another until one of them answers.
 *
 * <p>An attempt that breaks before the first byte went out is retried on another replica while the
 * retry budget allows. After the first byte a stream of one of our workers moves: another worker
 * gets the request and the tokens that the client has, and goes on behind them, so that the client
 * reads one answer. Where that cannot be, a failure becomes an error event at the end of the
 * stream, never a clean {@code [DONE]}.
 *
 * <p>Where the first token is late a second attempt, the rival, may run beside the first, at
 * another replica. The first of the two to say something is the answer, and the other is given up
 * at that moment; until then neither told the flight or the replay anything.
 */
final class Attempts implements Attempt.Owner, AnswerRelay.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Attempts.class);

  /** Between two looks for a replica that can take over a stream. */
  private static final int MOVE_POLL_MS = 20;

  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final long deadlineNanos;
  private final UpstreamRequest asked;
  private final ReplicaChoice choice;
  private final RequestAdmission place;
  private final DeadlineTimer deadline;
  private final ClientAnswer client;
  private final QuotaReservation allowance;
  private final Migration migration;
  private final LostReplicas deaths = new LostReplicas();
  private final PoisonCheck suspicion;
  private final AnswerRelay relay;

  /** Null where a second attempt beside the first is not wanted. */
  private final @Nullable HedgeWatch hedge;

  /** The present attempt, or the last one. */
  private @Nullable Attempt attempt;

  /** A second one beside it, while both wait for their first token. */
  private @Nullable Attempt rival;

  Attempts(
      Call call,
      RequestHead head,
      UpstreamRequest asked,
      RequestAdmission place,
      DeadlineTimer deadline,
      ClientAnswer client,
      QuotaReservation allowance,
      PoisonCheck suspicion) {
    this.suspicion = suspicion;
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.deadlineNanos = head.slo().deadlineNanos(flight.at(Mark.ACCEPTED));
    this.asked = asked;
    this.choice = place.choice();
    this.place = place;
    this.deadline = deadline;
    this.client = client;
    this.allowance = allowance;
    this.migration = new Migration(call, deadline);
    this.relay = new AnswerRelay(call, head.receipt(), client, migration, this);
    this.hedge =
        gateway.retries().hedge().covers(head.slo().name())
            ? new HedgeWatch(call, head.slo(), choice, client, this::beside)
            : null;
  }

  // ------------------------------------------------------------------ one after another

  /** Begins the first attempt, or another one in its place, before the client has anything. */
  void begin() {
    Decision nobody = tryToBegin();
    if (nobody != null) {
      gateway.metrics().decided(nobody);
      noReplica(nobody);
    }
  }

  /** Begins where routing says; gives its decision where that is nowhere. */
  private @Nullable Decision tryToBegin() {
    Decision decision = choice.decide(false);
    flight.decision(decision);
    flight.model(decision.model());
    if (flight.attempts() == 0) {
      gateway.retries().earn(decision.model());
    }
    Attempt begun = enter(decision, false, flight.at(Mark.ROUTED));
    // Whoever was chosen may have been drained since then.
    for (int again = 0; begun == null && decision.chosen() != null && again < 2; again++) {
      decision = choice.decide(false);
      flight.decision(decision);
      begun = enter(decision, false, flight.at(Mark.ROUTED));
    }
    if (begun == null) {
      return decision;
    }
    // First of all: what it holds is given back with it, whatever throws from here on.
    attempt = begun;
    flight.replicaWaitEnds();
    gateway.metrics().decided(decision);
    deadline.moving(0);
    migration.replay().reset();
    leads(begun);
    if (hedge != null) {
      hedge.watch(begun, decision);
    }
    EdgeWatch edge = choice.edge();
    if (edge != null) {
      edge.watch(begun, this::regionLate);
    }
    return null;
  }

  /**
   * What a dead replica had begins anew elsewhere: at once, or as soon as somebody takes it, which
   * may be the same replica with another process.
   */
  private void beginAnew() {
    Attempt last = attempt;
    if (client.ended() || last == null || !last.over()) {
      return;
    }
    deaths.readmit(choice);
    Decision nobody = tryToBegin();
    if (nobody == null) {
      return;
    }
    if (!choice.broke() && (choice.leavesAny() || deaths.returns())) {
      flight.replicaWaitBegins();
      call.loop().timers().after(MOVE_POLL_MS, this::beginAnew);
    } else {
      noReplica(nobody);
    }
  }

  /** An attempt at the chosen replica, counted there; null when it takes none. */
  private @Nullable Attempt enter(Decision decision, boolean beside, long start) {
    Replica chosen = decision.chosen() == null ? null : gateway.fleet().find(decision.chosen());
    if (chosen == null) {
      return null;
    }
    int number = flight.attempts() + (beside ? 2 : 1);
    Attempt entering =
        new Attempt(call, this, number, chosen, decision, beside, start, migration.move());
    return entering.enter() ? entering : null;
  }

  private void leads(Attempt begun) {
    attempt = begun;
    client.from(begun.replica().id());
    deadline.connecting(true);
    begun.begin(choice.wanted());
    serves(begun);
    begun.open(asked);
  }

  /** Its answer is to be the client's: what it says counts, and where it is. */
  private void serves(Attempt current) {
    current.serves();
    place.routed(current.replica().id(), current.startNanos());
    if (current.leavesPrompt()) {
      choice.sent(current.replica().id());
    }
  }

  private void noReplica(Decision decision) {
    int least = gateway.admission().retryAfterSeconds();
    if (choice.broke()) {
      client.fail(Failure.of(ApiError.internal("The request could not be routed.")));
    } else if (decision.full()) {
      client.fail(Failures.full(flight.model(), least));
    } else if (choice.excludesAny()) {
      client.fail(Failure.of(ApiError.upstreamFailed("Every replica that was tried failed.")));
    } else if (choice.models().stream().noneMatch(gateway.fleet()::has)) {
      client.fail(Failure.of(ApiError.modelNotFound(choice.requested())));
    } else {
      int seconds = gateway.fleet().retryAfterSeconds(flight.model(), least);
      client.fail(Failures.noReplica(flight.model(), seconds));
    }
  }

  @Override
  public void connected(Attempt current) {
    deadline.connecting(false);
  }

  @Override
  public void answered(Attempt current, HttpClientResponse answer) {
    relay.start(current, answer);
  }

  @Override
  public void broke(Attempt current, String reason) {
    broke(current, MoveCause.BROKEN, broken(reason), AttemptResult.FAILED);
  }

  @Override
  public void gone(Attempt current, String reason) {
    broke(current, MoveCause.DIED, broken(reason), AttemptResult.FAILED);
  }

  /** What has enough to do, or cannot go on with this stream, is no worse for others. */
  @Override
  public void declined(Attempt current, int status) {
    boolean shed = status == Outcome.SHED.status();
    if (shed && !current.over()) {
      place.refusedBy(current.replica().id());
      migration.busy(current);
    }
    AttemptResult refusal = shed ? AttemptResult.SHED : AttemptResult.ABANDONED;
    EventRelay.Break how = broken("it answered " + status);
    broke(current, MoveCause.BROKEN, how, status >= 500 ? AttemptResult.FAILED : refusal);
  }

  /** The current attempt is over without an answer; late news of an earlier one is ignored. */
  @Override
  public void broke(Attempt current, MoveCause cause, EventRelay.Break how, AttemptResult result) {
    if (current.over()) {
      return;
    }
    EdgeWatch edge = choice.edge();
    if (edge != null && !client.begun() && !how.own() && edge.failed(current)) {
      choice.lead(edge.local(), EdgeReason.UNREACHABLE.label());
    }
    if (cause == MoveCause.DIED && !client.begun()) {
      deaths.note(current);
    }
    if (leavesRace(current, how.reason(), result)) {
      suspicion.note(current, cause);
      return;
    }
    boolean goesOn = client.begun() && how.movable() && migration.may(current, cause);
    end(how.reason(), result);
    LOG.warn(
        "attempt_failed request={} trace={} replica={} attempt={} goes_on={} reason=\"{}\"",
        flight.id(),
        flight.traceId(),
        current.replica().id(),
        current.number(),
        goesOn,
        how.reason());
    choice.exclude(current.replica().id());
    suspicion.broke(
        current,
        cause,
        killed -> {
          if (client.ended()) {
            return;
          }
          if (killed) {
            client.fail(Failures.engineFailed(suspicion.hold()));
          } else {
            goOn(current, cause, how, goesOn);
          }
        });
  }

  /** Elsewhere, if it may. */
  private void goOn(Attempt current, MoveCause cause, EventRelay.Break how, boolean goesOn) {
    if (goesOn) {
      migration.cut(current, cause, how);
      moveOn();
    } else if (client.begun() || how.own()) {
      lost(current, how);
    } else if (cause == MoveCause.DIED && gateway.migration().attempts() > 0) {
      afterDeath(current, how);
    } else if (mayRetry(current)) {
      begin();
    } else {
      lost(current, how);
    }
  }

  /** Its replica is gone and the client has nothing: it begins anew, unless it may be the cause. */
  private void afterDeath(Attempt current, EventRelay.Break how) {
    if (deaths.another() && flight.now() < deadlineNanos) {
      deadline.moving(flight.now());
      beginAnew();
    } else {
      lost(current, how);
    }
  }

  private void lost(Attempt current, EventRelay.Break how) {
    if (!how.own()) {
      choice.failed(current.replica().id());
    }
    client.broken(how);
  }

  private static EventRelay.Break broken(String reason) {
    return EventRelay.Break.empty(reason, true);
  }

  private boolean mayRetry(Attempt current) {
    int attempts = flight.attempts() - deaths.count() + (current.over() ? 0 : 1);
    if (attempts >= gateway.retries().attempts()
        || gateway.admission().closing()
        || flight.now() >= deadlineNanos) {
      return false;
    }
    if (gateway.retries().spend(flight.model())) {
      return true;
    }
    gateway.metrics().retryDenied(flight.model());
    return false;
  }

  // ------------------------------------------------------------------ two at once

  /**
   * The region is late with its first token: the local model is asked, too. A second attempt in the
   * region, which is late as well, gives way to that: no more than two run at once.
   */
  private void regionLate(Attempt current) {
    EdgeWatch edge = choice.edge();
    if (edge == null || client.begun() || client.ended() || current.over()) {
      return;
    }
    edge.late();
    Decision second = edge.inPlace(choice.decideFor(edge.local()), EdgeReason.LATE);
    if (second.chosen() == null) {
      return;
    }
    if (hedge != null) {
      hedge.cancel();
    }
    giveUpSecond("the local model is asked in its place", AttemptResult.ABANDONED);
    if (beside(second) == null) {
      gateway.metrics().decided(second);
    }
  }

  /** Sends it to a second replica as well. */
  private @Nullable HedgeResult beside(Decision second) {
    Attempt begun = enter(second, true, flight.now());
    if (begun == null) {
      return HedgeResult.NO_REPLICA;
    }
    rival = begun;
    call.trace().keepFor(KeepReason.HEDGED);
    begun.begin(choice.wanted());
    begun.open(asked);
    return null;
  }

  /** The first of two to say something goes on alone. */
  @Override
  public void speaks(Attempt current) {
    EdgeWatch edge = choice.edge();
    if (edge != null) {
      edge.speaks(current);
    }
    Attempt second = rival;
    Attempt first = attempt;
    if (second == null || first == null) {
      return;
    }
    rival = null;
    Attempt loser = current == second ? first : second;
    gateway
        .metrics()
        .hedged(flight.model(), current == second ? HedgeResult.WON : HedgeResult.LOST);
    gateway.metrics().wasted(flight.model(), "hedge", loser.computeTokens(choice.wanted()));
    if (current == second) {
      takesOver(second);
    }
    loser.end("another replica answered first", AttemptResult.OUTRUN, client.begun());
  }

  private void takesOver(Attempt second) {
    attempt = second;
    flight.model(second.replica().model());
    client.from(second.replica().id());
    second.takesOver();
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
    gateway.metrics().hedged(flight.model(), broke ? HedgeResult.BROKEN : HedgeResult.WON);
    choice.exclude(current.replica().id());
    if (!broke) {
      takesOver(second);
    }
    current.end(reason, result, client.begun());
    // It was the end of the one that is gone.
    flight.mark(Mark.UPSTREAM_ENDED, 0);
    LOG.info(
        "hedge_decided request={} trace={} gone={} reason=\"{}\"",
        flight.id(),
        flight.traceId(),
        current.replica().id(),
        reason);
    return true;
  }

  // ------------------------------------------------------------------ elsewhere

  private void moveOn() {
    Attempt last = attempt;
    if (client.ended() || migration.move() == null || last == null || !last.over()) {
      return;
    }
    migration.exclude(choice, null);
    choice.goesOn(migration.replay().tokens());
    Decision decision = choice.decide(true);
    Attempt begun = enter(decision, false, flight.now());
    if (begun == null) {
      flight.replicaWaitBegins();
      call.loop().timers().after(MOVE_POLL_MS, this::moveOn);
      return;
    }
    attempt = begun;
    deadline.taken();
    flight.replicaWaitEnds();
    flight.decisionAnew(decision);
    leads(begun);
  }

  @Override
  public void leave(Attempt current, ServedRequest.Leave why) {
    switch (why) {
      case GONE -> gone(current, "the replica went away");
      case SILENT ->
          leaveIfElsewhere(
              current, MoveCause.SILENT, "the replica says nothing", AttemptResult.FAILED);
      case LOST -> current.lost();
      case DRAINED ->
          leaveIfElsewhere(
              current, MoveCause.DRAINED, "the replica is drained", AttemptResult.MOVED);
    }
  }

  /** Where nobody else can take it, it may still end where it is. */
  private void leaveIfElsewhere(
      Attempt current, MoveCause cause, String reason, AttemptResult result) {
    if (client.begun()) {
      if (migration.may(current, cause) && elsewhere(current)) {
        broke(current, cause, broken(reason), result);
      }
    } else if (!leavesRace(current, reason, result) && elsewhere(current)) {
      choice.exclude(current.replica().id());
      end(reason, result);
      begin();
    }
  }

  private boolean elsewhere(Attempt current) {
    if (client.begun()) {
      migration.exclude(choice, current);
    }
    return choice.decideWithout(current.replica().id(), client.begun()).chosen() != null;
  }

  @Override
  public StreamState state(Attempt current) {
    int prompt = migration.replay().promptTokens();
    return new StreamState(
        flight.id(),
        call.streams(),
        client.begun() && migration.may(current, MoveCause.DRAINED),
        prompt >= 0 ? prompt : choice.promptTokens(),
        migration.replay().tokens(),
        mostTokens(),
        flight.gatewayNanos(current.startNanos()),
        flight.gatewayNanos(flight.at(Mark.FIRST_TOKEN)),
        new StreamState.Wanted(flight.slo(), flight.gatewayNanos(flight.at(Mark.ACCEPTED))));
  }

  /** Of all choices; −1 where the request does not say. */
  private int mostTokens() {
    Integer most = flight.parameters().maxTokens();
    return most == null
        ? -1
        : (int) Math.min(Integer.MAX_VALUE, (long) most * flight.parameters().choices());
  }

  // ------------------------------------------------------------------ answers

  @Override
  public void heard(Attempt current) {
    if (current != attempt) {
      return;
    }
    Quotas.Exhausted spent = allowance.covers(migration.replay().promptTokens(), relayed());
    if (spent != null) {
      end("the tenant's quota is used up", AttemptResult.ABANDONED);
      client.fail(Failures.of(spent, ServerTiming.times(flight)));
    }
  }

  @Override
  public void begins() {
    if (hedge != null) {
      hedge.cancel();
    }
    place.firstToken();
    client.begin();
  }

  @Override
  public void resumed(Attempt current) {
    migration.resumed(current);
    place.resumed();
  }

  @Override
  public boolean takes(Attempt current, int status) {
    boolean raced = rival != null && status >= 500;
    if (raced || status == 502 || status == 503 || status == 504) {
      broke(current, "the replica answered " + status);
      return false;
    }
    boolean shed = status == Outcome.SHED.status();
    if ((shed || absent(current, status)) && refusedElsewhere(current, status, shed)) {
      return false;
    }
    speaks(current);
    return true;
  }

  /**
   * What not every server of a model has, such as embeddings. It says nothing of what else the
   * server does, so it does not count against it.
   */
  private static boolean absent(Attempt current, int status) {
    return !current.replica().worker() && (status == 404 || status == 405 || status == 501);
  }

  /** The replica has enough to do, or does not have what is asked for; another one may not. */
  private boolean refusedElsewhere(Attempt current, int status, boolean shed) {
    String reason = "the replica answered " + status;
    AttemptResult result = shed ? AttemptResult.SHED : AttemptResult.ABANDONED;
    if (shed) {
      place.refusedBy(current.replica().id());
    }
    if (leavesRace(current, reason, result)) {
      return true;
    }
    choice.exclude(current.replica().id());
    if (choice.decide(client.begun()).chosen() == null || !mayRetry(current)) {
      return false;
    }
    end(reason, result);
    begin();
    return true;
  }

  @Override
  public void streamed() {
    end(null, AttemptResult.SERVED);
  }

  @Override
  public void answeredWhole(int status) {
    if (status < 300) {
      place.wholeAnswer(call.endpoint().generates() ? flight.usage().completionTokens() : -1);
    }
    boolean shed = status == Outcome.SHED.status();
    boolean failed = status >= 500;
    end(null, shed ? AttemptResult.SHED : failed ? AttemptResult.FAILED : AttemptResult.SERVED);
  }

  // ------------------------------------------------------------------ ends

  /** What runs is too slow; its replica is known to be, from now on. */
  void late(String what) {
    Attempt current = attempt;
    if (current != null) {
      current.late();
      choice.failed(current.replica().id());
    }
    end(what, AttemptResult.FAILED);
  }

  /**
   * The next token did not come in time.
   *
   * @return whether another worker goes on
   */
  boolean silent(String what) {
    Attempt current = attempt;
    if (current == null || !migration.may(current, MoveCause.SILENT) || !elsewhere(current)) {
      return false;
    }
    broke(current, MoveCause.SILENT, broken(what), AttemptResult.FAILED);
    return true;
  }

  /** No worker went on with the stream in time. */
  void nobodyGoesOn() {
    if (!client.begun()) {
      noReplica(choice.decide(false));
      return;
    }
    Move waiting = migration.move();
    end("it did not go on in time", AttemptResult.FAILED);
    client.broken(waiting == null ? broken("nobody went on with it") : waiting.how());
  }

  /**
   * Ends what runs, and a second attempt beside it as well.
   *
   * @param error why it is given up; null when it answered
   */
  void end(@Nullable String error, AttemptResult result) {
    giveUpSecond(error, result);
    Attempt current = attempt;
    if (current != null) {
      if (result == AttemptResult.ABANDONED) {
        suspicion.abandoned(current);
      }
      current.end(error, result, client.begun());
    }
  }

  /** Ends the second of two at once, where there is one, before either said anything. */
  private void giveUpSecond(@Nullable String error, AttemptResult result) {
    Attempt second = rival;
    if (second != null) {
      rival = null;
      gateway.metrics().hedged(flight.model(), HedgeResult.ABANDONED);
      second.end(error, result, client.begun());
    }
  }

  /** The present replica, or the last one; null before there is one. */
  @Nullable String replica() {
    Attempt current = attempt;
    return current == null ? null : current.replica().id();
  }

  /** What is waited for. */
  RunningRequest.Phase phase() {
    Attempt current = attempt;
    if (client.begun() && migration.move() != null) {
      return RunningRequest.Phase.MOVING;
    }
    if (client.begun()) {
      return RunningRequest.Phase.STREAMING;
    }
    if (current == null || current.over()) {
      return RunningRequest.Phase.ROUTING;
    }
    if (current.connecting()) {
      return RunningRequest.Phase.CONNECTING;
    }
    return call.streams() ? RunningRequest.Phase.PREFILL : RunningRequest.Phase.ANSWERING;
  }

  /** The request is over. */
  void close(Outcome outcome) {
    relay.close();
    if (hedge != null) {
      hedge.cancel();
    }
    charge(outcome);
    migration.end(outcome == Outcome.CLIENT_GONE || outcome == Outcome.CANCELLED);
  }

  /**
   * Says what its client is charged with where the answer did not come to the end that tells it, or
   * told nothing there but zeros: what was relayed, and the prompt; of a client that left before,
   * the prompt, once a replica had it. What failed before anything was relayed costs nothing.
   */
  private void charge(Outcome outcome) {
    boolean ended = outcome == Outcome.OK;
    Usage told = ended || flight.hasUsage() ? flight.usage() : Usage.NONE;
    int relayed = Math.max(relayed(), relay.wholeTokens());
    boolean left = outcome == Outcome.CLIENT_GONE && flight.at(Mark.CONNECTED) != 0;
    if (call.endpoint().computes() && (relayed > 0 || left || ended)) {
      flight.usage(charged(told, relayed, ended));
    }
  }

  /** Some servers tell zeros with each piece, or the prompt with the first and the output later. */
  private Usage charged(Usage told, int relayed, boolean ended) {
    int output = told.completionTokens();
    // A whole answer that tells a prompt but no output may be empty: its bytes are not text then.
    // Vectors have none at all.
    boolean empty =
        told.promptTokens() > 0
            && (!call.endpoint().generates() || (output == 0 && !call.streams()));
    if (!ended || (output <= 0 && !empty)) {
      output = Math.max(output, relayed);
    }
    if (told.promptTokens() > 0) {
      return new Usage(told.promptTokens(), told.cachedTokens(), output);
    }
    int prompt = migration.replay().promptTokens();
    return prompt < 0
        ? new Usage(choice.promptTokens(), 0, output)
        : new Usage(prompt, migration.replay().cachedTokens(), output);
  }

  /** Tokens of a stream that its client has: by the worker's account, or one of each piece. */
  int relayed() {
    Replay replay = migration.replay();
    int pieces = call.streams() ? flight.contentEvents() : 0;
    return replay.complete() ? replay.tokens() : Math.max(replay.tokens(), pieces);
  }
}
