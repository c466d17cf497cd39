package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.explain.Alternative;
import dev.switchboard.gateway.explain.Culprit;
import dev.switchboard.gateway.explain.Explanation;

/** An explanation with its numbers, in milliseconds. */
final class ExplanationJson {
  private ExplanationJson() {}

  static ObjectNode of(String id, Explanation told) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", id).put("text", told.text());
    json.put("culprit", told.culprit().label()).put("culprit_ms", told.culpritMs());
    json.put("dominant_phase", told.dominant().label()).put("dominant_ms", told.dominantMs());
    json.put("wall_ms", told.wallMs());
    ObjectNode charges = json.putObject("charges_ms");
    for (Culprit culprit : Culprit.values()) {
      Double charged = told.charges().get(culprit);
      if (charged != null) {
        charges.put(culprit.label(), charged);
      }
    }
    json.put("rank", told.rank()).put("rank_late_ms", told.rankLateMs());
    ArrayNode neighbours = json.putArray("neighbours");
    told.neighbours().forEach(neighbours::add);
    json.put("neighbour_tokens", told.neighbourTokens());
    json.set("queue", ahead(told.ahead()));
    json.set("other_replica", other(told.alternative()));
    return json;
  }

  private static ObjectNode ahead(Explanation.Ahead ahead) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("gateway_ms", ahead.gatewayMs()).put("worker_ms", ahead.workerMs());
    json.put("admitted_before", ahead.admittedFirst());
    json.put("first_at_replica", ahead.firstAtReplica());
    json.put("prompt_tokens", ahead.promptTokens()).put("running", ahead.running());
    json.put("whole", ahead.whole());
    ArrayNode ids = json.putArray("requests");
    ahead.ids().forEach(ids::add);
    return json;
  }

  private static ObjectNode other(Alternative other) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("replica", other.replica()).put("rejected", other.rejected());
    put(json, "predicted_ttft_ms", other.predictedTtftMs());
    put(json, "chosen_predicted_ttft_ms", other.chosenTtftMs());
    put(json, "measured_ttft_ms", other.measuredTtftMs());
    put(json, "score_margin", other.scoreMargin());
    return json.put("fewer_tokens", other.fewerTokens());
  }

  private static void put(ObjectNode json, String name, double value) {
    if (Double.isFinite(value)) {
      json.put(name, value);
    } else {
      json.putNull(name);
    }
  }
}
