package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.admission.ReplicaForecast;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.ServedRequest;
import dev.switchboard.gateway.http.MigrationConfig;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Prompt;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.routing.RoutingConfig;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.gateway.upstream.RetryBudget;
import dev.switchboard.gateway.upstream.RetryBudgets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The course of requests as the gateway steers it, with its own admission, router, predictor,
 * affinity, retry budget and fleet; sockets and event loops are left out.
 */
final class SimulatedGateway {
  /** A tenant whose requests are never urgent. */
  static final String CAPPED = "capped";

  private static final TenantLimits.Limit LEAST_URGENT = new TenantLimits.Limit(1, 0, 0, 0, 0);
  private static final String MODEL = SimulatedFleet.MODEL;
  private static final double NETWORK_MS = 0.2;
  private static final double TICK_MS = 5;
  private static final double MOVE_POLL_MS = 20;
  private static final int BYTES_PER_TOKEN = 4;
  private static final int BLOCK_TOKENS = 64;
  private static final int USUAL_OUTPUT_TOKENS = 256;
  private static final MigrationConfig MIGRATION = MigrationConfig.DEFAULTS;

  private final VirtualTime time;
  private final Ledger ledger = new Ledger();
  private final SimulatedFleet simulated;
  private final Fleet fleet;
  private final Router router;
  private final Admission admission;
  private final Affinity affinity;
  private final RetryBudgets retries = new RetryBudgets(RetryBudget.Config.DEFAULTS);
  private boolean ticking;
  private long retried;
  private long retriesDenied;
  private final List<Change> changes = new ArrayList<>();
  private final List<Kept> kept = new ArrayList<>();
  private BiConsumer<Request, End> over = (request, end) -> {};

  SimulatedGateway(
      VirtualTime time,
      List<SimulatedReplica> engines,
      boolean foreign,
      String policy,
      SplittableRandom random) {
    this.time = time;
    this.simulated =
        new SimulatedFleet(
            time,
            engines,
            foreign,
            (replica, report) ->
                queue().reported(replica.id(), report.running(), report.waiting()));
    this.fleet = simulated.fleet();
    RoutingConfig routing =
        new RoutingConfig(
            policy,
            RoutingConfig.DEFAULTS.prefixEntries(),
            RoutingConfig.DEFAULTS.sessionEntries());
    this.router = new Router(routing, List.of(), fleet.models());
    this.affinity = new Affinity(routing);
    this.admission =
        new Admission(
            AdmissionConfig.DEFAULTS,
            tenant -> tenant.equals(CAPPED) ? LEAST_URGENT : TenantLimits.Limit.NONE,
            model -> new ReplicaForecast(now -> fleet.views(model, now)),
            random::nextDouble);
    fleet.onStateChange(
        new Fleet.Watcher() {
          @Override
          public void changed(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
            stateChanged(replica, to);
          }

          @Override
          public void adjusted(Replica replica) {
            places(replica, replica.state());
          }
        });
    simulated.start();
  }

  private AdmissionQueue queue() {
    return admission.queue(MODEL);
  }

  private void stateChanged(Replica replica, ReplicaState to) {
    if (!to.listening()) {
      affinity.forget(MODEL, replica.id());
    }
    places(replica, to);
    changes.add(new Change(replica.id(), to, String.valueOf(replica.reason()), time.nowNanos()));
  }

  private void places(Replica replica, ReplicaState state) {
    queue()
        .replica(
            replica.id(),
            state == ReplicaState.READY && replica.weight() > 0,
            replica.access().maxConcurrency(),
            replica.onProbation(),
            replica.local(),
            time.nowNanos());
  }

  Ledger ledger() {
    return ledger;
  }

  SimulatedFleet fleet() {
    return simulated;
  }

  /** Attempts that followed one which broke before its first token. */
  long retried() {
    return retried;
  }

  /** Those that there was no budget for. */
  long retriesDenied() {
    return retriesDenied;
  }

  /**
   * What was predicted of an attempt that ended well, and what it took.
   *
   * @param ttftMs from its being sent; NaN where nobody told, as {@code tpotMs}
   */
  record Kept(boolean streams, long sentNanos, Prediction predicted, double ttftMs, double tpotMs) {
    double second() {
      return (sentNanos - Request.FIRST_NANOS) / 1e9;
    }
  }

  /** Of every attempt that ended well. */
  List<Kept> kept() {
    return kept;
  }

  /** A replica came into a state. */
  record Change(String replica, ReplicaState to, String reason, long atNanos) {
    double second() {
      return (atNanos - Request.FIRST_NANOS) / 1e9;
    }
  }

  /** Every change of a state during the run proper. */
  List<Change> changes() {
    return changes.stream().filter(change -> change.atNanos >= Request.FIRST_NANOS).toList();
  }

  /** When a replica took requests again the last time; no earlier than a second of the run. */
  double lastReady(String replica, double second) {
    return changes.stream()
        .filter(change -> change.replica.equals(replica) && change.to == ReplicaState.READY)
        .mapToDouble(Change::second)
        .filter(at -> at > second)
        .max()
        .orElse(second);
  }

  /** Replicas that were in none of some states at once, at most. */
  int mostOutside(Set<ReplicaState> states) {
    Set<String> outside = new HashSet<>();
    int most = 0;
    for (Change change : changes()) {
      if (states.contains(change.to)) {
        outside.remove(change.replica);
      } else {
        outside.add(change.replica);
      }
      most = Math.max(most, outside.size());
    }
    return most;
  }

  /** Requests that the gateway has, those that wait among them. */
  int inFlight() {
    return admission.inFlight() + fleet.replicas().stream().mapToInt(Replica::inFlight).sum();
  }

  /** Hears what the client of a request does. */
  interface Watcher {
    /** Of a stream. */
    default void token(String replica, long now) {}

    /** It is over; {@code refusal} says why admission did not let it in, where it did not. */
    default void over(End end, @Nullable Refusal refusal, long now) {}
  }

  private static final Watcher UNWATCHED = new Watcher() {};

  /** A request arrives now. */
  void arrive(Request request, Watcher watcher) {
    new Course(request, watcher).begin();
  }

  /** Lets the requests arrive at their times. */
  void serve(List<Request> requests) {
    Iterator<Request> coming =
        requests.stream().sorted(Comparator.comparingLong(Request::atNanos)).iterator();
    arriveNext(coming);
  }

  /** A request arrives now that nobody watches. */
  void arrive(Request request) {
    arrive(request, UNWATCHED);
  }

  /** Tells of every request that is over, however it ended. */
  void onOver(BiConsumer<Request, End> told) {
    over = told;
  }

  private void arriveNext(Iterator<Request> coming) {
    if (coming.hasNext()) {
      Request next = coming.next();
      time.after(
          next.atNanos() - time.nowNanos(),
          () -> {
            arriveNext(coming);
            arrive(next);
          });
    }
  }

  private void tickWhileWaiting() {
    if (!ticking) {
      ticking = true;
      time.afterMs(TICK_MS, this::tick);
    }
  }

  private void tick() {
    ticking = false;
    admission.tick(time.nowNanos());
    for (int waiting : queue().snapshot(time.nowNanos()).waiting().values()) {
      if (waiting > 0) {
        tickWhileWaiting();
      }
    }
  }

  // ------------------------------------------------------------------ one request

  /** A stream that was cut and that nobody has gone on with yet. */
  private record Move(String from, boolean drained, long cutNanos) {}

  /** One request, from its arrival to its end. */
  private final class Course implements Admission.Waiter {
    private final Request request;
    private final Watcher watcher;
    private final Ledger.Entry entry;
    private final Router.Plan plan;
    private final Affinity.Key key;
    private final Set<String> failed = new HashSet<>();
    private final Set<Attempt> gaveUp = new LinkedHashSet<>();
    private Admission.@Nullable Pass pass;
    private @Nullable Move move;
    private @Nullable Refusal refusal;
    private int faults;

    /** Ties are broken in turn of those that are admitted. */
    private long turn;

    Course(Request request, Watcher watcher) {
      this.request = request;
      this.watcher = watcher;
      this.entry = ledger.open(request);
      this.plan = router.plan(MODEL, null);
      this.key = key();
    }

    private Affinity.Key key() {
      long[] chain = new long[request.seen().prefixTokens() / BLOCK_TOKENS];
      for (int i = 0; i < chain.length; i++) {
        chain[i] = request.prefix() * 1_000_003L + i;
      }
      return new Affinity.Key(chain, BLOCK_TOKENS, request.tenant(), null);
    }

    /** With the priority that it may have. */
    Slo slo() {
      return request.slo().atMost(admission.maxPriority(request.tenant()));
    }

    void begin() {
      Slo slo = slo();
      Prompt prompt = wanted(time.nowNanos()).prompt();
      Demand demand =
          new Demand(
              request.tenant(),
              Band.of(slo.priority()),
              request.atNanos(),
              slo.ttftMs(),
              slo.tpotMs(),
              request.deadlineNanos(),
              prompt,
              outputTokens(),
              (long) request.seen().promptTokens() * BYTES_PER_TOKEN,
              (long) prompt.tokens() + outputTokens(),
              new Asker(request.number() + 1L, request.tenant().hashCode()),
              1,
              false);
      Admission.Answer answer = admission.enter(MODEL, demand, this, time.nowNanos());
      pass = answer.pass();
      if (answer.refusal() != null) {
        refused(answer.refusal());
      } else if (answer.waits()) {
        tickWhileWaiting();
      } else {
        run();
      }
    }

    @Override
    public void admitted() {
      time.after(0, this::run);
    }

    @Override
    public void refused(Refusal why) {
      refusal = why;
      entry.refused(why.reason());
      over(why.reason().deadline() ? End.LATE : End.SHED);
    }

    private void run() {
      turn = fleet.nextTurn(MODEL);
      retries.earn(MODEL);
      attempt();
    }

    private Decision decide() {
      long now = time.nowNanos();
      return router
          .route(plan, model -> fleet.views(model, now), model -> wanted(now), now)
          .decision();
    }

    private RouteRequest wanted(long now) {
      return affinity.enrich(
          new RouteRequest(
              MODEL,
              failed,
              turn,
              slo(),
              (now - request.atNanos()) / 1e6,
              request.seen().promptTokens() + entry.tokens(),
              Math.max(1, outputTokens() - entry.tokens()),
              Map.of(),
              null),
          key);
    }

    /** At most, as far as the gateway knows. */
    private int outputTokens() {
      Integer most = request.seen().maxTokens();
      return most == null ? USUAL_OUTPUT_TOKENS : most;
    }

    private void attempt() {
      // Whoever was chosen may have a probe already.
      for (int again = 0; again < 3; again++) {
        if (enter()) {
          return;
        }
      }
      over(End.FAILED);
    }

    private boolean enter() {
      Decision decision = decide();
      Decision.Candidate winner = decision.winner();
      if (winner == null) {
        return false;
      }
      Attempt attempt = new Attempt(this, simulated.replica(winner.replica()));
      return attempt.enter(decision, winner);
    }

    private boolean committed() {
      return entry.tokens() > 0;
    }

    private boolean mayMove(Attempt attempt, boolean fault) {
      boolean another = move != null || !fault || faults < MIGRATION.attempts();
      return another && attempt.replica.local();
    }

    /** Another one might take it than the one where it is. */
    private boolean elsewhere(Attempt attempt) {
      if (committed()) {
        excludeFromMoves();
      }
      boolean added = failed.add(attempt.replica.id());
      boolean there = decide().chosen() != null;
      if (added) {
        failed.remove(attempt.replica.id());
      }
      return there;
    }

    /** What failed can go on once its process is another one. */
    private void excludeFromMoves() {
      failed.clear();
      for (Attempt given : gaveUp) {
        if (given.incarnation == given.replica.incarnation()) {
          failed.add(given.replica.id());
        }
      }
    }

    private void broke(Attempt attempt, boolean fault) {
      boolean goesOn = committed() && mayMove(attempt, fault);
      attempt.end(
          fault
              ? Drain.Departure.FAILED
              : committed() ? Drain.Departure.MOVED : Drain.Departure.RESTARTED);
      failed.add(attempt.replica.id());
      gaveUp.add(attempt);
      if (goesOn) {
        move(attempt, fault);
      } else if (!committed() && !fault) {
        attempt();
      } else if (!committed() && mayRetry()) {
        retried++;
        attempt();
      } else {
        over(End.FAILED);
      }
    }

    private boolean mayRetry() {
      if (entry.attempts() >= retries.attempts()) {
        return false;
      }
      boolean granted = retries.spend(MODEL);
      retriesDenied += granted ? 0 : 1;
      return granted;
    }

    private void move(Attempt attempt, boolean fault) {
      if (move == null) {
        move = new Move(attempt.replica.id(), !fault, time.nowNanos());
        faults += fault ? 1 : 0;
      }
      moveOn();
    }

    private void moveOn() {
      Move begun = move;
      if (begun == null || entry.ended()) {
        return;
      }
      excludeFromMoves();
      if (!enter()) {
        boolean late = time.nowNanos() - begun.cutNanos >= MIGRATION.waitMs() * 1_000_000L;
        if (late) {
          over(End.FAILED);
        } else {
          time.afterMs(MOVE_POLL_MS, this::moveOn);
        }
      }
    }

    private void resumed() {
      Move done = move;
      if (done != null) {
        move = null;
        entry.paused(time.nowNanos() - done.cutNanos);
        if (done.drained) {
          fleet.outlierEjection().resumed(done.from, time.nowNanos() - done.cutNanos);
        }
      }
    }

    private void over(End end) {
      long now = time.nowNanos();
      Move unfinished = move;
      move = null;
      if (unfinished != null && unfinished.drained) {
        fleet.outlierEjection().notResumed(unfinished.from, false);
      }
      entry.end(end, now);
      Admission.Pass held = pass;
      if (held != null) {
        held.close(end == End.SERVED ? request.promptTokens() + entry.tokens() : -1, now);
      }
      watcher.over(end, refusal, now);
      over.accept(request, end);
    }
  }

  /** One attempt of a request at a replica. */
  private final class Attempt implements SimulatedReplica.Listener, ServedRequest {
    private final Course course;
    private final Replica replica;
    private final int incarnation;
    private final boolean streams;
    private final boolean goesOn;
    private final long startNanos = time.nowNanos();
    private Replica.@Nullable Ticket ticket;
    private Workload.@Nullable Job learned;
    private boolean fullest;
    private SimulatedReplica.@Nullable Job job;
    private long sentNanos;
    private long firstNanos;
    private int generated;
    private boolean over;

    Attempt(Course course, Replica replica) {
      this.course = course;
      this.replica = replica;
      this.incarnation = replica.incarnation();
      this.streams = course.request.streams();
      this.goesOn = course.committed();
    }

    /** Goes there, unless the replica takes no requests any more. */
    boolean enter(Decision decision, Decision.Candidate winner) {
      fullest = decision.choseTheFullest();
      ticket = replica.open(this, startNanos);
      if (ticket == null) {
        return false;
      }
      course.entry.attempt(replica.id(), startNanos);
      if (course.pass != null) {
        course.pass.routed(replica.id(), streams, startNanos);
      }
      affinity.sent(MODEL, replica.id(), course.key);
      learned =
          replica
              .workload()
              .begin(
                  winner,
                  course.wanted(startNanos),
                  streams,
                  (predicted, ttft, tpot) ->
                      kept.add(new Kept(streams, startNanos, predicted, ttft, tpot)),
                  startNanos);
      if (goesOn) {
        learned.goesOn();
      }
      time.afterMs(NETWORK_MS, this::submit);
      return true;
    }

    private void submit() {
      if (!over) {
        sentNanos = time.nowNanos();
        int there = course.entry.tokens();
        Request rest = there == 0 ? course.request : course.request.after(there);
        int priority = course.slo().priority();
        job = simulated.engine(replica.id()).submit(rest, priority, this);
      }
    }

    @Override
    public void token(int count) {
      if (over) {
        return;
      }
      long now = time.nowNanos();
      generated = count;
      firstNanos = count == 1 ? now : firstNanos;
      if (streams) {
        streamed(count == 1, now);
      }
    }

    private void streamed(boolean first, long now) {
      if (first) {
        course.resumed();
        tellAdmission(now);
      }
      course.entry.token(now);
      course.watcher.token(replica.id(), now);
      replica.heard(now);
      if (learned != null) {
        learned.content(now);
      }
    }

    private void tellAdmission(long now) {
      Admission.Pass pass = course.pass;
      if (pass != null && goesOn) {
        pass.resumed(now);
      } else if (pass != null) {
        pass.firstToken(now);
      }
    }

    @Override
    public void ended() {
      if (over) {
        return;
      }
      if (learned != null && job != null && replica.local()) {
        learned.cached(job.cachedTokens(), course.request.promptTokens());
      }
      if (!streams) {
        answeredWhole();
      } else if (learned != null) {
        learned.ended();
      }
      end(Drain.Departure.FINISHED);
      course.over(End.SERVED);
    }

    /** All of it comes at once; a worker of ours says when it had the first token. */
    private void answeredWhole() {
      long now = time.nowNanos();
      course.entry.whole(generated, firstNanos);
      if (course.pass != null) {
        course.pass.wholeAnswer(generated, now);
      }
      if (learned != null && replica.local()) {
        double restMs = generated > 1 ? (now - firstNanos) / 1e6 / (generated - 1) : Double.NaN;
        learned.whole(generated, (firstNanos - sentNanos) / 1e6, restMs, now);
      } else if (learned != null) {
        learned.whole(generated, now);
      }
    }

    @Override
    public void failed(String reason) {
      if (over) {
        return;
      }
      if (reason.equals("deadline")) {
        if (learned != null) {
          learned.late(time.nowNanos());
        }
        end(Drain.Departure.ABANDONED);
        course.over(End.LATE);
      } else {
        course.broke(this, true);
      }
    }

    /** Ends its part, and says what that says of the replica. */
    void end(Drain.Departure how) {
      over = true;
      long now = time.nowNanos();
      if (job != null) {
        simulated.engine(replica.id()).cancel(job);
      }
      if (learned != null) {
        learned.close();
      }
      if (ticket != null) {
        ticket.close(how);
        judge(ticket, how, now);
      }
    }

    private void judge(Replica.Ticket there, Drain.Departure how, long now) {
      boolean timed = streams && !goesOn;
      switch (how) {
        case FINISHED -> fleet.outlierEjection().served(there, timed ? firstToken() : null, now);
        case FAILED -> fleet.outlierEjection().failed(there, "it broke", now);
        case MOVED, RESTARTED, ABANDONED -> fleet.outlierEjection().left(there);
      }
    }

    private Circuit.@Nullable FirstToken firstToken() {
      return learned == null || (fullest && learned.keptPace())
          ? null
          : new Circuit.FirstToken((firstNanos - startNanos) / 1e6, learned.usualTtftMs());
    }

    @Override
    public void leave(Leave why) {
      time.after(0, () -> asked(why));
    }

    private void asked(Leave why) {
      if (over) {
        return;
      }
      boolean fault = why != Leave.DRAINED;
      boolean may = !course.committed() || course.mayMove(this, fault);
      if (why == Leave.GONE || (may && course.elsewhere(this))) {
        course.broke(this, fault);
      }
    }

    @Override
    public void tell(Consumer<StreamState> hearer) {
      Integer most = course.request.seen().maxTokens();
      hearer.accept(
          new StreamState(
              Integer.toString(course.request.number()),
              streams,
              course.committed() && course.mayMove(this, false),
              course.committed()
                  ? course.request.promptTokens()
                  : course.request.seen().promptTokens(),
              course.entry.tokens(),
              most == null ? -1 : most,
              startNanos,
              streams ? firstNanos : 0,
              StreamState.Wanted.NOTHING));
    }
  }
}
