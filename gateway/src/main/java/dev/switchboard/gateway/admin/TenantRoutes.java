package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tenants and their limits. */
final class TenantRoutes {
  private static final Set<String> PARAMETERS = Set.of("limit", "after", "now");

  private final Store store;
  private final TenantNow uses;
  private final ConfigControl control;

  private TenantRoutes(Store store, TenantNow uses, ConfigControl control) {
    this.store = store;
    this.uses = uses;
    this.control = control;
  }

  /** What a tenant is set to; a limit that is left out is none. */
  record Wanted(
      @Nullable Double weight,
      @Nullable Long requestsPerMinute,
      @Nullable Long tokensPerMinute,
      @Nullable Integer maxConcurrency,
      @Nullable Long tokensPerDay,
      @Nullable Long tokensPerMonth,
      @Nullable Integer maxPriority,
      @Nullable Integer traceContentBytes) {
    Tenant named(String name) {
      try {
        return new Tenant(
            name,
            weight == null ? 1 : weight,
            or(requestsPerMinute),
            or(tokensPerMinute),
            maxConcurrency == null ? 0 : maxConcurrency,
            or(tokensPerDay),
            or(tokensPerMonth),
            maxPriority == null ? Slo.MAX_PRIORITY : maxPriority,
            traceContentBytes == null ? 0 : traceContentBytes);
      } catch (IllegalArgumentException e) {
        throw JsonInput.refused(e);
      }
    }

    private static long or(@Nullable Long value) {
      return value == null ? 0 : value;
    }
  }

  static void add(AdminRouter router, Store store, TenantNow uses, ConfigControl control) {
    TenantRoutes routes = new TenantRoutes(store, uses, control);
    router.read("/admin/v1/tenants", routes::list);
    router.read("/admin/v1/tenants/:name/now", routes::now);
    router.change(HttpMethod.PUT, "/admin/v1/tenants/:name", Role.ADMIN, routes::put);
    router.change(HttpMethod.DELETE, "/admin/v1/tenants/:name", Role.ADMIN, routes::delete);
  }

  private void list(RoutingContext context) {
    JsonInput.only(context, PARAMETERS);
    boolean now = JsonInput.flag(context, "now");
    ObjectNode page =
        Page.of(
            context,
            "tenants",
            store.snapshot().tenants(),
            Tenant::name,
            each -> Versions.with(json(each)));
    if (!now) {
      AdminServer.answer(context, page);
      return;
    }
    List<Future<ObjectNode>> asked = new ArrayList<>();
    for (JsonNode each : page.path("tenants")) {
      ObjectNode tenant = (ObjectNode) each;
      asked.add(uses.of(tenant.path("name").asText()).onSuccess(told -> tenant.set("now", told)));
    }
    Future.join(asked).onSuccess(all -> AdminServer.answer(context, page)).onFailure(context::fail);
  }

  /** Also of one that nobody limits, as long as it is known. */
  private void now(RoutingContext context) {
    String name = JsonInput.path(context, "name");
    if (!control.tenants().contains(name)) {
      throw new ApiException(AdminServer.noSuch("tenant", "name"));
    }
    uses.of(name).onSuccess(told -> AdminServer.answer(context, told)).onFailure(context::fail);
  }

  private Future<Change> put(RoutingContext context, byte[] body) {
    Tenant tenant = JsonInput.read(body, Wanted.class).named(JsonInput.path(context, "name"));
    return Future.fromCompletionStage(
            store.put(tenant, before -> check(context, before)),
            context.vertx().getOrCreateContext())
        .map(
            before ->
                Change.of(
                    Versions.with(json(tenant)),
                    before == null ? null : json(before),
                    json(tenant)));
  }

  private Future<Change> delete(RoutingContext context, byte[] body) {
    String name = JsonInput.path(context, "name");
    return Future.fromCompletionStage(
            store.deleteTenant(name, before -> check(context, before)),
            context.vertx().getOrCreateContext())
        .map(
            before -> {
              if (before == null) {
                throw new ApiException(AdminServer.noSuch("tenant", "name"));
              }
              ObjectNode answer = JsonNodeFactory.instance.objectNode().put("name", name);
              return Change.of(answer.put("deleted", true), json(before), null);
            });
  }

  private static void check(RoutingContext context, @Nullable Tenant before) {
    Versions.check(context, before == null ? null : json(before));
  }

  private static ObjectNode json(Tenant tenant) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("name", tenant.name())
        .put("weight", tenant.weight())
        .put("requests_per_minute", tenant.requestsPerMinute())
        .put("tokens_per_minute", tenant.tokensPerMinute())
        .put("max_concurrency", tenant.maxConcurrency())
        .put("tokens_per_day", tenant.tokensPerDay())
        .put("tokens_per_month", tenant.tokensPerMonth())
        .put("max_priority", tenant.maxPriority())
        .put("trace_content_bytes", tenant.traceContentBytes());
  }
}
