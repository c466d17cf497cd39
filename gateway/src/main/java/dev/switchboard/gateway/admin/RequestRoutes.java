package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.explain.Explanation;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.gateway.flight.LoopPauses;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.http.EngineDetail;
import dev.switchboard.gateway.http.RunningRequest;
import dev.switchboard.gateway.http.RunningRequests;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Requests that are over, or run: lists of them by what they have in common, a stream of those that
 * end, and one with its timeline. Those that run can be cancelled.
 */
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
          "running",
          "before",
          "limit");

  private static final long MOST_MS = 86_400_000;

  /** Of a list, that are written in one go. */
  private static final int AT_ONCE = 10;

  /** Others that are looked at to explain one. */
  private static final int MOST_BESIDE = 200;

  /** What a request that runs has not yet. */
  private static final List<String> UNKNOWN_YET =
      List.of("outcome", "status", "waited_for", "before");

  private static final Set<String> TAIL_FILTERS = tailFilters();

  private final Vertx vertx;
  private final RequestArchive archive;
  private final FlightLookup lookup;
  private final FlightRecorder recorder;
  private final RunningRequests running;
  private final RequestLines lines;

  private RequestRoutes(
      Vertx vertx,
      RequestArchive archive,
      FlightLookup lookup,
      RunningRequests running,
      RequestLines lines) {
    this.vertx = vertx;
    this.archive = archive;
    this.lookup = lookup;
    this.recorder = archive.recorder();
    this.running = running;
    this.lines = lines;
  }

  private static Set<String> tailFilters() {
    Set<String> names = new HashSet<>(FILTERS);
    names.removeAll(Set.of("running", "before", "limit"));
    names.add("sample");
    return Set.copyOf(names);
  }

  static void add(
      AdminRouter router,
      Vertx vertx,
      RequestArchive archive,
      FlightLookup lookup,
      EngineDetail engines,
      RunningRequests running,
      RequestLines lines,
      RequestTail tail) {
    RequestRoutes routes = new RequestRoutes(vertx, archive, lookup, running, lines);
    router.read(BASE, routes::list);
    // Before what would take its name for an id.
    router.read(BASE + "/tail", context -> tailed(context, tail));
    router.read(BASE + "/:id", routes.one(Future::succeededFuture, context -> lines::of));
    router.change(
        HttpMethod.DELETE,
        BASE + "/:id",
        Caller.Role.OPERATOR,
        AdminRouter.unversioned((context, body) -> routes.cancel(JsonInput.path(context, "id"))));
    router.read(
        BASE + "/:id/timeline",
        routes.one(
            engines::complete,
            context -> {
              boolean full = JsonInput.flag(context, "full");
              return (record, waitedFor) -> lines.timeline(record, full, waitedFor);
            }));
    router.read(BASE + "/:id/explain", routes.found(engines::complete, routes::explain));
    router.read(
        BASE + "/:id/perfetto",
        routes.one(engines::complete, context -> (record, waitedFor) -> PerfettoJson.of(record)));
  }

  private void list(RoutingContext context) {
    JsonInput.only(context, FILTERS);
    if (JsonInput.flag(context, "running")) {
      listRunning(context);
      return;
    }
    archive
        .find(query(context))
        .compose(found -> vertx.executeBlocking(() -> listed(found), false))
        .onSuccess(body -> AdminRouter.json(context, body))
        .onFailure(context::fail);
  }

  /**
   * Its text. A page of them takes milliseconds, and an event loop may have to wait for the same
   * core, so it is left now and then.
   */
  private String listed(RequestArchive.Found found) {
    StringJoiner requests = new StringJoiner(",", "{\"requests\":[", "]");
    int since = 0;
    for (FlightTail.Ended each : found.requests()) {
      requests.add(lines.of(each.record(), each.waitedFor()).toString());
      LoopPauses.after(++since, AT_ONCE);
    }
    String next = found.next() == 0 ? "" : ",\"next\":\"" + found.next() + "\"";
    return requests + next + (found.whole() ? "}" : ",\"store_missing\":true}");
  }

  private void listRunning(RoutingContext context) {
    for (String name : UNKNOWN_YET) {
      if (JsonInput.query(context, name) != null) {
        throw JsonInput.refused(name, "is not known of a request that runs");
      }
    }
    FlightQuery query = query(context);
    Future.fromCompletionStage(
            running.find(one -> query.wantsRunning(one.record(), one.replica())),
            vertx.getOrCreateContext())
        .onSuccess(found -> AdminServer.answer(context, running(found, query.limit())))
        .onFailure(context::fail);
  }

  /** The newest first. */
  private ObjectNode running(List<RunningRequest> found, int limit) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode array = json.putArray("requests");
    found.stream()
        .sorted(
            Comparator.comparingLong((RunningRequest one) -> one.record().at(Mark.ACCEPTED))
                .reversed())
        .limit(limit)
        .forEach(one -> array.add(lines.of(one)));
    return json.put("left_out", found.size() - array.size());
  }

  private Future<Change> cancel(String id) {
    return Future.fromCompletionStage(running.cancel(id), vertx.getOrCreateContext())
        .map(
            cancelled -> {
              if (cancelled.isEmpty()) {
                throw new ApiException(notRunning(id));
              }
              ObjectNode json = JsonNodeFactory.instance.objectNode();
              ArrayNode array = json.putArray("cancelled");
              cancelled.forEach(one -> array.add(lines.of(one)));
              return Change.of(json, array, null);
            });
  }

  private ApiError notRunning(String id) {
    return recorder.find(id) == null
        ? AdminServer.noSuch("request", "id")
        : new ApiError(
            409, "invalid_request_error", "already_ended", "id", "The request has ended.");
  }

  private static void tailed(RoutingContext context, RequestTail tail) {
    JsonInput.only(context, TAIL_FILTERS);
    tail.listen(context.request(), query(context), sample(JsonInput.query(context, "sample")));
  }

  private static double sample(@Nullable String text) {
    if (text == null) {
      return 1;
    }
    double share = text.matches("[01](\\.[0-9]{1,6})?") ? Double.parseDouble(text) : 0;
    if (share <= 0 || share > 1) {
      throw JsonInput.refused("sample", "must be a share above 0, up to 1, such as 0.1");
    }
    return share;
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
        nanos(JsonInput.moment(context, "since", 0)),
        nanos(JsonInput.moment(context, "until", Long.MAX_VALUE)),
        JsonInput.number(context, "before", 1L, Long.MAX_VALUE, Long.MAX_VALUE),
        Page.limit(context));
  }

  /** Of years that nanoseconds do not reach, the nearest that they do. */
  private static long nanos(long ms) {
    return TimeUnit.MILLISECONDS.toNanos(ms);
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

  /** From what others did at the same time, of which some may run yet. */
  private Future<ObjectNode> explain(FlightRecord record, List<String> waitedFor) {
    return Future.fromCompletionStage(
            running.find(
                one ->
                    one.record().model().equals(record.model())
                        && one.record().at(Mark.ACCEPTED) < record.at(Mark.ENDED)),
            vertx.getOrCreateContext())
        .compose(
            others ->
                vertx
                    .executeBlocking(
                        () -> ExplanationJson.of(record.id(), explain(record, waitedFor, others)),
                        false)
                    .map(Objects::requireNonNull));
  }

  private Explanation explain(
      FlightRecord record, List<String> waitedFor, List<RunningRequest> others) {
    FlightRecorder.Beside over = recorder.beside(record, MOST_BESIDE);
    List<FlightRecord> beside = new ArrayList<>(over.records());
    others.stream().limit(MOST_BESIDE).forEach(one -> beside.add(one.record()));
    boolean whole = over.whole() && others.size() <= MOST_BESIDE;
    return Explanation.of(record, waitedFor, beside, whole);
  }

  /** Answers with what is made of a record, maybe later. */
  private Handler<RoutingContext> found(
      Function<FlightRecord, Future<FlightRecord>> detail,
      BiFunction<FlightRecord, List<String>, Future<ObjectNode>> made) {
    return context ->
        lookup.find(
            JsonInput.path(context, "id"),
            there ->
                detail
                    .apply(there.record())
                    .compose(told -> made.apply(told, there.waitedFor()))
                    .onSuccess(json -> AdminServer.answer(context, json))
                    .onFailure(context::fail),
            missing -> AdminRouter.error(context, missing));
  }

  private Handler<RoutingContext> one(
      Function<FlightRecord, Future<FlightRecord>> detail,
      Function<RoutingContext, BiFunction<FlightRecord, List<String>, ObjectNode>> shape) {
    return context -> {
      BiFunction<FlightRecord, List<String>, ObjectNode> wanted = shape.apply(context);
      lookup.find(
          JsonInput.path(context, "id"),
          there ->
              detail
                  .apply(there.record())
                  .onSuccess(
                      told -> AdminServer.answer(context, wanted.apply(told, there.waitedFor())))
                  .onFailure(context::fail),
          missing -> AdminRouter.error(context, missing));
    };
  }
}
