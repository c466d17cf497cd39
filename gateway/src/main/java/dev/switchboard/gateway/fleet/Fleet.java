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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
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
 * All replicas: workers this gateway runs, and servers it knows by URL. The set is fixed at start;
 * their states are not. Plain Java, so that workers load while the rest of the gateway still
 * starts.
 */
public final class Fleet implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Fleet.class);

  private static final int KILL_MS = 5000;

  /** Between two looks at what is being drained or restarted. */
  private static final int TICK_MS = 20;

  private static final int TELL_MS = 1000;

  /** First tokens from which on its speed is known. */
  private static final int LEARNED = 16;

  private final WorkersConfig config;
  private final Circuit.Config circuit;
  private final NanoClock clock;
  private final long began;
  private final FleetListener listener;
  private final ScheduledExecutorService executor;
  private final Map<String, Replica> replicas = new LinkedHashMap<>();
  private final Map<String, LocalWorker> workers = new LinkedHashMap<>();
  private final Set<String> models = new LinkedHashSet<>();
  private final Map<String, List<Replica>> byModel = new HashMap<>();
  private final Map<String, Peers> peers = new HashMap<>();
  private final AtomicLong turns = new AtomicLong();
  private final AtomicLong attempts = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Map<String, Integer> wantedReady = new HashMap<>();
  private final DrainDriver drains;
  private volatile @Nullable RollingRestart rolling;
  private volatile Replica.@Nullable StateListener stateListener;

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
    this.config = config;
    this.circuit = circuit;
    this.clock = clock;
    this.began = clock.epochNanos();
    this.listener = listener;
    this.executor = executor;
    this.drains = new DrainDriver(clock);
    int total = modelSpecs.stream().mapToInt(this::workers).sum();
    int cores = Runtime.getRuntime().availableProcessors();
    int share = Math.max(1, cores / Math.max(1, total * config.stages() * config.ranks()));
    int threads = config.threads() > 0 ? config.threads() : share;
    for (ModelSpec spec : modelSpecs) {
      models.add(spec.servedName());
      if (standby(spec) > 0) {
        wantedReady.put(spec.servedName(), workers(spec) - standby(spec));
      }
      for (int i = 0; i < workers(spec); i++) {
        addWorker(spec, command, threads, starter);
      }
    }
    for (int i = 0; i < upstreams.size(); i++) {
      addUpstream("u" + i, upstreams.get(i), "upstreams." + i);
    }
    for (Replica replica : replicas.values()) {
      byModel.computeIfAbsent(replica.model(), model -> new ArrayList<>()).add(replica);
    }
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
    replicas.values().forEach(replica -> sent.addAll(replica.sent()));
    return sent;
  }

  /** Those on standby are workers too. */
  private int workers(ModelSpec spec) {
    Integer own = spec.workers();
    return (own == null ? config.local() : own) + standby(spec);
  }

  private static int standby(ModelSpec spec) {
    Integer own = spec.standby();
    return own == null ? 0 : own;
  }

  private void addWorker(
      ModelSpec spec, WorkerCommand command, int threads, WorkerStarter starter) {
    String id = "w" + workers.size();
    Replica replica =
        new Replica(
            id,
            spec.servedName(),
            true,
            UpstreamAccess.LOCAL,
            peers(spec.servedName()),
            circuit,
            this::stateChanged);
    replicas.put(id, replica);
    workers.put(
        id,
        new LocalWorker(
            replica,
            command.of(id, spec, config, threads),
            config,
            executor,
            listener,
            () -> clock.epochNanos() / 1_000_000,
            starter));
  }

  private void addUpstream(String id, UpstreamSpec spec, String path) {
    for (String model : spec.models()) {
      String name = spec.models().size() == 1 ? id : id + "-" + model;
      UpstreamAccess access = UpstreamAccess.of(spec, model, path);
      Replica replica =
          new Replica(name, model, false, access, peers(model), circuit, this::stateChanged);
      replica.weight(spec.weight() == null ? 1 : spec.weight());
      models.add(model);
      replicas.put(name, replica);
      replica.transitionTo(ReplicaState.WARMING, "configured");
      replica.listens(spec.url(), spec.socket() == null ? null : spec.socket().toString());
    }
  }

  private Peers peers(String model) {
    return peers.computeIfAbsent(model, name -> new Peers());
  }

  /** Spawns the workers. */
  public void start() {
    executor.execute(() -> workers.values().forEach(LocalWorker::start));
    var _ = executor.scheduleWithFixedDelay(this::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
  }

  private void tick() {
    try {
      drains.tick();
      RollingRestart restarts = rolling;
      if (restarts != null) {
        restarts.tick();
      }
    } catch (RuntimeException e) {
      LOG.error("fleet_tick_failed", e);
    }
  }

  /** Tells of every state change from now on, and of the present states. */
  public void onStateChange(Replica.StateListener watcher) {
    stateListener = watcher;
    replicas.values().forEach(replica -> watcher.changed(replica, null, replica.state()));
  }

  private void stateChanged(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
    LOG.info(
        "replica_state replica={} from={} to={} reason=\"{}\"",
        replica.id(),
        from,
        to,
        replica.reason());
    Replica.StateListener watcher = stateListener;
    if (watcher != null) {
      watcher.changed(replica, from, to);
    }
    if (from == ReplicaState.WARMING && (to == ReplicaState.READY || to == ReplicaState.STANDBY)) {
      LocalWorker worker = workers.get(replica.id());
      double seconds = worker == null ? 0 : worker.seconds();
      later(() -> listener.workerReady(replica.id(), replica.model(), seconds));
    }
    if (from == ReplicaState.READY && wantedReady.containsKey(replica.model())) {
      later(() -> promote(replica.model(), replica.id()));
    }
  }

  private void later(Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("after the fleet's end", e);
    }
  }

  /** Lets one that stands by take the place of one that is no longer ready. */
  private void promote(String model, String lost) {
    if (readyWorkers(model) >= wantedReady.getOrDefault(model, 0)) {
      return;
    }
    for (Replica replica : replicas.values()) {
      if (replica.model().equals(model)
          && replica.tryTransition(
              ReplicaState.STANDBY, ReplicaState.READY, "in the place of " + lost)) {
        return;
      }
    }
  }

  private int readyWorkers(String model) {
    int ready = 0;
    for (Replica replica : replicas.values()) {
      boolean counts = replica.local() && replica.model().equals(model);
      ready += counts && replica.state() == ReplicaState.READY ? 1 : 0;
    }
    return ready;
  }

  /** A warming replica passed the canary. */
  void proven(Replica replica) {
    replica.circuit().returned();
    Integer wanted = wantedReady.get(replica.model());
    if (replica.cordoned()) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.CORDONED, "operator");
    } else if (wanted != null && readyWorkers(replica.model()) >= wanted) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.STANDBY, "enough others are ready");
    } else {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.READY, "every rank answered");
    }
  }

  public List<Replica> replicas() {
    return List.copyOf(replicas.values());
  }

  public @Nullable Replica find(String id) {
    return replicas.get(id);
  }

  /** Every model that some replica serves, ready or not. */
  public Set<String> models() {
    return Set.copyOf(models);
  }

  public boolean serves(String model) {
    return models.contains(model);
  }

  /** Whether a replica of every model is ready. */
  public boolean everyModelReady() {
    return models.stream().allMatch(this::ready);
  }

  /** Whether some replica of some model is ready. */
  public boolean anyReady() {
    return models.stream().anyMatch(this::ready);
  }

  private boolean ready(String model) {
    for (Replica replica : replicas.values()) {
      if (replica.state() == ReplicaState.READY && replica.model().equals(model)) {
        return true;
      }
    }
    return false;
  }

  /** The model that was configured first. */
  public String firstModel() {
    return models.iterator().next();
  }

  /** Why a model cannot be served, in the words of its last worker. */
  public String despair() {
    return replicas.values().stream()
        .filter(replica -> replica.state() == ReplicaState.FAILED)
        .map(replica -> replica.model() + ": worker " + replica.id() + " " + replica.reason())
        .findFirst()
        .orElse("no worker could be started");
  }

  /** Whether every replica of some model failed. */
  public boolean hopeless() {
    return models.stream()
        .anyMatch(
            model ->
                replicas.values().stream()
                    .filter(replica -> replica.model().equals(model))
                    .allMatch(replica -> replica.state() == ReplicaState.FAILED));
  }

  /**
   * When a model without a ready replica may have one: seconds from now, at least {@code least}; 0
   * when that takes an operator.
   */
  public int retryAfterSeconds(String model, int least) {
    long now = clock.epochNanos() / 1_000_000;
    long soonestMs = Long.MAX_VALUE;
    for (Replica replica : replicas.values()) {
      if (replica.model().equals(model)) {
        soonestMs = Math.min(soonestMs, expectedMs(replica, now));
      }
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
    List<Replica> serving = byModel.getOrDefault(model, List.of());
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
    if (!Double.isNaN(own) && Circuit.slow(own, peers(replica), circuit.latencyFactor())) {
      eject(replica, "its first tokens take " + Math.round(own) + " ms", nowNanos);
    }
  }

  private double[] peers(Replica replica) {
    return replicas.values().stream()
        .filter(other -> other != replica && other.model().equals(replica.model()))
        .filter(other -> other.state() == ReplicaState.READY)
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
    for (Replica other : replicas.values()) {
      if (other.model().equals(replica.model())) {
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
    return config.drainGraceMs();
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
        replicas.values().stream()
            .anyMatch(
                other ->
                    other != replica
                        && other.model().equals(replica.model())
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
    LocalWorker worker = workers.get(replica.id());
    if (stop && worker == null) {
      return false;
    }
    return empty(replica, graceMs, stop && worker != null ? worker::halt : () -> {});
  }

  private boolean empty(Replica replica, long graceMs, Runnable whenEmpty) {
    ReplicaState state = replica.state();
    if (!state.mayBecome(ReplicaState.DRAINING)) {
      return false;
    }
    Drain drain = new Drain(replica.inFlight(), graceMs, clock.epochNanos());
    replica.drain(drain);
    if (!replica.tryTransition(state, ReplicaState.DRAINING, "operator")) {
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
    LocalWorker worker = workers.get(replica.id());
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
    LocalWorker worker = workers.get(replica.id());
    if (worker == null) {
      return false;
    }
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, CORDONED -> empty(replica, graceMs, worker::restartProcess);
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
    List<Replica> chosen =
        replicas.values().stream()
            .filter(Replica::local)
            .filter(replica -> model == null || replica.model().equals(model))
            .toList();
    RollingRestart begun =
        new RollingRestart(chosen, graceMs, config.restartLimitMs(), this::restart, clock);
    rolling = begun;
    return begun;
  }

  /** The last restart of many; null when there was none. */
  public @Nullable RollingRestart rollingRestart() {
    return rolling;
  }

  /** A moved stream's client got more. */
  public void resumed(String from, long pauseNanos) {
    Replica replica = replicas.get(from);
    Drain drain = replica == null ? null : replica.drain();
    if (drain != null) {
      drain.resumed(pauseNanos);
    }
  }

  /** A stream that left a drained replica broke, or its client left before anybody went on. */
  public void notResumed(String from, boolean clientLeft) {
    Replica replica = replicas.get(from);
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

  /** Kills a worker's process that does not answer anybody; its restart follows. */
  void kill(Replica replica) {
    LocalWorker worker = workers.get(replica.id());
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
    LocalWorker worker = workers.get(replica.id());
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
    executor.execute(() -> workers.values().forEach(LocalWorker::terminate));
    executor.execute(this::awaitWorkers);
    executor.shutdown();
    try {
      if (!executor.awaitTermination(config.stopMs() + KILL_MS, TimeUnit.MILLISECONDS)) {
        LOG.warn("workers_still_run");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitWorkers() {
    long deadline = clock.epochNanos() + config.stopMs() * 1_000_000;
    try {
      for (LocalWorker worker : workers.values()) {
        worker.awaitEnd(Math.max(0, (deadline - clock.epochNanos()) / 1_000_000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
