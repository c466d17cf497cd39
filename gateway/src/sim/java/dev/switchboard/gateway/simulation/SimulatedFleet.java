package dev.switchboard.gateway.simulation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.FleetListener;
import dev.switchboard.gateway.fleet.HealthChecks;
import dev.switchboard.gateway.fleet.Launch;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.fleet.WorkerStarter;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.log.LogFormat;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * The gateway's own fleet, with its states, supervision, drains and circuits, over simulated
 * engines: workers that are started and exit, or foreign servers that are just there.
 */
final class SimulatedFleet {
  static final String MODEL = "m";

  /** From the start of a worker's process until its model is loaded. */
  private static final double LOAD_MS = 2000;

  private static final double QUESTION_MS = 1;
  private static final int KILLED = 137;
  private static final WorkersConfig CONFIG = WorkersConfig.DEFAULTS;

  private final VirtualTime time;
  private final Map<String, SimulatedReplica> engines = new LinkedHashMap<>();
  private final BiConsumer<Replica, ReplicaReport> reports;
  private final Fleet fleet;
  private final HealthChecks healthChecks;

  /**
   * @param foreign whether they are servers that the gateway does not run
   * @param reports told of every report
   */
  SimulatedFleet(
      VirtualTime time,
      List<SimulatedReplica> replicas,
      boolean foreign,
      BiConsumer<Replica, ReplicaReport> reports) {
    this.time = time;
    this.reports = reports;
    for (SimulatedReplica engine : replicas) {
      engines.put((foreign ? "u" : "w") + engines.size(), engine);
    }
    this.fleet =
        new Fleet(
            CONFIG,
            Circuit.Config.DEFAULTS,
            foreign ? List.of() : List.of(new ModelSpec(Path.of(MODEL), MODEL, replicas.size())),
            foreign ? servers(replicas.size()) : List.of(),
            new WorkerCommand(Path.of("java"), "", Path.of("library"), null, null, LogFormat.TEXT),
            time,
            SILENT,
            this::start,
            new VirtualExecutor(time));
    this.healthChecks = new HealthChecks(fleet, this::ask);
    if (foreign) {
      replicas.forEach(SimulatedReplica::boot);
    }
  }

  private static List<UpstreamSpec> servers(int count) {
    List<UpstreamSpec> specs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      URI url = URI.create("http://10.0.0." + (i + 1) + ":8000");
      specs.add(UpstreamSpec.of(url, List.of(MODEL), null, null));
    }
    return specs;
  }

  private static final FleetListener SILENT =
      new FleetListener() {
        @Override
        public void workerLoading(String replica, long doneBytes, long totalBytes) {}

        @Override
        public void workerReady(String replica, String model, double seconds) {}

        @Override
        public void workerRestarting(String replica, String reason, long waitMs) {}

        @Override
        public void workerFailed(String replica, String reason) {}
      };

  Fleet fleet() {
    return fleet;
  }

  void start() {
    fleet.start();
    time.every(healthChecks.turnMs() * 1_000_000, () -> healthChecks.turn(time.nowNanos()));
  }

  SimulatedReplica engine(String id) {
    SimulatedReplica engine = engines.get(id);
    if (engine == null) {
      throw new AssertionError("no engine " + id);
    }
    return engine;
  }

  Replica replica(String id) {
    Replica replica = fleet.find(id);
    if (replica == null) {
      throw new AssertionError("no replica " + id);
    }
    return replica;
  }

  // ------------------------------------------------------------------ processes

  private WorkerStarter.Running start(
      String id,
      Launch launch,
      Consumer<String> line,
      Consumer<JsonNode> event,
      IntConsumer exited) {
    Started process = new Started(engine(id), exited);
    time.afterMs(LOAD_MS, () -> process.loaded(event));
    return process;
  }

  /** A worker's process: it loads, serves, and exits when it is told to or dies. */
  private final class Started implements WorkerStarter.Running {
    private final SimulatedReplica engine;
    private final IntConsumer exited;
    private boolean over;

    Started(SimulatedReplica engine, IntConsumer exited) {
      this.engine = engine;
      this.exited = exited;
    }

    private void loaded(Consumer<JsonNode> event) {
      if (!over) {
        engine.boot();
        engine.onDeath(() -> exit(KILLED));
        event.accept(
            JsonNodeFactory.instance.objectNode().put("event", "listening").put("port", 1));
        event.accept(JsonNodeFactory.instance.objectNode().put("event", "ready"));
      }
    }

    private void exit(int status) {
      if (!over) {
        over = true;
        time.after(0, () -> exited.accept(status));
      }
    }

    @Override
    public long pid() {
      return 1;
    }

    @Override
    public void terminate() {
      exit(0);
      engine.kill();
    }

    @Override
    public void kill() {
      if (!over) {
        engine.kill();
        exit(KILLED);
      }
    }

    @Override
    public void suspend(long mostMs) {
      engine.freeze(true);
      time.afterMs((double) mostMs, this::proceed);
    }

    @Override
    public void proceed() {
      engine.freeze(false);
    }

    @Override
    public void awaitEnd(long millis) {}
  }

  // ------------------------------------------------------------------ questions

  private void ask(Replica replica, UpstreamAddress address, HealthChecks.Question question) {
    SimulatedReplica engine = engine(replica.id());
    double took = QUESTION_MS + (question == HealthChecks.Question.CANARY ? engine.stepMs() : 0);
    double limit =
        question == HealthChecks.Question.CANARY
            ? CONFIG.canaryTimeoutMs()
            : CONFIG.stateTimeoutMs();
    if (!engine.alive()) {
      time.afterMs(
          QUESTION_MS,
          () ->
              healthChecks.failed(
                  replica, question, HealthChecks.Failure.CERTAIN, () -> "connection refused"));
    } else if (took > limit) {
      time.afterMs(
          limit,
          () ->
              healthChecks.failed(
                  replica, question, HealthChecks.Failure.SILENCE, () -> "timeout"));
    } else {
      time.afterMs(took, () -> answer(replica, engine, question, limit - took));
    }
  }

  /** Who stands still answers when it goes on, if it still may. */
  private void answer(
      Replica replica, SimulatedReplica engine, HealthChecks.Question question, double leftMs) {
    if (engine.frozen() && leftMs > 0) {
      double wait = Math.min(leftMs, 50);
      time.afterMs(wait, () -> answer(replica, engine, question, leftMs - wait));
    } else if (!engine.alive() || engine.frozen()) {
      HealthChecks.Failure failure =
          engine.alive() ? HealthChecks.Failure.SILENCE : HealthChecks.Failure.CERTAIN;
      healthChecks.failed(replica, question, failure, () -> "no answer");
    } else if (question == HealthChecks.Question.CANARY) {
      healthChecks.proven(replica, time.nowNanos());
    } else {
      ReplicaReport report = replica.local() ? report(engine) : ReplicaReport.NONE;
      healthChecks.reported(replica, report, time.nowNanos());
      reports.accept(replica, report);
    }
  }

  private ReplicaReport report(SimulatedReplica engine) {
    return new ReplicaReport(
        time.nowNanos(),
        engine.running(),
        engine.waiting(),
        engine.waitingTokens(),
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
        0,
        null,
        List.of(),
        List.of(),
        Double.NaN,
        0,
        List.of(),
        "",
        "");
  }
}
