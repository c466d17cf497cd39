package dev.switchboard.gateway.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.slo.SloFigures.Kept;
import dev.switchboard.gateway.slo.SloFigures.Spread;
import dev.switchboard.gateway.slo.SloFigures.Time;
import java.util.Map;

/** Figures of an hour as text of the database; what is zero is left out. */
final class SloCodec {
  private static final ObjectMapper JSON = new ObjectMapper();

  private SloCodec() {}

  static String text(SloFigures figures) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ObjectNode objectives = json.putObject("objectives");
    figures
        .kept()
        .forEach((objective, kept) -> kept(kept, objectives.putObject(objective.label())));
    ObjectNode times = json.putObject("times");
    figures.times().forEach((time, spread) -> spread(spread, times.putObject(time.label())));
    return json.toString();
  }

  private static void kept(Kept kept, ObjectNode to) {
    ObjectNode met = to.putObject("met");
    ObjectNode missed = to.putObject("missed");
    for (int slot = 0; slot < SloFigures.SLOTS; slot++) {
      put(met, Integer.toString(slot), kept.metIn(slot));
      put(missed, Integer.toString(slot), kept.missedIn(slot));
    }
    ObjectNode causes = to.putObject("causes");
    kept.causes().forEach((cause, count) -> put(causes, cause.label(), count));
    ObjectNode late = to.putObject("late_micros");
    kept.lateMicros().forEach((cause, micros) -> put(late, cause.label(), micros));
  }

  private static void spread(Spread spread, ObjectNode to) {
    to.put("nanos", spread.nanos());
    buckets(spread.all(), to.putObject("all"));
    buckets(spread.unanswered(), to.putObject("unanswered"));
  }

  private static void buckets(Map<Long, Long> counts, ObjectNode to) {
    counts.forEach((bound, count) -> put(to, Long.toString(bound), count));
  }

  private static void put(ObjectNode to, String name, long count) {
    if (count != 0) {
      to.put(name, count);
    }
  }

  static SloFigures figures(String text) {
    JsonNode json;
    try {
      json = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("slo_figures holds what no gateway wrote: " + e, e);
    }
    SloFigures figures = new SloFigures();
    for (Objective objective : Objective.values()) {
      JsonNode told = json.path("objectives").path(objective.label());
      if (told.isObject()) {
        readKept(told, figures.kept(objective));
      }
    }
    for (Time time : Time.values()) {
      JsonNode told = json.path("times").path(time.label());
      if (told.isObject()) {
        readSpread(told, figures.times(time));
      }
    }
    return figures;
  }

  private static void readKept(JsonNode told, Kept to) {
    for (int slot = 0; slot < SloFigures.SLOTS; slot++) {
      String name = Integer.toString(slot);
      to.add(slot, told.path("met").path(name).asLong(), told.path("missed").path(name).asLong());
    }
    for (SloCause cause : SloCause.values()) {
      long count = told.path("causes").path(cause.label()).asLong();
      if (count != 0) {
        to.cause(cause, count);
      }
      to.late(cause, told.path("late_micros").path(cause.label()).asLong());
    }
  }

  private static void readSpread(JsonNode told, Spread to) {
    to.addNanos(told.path("nanos").asLong());
    for (Map.Entry<String, JsonNode> bucket : told.path("all").properties()) {
      long unanswered = told.path("unanswered").path(bucket.getKey()).asLong();
      to.add(Long.parseLong(bucket.getKey()), bucket.getValue().asLong(), unanswered);
    }
  }
}
