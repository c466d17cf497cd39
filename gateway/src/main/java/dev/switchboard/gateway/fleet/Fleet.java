package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.Peers;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.timeline.AttemptId;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All replicas: workers this gateway runs, and servers it knows by URL. Who they are is an
 * immutable {@link Roster}, which {@link #reconfigure} and departures replace under this object's
 * lock and everybody else reads without one; nothing that holds the lock of a replica or of a queue
 * may want this one. Plain Java, so that workers load while the rest of the gateway still starts.
 */
public final class Fleet implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Fleet.class);

  private static final int KILL_MS = 5000;

  /** Between two looks at what is being drained or restarted. */
  private static final int TICK_MS = 20;

  private static final int TELL_MS = 1000;

  /** What a request that ended at the last moment still tells has been told by then. */
  private static final int LAST_WORDS_MS = 1000;

  /** First tokens from which on its speed is known. */
  private static final int LEARNED = 16;

  private final WorkerCommand command;
  private final WorkerStarter starter;
  private final NanoClock clock;
  private final long began;
  private final FleetListener listener;
  private final ScheduledExecutorService executor;
  private final Map<String, Server> servers = new HashMap<>();
  private final Map<String, Peers> peers = new HashMap<>();
  private final AtomicLong turns = new AtomicLong();
  private final AtomicLong attempts = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final DrainDriver drains;
  private final Departures departures;
  private final Set<Replica> outdated = new LinkedHashSet<>();
  private volatile FleetPlan plan;
  private volatile Roster roster = Roster.EMPTY;
  private int nextServer;
  private int nextWorker;
  private boolean started;

  /** The restart that is under way is for the sake of another configuration. */
  private boolean replacing;

  private volatile @Nullable RollingRestart rolling;
  private volatile @Nullable Watcher watcher;

  /** Told of what becomes of replicas, on many threads; must not wait for the fleet's lock. */
  public interface Watcher extends Replica.StateListener {
    /** It is spoken to or chosen otherwise from now on. */
    default void adjusted(Replica replica) {}

    /** It is not in the fleet any more and never comes back; said twice, with a moment between. */
    default void gone(Replica replica) {}

    /** Nobody serves a model any more; said twice as well, unless it came back meanwhile. */
    default void modelGone(String model) {}

    /** Whether requests for a model wait or run. */
    default boolean inside(String model) {
      return false;
    }
  }

  public Fleet(
      WorkersConfig config,
      Circuit.Config circuit,
      List<ModelSpec> modelSpecs,
      List<UpstreamSpec> upstreams,
      WorkerCommand command,
      NanoClock clock,
      FleetListener listener,
      PrintStream log) {
    this(
        config,
        circuit,
        modelSpecs,
        upstreams,
        command,
        clock,
        listener,
        (id, line, event, exited) -> WorkerProcess.start(id, line, log, event, exited),
        thread());
  }

  /**
   * At its end it drops what is still ahead, like the killing of a process that ended by itself.
   */
  private static ScheduledExecutorService thread() {
    ScheduledThreadPoolExecutor thread =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().name("fleet").unstarted(task));
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    return thread;
  }

  /**
   * @param starter starts the workers
   * @param executor whose one thread is the fleet's
   */
  public Fleet(
      WorkersConfig config,
      Circuit.Config circuit,
      List<ModelSpec> modelSpecs,
      List<UpstreamSpec> upstreams,
      WorkerCommand command,
      NanoClock clock,
      FleetListener listener,
      WorkerStarter starter,
      ScheduledExecutorService executor) {
    this.plan = FleetPlan.of(config, circuit, modelSpecs, upstreams);
    this.command = command;
    this.starter = starter;
    this.clock = clock;
    this.began = clock.epochNanos();
    this.listener = listener;
    this.executor = executor;
    this.drains = new DrainDriver(clock);
    this.departures = new Departures(this, clock);
    this.roster = new Reshaping(this, Roster.EMPTY, plan).roster();
  }

  /** A name that none of this gateway's attempts has had. */
  public AttemptId nextAttempt() {
    return attempt(attempts.incrementAndGet());
  }

  /** What tells this gateway's requests at a worker from those of others. */
  AttemptId attempt(long number) {
    return new AttemptId(began, number);
  }

  /** Numbers of the requests that were sent to any replica and have not ended. */
  Set<Long> sent() {
    Set<Long> sent = new HashSet<>();
    replicas().forEach(replica -> sent.addAll(replica.sent()));
    return sent;
  }

  private Peers peers(String model) {
    return peers.computeIfAbsent(model, name -> new Peers());
  }

  /** Spawns the workers. */
  public synchronized void start() {
    started = true;
    Roster first = roster;
    executor.execute(() -> first.workers().values().forEach(LocalWorker::start));
    var _ = executor.scheduleWithFixedDelay(this::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
  }

  private void tick() {
    try {
      drains.tick();
      RollingRestart restarts = rolling;
      if (restarts != null) {
        restarts.tick();
      }
      synchronized (this) {
        departures.tick();
        replaceNext();
      }
    } catch (RuntimeException e) {
      LOG.error("fleet_tick_failed", e);
    }
  }

  /** Tells of every state change from now on, and of the present states. */
  public void onStateChange(Watcher wanted) {
    watcher = wanted;
    replicas().forEach(replica -> wanted.changed(replica, null, replica.state()));
  }

  private void stateChanged(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
    LOG.info(
        "replica_state replica={} from={} to={} reason=\"{}\"",
        replica.id(),
        from,
        to,
        replica.reason());
    Watcher told = watcher;
    if (told != null) {
      told.changed(replica, from, to);
    }
    if (from == ReplicaState.WARMING && (to == ReplicaState.READY || to == ReplicaState.STANDBY)) {
      LocalWorker worker = worker(replica);
      double seconds = worker == null ? 0 : worker.seconds();
      later(() -> listener.workerReady(replica.id(), replica.model(), seconds));
    }
    if (from == ReplicaState.READY && roster.wantedReady().containsKey(replica.model())) {
      later(() -> promote(replica.model(), "in the place of " + replica.id()));
    }
  }

  private @Nullable LocalWorker worker(Replica replica) {
    return roster.workers().get(replica.id());
  }

  private void later(Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("after the fleet's end", e);
    }
  }

  /** Lets those that stand by take requests, as many as are missing. */
  private void promote(String model, String why) {
    int missing = roster.wantedReady().getOrDefault(model, Integer.MAX_VALUE) - readyWorkers(model);
    for (Replica replica : roster.of(model)) {
      if (missing > 0
          && !replica.leaving()
          && replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, why)) {
        missing--;
      }
    }
  }

  private int readyWorkers(String model) {
    int ready = 0;
    for (Replica replica : roster.of(model)) {
      boolean counts = replica.local() && !replica.leaving();
      ready += counts && replica.state() == ReplicaState.READY ? 1 : 0;
    }
    return ready;
  }

  /** A warming replica passed the canary. */
  void proven(Replica replica) {
    replica.circuit().returned();
    Integer wanted = roster.wantedReady().get(replica.model());
    if (replica.cordoned()) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.CORDONED, "operator");
    } else if (wanted != null && readyWorkers(replica.model()) >= wanted) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.STANDBY, "enough others are ready");
    } else {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.READY, "every rank answered");
    }
  }

  /** Everybody, the oldest first; those that leave are among them until they are gone. */
  public List<Replica> replicas() {
    return roster.all();
  }

  public @Nullable Replica find(String id) {
    return roster.replicas().get(id);
  }

  /** Every model that is to be served, whether some replica is ready or not. */
  public Set<String> models() {
    return roster.models();
  }

  public boolean serves(String model) {
    return roster.models().contains(model);
  }

  /** Whether some replica has a model, be it one that leaves. */
  public boolean has(String model) {
    Roster now = roster;
    return now.models().contains(model) || now.byModel().containsKey(model);
  }

  /** Whether a replica of every model is ready. */
  public boolean everyModelReady() {
    return models().stream().allMatch(this::ready);
  }

  /** Whether some replica of some model is ready. */
  public boolean anyReady() {
    return models().stream().anyMatch(this::ready);
  }

  private boolean ready(String model) {
    for (Replica replica : roster.of(model)) {
      if (replica.state() == ReplicaState.READY) {
        return true;
      }
    }
    return false;
  }

  /** The model that was configured first. */
  public String firstModel() {
    return models().iterator().next();
  }

  /** Why a model cannot be served, in the words of its last worker. */
  public String despair() {
    return replicas().stream()
        .filter(replica -> replica.state() == ReplicaState.FAILED)
        .map(replica -> replica.model() + ": worker " + replica.id() + " " + replica.reason())
        .findFirst()
        .orElse("no worker could be started");
  }

  /** Whether every replica of some model failed. */
  public boolean hopeless() {
    Roster now = roster;
    return now.models().stream()
        .anyMatch(
            model ->
                now.of(model).stream().allMatch(replica -> replica.state() == ReplicaState.FAILED));
  }

  /**
   * When a model without a ready replica may have one: seconds from now, at least {@code least}; 0
   * when that takes an operator.
   */
  public int retryAfterSeconds(String model, int least) {
    long now = clock.epochNanos() / 1_000_000;
    long soonestMs = Long.MAX_VALUE;
    for (Replica replica : roster.of(model)) {
      soonestMs = Math.min(soonestMs, expectedMs(replica, now));
    }
    return soonestMs == Long.MAX_VALUE
        ? 0
        : Math.clamp((soonestMs - now + 999) / 1000, least, Integer.MAX_VALUE);
  }

  private static long expectedMs(Replica replica, long now) {
    long expected = replica.expectedReadyMs();
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, EJECTED -> now;
      case STARTING, RESTARTING -> Math.max(expected, now);
      case FAILED -> expected == 0 ? Long.MAX_VALUE : expected;
      case CORDONED, DRAINING, DRAINED, STOPPED -> Long.MAX_VALUE;
    };
  }

  /** A number that rises with every call, for routing's ties. */
  public long nextTurn() {
    return turns.getAndIncrement();
  }

  /** The replicas of a model as routing sees them at a moment. */
  public List<ReplicaView> views(String model, long now) {
    List<Replica> serving = roster.of(model);
    List<ReplicaView> views = new ArrayList<>(serving.size());
    for (Replica replica : serving) {
      views.add(replica.view(now));
    }
    return views;
  }

  // ------------------------------------------------------------------ what requests tell

  /**
   * A request was served.
   *
   * @param firstTokenMs −1 where it is not known
   */
  public void served(Replica.Ticket request, double firstTokenMs, long nowNanos) {
    request.replica().circuit().served(request.call(), firstTokenMs, nowNanos);
    if (firstTokenMs >= 0) {
      ejectIfSlow(request.replica(), nowNanos);
    }
  }

  /** Another replica answered a request first, which this one had kept for so long. */
  public void outrun(Replica.Ticket request, double atLeastMs, long nowNanos) {
    request.replica().circuit().late(request.call(), atLeastMs);
    ejectIfSlow(request.replica(), nowNanos);
  }

  private void ejectIfSlow(Replica replica, long nowNanos) {
    double own = replica.circuit().latencyMs();
    if (!Double.isNaN(own) && Circuit.slow(own, peers(replica), plan.circuit().latencyFactor())) {
      eject(replica, "its first tokens take " + Math.round(own) + " ms", nowNanos);
    }
  }

  private double[] peers(Replica replica) {
    return roster.of(replica.model()).stream()
        .filter(other -> other != replica && other.state() == ReplicaState.READY)
        .mapToDouble(other -> other.circuit().latencyMs())
        .toArray();
  }

  /** A request failed through the replica's fault. */
  public void failed(Replica.Ticket request, String reason, long nowNanos) {
    if (request.replica().circuit().failed(request.call(), nowNanos)) {
      eject(request.replica(), "it failed too often, at last: " + reason, nowNanos);
    }
  }

  /** A request ended in a way that says nothing of its replica. */
  public void left(Replica.Ticket request) {
    request.replica().circuit().left(request.call());
  }

  private synchronized void eject(Replica replica, String why, long nowNanos) {
    if (ejectOneOfHalf(replica, why)) {
      replica.circuit().open(nowNanos, jitter(replica.id(), nowNanos));
    }
  }

  /**
   * Takes one that is ready out; never more than half of a model's replicas, for then it is not
   * they who are to blame.
   */
  synchronized boolean ejectOneOfHalf(Replica replica, String why) {
    int all = 0;
    int out = 0;
    for (Replica other : roster.of(replica.model())) {
      if (!other.leaving()) {
        all++;
        out += other.state() == ReplicaState.EJECTED ? 1 : 0;
      }
    }
    // One that probes and is denied goes on with one request at a time.
    if (out + 1 > all / 2) {
      LOG.warn("ejection_denied replica={} ejected={} of={}", replica.id(), out, all);
      return false;
    }
    return replica.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, why);
  }

  /** Spreads what was ejected together; any number from 0 to 1 that differs will do. */
  private static double jitter(String id, long nowNanos) {
    long mixed = (id.hashCode() + nowNanos) * 0x9E3779B97F4A7C15L;
    return (mixed >>> 40) / (double) (1 << 24);
  }

  // ------------------------------------------------------------------ what operators want

  /** How long a drain's requests may take to end where they are, unless it says. */
  public long drainGraceMs() {
    return config().drainGraceMs();
  }

  /** How workers run now. */
  WorkersConfig config() {
    return plan.workers();
  }

  /** What a drain would come to; soon, on some thread. */
  public CompletableFuture<DrainPlan> plan(Replica replica, long graceMs) {
    List<StreamState> told = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> answers = new ArrayList<>();
    replica.guests(
        guest -> {
          CompletableFuture<Void> answer = new CompletableFuture<>();
          answers.add(answer);
          guest.tell(
              state -> {
                told.add(state);
                answer.complete(null);
              });
        });
    boolean elsewhere =
        roster.of(replica.model()).stream()
            .anyMatch(
                other ->
                    other != replica
                        && (other.state() == ReplicaState.READY
                            || other.state() == ReplicaState.STANDBY));
    // A request that ends meanwhile may not answer.
    return CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new))
        .completeOnTimeout(null, TELL_MS, TimeUnit.MILLISECONDS)
        .thenApply(
            all -> {
              long now = clock.epochNanos();
              return DrainPlan.of(List.copyOf(told), graceMs, elsewhere, pace(replica, now), now);
            });
  }

  private static DrainPlan.Pace pace(Replica replica, long nowNanos) {
    Workload.Snapshot there = replica.workload().snapshot(nowNanos);
    return there.rates().samples() < LEARNED
        ? DrainPlan.Pace.UNKNOWN
        : new DrainPlan.Pace(
            there.rates().undisturbedTokenMs(there.running(), nowNanos),
            there.rates().promptTokenMs());
  }

  /**
   * Empties a replica: no new requests; those it has end within the grace or go elsewhere.
   *
   * @param stop ends its process when it is empty; only of a worker
   * @return whether its state allowed it
   */
  public boolean drain(Replica replica, long graceMs, boolean stop) {
    LocalWorker worker = worker(replica);
    if (stop && worker == null) {
      return false;
    }
    return empty(replica, graceMs, "operator", stop && worker != null ? worker::halt : () -> {});
  }

  private boolean empty(Replica replica, long graceMs, String why, Runnable whenEmpty) {
    ReplicaState state = replica.state();
    if (!state.mayBecome(ReplicaState.DRAINING)) {
      return false;
    }
    Drain drain = new Drain(replica.inFlight(), graceMs, clock.epochNanos());
    replica.drain(drain);
    if (!replica.tryTransition(state, ReplicaState.DRAINING, why)) {
      return false;
    }
    later(() -> drains.begin(replica, drain, whenEmpty));
    return true;
  }

  /**
   * Lets a replica take no new requests until {@link #uncordon}.
   *
   * @return whether its state allowed it
   */
  public boolean cordon(Replica replica) {
    ReplicaState state = replica.state();
    replica.cordoned(true);
    boolean done =
        (state == ReplicaState.READY || state == ReplicaState.STANDBY)
            && replica.tryTransition(state, ReplicaState.CORDONED, "operator");
    replica.cordoned(done);
    return done;
  }

  /** Lets a cordoned replica take requests again, at once. */
  public boolean uncordon(Replica replica) {
    boolean was = replica.cordoned();
    replica.cordoned(false);
    return replica.tryTransition(ReplicaState.CORDONED, ReplicaState.READY, "uncordoned") || was;
  }

  /**
   * Brings a drained, stopped or given-up replica back; it must pass the canary again.
   *
   * @return whether its state allowed it
   */
  public boolean resume(Replica replica) {
    if (replica.leaving()) {
      return false;
    }
    LocalWorker worker = worker(replica);
    ReplicaState state = replica.state();
    if ((state == ReplicaState.FAILED || state == ReplicaState.STOPPED) && worker != null) {
      later(worker::revive);
      return true;
    }
    replica.cordoned(false);
    return (state == ReplicaState.DRAINING || state == ReplicaState.DRAINED)
        && replica.tryTransition(state, ReplicaState.WARMING, "resumed");
  }

  /**
   * Drains a worker, ends its process and starts another; one that is ejected is not waited for.
   *
   * @return whether its state allowed it
   */
  public boolean restart(Replica replica, long graceMs) {
    LocalWorker worker = worker(replica);
    if (worker == null || replica.leaving()) {
      return false;
    }
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, CORDONED ->
          empty(replica, graceMs, "operator", worker::restartProcess);
      case EJECTED, DRAINED, FAILED, STOPPED -> {
        later(worker::restartProcess);
        yield true;
      }
      case STARTING, DRAINING, RESTARTING -> false;
    };
  }

  /**
   * Restarts all workers, or those of one model, one after another.
   *
   * @return null while another such restart is under way
   */
  public synchronized @Nullable RollingRestart restartAll(@Nullable String model, long graceMs) {
    RollingRestart before = rolling;
    if (before != null && !before.report().done()) {
      return null;
    }
    replacing = false;
    return restartAll(
        replicas().stream()
            .filter(replica -> replica.local() && !replica.leaving())
            .filter(replica -> model == null || replica.model().equals(model))
            .toList(),
        graceMs);
  }

  private RollingRestart restartAll(List<Replica> chosen, long graceMs) {
    RollingRestart begun =
        new RollingRestart(chosen, graceMs, config().restartLimitMs(), this::restart, clock);
    rolling = begun;
    return begun;
  }

  /** The last restart of many; null when there was none. */
  public @Nullable RollingRestart rollingRestart() {
    return rolling;
  }

  /** A moved stream's client got more. */
  public void resumed(String from, long pauseNanos) {
    Replica replica = find(from);
    Drain drain = replica == null ? null : replica.drain();
    if (drain != null) {
      drain.resumed(pauseNanos);
    }
  }

  /** A stream that left a drained replica broke, or its client left before anybody went on. */
  public void notResumed(String from, boolean clientLeft) {
    Replica replica = find(from);
    Drain drain = replica == null ? null : replica.drain();
    if (drain == null) {
      return;
    }
    if (clientLeft) {
      drain.abandonedMeanwhile();
    } else {
      drain.notResumed();
    }
  }

  // ------------------------------------------------------------------ another configuration

  /**
   * Makes it the fleet that a plan wants: who is new starts and warms up like any, who is not
   * wanted any more leaves when it can, and workers of another engine or file are restarted one
   * after another. Says what it does; that goes on after this has returned. The same plan again
   * changes nothing, and another one may come while the last is still under way.
   */
  public synchronized FleetChange reconfigure(FleetPlan wanted) {
    Roster before = roster;
    plan = wanted;
    replicas().forEach(replica -> replica.circuit().reconfigure(wanted.circuit()));
    Reshaping reshaping = new Reshaping(this, before, wanted);
    roster = reshaping.roster();
    if (started && !closed.get()) {
      reshaping.begun().forEach(worker -> later(worker::start));
    }
    Set<String> standby = new HashSet<>(before.wantedReady().keySet());
    standby.addAll(roster.wantedReady().keySet());
    standby.forEach(model -> later(() -> stand(model)));
    return reshaping.change();
  }

  /** Lets as many be ready as are wanted to, and the others stand by. */
  private void stand(String model) {
    Integer wanted = roster.wantedReady().get(model);
    promote(model, "configured");
    int tooMany = wanted == null ? 0 : readyWorkers(model) - wanted;
    for (Replica replica : roster.of(model)) {
      if (tooMany > 0
          && replica.local()
          && !replica.leaving()
          && replica.state() == ReplicaState.READY
          && empty(replica, config().drainGraceMs(), "to stand by", () -> warmUp(replica))) {
        tooMany--;
      }
    }
  }

  private static void warmUp(Replica replica) {
    replica.tryTransition(ReplicaState.DRAINED, ReplicaState.WARMING, "to stand by");
  }

  int nextServer() {
    return nextServer++;
  }

  LocalWorker newWorker(ModelSpec spec, FleetPlan wanted) {
    String id = "w" + nextWorker++;
    Replica replica = newReplica(id, spec.servedName(), true, UpstreamAccess.LOCAL, wanted);
    return new LocalWorker(
        replica,
        LocalWorker.Engine.of(spec, wanted.workers()),
        command.of(id, spec, wanted.workers(), wanted.threads()),
        wanted.workers(),
        executor,
        listener,
        () -> clock.epochNanos() / 1_000_000,
        starter);
  }

  private Replica newReplica(
      String id, String model, boolean local, UpstreamAccess access, FleetPlan wanted) {
    return new Replica(
        id, model, local, access, peers(model), wanted.circuit(), this::stateChanged);
  }

  Replica newServer(String id, Server wanted) {
    Replica replica = newReplica(id, wanted.model(), false, wanted.access(), plan);
    servers.put(id, wanted);
    replica.weight(wanted.weight());
    replica.transitionTo(ReplicaState.WARMING, "configured");
    listens(replica, wanted.spec());
    return replica;
  }

  private static void listens(Replica replica, UpstreamSpec spec) {
    replica.listens(spec.url(), spec.socket() == null ? null : spec.socket().toString());
  }

  /** As the configuration knows it. */
  Server server(Replica replica) {
    return Objects.requireNonNull(servers.get(replica.id()), "it is known by its URL");
  }

  /**
   * Speaks to it otherwise from now on; a weight that an operator gave it stays until it changes.
   */
  void adjust(Replica replica, Server was, Server wanted) {
    servers.put(replica.id(), wanted);
    if (was.weight() != wanted.weight()) {
      replica.weight(wanted.weight());
    }
    if (!was.access().equals(wanted.access())) {
      replica.access(wanted.access());
      if (replica.state().listening()) {
        listens(replica, wanted.spec());
      }
      Watcher told = watcher;
      if (told != null) {
        told.adjusted(replica);
      }
    }
  }

  /**
   * Lets a worker run otherwise, from its next start on.
   *
   * @return whether it is to be restarted for that
   */
  boolean reconfigure(LocalWorker worker, ModelSpec spec, FleetPlan wanted) {
    WorkersConfig config = wanted.workers();
    LocalWorker.Engine engine = LocalWorker.Engine.of(spec, config);
    boolean another = !engine.equals(worker.engine());
    worker.reconfigure(
        engine, command.of(worker.replica().id(), spec, config, wanted.threads()), config);
    if (!another || !worker.outdated()) {
      return false;
    }
    outdated.add(worker.replica());
    // Whatever becomes of a restart that is under way says nothing of this engine.
    replacing = false;
    return true;
  }

  /** Restarts the workers of another engine, when no other such restart is under way. */
  private void replaceNext() {
    RollingRestart last = rolling;
    if (outdated.isEmpty() || (last != null && !last.report().done())) {
      return;
    }
    if (replacing && last != null && last.report().failed()) {
      // What one worker could not start with would stop the others as well.
      LOG.warn("workers_not_replaced replicas={}", outdated.stream().map(Replica::id).toList());
      outdated.clear();
    }
    outdated.removeIf(replica -> !isOutdated(replica));
    List<Replica> next = outdated.stream().filter(Fleet::mayBeReplaced).toList();
    replacing = !next.isEmpty();
    if (replacing) {
      next.forEach(outdated::remove);
      restartAll(next, config().drainGraceMs());
    }
  }

  /** What starts anew by itself, or when an operator wants it, starts with the other engine. */
  private boolean isOutdated(Replica replica) {
    LocalWorker worker = worker(replica);
    ReplicaState state = replica.state();
    return worker != null
        && worker.outdated()
        && !replica.leaving()
        && state != ReplicaState.RESTARTING
        && state != ReplicaState.STOPPED;
  }

  /** Others are waited for. */
  private static boolean mayBeReplaced(Replica replica) {
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, CORDONED, EJECTED, DRAINED, FAILED -> true;
      case STARTING, DRAINING, RESTARTING, STOPPED -> false;
    };
  }

  // ------------------------------------------------------------------ departures

  void leaves(Replica replica) {
    replica.leaving(true);
    departures.begin(replica);
  }

  /** The configuration has it again, before it was stopped. */
  void comesBack(Replica replica) {
    replica.leaving(false);
    departures.cancel(replica);
    ReplicaState state = replica.state();
    if (state == ReplicaState.DRAINING || state == ReplicaState.DRAINED) {
      replica.tryTransition(state, ReplicaState.WARMING, "configured again");
    }
  }

  /** Whether its model has as many ready replicas as it should, were this one not there. */
  boolean enoughWithout(Replica leaving) {
    int ready = 0;
    int stay = 0;
    int wanted = 0;
    for (Replica replica : roster.of(leaving.model())) {
      ready += replica != leaving && replica.state() == ReplicaState.READY ? 1 : 0;
      stay += replica.leaving() ? 0 : 1;
      wanted += !replica.leaving() && promising(replica.state()) ? 1 : 0;
    }
    return ready >= Math.max(wanted, Math.min(1, stay));
  }

  private static boolean promising(ReplicaState state) {
    return switch (state) {
      case STARTING, WARMING, READY, EJECTED, RESTARTING -> true;
      case STANDBY, CORDONED, DRAINING, DRAINED, FAILED, STOPPED -> false;
    };
  }

  /** Whether requests for a model wait or run. */
  boolean inside(String model) {
    Watcher asked = watcher;
    return (asked != null && asked.inside(model))
        || roster.of(model).stream().anyMatch(replica -> replica.inFlight() > 0);
  }

  void empty(Replica replica) {
    empty(replica, config().drainGraceMs(), "not configured any more", () -> {});
  }

  /** Ends its process, if it has one here, for good. */
  void stop(Replica replica) {
    LocalWorker worker = worker(replica);
    if (worker == null) {
      replica.stopped("not configured any more");
    } else {
      worker.retire();
    }
  }

  boolean runs(Replica replica) {
    LocalWorker worker = worker(replica);
    return worker != null && worker.runs();
  }

  void gone(Replica replica) {
    roster = roster.without(replica);
    servers.remove(replica.id());
    if (!has(replica.model())) {
      peers.remove(replica.model());
    }
    LOG.info("replica_gone replica={}", replica.id());
    tellGone(replica);
    if (!closed.get()) {
      var _ = executor.schedule(() -> tellGone(replica), LAST_WORDS_MS, TimeUnit.MILLISECONDS);
    }
  }

  private void tellGone(Replica replica) {
    Watcher told = watcher;
    if (told != null) {
      told.gone(replica);
      if (!has(replica.model())) {
        told.modelGone(replica.model());
      }
    }
  }

  /** Kills a worker's process that does not answer anybody; its restart follows. */
  void kill(Replica replica) {
    LocalWorker worker = worker(replica);
    if (worker != null) {
      later(worker::kill);
    }
  }

  // ------------------------------------------------------------------ drills

  /** What is done to a worker on the fleet's thread. */
  private interface Deed {
    void done(LocalWorker worker) throws IOException;
  }

  /** Kills a worker's process as if it had crashed; its restart follows. */
  public CompletableFuture<Void> killProcess(Replica replica) {
    return onWorker(replica, LocalWorker::crash);
  }

  /** Has a worker's process stand still until {@link #proceed}, and not much longer than this. */
  public CompletableFuture<Void> suspend(Replica replica, long mostMs) {
    return onWorker(replica, worker -> worker.suspend(mostMs));
  }

  /** Has a worker's process go on, if it stands still. */
  public CompletableFuture<Void> proceed(Replica replica) {
    return onWorker(replica, LocalWorker::proceed);
  }

  private CompletableFuture<Void> onWorker(Replica replica, Deed deed) {
    LocalWorker worker = worker(replica);
    if (worker == null) {
      return CompletableFuture.failedFuture(new IOException("it is no process of this gateway"));
    }
    try {
      return CompletableFuture.runAsync(
          () -> {
            try {
              deed.done(worker);
            } catch (IOException e) {
              throw new CompletionException(e);
            }
          },
          executor);
    } catch (RejectedExecutionException e) {
      return CompletableFuture.failedFuture(new IOException("the fleet stops", e));
    }
  }

  /** Stops the workers: asks all, then waits for each, then kills. Twice does nothing more. */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    executor.execute(() -> roster.workers().values().forEach(LocalWorker::terminate));
    executor.execute(this::awaitWorkers);
    executor.shutdown();
    try {
      if (!executor.awaitTermination(config().stopMs() + KILL_MS, TimeUnit.MILLISECONDS)) {
        LOG.warn("workers_still_run");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitWorkers() {
    long deadline = clock.epochNanos() + config().stopMs() * 1_000_000;
    try {
      for (LocalWorker worker : roster.workers().values()) {
        worker.awaitEnd(Math.max(0, (deadline - clock.epochNanos()) / 1_000_000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
