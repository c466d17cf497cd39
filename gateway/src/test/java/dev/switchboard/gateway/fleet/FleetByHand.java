package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.log.LogFormat;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A fleet whose thread is the test's: what it wants done is done at once, and what it wants done
 * later when {@link #pass} says that so much time went by. Its workers are processes in name only.
 */
public final class FleetByHand implements FleetListener {
  static final WorkersConfig WORKERS = WorkersConfig.DEFAULTS;

  /** A worker's process. */
  static final class Started implements WorkerStarter.Running {
    final Launch launch;
    private final Consumer<JsonNode> event;
    private final IntConsumer exited;
    boolean asked;

    Started(Launch launch, Consumer<JsonNode> event, IntConsumer exited) {
      this.launch = launch;
      this.event = event;
      this.exited = exited;
    }

    void tell(String name) {
      event(JsonNodeFactory.instance.objectNode().put("event", name).put("port", 1));
    }

    void event(JsonNode told) {
      event.accept(told);
    }

    void exit(int status) {
      exited.accept(status);
    }

    @Override
    public long pid() {
      return 1;
    }

    @Override
    public void terminate() {
      asked = true;
    }

    @Override
    public void kill() {}

    @Override
    public void awaitEnd(long millis) {}

    @Override
    public void suspend(long mostMs) {}

    @Override
    public void proceed() {}
  }

  private final class Executor extends ScheduledThreadPoolExecutor {
    Executor() {
      super(1);
    }

    @Override
    public void execute(Runnable task) {
      task.run();
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
      later.add(new Later(nowNanos + unit.toNanos(delay), task));
      return super.schedule(() -> {}, 0, TimeUnit.NANOSECONDS);
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(
        Runnable task, long first, long delay, TimeUnit unit) {
      tick = task;
      return super.schedule(() -> {}, 0, TimeUnit.NANOSECONDS);
    }
  }

  private record Later(long atNanos, Runnable task) {}

  /** The last process of each worker. */
  final Map<String, Started> processes = new LinkedHashMap<>();

  private final List<Later> later = new ArrayList<>();
  private Runnable tick = () -> {};
  private Runnable meanwhile = () -> {};
  private long nowNanos = 1_000_000_000;
  private final Fleet fleet;

  /** One that runs. */
  public FleetByHand(List<ModelSpec> models, List<UpstreamSpec> upstreams) {
    fleet =
        new Fleet(
            WORKERS,
            Circuit.Config.DEFAULTS,
            models,
            upstreams,
            new WorkerCommand(Path.of("java"), "", Path.of("library"), null, null, LogFormat.TEXT),
            this::tellTime,
            this,
            (id, launch, line, event, exited) -> {
              Started process = new Started(launch, event, exited);
              processes.put(id, process);
              return process;
            },
            new Executor());
    fleet.start();
  }

  /** A request that stays where it is, and passes on what it is asked. */
  static ServedRequest guest(Consumer<ServedRequest.Leave> asked) {
    return new ServedRequest() {
      @Override
      public void leave(Leave why) {
        asked.accept(why);
      }

      @Override
      public void tell(Consumer<StreamState> hearer) {}
    };
  }

  public Fleet fleet() {
    return fleet;
  }

  public long nowNanos() {
    return nowNanos;
  }

  /** Does something once, in the midst of whatever asks for the time next. */
  void whenTimeIsAsked(Runnable once) {
    meanwhile = once;
  }

  private long tellTime() {
    Runnable now = meanwhile;
    meanwhile = () -> {};
    now.run();
    return nowNanos;
  }

  /** Time goes by, and what is due by then is done. */
  public void pass(long millis) {
    nowNanos += millis * 1_000_000;
    for (Later each : List.copyOf(later)) {
      if (each.atNanos <= nowNanos) {
        later.remove(each);
        each.task.run();
      }
    }
    tick.run();
  }

  /** The configuration is another one. */
  public FleetChange reload(List<ModelSpec> models, List<UpstreamSpec> upstreams) {
    return reload(WORKERS, models, upstreams);
  }

  FleetChange reload(WorkersConfig workers, List<ModelSpec> models, List<UpstreamSpec> upstreams) {
    return fleet.reconfigure(
        FleetPlan.of(workers, Circuit.Config.DEFAULTS, models, upstreams, Instant.EPOCH));
  }

  /** A replica passes its canary. */
  public Replica ready(String id) {
    Started process = processes.get(id);
    if (process != null && replica(id).state() == ReplicaState.STARTING) {
      process.tell("listening");
      process.tell("ready");
    }
    fleet.proven(replica(id));
    return replica(id);
  }

  /** The process of a worker ends by itself. */
  public void dies(String id) {
    process(id).exit(137);
  }

  /** Its requests fail until it takes none. */
  public void failUntilEjected(Replica replica) {
    for (int i = 0; replica.state() == ReplicaState.READY; i++) {
      Replica.Ticket ticket = ticket(replica);
      fleet.outlierEjection().failed(ticket, "failed " + i, nowNanos);
      ticket.close(Drain.Departure.FAILED);
    }
  }

  /** It waited for long enough and is healthy. */
  public void recovers(Replica replica) {
    replica.circuit().endWait(nowNanos);
    replica.tryTransition(ReplicaState.EJECTED, ReplicaState.WARMING, "answers again");
    fleet.proven(replica);
  }

  /** A request is served there. */
  public void serves(Replica replica) {
    Replica.Ticket ticket = ticket(replica);
    fleet.outlierEjection().served(ticket, null, nowNanos);
    ticket.close(Drain.Departure.FINISHED);
  }

  private Replica.Ticket ticket(Replica replica) {
    return Objects.requireNonNull(replica.open(guest(why -> {}), nowNanos), replica.id());
  }

  Started process(String id) {
    Started process = processes.get(id);
    if (process == null) {
      throw new AssertionError(id + " was never started");
    }
    return process;
  }

  public Replica replica(String id) {
    Replica replica = fleet.find(id);
    if (replica == null) {
      throw new AssertionError("no " + id + " in " + ids());
    }
    return replica;
  }

  /** Who is there, in order, with the states. */
  String ids() {
    return String.join(
        " ",
        fleet.replicas().stream().map(replica -> replica.id() + ":" + replica.state()).toList());
  }

  public static UpstreamSpec server(int port, String... models) {
    return server(port, null, models);
  }

  static UpstreamSpec server(int port, @Nullable Double weight, String... models) {
    return UpstreamSpec.of(URI.create("http://10.0.0.1:" + port), List.of(models), null, weight);
  }

  public static ModelSpec model(String file, int workers, int standby) {
    return new ModelSpec(Path.of(file), "m", workers, standby);
  }

  @Override
  public void workerLoading(String replica, long doneBytes, long totalBytes) {}

  @Override
  public void workerReady(String replica, String model, double seconds) {}

  @Override
  public void workerRestarting(String replica, String reason, long waitMs) {}

  @Override
  public void workerFailed(String replica, String reason) {}

  /** A pod that serves the model {@code m}. */
  static DiscoveredServer pod(String name, boolean standby, DiscoveredServer.Orders orders) {
    UpstreamSpec spec =
        UpstreamSpec.of(URI.create("http://10.0.0.1:8000"), List.of("m"), true, null);
    return new DiscoveredServer(
        spec,
        "m",
        UpstreamAccess.of(spec, "m", "x", Instant.EPOCH),
        new DiscoveredServer.Pod("default", name, name + "-uid", "n", "z"),
        standby,
        orders);
  }
}
