package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.telemetry.Governor;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.gateway.telemetry.TraceLevels;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.Locale;
import java.util.function.Supplier;

/** What this gateway is, what it is connected to, and what its telemetry holds back and why. */
final class GatewayRoutes {
  private final Supplier<GatewayFacts> facts;
  private final GatewayContext gateway;

  private GatewayRoutes(Supplier<GatewayFacts> facts, GatewayContext gateway) {
    this.facts = facts;
    this.gateway = gateway;
  }

  static void add(AdminRouter router, Supplier<GatewayFacts> facts, GatewayContext gateway) {
    router.read("/admin/v1/gateway", new GatewayRoutes(facts, gateway)::get);
  }

  private void get(RoutingContext context) {
    AdminServer.answer(context, json(facts.get(), gateway));
  }

  static ObjectNode json(GatewayFacts facts, GatewayContext gateway) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    identity(json, facts);
    json.putObject("connections")
        .put("api", facts.connections())
        .put("api_limit", facts.connectionsLimit())
        .put("admin", facts.adminConnections());
    GatewayFacts.StoreFacts store = facts.store();
    json.putObject("store")
        .put("kind", store.kind())
        .put("up", store.why() == null)
        .put("why", store.why());
    GatewayFacts.ValkeyFacts valkey = facts.valkey();
    if (valkey == null) {
      json.putNull("valkey");
    } else {
      json.putObject("valkey").put("address", valkey.address()).put("reached", valkey.reached());
    }
    json.set("recorder", recorder(gateway.recorder().reach(), facts.identity().startedMs()));
    json.set("telemetry", telemetry(gateway.traces()));
    return json;
  }

  private static ObjectNode recorder(FlightRecorder.Reach reach, long startedMs) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("requests", reach.requests())
        .put("all_since", since(reach.allSinceNanos(), startedMs))
        .put("kept", reach.ofInterest())
        .put("kept_bytes", reach.ofInterestBytes())
        .put("kept_since", since(reach.ofInterestSinceNanos(), startedMs));
  }

  private static String since(long nanos, long startedMs) {
    return Instant.ofEpochMilli(nanos == 0 ? startedMs : nanos / 1_000_000).toString();
  }

  /** Who it is, where, and how much it does. */
  static void identity(ObjectNode json, GatewayFacts facts) {
    GatewayFacts.Identity identity = facts.identity();
    json.put("id", identity.id()).put("version", identity.version());
    json.put("commit", identity.commit().isEmpty() ? null : identity.commit());
    json.put("started", Instant.ofEpochMilli(identity.startedMs()).toString());
    json.put("host", identity.host()).put("pid", identity.pid());
    ObjectNode addresses = json.putObject("addresses");
    facts.addresses().forEach((name, url) -> addresses.put(name, url.toString()));
    json.put("in_flight", facts.inFlight());
  }

  private static ObjectNode telemetry(TraceLevels levels) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    TraceDetail level = levels.of("");
    json.put("level", level.level()).put("detail", level.name().toLowerCase(Locale.ROOT));
    json.put("wanted_level", levels.general().level());
    Governor.State state = levels.governor();
    ArrayNode held = json.putArray("held_back");
    if (state == null) {
      return json.put("told_share", 1.0).putNull("why").putNull("since").putNull("cpu");
    }
    heldBack(held, state);
    json.put("told_share", state.told());
    json.put("why", state.why() == null ? null : why(state.why()));
    json.put("since", Instant.ofEpochMilli(state.sinceNanos() / 1_000_000).toString());
    json.set("cpu", shares(state.shares()));
    return json;
  }

  /** Of kept traces nothing is. */
  private static void heldBack(ArrayNode to, Governor.State state) {
    if (state.ceiling().level() < TraceDetail.STEPS.level()) {
      to.add("steps");
    }
    if (state.ceiling().level() < TraceDetail.RANKS.level()) {
      to.add("ranks");
    }
    if (state.told() < 1) {
      to.add("requests");
    }
  }

  private static String why(Governor.Shares took) {
    return String.format(
        Locale.ROOT,
        "Telemetry took %.2f %% of the processors' time, and %.2f %% is allowed"
            + " (telemetry.governor.cpu-percent): recording requests %.2f %%, scrapes %.2f %%,"
            + " sending spans %.2f %%.",
        took.sum() * 100,
        took.allowed() * 100,
        took.recording() * 100,
        took.scrapes() * 100,
        took.export() * 100);
  }

  private static ObjectNode shares(Governor.Shares shares) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("share", shares.sum())
        .put("allowed", shares.allowed())
        .put("recording", shares.recording())
        .put("scrapes", shares.scrapes())
        .put("export", shares.export());
  }
}
