package dev.switchboard.gateway.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** What the admin API tells of replicas, models, keys and reloads, for people. */
final class FleetTables {
  private static final double PERCENT = 100;

  private FleetTables() {}

  /** Replicas in full, with their addresses. */
  static String replicas(JsonNode replicas) {
    return table(replicas, true);
  }

  /** Replicas as summaries, which have no addresses. */
  static String summaries(JsonNode replicas) {
    return table(replicas, false);
  }

  private static String table(JsonNode replicas, boolean addresses) {
    List<String> heads =
        new ArrayList<>(
            List.of(
                "REPLICA", "MODEL", "DEVICE", "STATE", "IN FLIGHT", "RUNNING", "WAITING", "KV"));
    if (addresses) {
      heads.add("ADDRESS");
    }
    TextTable table = new TextTable(heads.toArray(String[]::new));
    for (JsonNode each : replicas) {
      JsonNode report = each.path("report").isObject() ? each.path("report") : each;
      List<String> cells =
          new ArrayList<>(
              List.of(
                  each.path("id").asText(),
                  each.path("model").asText(),
                  device(each),
                  state(each),
                  each.path("in_flight").asText("-"),
                  number(report.path("running")),
                  number(report.path("waiting")),
                  share(report.path("kv_used_ratio"))));
      if (addresses) {
        cells.add(address(each));
      }
      table.row(cells.toArray(String[]::new));
    }
    return table.text();
  }

  /** With those that it may see where it may not see all. */
  private static String device(JsonNode replica) {
    String visible = replica.path("visible_devices").asText("");
    boolean all = visible.isEmpty() || visible.equals("null");
    return text(replica.path("device")) + (all ? "" : " " + visible);
  }

  private static String state(JsonNode replica) {
    String reason = replica.path("reason").asText("");
    String state = replica.path("state").asText();
    boolean serves = state.equals("READY") || reason.isEmpty() || reason.equals("null");
    return serves ? state : state + " (" + reason + ")";
  }

  private static String address(JsonNode replica) {
    String socket = replica.path("socket").asText("");
    return socket.isEmpty() || socket.equals("null") ? text(replica.path("url")) : socket;
  }

  private static String text(JsonNode value) {
    return value.isTextual() ? value.asText() : "-";
  }

  private static String number(JsonNode value) {
    return value.isNumber() ? value.asText() : "-";
  }

  private static String share(JsonNode ratio) {
    return ratio.isNumber() ? Math.round(ratio.asDouble() * PERCENT) + " %" : "-";
  }

  static String models(JsonNode models) {
    TextTable table =
        new TextTable("MODEL", "READY", "REPLICAS", "ARCHITECTURE", "WEIGHTS", "CONTEXT");
    for (JsonNode each : models) {
      JsonNode metadata = each.path("metadata");
      table.row(
          each.path("id").asText(),
          each.path("ready").asText() + " of " + each.path("replicas").size(),
          String.join(",", GatewayClient.JSON.convertValue(each.path("replicas"), String[].class)),
          text(metadata.path("architecture")),
          text(metadata.path("quantisation")),
          number(metadata.path("context")));
    }
    return table.text();
  }

  static String keys(JsonNode keys) {
    TextTable table = new TextTable("ID", "NAME", "TENANT", "ROLE", "EXPIRES");
    for (JsonNode each : keys) {
      table.row(
          each.path("id").asText(),
          each.path("name").asText(),
          text(each.path("tenant")),
          text(each.path("role")),
          text(each.path("expires_at")));
    }
    return table.text();
  }

  /** What a reload has done; a line for each kind of change. */
  static String reload(JsonNode told) {
    StringBuilder text = new StringBuilder();
    line(text, "keys changed", told.path("changed"));
    told.path("models")
        .properties()
        .forEach(each -> line(text, "models " + each.getKey(), each.getValue()));
    told.path("replicas")
        .properties()
        .forEach(each -> line(text, "replicas " + each.getKey(), each.getValue()));
    return text.isEmpty() ? "Nothing has changed\n" : text.toString();
  }

  private static void line(StringBuilder text, String what, JsonNode names) {
    if (!names.isEmpty()) {
      String[] all = GatewayClient.JSON.convertValue(names, String[].class);
      text.append(what).append(": ").append(String.join(", ", all)).append('\n');
    }
  }
}
