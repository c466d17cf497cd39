package dev.switchboard.gateway.fleet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is asked of models that local workers serve before they are changed. On any thread. */
public final class LocalModels {
  private final Fleet fleet;
  private final LoadSpeeds speeds = new LoadSpeeds();

  LocalModels(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * How a model is served, defaults filled in.
   *
   * @param workers that are to take requests
   * @param stages of a worker whose group says nothing else, as {@code ranks}
   * @param groups empty where all workers are alike
   */
  public record Layout(int workers, int standby, int stages, int ranks, List<Group> groups) {
    public Layout {
      groups = List.copyOf(groups);
    }
  }

  /**
   * How workers of a group are laid out, defaults filled in.
   *
   * @param devices dealt out to them; empty where they may see what the gateway may
   */
  public record Group(
      String device, int workers, int standby, List<String> devices, int stages, int ranks) {
    public Group {
      devices = List.copyOf(devices);
    }
  }

  /**
   * What a change would do to the workers of a model.
   *
   * @param added those that start
   * @param removed those that leave
   * @param replaced those that are restarted one after another, with what they become
   * @param interrupts whether no replica of the model would be ready meanwhile, where one is now
   */
  public record Change(
      List<WorkerSpec> added,
      List<Replica> removed,
      Map<Replica, WorkerSpec> replaced,
      boolean interrupts) {
    public Change {
      added = List.copyOf(added);
      removed = List.copyOf(removed);
      replaced = Collections.unmodifiableMap(new LinkedHashMap<>(replaced));
    }
  }

  /**
   * Lets workers that stand by take requests, since more replicas are needed, or stand by again.
   *
   * @param more replicas than are ready that are needed now; below 0 for fewer
   */
  public void needed(String model, int more, long nowMs) {
    if (fleet.roster().wantedReady().containsKey(model)) {
      fleet.later(() -> fleet.reserve().load(model, more, nowMs));
    }
  }

  /** Whether workers of a model stand by. */
  public boolean standBy(String model) {
    return fleet.roster().wantedReady().containsKey(model)
        && fleet.roster().of(model).stream()
            .anyMatch(replica -> replica.state() == ReplicaState.STANDBY);
  }

  /** How fast models were loaded. */
  public LoadSpeeds speeds() {
    return speeds;
  }

  /** How a model is laid out by the settings of workers. */
  public Layout layout(ModelSpec spec) {
    WorkersConfig config = fleet.config();
    return new Layout(
        spec.readyWorkers(config),
        spec.standbyWorkers(),
        spec.stages(config),
        spec.ranks(config),
        spec.groups().stream().map(group -> group(spec, group, config)).toList());
  }

  private static Group group(ModelSpec spec, WorkerGroup group, WorkersConfig config) {
    return new Group(
        group.device(),
        group.readyWorkers(),
        group.standbyWorkers(),
        group.devices(),
        group.stages(spec.stages(config)),
        group.ranks(spec.ranks(config)));
  }

  /** Bytes of a model's files. */
  public static long bytes(Path file) {
    return ModelFiles.of(file).parts().stream().mapToLong(ModelFiles.Part::bytes).sum();
  }

  /** What would become of a model's workers; null for a model that is to have none. */
  public Change change(String model, @Nullable ModelSpec wanted) {
    List<LocalWorker> there = workers(model);
    List<WorkerSpec.Seat> seats = wanted == null ? List.of() : fleet.plan().seats(wanted);
    Map<LocalWorker, WorkerSpec.Seat> kept =
        WorkerMatch.kept(there, worker -> worker.engine().worker(), seats);
    List<Replica> removed = new ArrayList<>();
    Map<Replica, WorkerSpec> replaced = new LinkedHashMap<>();
    for (LocalWorker worker : there) {
      WorkerSpec.Seat seat = kept.get(worker);
      if (seat == null) {
        removed.add(worker.replica());
      } else if (!seat.worker().equals(worker.engine().worker())) {
        replaced.put(worker.replica(), seat.worker());
      }
    }
    List<WorkerSpec> added =
        WorkerMatch.missing(seats, kept).stream().map(WorkerSpec.Seat::worker).toList();
    return new Change(added, removed, replaced, interrupts(model, removed, replaced.keySet()));
  }

  /** Those that stay rather than others come first. */
  private List<LocalWorker> workers(String model) {
    List<Replica> there = new ArrayList<>(fleet.roster().of(model));
    there.removeIf(replica -> !replica.local() || replica.leaving());
    there.sort(Comparator.comparingInt(FleetReconciler::rank));
    List<LocalWorker> workers = new ArrayList<>();
    for (Replica replica : there) {
      LocalWorker worker = fleet.worker(replica);
      if (worker != null) {
        workers.add(worker);
      }
    }
    return workers;
  }

  /** Of those that are replaced one is away at a time. */
  private boolean interrupts(String model, List<Replica> removed, Set<Replica> replaced) {
    List<Replica> ready = new ArrayList<>(fleet.roster().of(model));
    ready.removeIf(replica -> replica.leaving() || replica.state() != ReplicaState.READY);
    if (ready.isEmpty()) {
      return false;
    }
    boolean oneIsReplaced = ready.size() == 1 && replaced.contains(ready.getFirst());
    return oneIsReplaced || removed.containsAll(ready);
  }

  /** Memory of a replica's process that nobody shares; 0 where nobody can tell. */
  public static long residentBytes(Replica replica) {
    if (replica.pid() == 0) {
      return 0;
    }
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + replica.pid() + "/status"))) {
        if (line.startsWith("RssAnon:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
        }
      }
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
    return 0;
  }

  /** The process that tells what a worker of a model would take. */
  public Launch planLaunch(String model, WorkerSpec worker) {
    FleetPlan plan = fleet.plan();
    return fleet
        .replicaReconciler()
        .command()
        .plan(model, worker, plan.workers(), plan.threads(worker));
  }

  /** The process that tells what files hold. */
  public Launch inspectLaunch(List<Path> files) {
    return fleet.replicaReconciler().command().inspect(files, fleet.config());
  }
}
