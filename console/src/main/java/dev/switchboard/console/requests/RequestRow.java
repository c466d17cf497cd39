package dev.switchboard.console.requests;

import java.time.Instant;
import java.util.Objects;
import tools.jackson.databind.JsonNode;

/** A request in a line. Numbers that nobody knows are NaN. */
public record RequestRow(
    String gateway,
    String id,
    Instant accepted,
    String model,
    String serviceClass,
    String tenant,
    String outcome,
    int status,
    String replica,
    double ttftMs,
    double tpotMs,
    double wallMs,
    double promptTokens,
    double completionTokens,
    int attempts,
    int migrations,
    boolean missed) {

  static RequestRow of(String gateway, JsonNode r) {
    return new RequestRow(
        gateway,
        r.path("id").asString(""),
        Instant.parse(r.path("accepted_at").asString("1970-01-01T00:00:00Z")),
        r.path("model").asString(""),
        r.path("slo_class").asString(""),
        r.path("tenant").asString(""),
        r.path("outcome").asString(""),
        r.path("status").asInt(0),
        r.path("replica").asString(""),
        r.path("ttft_ms").asDouble(Double.NaN),
        r.path("tpot_ms").asDouble(Double.NaN),
        r.path("wall_ms").asDouble(Double.NaN),
        r.path("prompt_tokens").asDouble(Double.NaN),
        r.path("completion_tokens").asDouble(Double.NaN),
        r.path("attempts").asInt(0),
        r.path("migrations").asInt(0),
        r.path("missed").asBoolean(false));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RequestRow row && id.equals(row.id) && gateway.equals(row.gateway);
  }

  @Override
  public int hashCode() {
    return Objects.hash(id, gateway);
  }
}
