package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.timeline.AttemptId;
import java.io.PrintStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
 * may want this one. Its parts, one for each thing that is done with replicas, keep what else must
 * not change meanwhile under the same lock, and say so. Plain Java, so that workers load while the
 * rest of the gateway still starts.
 */
public final class Fleet implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Fleet.class);

  private static final int KILL_MS = 5000;

  /** Between two looks at what is being drained or restarted. */
  private static final int TICK_MS = 20;

  /** What a request that ended at the last moment still tells has been told by then. */
  private static final int LAST_WORDS_MS = 1000;

  private final NanoClock clock;
  private final long began;
  private final FleetListener listener;
  private final ScheduledExecutorService executor;

  /** Of each model that was asked, by its name. */
  private final Map<String, AtomicLong> turns = new ConcurrentHashMap<>();

  private final AtomicLong attempts = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final DrainDriver drains;
  private final FleetCommands commands;
  private final ReplicaSettings settings = new ReplicaSettings(this);
  private final ProcessDrills drills = new ProcessDrills(this);
  private final OutlierEjection outlierEjection = new OutlierEjection(this);
  private final Standbys reserve = new Standbys(this);
  private final LocalModels localModels = new LocalModels(this);
  private final Restarts restarts;
  private final ReplicaReconciler replicaReconciler;
  private final RemovedReplicas removedReplicas;
  private final DiscoveredOrders orders = new DiscoveredOrders(this);
  private volatile FleetPlan plan;
  private volatile Roster roster = Roster.EMPTY;
  private boolean started;
  private volatile boolean searching;
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
        (id, launch, logged, event, exited) ->
            WorkerProcess.start(id, launch, log, logged, event, exited),
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
    this.clock = clock;
    this.began = clock.epochNanos();
    this.plan =
        FleetPlan.of(config, circuit, modelSpecs, upstreams, Instant.ofEpochSecond(0, began));
    this.listener = listener;
    this.executor = executor;
    this.drains = new DrainDriver(clock);
    this.commands = new FleetCommands(this, drains, clock);
    this.restarts = new Restarts(this, clock);
    this.replicaReconciler = new ReplicaReconciler(this, command, starter, clock, listener);
    this.removedReplicas = new RemovedReplicas(this, clock);
    this.roster = new FleetReconciler(this, Roster.EMPTY, plan).roster();
  }

  /** A name that none of this gateway's attempts has had. */
  public AttemptId nextAttempt() {
    return attempt(attempts.incrementAndGet());
  }

  /** What workers know this gateway by; another one after a restart. */
  public String gatewayId() {
    return AttemptId.digits(began);
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

  /** Serves models that may have no replica, too. */
  public synchronized void fromZero(Set<String> names) {
    plan = plan.withFromZero(names);
    roster = roster.serving(plan);
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
      restarts.tick();
      synchronized (this) {
        reserve.tick(clock.epochNanos() / 1_000_000);
        removedReplicas.tick();
        restarts.replaceNext();
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

  /** Told by each replica, under no lock but what its own transition needs. */
  void stateChanged(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
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
    if (from == ReplicaState.WARMING && to == ReplicaState.CORDONED) {
      notReady(replica, "cordoned");
    }
    if (from == ReplicaState.READY && roster.standsBy(replica.model())) {
      later(() -> reserve.promote(replica.model(), "in the place of " + replica.id()));
    }
  }

  /** Its process; null for a server. */
  @Nullable LocalWorker worker(Replica replica) {
    return roster.workers().get(replica.id());
  }

  /** Has something done on the fleet's thread, if that still runs. */
  void later(Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("after the fleet's end", e);
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

  /**
   * Whether a replica of every model is ready, or would be if no operator kept it from requests.
   */
  public boolean everyModelReady() {
    return roster.everyModelReady();
  }

  /**
   * Whether nothing more is to be waited for at the start: every model of local workers has a ready
   * replica, or one that an operator cordoned, and of each server it is known whether it answers.
   *
   * @param failures in a row after which it is known that it does not
   */
  public boolean settled(int failures) {
    Roster now = roster;
    return !searching
        && plan.models().stream().allMatch(model -> now.readyOrCordoned(model.servedName()))
        && now.all().stream().allMatch(replica -> replica.decided(failures));
  }

  /** Failures in a row after which one that was ready is taken for one that does not answer. */
  public int patience() {
    return plan.workers().ejectAfter();
  }

  /** Those that do not serve though they should, but for workers that still load. */
  public List<Replica> notServing() {
    return roster.all().stream().filter(Replica::wanting).toList();
  }

  /** Whether some replica of some model is ready. */
  public boolean anyReady() {
    return roster.anyReady();
  }

  /** Why a model cannot be served, in the words of its last worker. */
  public String despair() {
    return roster.despair();
  }

  /** The exit status of a gateway that ends for that. */
  public int despairStatus() {
    return roster.despairStatus();
  }

  /** Whether every replica of some model failed. */
  public boolean hopeless() {
    return roster.hopeless();
  }

  /**
   * When a model without a ready replica may have one: seconds from now, at least {@code least}; 0
   * when that takes an operator.
   */
  public int retryAfterSeconds(String model, int least) {
    return roster.retryAfterSeconds(model, least, clock.epochNanos() / 1_000_000);
  }

  /** The model that was configured first, of those that are ready where any is; null for none. */
  public @Nullable String firstModel() {
    Roster now = roster;
    return now.models().stream()
        .filter(now::ready)
        .findFirst()
        .orElseGet(() -> now.models().stream().findFirst().orElse(null));
  }

  /**
   * A number that rises with every call for a model, for routing's ties. With one for all models,
   * two that are asked in turn would each get the same replica of two every time.
   */
  public long nextTurn(String model) {
    return turns.computeIfAbsent(model, none -> new AtomicLong()).getAndIncrement();
  }

  /** The number that the next request for a model gets, which it gets all the same. */
  public long comingTurn(String model) {
    AtomicLong coming = turns.get(model);
    return coming == null ? 0 : coming.get();
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

  // ------------------------------------------------------------------ parts

  /** What operators do with one replica. */
  public FleetCommands commands() {
    return commands;
  }

  /** What operators set, as it is kept. */
  public ReplicaSettings settings() {
    return settings;
  }

  /** What is asked of models that local workers serve. */
  public LocalModels localModels() {
    return localModels;
  }

  /** Restarts of many workers. */
  public Restarts restarts() {
    return restarts;
  }

  /** What requests tell of replicas. */
  public OutlierEjection outlierEjection() {
    return outlierEjection;
  }

  /** What is done to processes on purpose. */
  public ProcessDrills drills() {
    return drills;
  }

  Standbys reserve() {
    return reserve;
  }

  ReplicaReconciler replicaReconciler() {
    return replicaReconciler;
  }

  DiscoveredOrders orders() {
    return orders;
  }

  RemovedReplicas removedReplicas() {
    return removedReplicas;
  }

  ScheduledExecutorService executor() {
    return executor;
  }

  Roster roster() {
    return roster;
  }

  FleetPlan plan() {
    return plan;
  }

  /** How workers run now. */
  WorkersConfig config() {
    return plan.workers();
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
    Map<String, ReplicaSettings.Row> set = settings.rows();
    plan = wanted;
    replicas().forEach(replica -> replica.circuit().reconfigure(wanted.circuit()));
    FleetReconciler fleetReconciler = new FleetReconciler(this, before, wanted);
    roster = fleetReconciler.roster();
    settings.changed(set);
    if (started && !closed.get()) {
      fleetReconciler.begun().forEach(worker -> later(worker::start));
    }
    Set<String> standby = new HashSet<>(before.wantedReady().keySet());
    standby.addAll(roster.wantedReady().keySet());
    standby.forEach(model -> later(() -> reserve.stand(model)));
    // Those that have replicas yet are gone with the last of them.
    before.models().forEach(this::modelGone);
    return fleetReconciler.change();
  }

  /** Models that replicas may be found of, before any is looked for. */
  public void expect(Set<String> names) {
    if (!names.isEmpty()) {
      searching = true;
      FleetChange _ = reconfigure(plan.withFound(names, List.of()));
    }
  }

  /**
   * What may be found was looked for once, or that takes too long.
   *
   * @return whether that is news
   */
  public boolean searched() {
    boolean was = searching;
    searching = false;
    return was;
  }

  /** A replica that is not ready fails its questions for another reason than before. */
  void notReady(Replica replica, String why) {
    later(() -> listener.notReady(replica.id(), why));
  }

  /** A warming replica passed the canary. */
  void proven(Replica replica) {
    reserve.proven(replica);
  }

  /** Tells that it is spoken to or chosen otherwise. */
  void adjusted(Replica replica) {
    Watcher told = watcher;
    if (told != null) {
      // In order with its state changes, which are told under the same lock.
      synchronized (replica) {
        told.adjusted(replica);
      }
    }
  }

  /** Whether requests for a model wait or run. */
  boolean inside(String model) {
    Watcher asked = watcher;
    return (asked != null && asked.inside(model))
        || roster.of(model).stream().anyMatch(replica -> replica.inFlight() > 0);
  }

  /** It is not in the fleet any more; under the lock. */
  void gone(List<Replica> all) {
    Map<String, ReplicaSettings.Row> set = settings.rows();
    roster = roster.without(all);
    settings.changed(set);
    for (Replica replica : all) {
      replicaReconciler.forget(replica);
      LOG.info("replica_gone replica={}", replica.id());
      twice(() -> tellGone(replica));
      modelGone(replica.model());
    }
  }

  /** Now, and when what was under way is over. */
  private void twice(Runnable task) {
    task.run();
    if (!closed.get()) {
      var _ = executor.schedule(task, LAST_WORDS_MS, TimeUnit.MILLISECONDS);
    }
  }

  private void tellGone(Replica replica) {
    Watcher told = watcher;
    if (told != null) {
      told.gone(replica);
    }
  }

  /** Nobody serves it any more, unless somebody does. */
  private void modelGone(String model) {
    if (!has(model)) {
      twice(() -> tellModelGone(model));
    }
  }

  /** Under the lock, so that it does not come back meanwhile. */
  private synchronized void tellModelGone(String model) {
    Watcher told = watcher;
    if (told != null && !has(model)) {
      told.modelGone(model);
    }
  }

  /** Kills a worker's process that does not answer anybody; its restart follows. */
  void kill(Replica replica) {
    LocalWorker worker = worker(replica);
    if (worker != null) {
      later(worker::kill);
    }
  }

  /** How long {@link #close()} takes at most. */
  public long closesWithinMs() {
    return config().stopMs() + KILL_MS;
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
      if (!executor.awaitTermination(closesWithinMs(), TimeUnit.MILLISECONDS)) {
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
