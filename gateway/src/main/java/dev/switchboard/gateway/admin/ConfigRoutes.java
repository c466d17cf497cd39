package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.FleetChange;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.store.SloQuery;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The configuration in force, and the service classes, which the store adds to. */
final class ConfigRoutes {
  private static final double USUAL_OBJECTIVE = 0.99;
  private static final int USUAL_WINDOW_DAYS = 30;
  private static final long DAY_MS = 24 * SloFigures.HOUR_MS;

  private final Store store;
  private final ConfigControl control;

  private final LongSupplier epochMs;

  private ConfigRoutes(Store store, ConfigControl control, LongSupplier epochMs) {
    this.store = store;
    this.control = control;
    this.epochMs = epochMs;
  }

  /** What a class is set to; a target that is left out is none. */
  record Wanted(
      @Nullable Integer ttftMs,
      @Nullable Double tpotMs,
      @Nullable Integer deadlineMs,
      @Nullable Integer priority,
      @Nullable Double objective,
      @Nullable Integer windowDays) {
    SloClass named(String name) {
      try {
        return new SloClass(
            name,
            or(ttftMs, 0),
            tpotMs == null ? 0 : tpotMs,
            or(deadlineMs, 0),
            or(priority, 0),
            objective == null ? USUAL_OBJECTIVE : objective,
            or(windowDays, USUAL_WINDOW_DAYS));
      } catch (IllegalArgumentException e) {
        throw JsonInput.refused(e);
      }
    }

    private static int or(@Nullable Integer value, int otherwise) {
      return value == null ? otherwise : value;
    }
  }

  static void add(AdminRouter router, Store store, ConfigControl control, LongSupplier epochMs) {
    ConfigRoutes routes = new ConfigRoutes(store, control, epochMs);
    router.read("/admin/v1/config", routes::config);
    router.change(HttpMethod.POST, "/admin/v1/config/reload", Role.ADMIN, routes::reload);
    router.read("/admin/v1/slo-classes", routes::classes);
    router.change(
        HttpMethod.PUT, "/admin/v1/slo-classes/:name", Role.ADMIN, Set.of("preview"), routes::put);
    router.change(HttpMethod.DELETE, "/admin/v1/slo-classes/:name", Role.ADMIN, routes::delete);
  }

  private void config(RoutingContext context) {
    AdminServer.answer(context, Versions.with(control.effective()));
  }

  private Future<Change> reload(RoutingContext context, byte[] body) {
    Versions.check(context, control.effective());
    return context
        .vertx()
        .executeBlocking(
            () -> {
              ConfigControl.Reloaded done = control.reload();
              return Change.of(json(done), done.before(), done.after());
            },
            true)
        .map(Objects::requireNonNull);
  }

  private static ObjectNode json(ConfigControl.Reloaded done) {
    FleetChange fleet = done.fleet();
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    list(answer, "changed", done.keys());
    ObjectNode models = answer.putObject("models");
    list(models, "added", fleet.modelsAdded());
    list(models, "removed", fleet.modelsRemoved());
    ObjectNode replicas = answer.putObject("replicas");
    list(replicas, "added", fleet.added());
    list(replicas, "changed", fleet.changed());
    list(replicas, "replaced", fleet.replaced());
    list(replicas, "removed", fleet.removed());
    return answer;
  }

  private static void list(ObjectNode to, String name, List<String> values) {
    values.forEach(to.putArray(name)::add);
  }

  private void classes(RoutingContext context) {
    List<String> stored = store.snapshot().classes().stream().map(SloClass::name).toList();
    Page.answer(
        context,
        "slo_classes",
        control.slo().classes().stream()
            .sorted((one, other) -> one.name().compareTo(other.name()))
            .toList(),
        SloClass::name,
        each -> Versions.with(json(each)).put("stored", stored.contains(each.name())));
  }

  private Future<Change> put(RoutingContext context, byte[] body) {
    SloClass wanted = JsonInput.read(body, Wanted.class).named(JsonInput.path(context, "name"));
    if (JsonInput.flag(context, "preview")) {
      return preview(context, wanted);
    }
    ObjectNode before = inForce(wanted.name());
    return Future.fromCompletionStage(
            store.put(wanted, was -> check(context, was, before)),
            context.vertx().getOrCreateContext())
        .map(
            was ->
                Change.of(
                    Versions.with(json(wanted)), was == null ? before : json(was), json(wanted)));
  }

  /** What the last day would have come to; nothing is changed. */
  private Future<Change> preview(RoutingContext context, SloClass wanted) {
    long now = epochMs.getAsLong();
    long from = Math.floorDiv(now - DAY_MS, SloFigures.HOUR_MS) * SloFigures.HOUR_MS;
    SloQuery day = new SloQuery(from, now + 1, null, wanted.name(), Integer.MAX_VALUE, 0);
    return Future.fromCompletionStage(store.slo(day), context.vertx().getOrCreateContext())
        .map(
            hours -> {
              SloFigures figures = new SloFigures();
              hours.forEach(hour -> figures.add(hour.figures()));
              ObjectNode json = SloPreview.of(figures, wanted, present(wanted.name()));
              json.put("from", SloRoutes.instant(from)).put("to", SloRoutes.instant(now));
              json.set("class", json(wanted));
              return Change.of(json, null, null);
            });
  }

  private @Nullable SloClass present(String name) {
    return control.slo().classes().stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElse(null);
  }

  /** The class of a name, be it the store's or the configuration's; null when there is none. */
  private @Nullable ObjectNode inForce(String name) {
    SloClass present = present(name);
    return present == null ? null : json(present);
  }

  private Future<Change> delete(RoutingContext context, byte[] body) {
    String name = JsonInput.path(context, "name");
    return Future.fromCompletionStage(
            store.deleteClass(name, was -> check(context, was, inForce(name))),
            context.vertx().getOrCreateContext())
        .map(
            before -> {
              if (before == null) {
                throw new ApiException(AdminServer.noSuch("service class in the store", "name"));
              }
              ObjectNode answer = JsonNodeFactory.instance.objectNode().put("name", name);
              return Change.of(answer.put("deleted", true), json(before), inForce(name));
            });
  }

  /** What is in force is the store's, else the configuration's. */
  private static void check(
      RoutingContext context, @Nullable SloClass was, @Nullable ObjectNode configured) {
    Versions.check(context, was == null ? configured : json(was));
  }

  private static ObjectNode json(SloClass each) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("name", each.name())
        .put("ttft_ms", each.ttftMs())
        .put("tpot_ms", each.tpotMs())
        .put("deadline_ms", each.deadlineMs())
        .put("priority", each.priority())
        .put("objective", each.objective())
        .put("window_days", each.windowDays());
  }
}
