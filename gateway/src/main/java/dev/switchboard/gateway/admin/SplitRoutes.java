package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.telemetry.ShadowScores;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which models serve a name, and in which shares. What is set here stands over the configuration's
 * route of that name until it is deleted.
 */
final class SplitRoutes {
  private final Store store;
  private final ConfigControl control;
  private final ShadowScores scores;

  private SplitRoutes(Store store, ConfigControl control, ShadowScores scores) {
    this.store = store;
    this.control = control;
    this.scores = scores;
  }

  /** What becomes of a name. */
  record Wanted(
      @Nullable List<RouteSpec.Target> targets,
      @Nullable List<String> fallbacks,
      @Nullable String policy,
      @Nullable String shadow) {}

  static void add(AdminRouter router, Store store, ConfigControl control, ShadowScores scores) {
    SplitRoutes routes = new SplitRoutes(store, control, scores);
    router.read("/admin/v1/splits", routes::list);
    router.change(HttpMethod.PUT, "/admin/v1/splits/:name", Role.ADMIN, routes::put);
    router.change(HttpMethod.DELETE, "/admin/v1/splits/:name", Role.ADMIN, routes::delete);
  }

  private void list(RoutingContext context) {
    List<String> stored = store.snapshot().routes().stream().map(RouteSpec::name).toList();
    scores.only(control.routes().stream().map(RouteSpec::name).collect(Collectors.toSet()));
    Page.answer(
        context,
        "splits",
        control.routes().stream().sorted(Comparator.comparing(RouteSpec::name)).toList(),
        RouteSpec::name,
        each -> {
          ObjectNode json = Versions.with(json(each)).put("stored", stored.contains(each.name()));
          return json.set("shadow_results", results(each));
        });
  }

  /** Null of a route without a shadow, or of which the shadow it has now has decided nothing. */
  private @Nullable ObjectNode results(RouteSpec route) {
    ShadowScores.Score score = scores.of(route.name());
    if (score == null || !score.shadow().equals(route.shadow())) {
      return null;
    }
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("policy", score.policy()).put("shadow", score.shadow());
    json.put("decisions", score.decisions()).put("broken", score.broken());
    json.put("agree", score.decisions() == 0 ? null : (double) score.agreed() / score.decisions());
    json.put("samples", score.samples()).put("regret_ms", known(score.regretMs()));
    ObjectNode primary = times(json.putObject("primary"), score.measured());
    primary.put("predicted_ttft_ms", known(score.predicted().ttftMs()));
    primary.put("predicted_tpot_ms", known(score.predicted().tpotMs()));
    ObjectNode _ = times(json.putObject("shadow_predicted"), score.shadowed());
    return json;
  }

  private static ObjectNode times(ObjectNode to, ShadowScores.Times times) {
    return to.put("ttft_ms", known(times.ttftMs())).put("tpot_ms", known(times.tpotMs()));
  }

  private static @Nullable Double known(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private Future<Change> put(RoutingContext context, byte[] body) {
    RouteSpec route = checked(JsonInput.path(context, "name"), JsonInput.read(body, Wanted.class));
    ObjectNode before = inForce(route.name());
    return Future.fromCompletionStage(
            store.put(route, was -> check(context, was, before)),
            context.vertx().getOrCreateContext())
        .map(
            was ->
                Change.of(
                    Versions.with(json(route)), was == null ? before : json(was), json(route)));
  }

  /** What becomes of a name, be it by the store or the configuration; null when nothing does. */
  private @Nullable ObjectNode inForce(String name) {
    for (RouteSpec each : control.routes()) {
      if (each.name().equals(name)) {
        return json(each);
      }
    }
    return null;
  }

  private RouteSpec checked(String name, Wanted wanted) {
    try {
      RouteSpec route =
          new RouteSpec(
              name, wanted.targets(), wanted.fallbacks(), wanted.policy(), wanted.shadow());
      control.check(route);
      return route;
    } catch (IllegalArgumentException e) {
      // Routing names the key of a list of routes, of which this is the only one.
      throw JsonInput.refused(
          new IllegalArgumentException(
              String.valueOf(e.getMessage()).replaceFirst("^routes\\[0]\\.", ""), e));
    }
  }

  private Future<Change> delete(RoutingContext context, byte[] body) {
    String name = JsonInput.path(context, "name");
    return Future.fromCompletionStage(
            store.deleteRoute(
                name,
                was -> {
                  check(context, was, inForce(name));
                  if (was != null) {
                    refuseNeeded(name);
                  }
                }),
            context.vertx().getOrCreateContext())
        .map(
            before -> {
              if (before == null) {
                throw new ApiException(AdminServer.noSuch("split in the store", "name"));
              }
              ObjectNode answer = JsonNodeFactory.instance.objectNode().put("name", name);
              return Change.of(answer.put("deleted", true), json(before), inForce(name));
            });
  }

  private void refuseNeeded(String name) {
    String key = control.needs(name);
    if (key != null) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "split_in_use",
              null,
              key + " of the configuration names this split, and nobody else would serve it."));
    }
  }

  /** What is in force is the store's, else the configuration's. */
  private static void check(
      RoutingContext context, @Nullable RouteSpec was, @Nullable ObjectNode configured) {
    Versions.check(context, was == null ? configured : json(was));
  }

  private static ObjectNode json(RouteSpec route) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("name", route.name());
    ArrayNode targets = json.putArray("targets");
    for (RouteSpec.Target target : route.targets()) {
      Double weight = target.weight();
      targets.addObject().put("model", target.model()).put("weight", weight == null ? 1 : weight);
    }
    route.fallbacks().forEach(json.putArray("fallbacks")::add);
    return json.put("policy", route.policy()).put("shadow", route.shadow());
  }
}
