package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.models.MemoryNeed;
import dev.switchboard.gateway.models.ModelInspector;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** What a worker of a model takes, where one was planned here. */
  private final Map<String, Long> planned = new HashMap<>();

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
    boolean starts = change.added() > 0 || !change.replaced().isEmpty();
    Future<@Nullable MemoryNeed> need =
        spec == null || !starts
            ? Future.succeededFuture(null)
            : vertx.executeBlocking(() -> need(spec), false);
    Long loadMs =
        spec == null || !starts
            ? null
            : models.speeds().forecastMs(spec.file(), LocalModels.bytes(spec.file()));
    return need.compose(
        known ->
            drains(vertx, change)
                .map(
                    drains ->
                        new ModelPlan(
                            change,
                            known,
                            promisedBytes(),
                            LocalModels::residentBytes,
                            loadMs,
                            fleet.commands().drainGraceMs(),
                            drains)));
  }

  private MemoryNeed need(ModelSpec spec) {
    ModelInspector.Answer answer = inspector.plan(models.planCommand(spec));
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
    leaving.addAll(change.replaced());
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
      Long each = planned.get(replica.model());
      if (each != null && replica.local() && replica.state() == ReplicaState.STARTING) {
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
  void begun(String name, ModelPlan plan) {
    MemoryNeed need = plan.need();
    if (need != null) {
      planned.put(name, need.bytes());
    }
    planned.keySet().removeIf(model -> !fleet.has(model));
  }
}
