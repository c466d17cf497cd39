package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.RollingRestart;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.store.ReplicaSetting;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.telemetry.RankBlame;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** What operators see of replicas and do with them. */
final class ReplicaRoutes {
  private static final String BASE = "/admin/v1/replicas";
  private static final long MOST_GRACE_MS = 3_600_000;

  private final Fleet fleet;
  private final Store store;
  private final ReplicaJson json;

  private ReplicaRoutes(Fleet fleet, Store store, ReplicaJson json) {
    this.fleet = fleet;
    this.store = store;
    this.json = json;
  }

  /** What a drain is asked for. */
  record DrainWanted(@JsonProperty("grace_ms") @Nullable Long graceMs, @Nullable Boolean stop) {}

  /** What a restart is asked for. */
  record RestartWanted(@JsonProperty("grace_ms") @Nullable Long graceMs, @Nullable String model) {}

  /** A replica's share of new requests. */
  record WeightWanted(@Nullable Double weight) {}

  /** An action that needs nothing more. */
  record Plainly() {}

  static void add(AdminRouter router, Fleet fleet, Store store, RankBlame blame, NanoClock clock) {
    ReplicaRoutes routes = new ReplicaRoutes(fleet, store, new ReplicaJson(blame, clock));
    router.read(BASE, routes::replicas);
    router.read(
        BASE + "/restart",
        context -> AdminServer.answer(context, Versions.with(routes.rollingRestart())));
    router.change(HttpMethod.POST, BASE + "/restart", Role.OPERATOR, routes::restartAll);
    router.read(BASE + "/:id", routes::replica);
    router.change(
        HttpMethod.POST, BASE + "/:id/drain", Role.OPERATOR, Set.of("plan"), routes::drain);
    router.change(HttpMethod.DELETE, BASE + "/:id/drain", Role.OPERATOR, routes::cancelDrain);
    routes.verb(
        router, "resume", (context, body) -> routes.resume(context, routes.plainly(context, body)));
    routes.verb(
        router, "promote", (context, body) -> routes.perform(context, routes.promote(body)));
    routes.verb(router, "cordon", routes::cordon);
    routes.verb(router, "uncordon", routes::uncordon);
    routes.verb(
        router, "restart", (context, body) -> routes.perform(context, routes.restart(body)));
    routes.verb(router, "weight", routes::weight);
  }

  static Replica named(RoutingContext context, Fleet fleet) {
    Replica replica = fleet.find(JsonInput.path(context, "id"));
    if (replica == null) {
      throw new ApiException(AdminServer.noSuch("replica", "id"));
    }
    return replica;
  }

  /** One that is to be changed, and is as whoever asks for that has seen it. */
  private Replica asSeen(RoutingContext context) {
    Replica replica = named(context, fleet);
    Versions.check(context, ReplicaJson.settings(replica));
    return replica;
  }

  private void verb(AdminRouter router, String verb, AdminRouter.Action action) {
    router.change(HttpMethod.POST, BASE + "/:id/" + verb, Role.OPERATOR, action);
  }

  private Future<Change> perform(RoutingContext context, Predicate<Replica> action) {
    return perform(asSeen(context), action);
  }

  /**
   * @param action false when the replica's state does not allow it
   */
  private Future<Change> perform(Replica replica, Predicate<Replica> action) {
    ObjectNode before = json.of(replica);
    if (!action.test(replica)) {
      return Future.failedFuture(refusal(replica));
    }
    ObjectNode after = json.of(replica);
    return Future.succeededFuture(Change.of(after, before, after));
  }

  private static ApiException refusal(Replica replica) {
    return new ApiException(
        wrongState("The replica is " + replica.state() + ", which does not allow this."));
  }

  /**
   * Does something that holds after a restart too: it is kept first, and what is kept is put right
   * when the replica's state, or another setting of it, has changed meanwhile.
   */
  private Future<Change> keep(
      RoutingContext context,
      Replica replica,
      boolean cordoned,
      double weight,
      Predicate<Replica> action) {
    return kept(context, setting(replica, cordoned, weight))
        .compose(
            kept ->
                performAsSeen(context, replica, action)
                    .transform(
                        done ->
                            corrected(context, replica, kept)
                                .compose(
                                    now ->
                                        done.succeeded()
                                            ? Future.succeededFuture(done.result())
                                            : Future.failedFuture(done.cause()))));
  }

  /** Another change may have been made while this one waited for the store. */
  private Future<Change> performAsSeen(
      RoutingContext context, Replica replica, Predicate<Replica> action) {
    try {
      Versions.check(context, ReplicaJson.settings(replica));
      return perform(replica, action);
    } catch (ApiException refused) {
      return Future.failedFuture(refused);
    }
  }

  /**
   * Does something that gives capacity back and holds after a restart too. Nobody waits with that
   * for the store: it is done first, and kept when there is a store.
   */
  private Future<Change> giveBack(
      RoutingContext context, Replica replica, Predicate<Replica> action) {
    return perform(replica, action)
        .compose(
            done ->
                Future.fromCompletionStage(
                        store.keep(setting(replica, replica.cordoned(), replica.weight())),
                        context.vertx().getOrCreateContext())
                    .map(kept -> done));
  }

  private Future<ReplicaSetting> corrected(
      RoutingContext context, Replica replica, ReplicaSetting kept) {
    if (fleet.find(replica.id()) != replica) {
      fleet.settings().keepAgain(kept.replica());
      return Future.succeededFuture(kept);
    }
    ReplicaSetting now = setting(replica, replica.cordoned(), replica.weight());
    if (!now.replica().equals(kept.replica())) {
      fleet.settings().keepAgain(kept.replica());
    }
    return now.equals(kept) ? Future.succeededFuture(kept) : kept(context, now);
  }

  private Future<ReplicaSetting> kept(RoutingContext context, ReplicaSetting setting) {
    return Future.fromCompletionStage(store.put(setting), context.vertx().getOrCreateContext());
  }

  private ReplicaSetting setting(Replica replica, boolean cordoned, double weight) {
    double configured = fleet.settings().configuredWeight(replica);
    return new ReplicaSetting(
        fleet.settings().name(replica),
        cordoned,
        weight == configured ? null : (Double) weight,
        configured);
  }

  private static ApiError wrongState(String message) {
    return new ApiError(409, "invalid_request_error", "wrong_state", null, message);
  }

  // ------------------------------------------------------------------ actions

  private Replica plainly(RoutingContext context, byte[] body) {
    Replica replica = asSeen(context);
    Plainly _ = JsonInput.readIfAny(body, Plainly.class);
    return replica;
  }

  private Future<Change> cordon(RoutingContext context, byte[] body) {
    Replica replica = plainly(context, body);
    return fleet.commands().mayCordon(replica)
        ? keep(context, replica, true, replica.weight(), fleet.commands()::cordon)
        : Future.failedFuture(refusal(replica));
  }

  private Future<Change> uncordon(RoutingContext context, byte[] body) {
    Replica replica = plainly(context, body);
    return replica.cordoned() || replica.state() == ReplicaState.CORDONED
        ? giveBack(context, replica, fleet.commands()::uncordon)
        : Future.failedFuture(refusal(replica));
  }

  /** One that was cordoned before it was drained takes requests again too. */
  private Future<Change> resume(RoutingContext context, Replica replica) {
    return replica.emptied() && replica.cordoned()
        ? giveBack(context, replica, fleet.commands()::resume)
        : perform(replica, fleet.commands()::resume);
  }

  private Predicate<Replica> promote(byte[] body) {
    Plainly _ = JsonInput.readIfAny(body, Plainly.class);
    return fleet.commands()::promote;
  }

  /** One that is neither being emptied nor empty has no drain to take back. */
  private Future<Change> cancelDrain(RoutingContext context, byte[] body) {
    Replica replica = plainly(context, body);
    return replica.emptied() ? resume(context, replica) : Future.failedFuture(refusal(replica));
  }

  private long graceMs(@Nullable Long wanted) {
    long graceMs = wanted == null ? fleet.commands().drainGraceMs() : wanted;
    if (graceMs < 0 || graceMs > MOST_GRACE_MS) {
      throw JsonInput.refused("grace_ms", "must be 0 to " + MOST_GRACE_MS);
    }
    return graceMs;
  }

  private Future<Change> drain(RoutingContext context, byte[] body) {
    Replica replica = asSeen(context);
    DrainWanted wanted = JsonInput.readIfAny(body, DrainWanted.class);
    long graceMs = graceMs(wanted.graceMs());
    boolean stop = wanted.stop() != null && wanted.stop();
    if (!JsonInput.flag(context, "plan")) {
      return perform(replica, one -> fleet.commands().drain(one, graceMs, stop));
    }
    return Future.fromCompletionStage(
            fleet.commands().plan(replica, graceMs), context.vertx().getOrCreateContext())
        .map(
            plan ->
                Change.of(
                    DrainJson.plan(plan, graceMs).put("last_ready", lastReady(replica)),
                    null,
                    null));
  }

  /** Whether nobody would serve its model once it is gone. */
  private boolean lastReady(Replica replica) {
    return replica.state() == ReplicaState.READY
        && fleet.replicas().stream()
            .filter(other -> other != replica && other.model().equals(replica.model()))
            .noneMatch(other -> other.state() == ReplicaState.READY);
  }

  private Predicate<Replica> restart(byte[] body) {
    RestartWanted wanted = JsonInput.readIfAny(body, RestartWanted.class);
    long graceMs = graceMs(wanted.graceMs());
    if (wanted.model() != null) {
      throw JsonInput.refused("model", "is for a restart of many");
    }
    return replica -> fleet.commands().restart(replica, graceMs);
  }

  private Future<Change> weight(RoutingContext context, byte[] body) {
    Replica replica = asSeen(context);
    Double weight = JsonInput.readIfAny(body, WeightWanted.class).weight();
    if (weight == null || !(weight >= 0 && weight <= 1000)) {
      throw JsonInput.refused("weight", "must be 0 to 1000");
    }
    return keep(
        context,
        replica,
        replica.cordoned(),
        weight,
        one -> {
          fleet.commands().weigh(one, weight);
          return true;
        });
  }

  private Future<Change> restartAll(RoutingContext context, byte[] body) {
    RestartWanted wanted = JsonInput.readIfAny(body, RestartWanted.class);
    String model = wanted.model();
    if (model != null && !fleet.serves(model)) {
      throw new ApiException(ApiError.modelNotFound(model));
    }
    ObjectNode before = rollingRestart();
    Versions.check(context, before);
    RollingRestart begun = fleet.restarts().all(model, graceMs(wanted.graceMs()));
    if (begun == null) {
      throw new ApiException(wrongState("Workers are being restarted already."));
    }
    ObjectNode report = DrainJson.restart(begun.report());
    return Future.succeededFuture(
        new Change(202, Versions.with(report.deepCopy()), before, report));
  }

  // ------------------------------------------------------------------ answers

  private void replicas(RoutingContext context) {
    ReplicaPage.Wanted wanted = ReplicaPage.wanted(context);
    ReplicaPage page = new ReplicaPage(json);
    if (Math.min(wanted.limit(), fleet.replicas().size()) <= ReplicaPage.FEW) {
      json(context, page.of(fleet.replicas(), wanted));
      return;
    }
    context
        .vertx()
        .executeBlocking(() -> page.of(fleet.replicas(), wanted), false)
        .onSuccess(body -> json(context, body))
        .onFailure(context::fail);
  }

  private static void json(RoutingContext context, Buffer body) {
    context.response().putHeader("Content-Type", "application/json").end(body);
  }

  /** One that is emptied is asked for what holds that up. */
  private void replica(RoutingContext context) {
    Replica replica = named(context, fleet);
    CompletableFuture<DrainPlan> rest = fleet.commands().remaining(replica);
    if (rest == null) {
      AdminServer.answer(context, json.of(replica));
      return;
    }
    Future.fromCompletionStage(rest, context.vertx().getOrCreateContext())
        .onSuccess(
            plan -> {
              ObjectNode told = json.of(replica);
              if (told.get("drain") instanceof ObjectNode drain) {
                DrainJson.remaining(plan, drain);
              }
              AdminServer.answer(context, told);
            })
        .onFailure(context::fail);
  }

  private ObjectNode rollingRestart() {
    RollingRestart last = fleet.restarts().last();
    return DrainJson.restart(last == null ? RollingRestart.Report.NONE : last.report());
  }
}
