package dev.switchboard.console.fleet;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * How far requests of the last minutes stayed below what their classes want: of a request the share
 * of the target that was left at the objective that came nearest to it, below 0 where it was
 * missed; of a replica or a model what nine in ten of its requests had at least.
 */
final class Headroom {
  /** Requests that are older say nothing of now. */
  static final Duration RECENT = Duration.ofMinutes(10);

  private static final double ONE_IN_TEN = 0.1;

  private final Map<String, List<Double>> byReplica = new HashMap<>();
  private final Map<String, List<Double>> byModel = new HashMap<>();

  /**
   * Of lines of requests that are over.
   *
   * @param classes as the admin API tells them
   */
  Headroom(JsonNode requests, List<JsonNode> classes, Instant now) {
    Map<String, JsonNode> held = new HashMap<>();
    classes.forEach(c -> held.put(c.path("name").asString(""), c));
    for (JsonNode r : requests) {
      JsonNode wanted = held.get(r.path("slo_class").asString(""));
      double left = wanted == null || !recent(r, now) ? Double.NaN : left(r, wanted);
      if (!Double.isNaN(left)) {
        add(byReplica, r.path("replica").asString(""), left);
        add(byModel, r.path("model").asString(""), left);
      }
    }
    byReplica.values().forEach(Collections::sort);
    byModel.values().forEach(Collections::sort);
  }

  private static void add(Map<String, List<Double>> to, String name, double left) {
    if (!name.isEmpty()) {
      to.computeIfAbsent(name, _ -> new ArrayList<>()).add(left);
    }
  }

  private static boolean recent(JsonNode r, Instant now) {
    try {
      return Instant.parse(r.path("accepted_at").asString("")).isAfter(now.minus(RECENT));
    } catch (DateTimeException _) {
      return false;
    }
  }

  private static double left(JsonNode r, JsonNode wanted) {
    double least = Double.NaN;
    for (String field : List.of("ttft_ms", "tpot_ms", "deadline_ms")) {
      double target = wanted.path(field).asDouble(0);
      String took = field.equals("deadline_ms") ? "wall_ms" : field;
      double is = r.path(took).asDouble(Double.NaN);
      if (target > 0 && !Double.isNaN(is)) {
        double left = 1 - is / target;
        least = Double.isNaN(least) ? left : Math.min(least, left);
      }
    }
    return least;
  }

  /** Of a replica; NaN where no request with a target was there. */
  double ofReplica(String replica) {
    return nineInTen(byReplica.getOrDefault(replica, List.of()));
  }

  double ofModel(String model) {
    return nineInTen(byModel.getOrDefault(model, List.of()));
  }

  private static double nineInTen(List<Double> sorted) {
    return sorted.isEmpty() ? Double.NaN : sorted.get((int) (sorted.size() * ONE_IN_TEN));
  }
}
