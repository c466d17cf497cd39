package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.events.EventType;
import dev.switchboard.gateway.store.EventQuery;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoredEvent;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The events of the last day as JSON, of all gateways that share the store. */
final class EventHistory {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long DAY_MS = 86_400_000;
  private static final Pattern PLACE = Pattern.compile("([0-9]{1,18})-([0-9]{1,18})");

  private final Store store;
  private final LongSupplier epochMs;

  EventHistory(Store store, LongSupplier epochMs) {
    this.store = store;
    this.epochMs = epochMs;
  }

  /** Whether a request asks for it, and not for the stream. */
  static boolean wanted(RoutingContext context) {
    String accept = context.request().getHeader("Accept");
    return JsonInput.query(context, "since") != null
        || JsonInput.query(context, "limit") != null
        || (accept != null && accept.startsWith("application/json"));
  }

  void answer(RoutingContext context, Set<EventType> types) {
    long now = epochMs.getAsLong();
    int limit = Page.limit(context);
    EventQuery query =
        new EventQuery(
            JsonInput.moment(context, "since", now - DAY_MS),
            JsonInput.moment(context, "until", now + 1),
            types.stream().map(EventType::label).collect(Collectors.toSet()),
            before(JsonInput.query(context, "before")),
            limit + 1);
    Future.fromCompletionStage(store.events(query), context.vertx().getOrCreateContext())
        .onSuccess(found -> AdminServer.answer(context, json(found, limit)))
        .onFailure(cause -> AdminRouter.error(context, AdminRouter.error(cause)));
  }

  /** The newest, as text. */
  Future<String> latest(RoutingContext context) {
    long now = epochMs.getAsLong();
    EventQuery query = new EventQuery(now - DAY_MS, now + 1, Set.of(), null, Page.MAX_LIMIT);
    return Future.fromCompletionStage(store.events(query), context.vertx().getOrCreateContext())
        .map(found -> json(found, Page.MAX_LIMIT).toPrettyString());
  }

  private static EventQuery.@Nullable Place before(@Nullable String text) {
    if (text == null) {
      return null;
    }
    Matcher place = PLACE.matcher(text);
    if (!place.matches()) {
      throw JsonInput.refused("before", "must be the next of an answer");
    }
    return new EventQuery.Place(Long.parseLong(place.group(1)), Long.parseLong(place.group(2)));
  }

  private static ObjectNode json(List<StoredEvent> found, int limit) {
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    ArrayNode array = answer.putArray("events");
    found.stream().limit(limit).forEach(event -> array.add(json(event)));
    if (found.size() > limit) {
      StoredEvent last = found.get(limit - 1);
      answer.put("next", last.atMs() + "-" + last.id());
    }
    return answer;
  }

  private static ObjectNode json(StoredEvent event) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", event.id()).put("gateway", event.gateway());
    json.put("at", Instant.ofEpochMilli(event.atMs()).toString()).put("type", event.type());
    try {
      json.set("data", JSON.readTree(event.data()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an event is always JSON", e);
    }
    return json;
  }
}
