package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.store.GatewayCard;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The gateways that share a store or a Valkey with this one, with when each was last heard. */
public final class GatewayList {
  /** Between two times that a gateway says that it is there. */
  public static final int BEAT_MS = 10_000;

  /** Who missed two is silent. */
  private static final int SILENT_MS = 3 * BEAT_MS;

  private static final String LOADS = "loads";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Where gateways say that they are there. */
  public interface Sources {
    /** What stands in the store; the answer comes on a context. */
    Future<List<GatewayCard>> stored(Context context);

    /** What the Valkey knows; null without one. */
    @Nullable Future<List<GatewayCard>> shared();
  }

  private static final class Seen {
    final List<String> by = new ArrayList<>();
    GatewayCard card;

    Seen(GatewayCard card) {
      this.card = card;
    }
  }

  private final Sources sources;
  private final Supplier<GatewayFacts> facts;
  private final LongSupplier epochMs;

  private GatewayList(Sources sources, Supplier<GatewayFacts> facts, LongSupplier epochMs) {
    this.sources = sources;
    this.facts = facts;
    this.epochMs = epochMs;
  }

  static void add(
      AdminRouter router, Sources sources, Supplier<GatewayFacts> facts, LongSupplier epochMs) {
    router.read("/admin/v1/gateways", new GatewayList(sources, facts, epochMs)::get);
  }

  /** What a gateway says of itself, as the others show it. */
  public static String about(GatewayFacts facts) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    GatewayRoutes.identity(json, facts);
    return json.toString();
  }

  /** The same with what it has to do, for the others alone. */
  public static String about(GatewayFacts facts, ObjectNode loads) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    GatewayRoutes.identity(json, facts);
    json.set(LOADS, loads);
    return json.toString();
  }

  /** What a gateway has to do, of what it says of itself; an empty object where it does not say. */
  public static String loads(String about) {
    try {
      JsonNode loads = JSON.readTree(about).path(LOADS);
      return loads.isObject() ? loads.toString() : "{}";
    } catch (JsonProcessingException e) {
      return "{}";
    }
  }

  /** What does not answer is named; what the other one knows is shown all the same. */
  private void get(RoutingContext context) {
    Map<String, Seen> seen = new TreeMap<>();
    ArrayNode unread = JsonNodeFactory.instance.arrayNode();
    Future<List<GatewayCard>> stored = sources.stored(context.vertx().getOrCreateContext());
    Future<List<GatewayCard>> shared = sources.shared();
    Future<List<GatewayCard>> valkey = shared == null ? Future.succeededFuture(List.of()) : shared;
    Future.join(stored, valkey)
        .onComplete(
            done -> {
              take(seen, unread, "store", stored);
              take(seen, unread, "valkey", valkey);
              AdminServer.answer(context, json(seen, unread));
            });
  }

  private static void take(
      Map<String, Seen> seen, ArrayNode unread, String source, Future<List<GatewayCard>> told) {
    if (told.failed()) {
      unread.addObject().put("source", source).put("why", told.cause().getMessage());
      return;
    }
    for (GatewayCard card : told.result()) {
      Seen entry = seen.computeIfAbsent(card.id(), id -> new Seen(card));
      entry.by.add(source);
      entry.card = entry.card.heardMs() >= card.heardMs() ? entry.card : card;
    }
  }

  private ObjectNode json(Map<String, Seen> seen, ArrayNode unread) {
    long now = epochMs.getAsLong();
    GatewayFacts self = facts.get();
    String id = self.identity().id();
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    ArrayNode gateways = answer.putArray("gateways");
    // This one is there whatever it could write.
    Seen own = seen.computeIfAbsent(id, none -> new Seen(new GatewayCard(id, now, "{}")));
    own.card = new GatewayCard(id, now, about(self));
    seen.values().forEach(entry -> add(gateways, entry, id, now));
    answer.set("unread", unread);
    return answer;
  }

  private static void add(ArrayNode gateways, Seen seen, String self, long now) {
    GatewayCard card = seen.card;
    JsonNode about;
    try {
      about = JSON.readTree(card.about());
    } catch (JsonProcessingException e) {
      // A Valkey holds what anybody writes there.
      return;
    }
    if (!(about instanceof ObjectNode json)) {
      return;
    }
    json.remove(LOADS);
    json.put("id", card.id()).put("this", card.id().equals(self));
    json.put("last_heard", Instant.ofEpochMilli(card.heardMs()).toString());
    json.put("state", now - card.heardMs() <= SILENT_MS ? "live" : "silent");
    ArrayNode heardBy = json.putArray("heard_by");
    seen.by.forEach(heardBy::add);
    gateways.add(json);
  }
}
