package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.http.EngineDetail;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.ext.web.RoutingContext;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Requests that are over: lists of them by what they have in common, and one with its timeline. */
final class RequestRoutes {
  private static final String BASE = "/admin/v1/requests";
  private static final Set<String> FILTERS =
      Set.of(
          "model",
          "class",
          "tenant",
          "outcome",
          "status",
          "replica",
          "min_ms",
          "slo",
          "waited_for",
          "trace_id",
          "since",
          "until",
          "before",
          "limit");

  private static final long MOST_MS = 86_400_000;

  private final Vertx vertx;
  private final FlightRecorder recorder;

  private RequestRoutes(Vertx vertx, FlightRecorder recorder) {
    this.vertx = vertx;
    this.recorder = recorder;
  }

  static void add(AdminRouter router, Vertx vertx, FlightRecorder recorder, EngineDetail engines) {
    RequestRoutes routes = new RequestRoutes(vertx, recorder);
    router.read(BASE, routes::list);
    router.read(BASE + "/:id", routes.one(Future::succeededFuture, context -> FlightJson::summary));
    router.read(
        BASE + "/:id/timeline",
        routes.one(
            engines::complete,
            context -> {
              boolean full = JsonInput.flag(context, "full");
              return record -> FlightJson.timeline(record, full);
            }));
    router.read(BASE + "/:id/perfetto", routes.one(engines::complete, context -> PerfettoJson::of));
  }

  private void list(RoutingContext context) {
    JsonInput.only(context, FILTERS);
    FlightRecorder.Found found = recorder.find(query(context));
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode array = json.putArray("requests");
    found.records().forEach(record -> array.add(FlightJson.summary(record)));
    if (found.next() != 0) {
      json.put("next", Long.toString(found.next()));
    }
    AdminServer.answer(context, json);
  }

  private static FlightQuery query(RoutingContext context) {
    return new FlightQuery(
        JsonInput.query(context, "model"),
        JsonInput.query(context, "class"),
        JsonInput.query(context, "tenant"),
        outcome(JsonInput.query(context, "outcome")),
        JsonInput.number(context, "status", 0, 599, 0),
        JsonInput.query(context, "replica"),
        JsonInput.number(context, "min_ms", 0L, MOST_MS, 0L),
        missed(JsonInput.query(context, "slo")),
        rank(JsonInput.query(context, "waited_for")),
        JsonInput.query(context, "trace_id"),
        JsonInput.moment(context, "since", 0) * 1_000_000,
        until(JsonInput.moment(context, "until", Long.MAX_VALUE)),
        JsonInput.number(context, "before", 1L, Long.MAX_VALUE, Long.MAX_VALUE),
        Page.limit(context));
  }

  private static long until(long ms) {
    return ms > Long.MAX_VALUE / 1_000_000 ? Long.MAX_VALUE : ms * 1_000_000;
  }

  private static @Nullable Outcome outcome(@Nullable String label) {
    if (label == null) {
      return null;
    }
    return Arrays.stream(Outcome.values())
        .filter(each -> each.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                JsonInput.refused(
                    "outcome",
                    "must be one of "
                        + Arrays.stream(Outcome.values())
                            .map(Outcome::label)
                            .collect(Collectors.joining(", "))));
  }

  private static boolean missed(@Nullable String slo) {
    if (slo != null && !slo.equals("missed")) {
      throw JsonInput.refused("slo", "must be missed");
    }
    return slo != null;
  }

  private static @Nullable String rank(@Nullable String text) {
    if (text != null && !text.matches("[0-9]{1,4}\\.[0-9]{1,4}")) {
      throw JsonInput.refused("waited_for", "must be a stage and a rank, such as 0.1");
    }
    return text;
  }

  private Handler<RoutingContext> one(
      Function<FlightRecord, Future<FlightRecord>> detail,
      Function<RoutingContext, Function<FlightRecord, ObjectNode>> shape) {
    return context -> {
      Function<FlightRecord, ObjectNode> wanted = shape.apply(context);
      FlightLookup.find(
          vertx,
          recorder,
          JsonInput.path(context, "id"),
          record ->
              detail
                  .apply(record)
                  .onSuccess(told -> AdminServer.answer(context, wanted.apply(told)))
                  .onFailure(context::fail),
          missing -> AdminRouter.error(context, missing));
    };
  }
}
