package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.upstream.Circuit;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What a configuration wants of the fleet, checked: the keys and certificates of its servers were
 * read, and models' files looked at. Immutable.
 */
public final class FleetPlan {
  private final WorkersConfig workers;
  private final Circuit.Config circuit;
  private final List<ModelSpec> models;
  private final Map<Path, ModelFiles> files;
  private final List<List<Server>> servers;
  private final Set<String> foundModels;
  private final List<List<Server>> found;
  private final Set<String> fromZero;

  private FleetPlan(
      WorkersConfig workers,
      Circuit.Config circuit,
      List<ModelSpec> models,
      Map<Path, ModelFiles> known,
      List<List<Server>> servers,
      Set<String> foundModels,
      List<List<Server>> found,
      Set<String> fromZero) {
    this.workers = workers;
    this.circuit = circuit;
    this.models = List.copyOf(models);
    this.files = files(models, known);
    this.servers = List.copyOf(servers);
    this.foundModels = Collections.unmodifiableSet(new LinkedHashSet<>(foundModels));
    this.found = List.copyOf(found);
    this.fromZero = Collections.unmodifiableSet(new LinkedHashSet<>(fromZero));
  }

  /** The same with other models of local workers; files that were looked at are not again. */
  public FleetPlan withModels(List<ModelSpec> others) {
    return new FleetPlan(workers, circuit, others, files, servers, foundModels, found, fromZero);
  }

  /**
   * The same with what was found elsewhere.
   *
   * @param names of models that may be found, whether any is there or not
   */
  public FleetPlan withFound(Set<String> names, List<DiscoveredServer> now) {
    List<List<Server>> singly = now.stream().map(each -> List.of(each.server())).toList();
    return new FleetPlan(workers, circuit, models, files, servers, names, singly, fromZero);
  }

  /** The same with models that are served though they may have no replica. */
  public FleetPlan withFromZero(Set<String> names) {
    return new FleetPlan(workers, circuit, models, files, servers, foundModels, found, names);
  }

  private static Map<Path, ModelFiles> files(List<ModelSpec> models, Map<Path, ModelFiles> known) {
    Map<Path, ModelFiles> files = new HashMap<>(known);
    models.forEach(spec -> files.computeIfAbsent(spec.file(), ModelFiles::of));
    return Map.copyOf(files);
  }

  /**
   * Reads keys and certificates; nothing changes by it.
   *
   * @param now at which the certificates must be valid
   * @throws IllegalArgumentException naming the key of the configuration
   */
  public static FleetPlan of(
      WorkersConfig workers,
      Circuit.Config circuit,
      List<ModelSpec> models,
      List<UpstreamSpec> upstreams,
      Instant now) {
    List<List<Server>> servers = new ArrayList<>();
    for (int i = 0; i < upstreams.size(); i++) {
      UpstreamSpec spec = upstreams.get(i);
      List<Server> each = new ArrayList<>();
      for (String model : spec.models()) {
        each.add(
            new Server(spec, model, UpstreamAccess.of(spec, model, "upstreams[" + i + "]", now)));
      }
      servers.add(List.copyOf(each));
    }
    return new FleetPlan(
        workers, circuit, models, Map.of(), servers, Set.of(), List.of(), Set.of());
  }

  WorkersConfig workers() {
    return workers;
  }

  Circuit.Config circuit() {
    return circuit;
  }

  List<ModelSpec> models() {
    return models;
  }

  /** Models that local workers are to serve. */
  public List<ModelSpec> localModels() {
    return models;
  }

  /** Those of each entry of the configuration, a model each, and each that was found. */
  List<List<Server>> servers() {
    List<List<Server>> all = new ArrayList<>(servers);
    all.addAll(found);
    return all;
  }

  /** Every model that some replica is to serve, in the order of the configuration. */
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>();
    models.forEach(model -> names.add(model.servedName()));
    servers.forEach(each -> each.forEach(server -> names.add(server.model())));
    names.addAll(foundModels);
    names.addAll(fromZero);
    return Collections.unmodifiableSet(names);
  }

  /** Whether replicas of a model may be found. */
  boolean finds(String model) {
    return foundModels.contains(model);
  }

  /** Models that may have no replica. */
  Set<String> fromZero() {
    return fromZero;
  }

  /** Whether a file that a model names is another one than before, under the same name. */
  public boolean renewsModels(FleetPlan before) {
    return files.entrySet().stream()
        .anyMatch(
            each -> {
              ModelFiles was = before.files.get(each.getKey());
              return was != null && !was.equals(each.getValue());
            });
  }

  /** Whether a server has another key than before, though the configuration says the same. */
  public boolean rekeys(FleetPlan before) {
    return differs(before, UpstreamAccess::authorization);
  }

  /** Whether a server is to be trusted by other certificates, likewise. */
  public boolean renewsAuthorities(FleetPlan before) {
    return differs(before, UpstreamAccess::authorities);
  }

  private boolean differs(FleetPlan before, Function<UpstreamAccess, @Nullable Object> part) {
    List<Server> now = servers.stream().flatMap(List::stream).toList();
    List<Server> then = before.servers.stream().flatMap(List::stream).toList();
    return now.size() == then.size()
        && IntStream.range(0, now.size())
            .anyMatch(
                i ->
                    !Objects.equals(
                        part.apply(now.get(i).access()), part.apply(then.get(i).access())));
  }

  /** What a model's file named when this was made. */
  ModelFiles files(ModelSpec spec) {
    return Objects.requireNonNull(files.get(spec.file()), "one of the models");
  }

  /** Workers of a model, those on standby among them. */
  List<WorkerSpec.Seat> seats(ModelSpec spec) {
    return WorkerSpec.seats(spec, workers);
  }

  /** How many workers of a model are to be ready, where others stand by. */
  Map<String, Integer> wantedReady() {
    Map<String, Integer> wanted = new HashMap<>();
    for (ModelSpec spec : models) {
      if (spec.standbyWorkers() > 0) {
        wanted.put(spec.servedName(), spec.readyWorkers(workers));
      }
    }
    return wanted;
  }

  /**
   * CPU threads of a worker's rank: its own, or of the cores that nobody has as his own the same
   * share for all ranks.
   */
  int threads(WorkerSpec worker) {
    if (worker.threads() > 0) {
      return worker.threads();
    }
    int ranks = 0;
    int taken = 0;
    for (ModelSpec spec : models) {
      for (WorkerSpec.Seat seat : seats(spec)) {
        int lanes = seat.worker().lanes();
        ranks += seat.worker().threads() > 0 ? 0 : lanes;
        taken += lanes * seat.worker().threads();
      }
    }
    int cores = Runtime.getRuntime().availableProcessors() - taken;
    return Math.max(1, cores / Math.max(1, ranks));
  }

  /** The local model of a name; null for none. */
  @Nullable ModelSpec model(String name) {
    return models.stream().filter(spec -> spec.servedName().equals(name)).findFirst().orElse(null);
  }
}
