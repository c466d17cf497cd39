package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.store.SloHour;
import dev.switchboard.gateway.store.SloQuery;
import dev.switchboard.gateway.store.SloSums;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** How service levels were kept: by the hour, and what is left of the error budgets. */
final class SloRoutes {
  private static final long HOUR_MS = SloFigures.HOUR_MS;
  private static final long DAY_MS = 24 * HOUR_MS;
  private static final int MOST_OFFSET = 10_000_000;
  private static final Set<String> FILTERS =
      Set.of("class", "model", "from", "to", "limit", "offset", "buckets");

  /** Over which burning is told. */
  private static final Map<String, Long> WINDOWS =
      Map.of("1h", HOUR_MS, "6h", 6 * HOUR_MS, "1d", DAY_MS, "3d", 3 * DAY_MS, "30d", 30 * DAY_MS);

  private static final List<String> WINDOW_NAMES = List.of("1h", "6h", "1d", "3d", "30d");

  private final Store store;
  private final ConfigControl control;
  private final LongSupplier epochMs;

  private SloRoutes(Store store, ConfigControl control, LongSupplier epochMs) {
    this.store = store;
    this.control = control;
    this.epochMs = epochMs;
  }

  static void add(AdminRouter router, Store store, ConfigControl control, LongSupplier epochMs) {
    SloRoutes routes = new SloRoutes(store, control, epochMs);
    router.read("/admin/v1/slo", routes::hours);
    router.read("/admin/v1/slo/budgets", routes::budgets);
  }

  // ------------------------------------------------------------------ hours

  private void hours(RoutingContext context) {
    JsonInput.only(context, FILTERS);
    int limit = Page.limit(context);
    int offset = JsonInput.number(context, "offset", 0, MOST_OFFSET, 0);
    boolean buckets = JsonInput.flag(context, "buckets");
    long to = JsonInput.moment(context, "to", epochMs.getAsLong() + 1);
    long from = JsonInput.moment(context, "from", to - DAY_MS);
    if (from >= to) {
      throw JsonInput.refused("from", "must be before to");
    }
    SloQuery query =
        new SloQuery(
            Math.floorDiv(from, HOUR_MS) * HOUR_MS,
            to,
            JsonInput.query(context, "model"),
            JsonInput.query(context, "class"),
            limit + 1,
            offset);
    then(
        context,
        store.slo(query),
        found -> {
          ObjectNode answer = JsonNodeFactory.instance.objectNode();
          answer.put("kept_since", instant(store.sloKeptSince(epochMs.getAsLong())));
          ArrayNode array = answer.putArray("hours");
          found.stream().limit(limit).forEach(hour -> array.add(json(hour, buckets)));
          if (found.size() > limit) {
            answer.put("next_offset", offset + limit);
          }
          AdminServer.answer(context, answer);
        });
  }

  static String instant(long ms) {
    return Instant.ofEpochMilli(ms).toString();
  }

  static <T> void then(RoutingContext context, CompletionStage<T> stage, Consumer<T> answer) {
    Future.fromCompletionStage(stage, context.vertx().getOrCreateContext())
        .onSuccess(answer::accept)
        .onFailure(cause -> AdminRouter.error(context, AdminRouter.error(cause)));
  }

  private static ObjectNode json(SloHour hour, boolean buckets) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("hour", instant(hour.hourMs())).put("model", hour.model());
    json.put("class", hour.sloClass());
    ObjectNode objectives = json.putObject("objectives");
    hour.figures()
        .kept()
        .forEach(
            (objective, kept) -> {
              ObjectNode one = objectives.putObject(objective.label());
              one.put("met", kept.met(0)).put("missed", kept.missed(0));
              ObjectNode causes = one.putObject("causes");
              kept.causes().forEach((cause, count) -> causes.put(cause.label(), count));
              ObjectNode late = one.putObject("late_ms");
              kept.lateMicros().forEach((cause, micros) -> late.put(cause.label(), micros / 1e3));
            });
    ObjectNode times = json.putObject("times");
    hour.figures()
        .times()
        .forEach((time, spread) -> spread(spread, buckets, times.putObject(time.label())));
    return json;
  }

  private static void spread(SloFigures.Spread spread, boolean buckets, ObjectNode to) {
    to.put("count", spread.count()).put("sum_ms", spread.nanos() / 1e6);
    to.put("p50_ms", millis(spread.quantile(0.5))).put("p90_ms", millis(spread.quantile(0.9)));
    to.put("p99_ms", millis(spread.quantile(0.99)));
    if (buckets) {
      ArrayNode array = to.putArray("buckets");
      spread
          .all()
          .forEach(
              (bound, count) ->
                  array
                      .addObject()
                      .put("le_ms", millis(bound))
                      .put("count", count)
                      .put("unanswered", spread.unanswered().getOrDefault(bound, 0L)));
    }
  }

  /** Null above the last bound. */
  private static @Nullable Double millis(long micros) {
    return micros == Long.MAX_VALUE ? null : micros / 1e3;
  }

  // ------------------------------------------------------------------ budgets

  private void budgets(RoutingContext context) {
    JsonInput.only(context, Set.of("class", "model"));
    List<SloClass> classes = classes(JsonInput.query(context, "class"));
    String model = JsonInput.query(context, "model");
    long now = epochMs.getAsLong();
    List<Long> since = new ArrayList<>();
    WINDOW_NAMES.forEach(window -> since.add(now - WINDOWS.getOrDefault(window, 0L)));
    classes.forEach(each -> since.add(now - each.windowDays() * DAY_MS));
    then(
        context,
        store.sloSince(since, model),
        sums -> {
          ObjectNode answer = JsonNodeFactory.instance.objectNode();
          answer.put("at", instant(now)).put("kept_since", instant(store.sloKeptSince(now)));
          ArrayNode array = answer.putArray("classes");
          List<SloSums> windows = sums.subList(0, WINDOW_NAMES.size());
          for (int i = 0; i < classes.size(); i++) {
            array.add(budget(classes.get(i), sums.get(windows.size() + i), windows));
          }
          AdminServer.answer(context, answer);
        });
  }

  private List<SloClass> classes(@Nullable String name) {
    List<SloClass> found =
        control.slo().classes().stream()
            .filter(each -> name == null || each.name().equals(name))
            .sorted((one, other) -> one.name().compareTo(other.name()))
            .toList();
    if (found.isEmpty()) {
      throw new ApiException(AdminServer.noSuch("service class", "class"));
    }
    return found;
  }

  private static ObjectNode budget(SloClass sloClass, SloSums whole, List<SloSums> windows) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("class", sloClass.name()).put("objective", sloClass.objective());
    json.put("window_days", sloClass.windowDays()).put("from", instant(whole.fromMs()));
    ObjectNode objectives = json.putObject("objectives");
    for (Objective objective : Objective.values()) {
      SloSums.Kept kept = whole.of(sloClass.name(), objective);
      double allowed = (1 - sloClass.objective()) * (kept.met() + kept.missed());
      ObjectNode one = objectives.putObject(objective.label());
      one.put("met", kept.met()).put("missed", kept.missed());
      one.put("allowed_misses", allowed);
      one.put("budget_left", allowed == 0 ? 1 : 1 - kept.missed() / allowed);
      ObjectNode burn = one.putObject("burn");
      for (int i = 0; i < windows.size(); i++) {
        SloSums.Kept within = windows.get(i).of(sloClass.name(), objective);
        burn.set(WINDOW_NAMES.get(i), burn(sloClass, windows.get(i).fromMs(), within));
      }
    }
    return json;
  }

  /** How many times as fast as the objective allows; null where nothing was asked. */
  private static ObjectNode burn(SloClass sloClass, long fromMs, SloSums.Kept kept) {
    long all = kept.met() + kept.missed();
    return JsonNodeFactory.instance
        .objectNode()
        .put("from", instant(fromMs))
        .put("met", kept.met())
        .put("missed", kept.missed())
        .put("rate", all == 0 ? null : (double) kept.missed() / all / (1 - sloClass.objective()));
  }
}
