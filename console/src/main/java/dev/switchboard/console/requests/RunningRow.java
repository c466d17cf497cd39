package dev.switchboard.console.requests;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.Format;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A request that has not ended. Numbers that nobody knows are NaN. */
public record RunningRow(
    String id,
    String phase,
    String model,
    String serviceClass,
    String tenant,
    boolean stream,
    String replica,
    double runningMs,
    double ttftMs,
    double tokens) {

  static RunningRow of(JsonNode r) {
    return new RunningRow(
        r.path("id").asString(""),
        r.path("phase").asString(""),
        r.path("model").asString(""),
        r.path("slo_class").asString(""),
        r.path("tenant").asString(""),
        r.path("stream").asBoolean(false),
        r.path("replica").asString(""),
        r.path("running_ms").asDouble(Double.NaN),
        r.path("ttft_ms").asDouble(Double.NaN),
        r.path("tokens").asDouble(Double.NaN));
  }

  /** Ends it. */
  public Change cancel() {
    return new Change(
        "Cancel request",
        Role.OPERATOR,
        "DELETE",
        "/admin/v1/requests/" + AdminClient.encode(id),
        null,
        null,
        List.of(
            id + " of " + tenant + " ends, after " + Format.millis(runningMs),
            stream
                ? "Its client reads that it was cancelled as the last event of its stream, after "
                    + Format.number(tokens)
                    + " tokens"
                : "Its client reads 410",
            "There is no way back: its client would have to ask again"),
        true);
  }
}
