package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.admission.TenantUse;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.identity.Quotas;
import io.vertx.core.Future;
import org.jspecify.annotations.Nullable;

/** What a tenant uses now, what is left of each of its limits and quotas, and when that renews. */
final class TenantNow {
  private final GatewayContext context;

  TenantNow(GatewayContext context) {
    this.context = context;
  }

  /** By all gateways that share limits, where they answer in time; else by this one. */
  Future<ObjectNode> of(String name) {
    long now = context.clock().epochNanos();
    return context
        .shared()
        .use(name)
        .map(
            shared ->
                json(
                    name,
                    shared.orElseGet(() -> context.admission().use(name, now)),
                    shared.isPresent(),
                    context.clock().wallMs()));
  }

  private ObjectNode json(String name, TenantUse use, boolean shared, long nowMs) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("name", name).put("at", SloRoutes.instant(nowMs));
    json.put("over", shared ? "all_gateways" : "this_gateway");
    json.set("requests_per_minute", minute(use.requests(), nowMs));
    json.set("tokens_per_minute", minute(use.tokens(), nowMs));
    ObjectNode concurrency = json.putObject("concurrency").put("used", use.concurrent());
    int most = use.maxConcurrency();
    concurrency.put("limit", most == 0 ? null : most);
    concurrency.put("left", most == 0 ? null : Math.max(0, most - use.concurrent()));
    json.putNull("tokens_per_day").putNull("tokens_per_month");
    for (Quotas.Standing standing : context.usage().quotas().standings(name, nowMs)) {
      json.set("tokens_per_" + standing.period(), quota(standing));
    }
    return json;
  }

  private static @Nullable ObjectNode minute(TenantUse.Minute minute, long nowMs) {
    return minute.limit() == 0
        ? null
        : JsonNodeFactory.instance
            .objectNode()
            .put("limit", minute.limit())
            .put("used", minute.used())
            .put("left", minute.left())
            .put(
                "renewed_at",
                SloRoutes.instant(nowMs + Math.ceilDiv(minute.fullNanos(), 1_000_000L)));
  }

  private static ObjectNode quota(Quotas.Standing standing) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("limit", standing.limit())
        .put("used", standing.used())
        .put("held", standing.held())
        .put("left", standing.left())
        .put("renewed_at", SloRoutes.instant(standing.renewsMs()));
  }
}
