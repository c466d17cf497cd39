package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.discovery.DiscoveryStatus;
import io.vertx.ext.web.RoutingContext;
import java.util.Locale;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What is found of replicas that others start, and how fresh that is. */
final class DiscoveryRoutes {
  private final DiscoveryStatus.Source source;
  private final LongSupplier epochMs;

  private DiscoveryRoutes(DiscoveryStatus.Source source, LongSupplier epochMs) {
    this.source = source;
    this.epochMs = epochMs;
  }

  static void add(AdminRouter router, DiscoveryStatus.Source source, LongSupplier epochMs) {
    router.read("/admin/v1/discovery", new DiscoveryRoutes(source, epochMs)::get);
  }

  private void get(RoutingContext context) {
    JsonInput.only(context, Set.of());
    AdminServer.answer(context, json(source.get(), epochMs.getAsLong()));
  }

  private static ObjectNode json(DiscoveryStatus status, long nowMs) {
    boolean enabled = !status.apiServer().isEmpty();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("at", SloRoutes.instant(nowMs)).put("enabled", enabled);
    json.put("api_server", enabled ? status.apiServer() : null);
    json.put("namespace", status.namespace().isEmpty() ? null : status.namespace());
    ArrayNode watches = json.putArray("watches");
    status.watches().forEach(watch -> watches.add(watch(watch, nowMs)));
    ArrayNode models = json.putArray("models");
    status.models().forEach(model -> models.add(model(model)));
    json.putObject("deletion_costs")
        .put("set", status.patched())
        .put("failed", status.patchesFailed());
    return json;
  }

  private static ObjectNode watch(DiscoveryStatus.Watch watch, long nowMs) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("name", watch.name());
    json.put("state", watch.state().name().toLowerCase(Locale.ROOT));
    json.put("revision", watch.revision().isEmpty() ? null : watch.revision());
    json.put("objects", watch.objects()).put("events", watch.events());
    json.put("age_ms", watch.ageMs(nowMs));
    json.put("heard_at", instant(watch.heardMs())).put("listed_at", instant(watch.listedMs()));
    json.put("event_at", instant(watch.eventMs()));
    ObjectNode failures = json.putObject("failures");
    watch.failures().forEach((why, count) -> failures.put(why.word(), count));
    json.put("failure", watch.failure()).put("failed_at", instant(watch.failedMs()));
    return json;
  }

  private static @Nullable String instant(long epochMs) {
    return epochMs == 0 ? null : SloRoutes.instant(epochMs);
  }

  private static ObjectNode model(DiscoveryStatus.Model model) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("model", model.model())
        .put("namespace", model.namespace())
        .put("source", model.source())
        .put("ready", model.ready())
        .put("unready", model.unready())
        .put("terminating", model.terminating())
        .put("trouble", model.trouble());
  }
}
