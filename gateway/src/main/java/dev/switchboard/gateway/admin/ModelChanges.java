package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.WorkerSpec;
import dev.switchboard.gateway.models.MemoryNeed;
import dev.switchboard.gateway.models.ModelInspector;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Plans changes of models, one at a time, so that none counts on memory that another one was given:
 * what workers that still load will take is not free either. Confined to the admin listener's event
 * loop.
 */
final class ModelChanges {
  private final Fleet fleet;
  private final LocalModels models;
  private final ModelInspector inspector;

  /** What a worker takes, where one like it was planned here, by what it was planned as. */
  private final Map<WorkerSpec, Long> planned = new HashMap<>();

  private Future<?> last = Future.succeededFuture();

  ModelChanges(Fleet fleet, ModelInspector inspector) {
    this.fleet = fleet;
    this.models = fleet.localModels();
    this.inspector = inspector;
  }

  /** Begins when all that began before has ended. */
  <T> Future<T> inTurn(Supplier<Future<T>> change) {
    Future<T> mine = last.transform(before -> change.get());
    last = mine;
    return mine;
  }

  /** What it would come to. */
  Future<ModelPlan> plan(Vertx vertx, String name, @Nullable ModelSpec spec) {
    LocalModels.Change change = models.change(name, spec);
    boolean starts = !change.added().isEmpty() || !change.replaced().isEmpty();
    Future<@Nullable Map<WorkerSpec, MemoryNeed>> needs =
        vertx.executeBlocking(() -> needs(name, change), false);
    Long loadMs =
        spec == null || !starts
            ? null
            : models.speeds().forecastMs(spec.file(), LocalModels.bytes(spec.file()));
    return needs.compose(
        known ->
            drains(vertx, change)
                .map(
                    drains ->
                        new ModelPlan(
                            change,
                            known == null ? Map.of() : known,
                            promisedBytes(),
                            LocalModels::residentBytes,
                            loadMs,
                            fleet.commands().drainGraceMs(),
                            drains)));
  }

  /** What each that starts takes; those that are alike, but for the devices, are asked once. */
  private Map<WorkerSpec, MemoryNeed> needs(String model, LocalModels.Change change) {
    List<WorkerSpec> all = new ArrayList<>(change.added());
    all.addAll(change.replaced().values());
    Map<WorkerSpec, MemoryNeed> needs = new LinkedHashMap<>();
    for (WorkerSpec each : all) {
      if (!needs.containsKey(each.anywhere())) {
        needs.put(each.anywhere(), need(model, each));
      }
    }
    return needs;
  }

  private MemoryNeed need(String model, WorkerSpec worker) {
    ModelInspector.Answer answer = inspector.plan(models.planLaunch(model, worker));
    return switch (answer) {
      case ModelInspector.Answer.Unknown unknown ->
          throw new ApiException(
              new ApiError(
                  503,
                  "server_error",
                  "no_plan",
                  null,
                  "What a worker would take could not be learned; nothing was changed: "
                      + unknown.why()
                      + "."));
      case ModelInspector.Answer.Planned planned -> planned.need();
      case ModelInspector.Answer.Refused refused ->
          throw new ApiException(
              new ApiError(
                  422,
                  "invalid_request_error",
                  "model_not_servable",
                  "file",
                  "No worker can serve this model so: " + refused.message() + "."));
    };
  }

  private Future<Map<Replica, DrainPlan>> drains(Vertx vertx, LocalModels.Change change) {
    List<Replica> leaving = new ArrayList<>(change.removed());
    leaving.addAll(change.replaced().keySet());
    Map<Replica, DrainPlan> plans = new LinkedHashMap<>();
    Future<?> all = Future.succeededFuture();
    for (Replica replica : leaving) {
      all =
          all.compose(
                  before ->
                      Future.fromCompletionStage(
                          fleet.commands().plan(replica, fleet.commands().drainGraceMs()),
                          vertx.getOrCreateContext()))
              .onSuccess(plan -> plans.put(replica, plan));
    }
    return all.map(done -> plans);
  }

  private long promisedBytes() {
    long promised = 0;
    for (Replica replica : fleet.replicas()) {
      WorkerSpec spec = replica.placed();
      Long each = spec == null ? null : planned.get(spec.anywhere());
      if (each != null && replica.state() == ReplicaState.STARTING) {
        promised += Math.max(0, each - LocalModels.residentBytes(replica));
      }
    }
    return promised;
  }

  /** Refuses what does not fit, or would interrupt a model without anybody having agreed. */
  void refuseUnfit(ModelPlan plan, boolean confirmed) {
    if (!plan.fits()) {
      throw new ApiException(
          new ApiError(
              409, "invalid_request_error", "insufficient_memory", null, plan.complaint()));
    }
    if (plan.change().interrupts() && !confirmed) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "confirmation_needed",
              "confirm",
              "No replica of this model would be ready any more: say confirm=true."));
    }
  }

  /** A change was made. */
  void begun(ModelPlan plan) {
    plan.needs().forEach((spec, need) -> planned.put(spec, need.bytes()));
    Set<WorkerSpec> there = new HashSet<>();
    for (Replica replica : fleet.replicas()) {
      WorkerSpec spec = replica.placed();
      if (spec != null) {
        there.add(spec.anywhere());
      }
    }
    planned.keySet().retainAll(there);
  }
}
