package dev.switchboard.gateway.fleet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
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
   */
  public record Layout(int workers, int standby, int stages, int ranks) {}

  /**
   * What a change would do to the workers of a model.
   *
   * @param added how many start
   * @param removed those that leave
   * @param replaced those that are restarted one after another, with another file or layout
   * @param interrupts whether no replica of the model would be ready meanwhile, where one is now
   */
  public record Change(
      int added, List<Replica> removed, List<Replica> replaced, boolean interrupts) {
    public Change {
      removed = List.copyOf(removed);
      replaced = List.copyOf(replaced);
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
    FleetPlan plan = fleet.plan();
    WorkersConfig config = plan.workers();
    int standby = FleetPlan.standby(spec);
    return new Layout(
        plan.workers(spec) - standby, standby, spec.stages(config), spec.ranks(config));
  }

  /** Bytes of a model's files. */
  public static long bytes(Path file) {
    return ModelFiles.of(file).parts().stream().mapToLong(ModelFiles.Part::bytes).sum();
  }

  /** What would become of a model's workers; null for a model that is to have none. */
  public Change change(String model, @Nullable ModelSpec wanted) {
    List<Replica> there = workers(model);
    int workers = wanted == null ? 0 : fleet.plan().workers(wanted);
    int stay = Math.min(workers, there.size());
    List<Replica> removed = there.subList(stay, there.size());
    List<Replica> replaced =
        wanted == null
            ? List.of()
            : there.subList(0, stay).stream().filter(each -> differs(each, wanted)).toList();
    return new Change(workers - stay, removed, replaced, interrupts(model, removed, replaced));
  }

  /** Those that stay rather than others come first. */
  private List<Replica> workers(String model) {
    List<Replica> there = new ArrayList<>(fleet.roster().of(model));
    there.removeIf(replica -> !replica.local() || replica.leaving());
    there.sort(Comparator.comparingInt(FleetReconciler::rank));
    return there;
  }

  private boolean differs(Replica replica, ModelSpec wanted) {
    LocalWorker worker = fleet.worker(replica);
    if (worker == null) {
      return false;
    }
    WorkersConfig config = fleet.config();
    LocalWorker.Engine now = worker.engine();
    return !now.file().equals(wanted.file())
        || now.stages() != wanted.stages(config)
        || now.ranks() != wanted.ranks(config);
  }

  /** Of those that are replaced one is away at a time. */
  private boolean interrupts(String model, List<Replica> removed, List<Replica> replaced) {
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

  /** The command of a process that tells what a worker of a model would take. */
  public List<String> planCommand(ModelSpec spec) {
    FleetPlan plan = fleet.plan();
    return fleet.replicaReconciler().command().plan(spec, plan.workers(), plan.threads());
  }

  /** The command of a process that tells what files hold. */
  public List<String> inspectCommand(List<Path> files) {
    return fleet.replicaReconciler().command().inspect(files, fleet.config());
  }
}
