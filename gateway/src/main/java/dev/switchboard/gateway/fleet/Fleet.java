package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.Peers;
import dev.switchboard.gateway.routing.ReplicaView;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
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

  private final WorkersConfig config;
  private final NanoClock clock;
  private final FleetListener listener;
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> Thread.ofPlatform().name("fleet").unstarted(task));
  private final Map<String, Replica> replicas = new LinkedHashMap<>();
  private final Map<String, LocalWorker> workers = new LinkedHashMap<>();
  private final Set<String> models = new LinkedHashSet<>();
  private final Map<String, List<Replica>> byModel = new HashMap<>();
  private final Map<String, Peers> peers = new HashMap<>();
  private final AtomicLong turns = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile Replica.@Nullable StateListener stateListener;

  public Fleet(
      WorkersConfig config,
      List<ModelSpec> modelSpecs,
      List<UpstreamSpec> upstreams,
      WorkerCommand command,
      NanoClock clock,
      FleetListener listener,
      PrintStream log) {
    this.config = config;
    this.clock = clock;
    this.listener = listener;
    int total = modelSpecs.stream().mapToInt(this::workers).sum();
    int cores = Runtime.getRuntime().availableProcessors();
    int share = Math.max(1, cores / Math.max(1, total * config.stages() * config.ranks()));
    int threads = config.threads() > 0 ? config.threads() : share;
    for (ModelSpec spec : modelSpecs) {
      models.add(spec.servedName());
      for (int i = 0; i < workers(spec); i++) {
        addWorker(spec, command, threads, log);
      }
    }
    for (int i = 0; i < upstreams.size(); i++) {
      addUpstream("u" + i, upstreams.get(i), "upstreams." + i);
    }
    for (Replica replica : replicas.values()) {
      byModel.computeIfAbsent(replica.model(), model -> new ArrayList<>()).add(replica);
    }
  }

  private int workers(ModelSpec spec) {
    Integer own = spec.workers();
    return own == null ? config.local() : own;
  }

  private void addWorker(ModelSpec spec, WorkerCommand command, int threads, PrintStream log) {
    String id = "w" + workers.size();
    Replica replica =
        new Replica(id, spec.servedName(), true, peers(spec.servedName()), this::stateChanged);
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
            log));
  }

  private void addUpstream(String id, UpstreamSpec spec, String path) {
    for (String model : spec.models()) {
      String name = spec.models().size() == 1 ? id : id + "-" + model;
      Replica replica = new Replica(name, model, false, peers(model), this::stateChanged);
      replica.access(UpstreamAccess.of(spec, model, path));
      replica.weight(spec.weight() == null ? 1 : spec.weight());
      models.add(model);
      replicas.put(name, replica);
      replica.transitionTo(ReplicaState.WARMING, "configured");
      replica.address(spec.url());
    }
  }

  private Peers peers(String model) {
    return peers.computeIfAbsent(model, name -> new Peers());
  }

  /** Spawns the workers. */
  public void start() {
    executor.execute(() -> workers.values().forEach(LocalWorker::start));
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
    if (to == ReplicaState.READY && from == ReplicaState.WARMING) {
      LocalWorker worker = workers.get(replica.id());
      double seconds = worker == null ? 0 : worker.seconds();
      executor.execute(() -> listener.workerReady(replica.id(), replica.model(), seconds));
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
      case WARMING, READY, EJECTED -> now;
      case STARTING, RESTARTING -> Math.max(expected, now);
      case FAILED -> expected == 0 ? Long.MAX_VALUE : expected;
      case DRAINING, DRAINED, STOPPED -> Long.MAX_VALUE;
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

  /**
   * Takes a replica out: no new requests.
   *
   * @return whether its state allowed it
   */
  public boolean drain(Replica replica) {
    return replica.tryTransition(replica.state(), ReplicaState.DRAINING, "operator");
  }

  /**
   * Brings a drained or given-up replica back; it must pass the canary again.
   *
   * @return whether its state allowed it
   */
  public boolean resume(Replica replica) {
    LocalWorker worker = workers.get(replica.id());
    if (replica.state() == ReplicaState.FAILED && worker != null) {
      executor.execute(worker::revive);
      return true;
    }
    ReplicaState state = replica.state();
    return (state == ReplicaState.DRAINING || state == ReplicaState.DRAINED)
        && replica.tryTransition(state, ReplicaState.WARMING, "resumed");
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
