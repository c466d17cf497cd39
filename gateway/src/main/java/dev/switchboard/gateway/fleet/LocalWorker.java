package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one worker process running. Everything but the replica's own state is confined to the
 * fleet's thread; events and exits of the process are handed over to it. An exit tells the replica
 * first, on the thread that saw it, so that streams there end at once.
 */
final class LocalWorker {
  private static final Logger LOG = LoggerFactory.getLogger(LocalWorker.class);

  /**
   * What its process is started with, as the configuration says it: another one needs another
   * process. The threads that the machine's cores come to are left out: a worker that joins would
   * restart all others.
   *
   * @param files what the model's file named when the configuration was read, or the process
   *     started
   */
  record Engine(WorkerSpec worker, ModelFiles files, int heapMb, List<String> javaOptions) {

    static Engine of(WorkerSpec worker, ModelFiles files, WorkersConfig config) {
      return new Engine(worker, files, config.heapMb(), config.javaOptions());
    }

    Path file() {
      return worker.file();
    }

    /** The same with the files that a process that is started now reads. */
    Engine started() {
      return new Engine(worker, ModelFiles.of(file()), heapMb, javaOptions);
    }
  }

  /**
   * What it is to be.
   *
   * @param group of its model's, as {@link WorkerSpec.Seat} has it
   */
  record Place(int group, Engine engine, Launch launch) {}

  /**
   * Why it ended, in its own words.
   *
   * @param reason a stable word; null where it has none
   */
  private record Failure(@Nullable String reason, String message) {
    static Failure of(JsonNode event) {
      String reason = event.path("reason").asText();
      return new Failure(reason.isEmpty() ? null : reason, event.path("message").asText());
    }
  }

  private final Replica replica;
  private final RestartPolicy restarts;
  private final ScheduledExecutorService fleet;
  private final FleetListener listener;
  private final LongSupplier nowMs;
  private final WorkerStarter starter;
  private final LoadSpeeds speeds;
  private volatile Place place;
  private volatile @Nullable Engine running;
  private volatile long stopMs;

  private WorkerStarter.@Nullable Running process;
  private boolean stopping;

  /** An operator stopped it; it is not started again by itself. */
  private boolean halted;

  /** Its exit was asked for: it is started again at once, and the exit is nobody's fault. */
  private boolean restarting;

  private long startedMs;

  /** When its process began to read the model; 0 before. */
  private long readingMs;

  private long modelBytes;
  private volatile double readySeconds;
  private long loadMs;
  private @Nullable Future<?> nextStart;
  private @Nullable Failure failure;

  LocalWorker(
      Replica replica,
      Place place,
      WorkersConfig config,
      ScheduledExecutorService fleet,
      FleetListener listener,
      LongSupplier nowMs,
      WorkerStarter starter,
      LoadSpeeds speeds) {
    this.replica = replica;
    this.place = place;
    this.restarts = new RestartPolicy(config);
    this.fleet = fleet;
    this.listener = listener;
    this.nowMs = nowMs;
    this.starter = starter;
    this.speeds = speeds;
    this.stopMs = config.stopMs();
  }

  Replica replica() {
    return replica;
  }

  Engine engine() {
    return place.engine();
  }

  /** The group of its model that it belongs to. */
  int group() {
    return place.group();
  }

  /** Whether its process was started with another one. */
  boolean outdated() {
    Engine now = running;
    return now != null && !now.equals(engine());
  }

  /** From its next start on. On any thread. */
  void reconfigure(Place other, WorkersConfig config) {
    place = other;
    stopMs = config.stopMs();
    restarts.reconfigure(config);
  }

  /** Spawns the process; on the fleet's thread. */
  void start() {
    if (stopping) {
      return;
    }
    startedMs = nowMs.getAsLong();
    readingMs = 0;
    readySeconds = 0;
    failure = null;
    replica.expectReadyMs(startedMs + loadMs);
    Place now = place;
    running = now.engine().started();
    try {
      WorkerStarter.Running started =
          starter.start(
              replica.id(),
              now.launch(),
              replica.log()::add,
              event -> onFleet(() -> event(event)),
              status -> {
                replica.processExited(ended(status));
                onFleet(() -> exited(status));
              });
      process = started;
      replica.pid(started.pid());
    } catch (IOException e) {
      LOG.error("worker_start_failed replica={}", replica.id(), e);
      failure = new Failure(null, String.valueOf(e.getMessage()));
      replica.processExited("could not be started: " + e.getMessage());
      exited(-1);
    }
  }

  /** Starts a worker that failed or was stopped, without waiting any longer. */
  void revive() {
    cancelNextStart();
    if (halted && process != null) {
      // The old process still exits.
      restarting = true;
      return;
    }
    halted = false;
    if (replica.tryTransition(ReplicaState.FAILED, ReplicaState.STARTING, "resumed")
        || replica.tryTransition(ReplicaState.STOPPED, ReplicaState.STARTING, "resumed")) {
      restarts.forget();
      start();
    }
  }

  void terminate() {
    stopping = true;
    cancelNextStart();
    replica.stopped("the gateway stops");
    if (process != null) {
      process.terminate();
    }
  }

  /** Ends an empty worker's process for good. */
  void halt() {
    halted = true;
    cancelNextStart();
    replica.stopped("operator");
    endProcess();
  }

  /** Ends its process, whatever it does, and never starts another. */
  void retire() {
    stopping = true;
    restarting = false;
    cancelNextStart();
    replica.stopped("not configured any more");
    endProcess();
  }

  /** Whether it has a process, be it one that ends. */
  boolean runs() {
    return process != null;
  }

  /** Ends an empty worker's process and starts another. */
  void restartProcess() {
    if (process == null) {
      revive();
      return;
    }
    restarting = true;
    endProcess();
  }

  /** Ends a process that does not listen to anybody. */
  void kill() {
    if (process != null) {
      process.kill();
    }
  }

  /** Has its process stand still for so long at most. */
  void suspend(long mostMs) throws IOException {
    running().suspend(mostMs);
  }

  /** Has it go on. */
  void proceed() {
    if (process != null) {
      process.proceed();
    }
  }

  /** Ends it as if it had crashed. */
  void crash() throws IOException {
    running().kill();
  }

  private WorkerStarter.Running running() throws IOException {
    WorkerStarter.Running there = process;
    if (there == null) {
      throw new IOException("it has no process");
    }
    return there;
  }

  private void endProcess() {
    WorkerStarter.Running ending = process;
    if (ending != null) {
      ending.terminate();
      var _ = fleet.schedule(ending::kill, stopMs, TimeUnit.MILLISECONDS);
    }
  }

  void awaitEnd(long millis) throws InterruptedException {
    if (process != null) {
      process.awaitEnd(millis);
    }
  }

  private void onFleet(Runnable task) {
    try {
      fleet.execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("worker event after the fleet's end", e);
    }
  }

  private void event(JsonNode event) {
    switch (event.path("event").asText()) {
      case "listening" -> listening(event);
      case "loading" ->
          loading(event.path("done_bytes").asLong(), event.path("total_bytes").asLong());
      case "ready" -> {
        loaded(event);
        replica.tryTransition(ReplicaState.STARTING, ReplicaState.WARMING, "model loaded");
      }
      case "failed" -> failure = Failure.of(event);
      default -> LOG.debug("worker_event replica={} event={}", replica.id(), event);
    }
  }

  /** With a socket the URL is a name only, also where the worker was told to have a port. */
  private void listening(JsonNode event) {
    int port = event.path("port").asInt();
    replica.listens(
        URI.create(port == 0 ? "http://localhost" : "http://127.0.0.1:" + port),
        event.hasNonNull("socket") ? event.path("socket").asText() : null);
  }

  private void loaded(JsonNode event) {
    long now = nowMs.getAsLong();
    loadMs = now - startedMs;
    replica.facts(ModelFacts.of(event, now));
    Engine with = running;
    if (with != null && readingMs != 0) {
      speeds.measured(with.file(), modelBytes, readingMs - startedMs, now - readingMs);
    }
  }

  private void loading(long doneBytes, long totalBytes) {
    if (readingMs == 0) {
      readingMs = nowMs.getAsLong();
    }
    modelBytes = totalBytes;
    // Until it was loaded once, only its progress tells how long that takes.
    if (loadMs == 0 && doneBytes > 0) {
      double elapsedMs = nowMs.getAsLong() - startedMs;
      replica.expectReadyMs(startedMs + (long) (elapsedMs * totalBytes / doneBytes));
    }
    replica.loading(doneBytes, totalBytes);
    listener.workerLoading(replica.id(), doneBytes, totalBytes);
  }

  private void exited(int status) {
    process = null;
    replica.expectReadyMs(0);
    if (stopping) {
      return;
    }
    if (restarting) {
      restarting = false;
      again();
      return;
    }
    if (halted) {
      return;
    }
    WorkerExit how = WorkerExit.of(status);
    Failure told = failure == null ? new Failure(null, ended(status)) : failure;
    String why = told.message();
    replica.lastExit(new LastExit(how, status, told.reason(), told.message(), nowMs.getAsLong()));
    LOG.warn(
        "worker_exited replica={} status={} cause={} reason=\"{}\"",
        replica.id(),
        status,
        how.label(),
        why);
    if (replica.order() == StandingOrder.STOPPED) {
      halt();
      return;
    }
    if (how.next() == WorkerExit.Next.NOTHING) {
      fail(why);
      return;
    }
    long now = nowMs.getAsLong();
    long waitMs = restarts.exited(startedMs, now, how);
    replica.expectReadyMs(now + waitMs + loadMs);
    if (restarts.crashLooping()) {
      fail(why + "; it exits too often, the next start is in " + waitMs + " ms");
      nextStart = fleet.schedule(this::tryAgain, waitMs, TimeUnit.MILLISECONDS);
    } else {
      listener.workerRestarting(replica.id(), why, waitMs);
      nextStart = fleet.schedule(this::restart, waitMs, TimeUnit.MILLISECONDS);
    }
  }

  private static String ended(int status) {
    return "exited with status " + status + ": " + WorkerExit.of(status).words();
  }

  /** Its exit was wanted: no wait, no count. */
  private void again() {
    halted = false;
    if (replica.tryTransition(ReplicaState.RESTARTING, ReplicaState.STARTING, "operator")
        || replica.tryTransition(ReplicaState.STOPPED, ReplicaState.STARTING, "operator")) {
      listener.workerRestarting(replica.id(), "an operator restarts it", 0);
      start();
    }
  }

  private void fail(String why) {
    replica.tryTransition(ReplicaState.RESTARTING, ReplicaState.FAILED, why);
    listener.workerFailed(replica.id(), why);
  }

  private void restart() {
    if (!stopping
        && replica.tryTransition(ReplicaState.RESTARTING, ReplicaState.STARTING, "restarted")) {
      start();
    }
  }

  private void tryAgain() {
    if (!stopping
        && replica.tryTransition(ReplicaState.FAILED, ReplicaState.STARTING, "tried again")) {
      listener.workerRestarting(replica.id(), "tried again", 0);
      start();
    }
  }

  private void cancelNextStart() {
    if (nextStart != null) {
      nextStart.cancel(false);
    }
  }

  /**
   * Seconds from the process's start to the first time that it was ready: coming back from a drain
   * or an ejection is no start.
   */
  double seconds() {
    double known = readySeconds;
    if (known == 0) {
      known = (nowMs.getAsLong() - startedMs) / 1000.0;
      readySeconds = known;
    }
    return known;
  }
}
