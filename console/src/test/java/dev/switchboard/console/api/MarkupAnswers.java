package dev.switchboard.console.api;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A gateway whose every text is markup, but for what views need to find their way. */
public final class MarkupAnswers {
  public static final String EVIL = "<img src=x onerror=alert(1)>";

  /** What has to stay as it is for the views to find their way. */
  private static final List<String> KEPT =
      List.of(
          "at",
          "accepted_at",
          "since",
          "started",
          "started_at",
          "ended_at",
          "state",
          "from",
          "to",
          "api",
          "admin",
          "phase",
          "type",
          "hour",
          "status",
          "id",
          "created_at",
          "kind");

  private MarkupAnswers() {}

  /** Has a gateway answer so from now on. */
  public static void say(FakeGateway fake) throws IOException {
    for (String name : List.of("replicas", "models", "requests", "slo-classes", "audit")) {
      fake.say("GET /admin/v1/" + name, 200, evil(file(name + ".json")).toString());
    }
    fake.say("GET /admin/v1/gateway", 200, evil(file("gateway.json")).toString());
    String timeline = evil(file("timeline.json")).toString();
    fake.say("GET /admin/v1/requests/a/timeline", 200, timeline);
    fake.say("GET /admin/v1/requests/b/timeline", 200, timeline);
    fake.say("GET /admin/v1/requests/a/explain", 200, "{\"text\": \"" + EVIL + "\"}");
    fake.say("GET /admin/v1/replicas/w0/state", 200, evil(file("state.json")).toString());
    fake.say("GET /admin/v1/replicas/w0/log", 200, "{\"lines\": [\"" + EVIL + "\"]}");
    fake.say(
        "GET /admin/v1/splits",
        200,
        "{\"splits\": [{\"name\": \"EVIL\", \"targets\": [{\"model\": \"EVIL\", \"weight\": 1}],"
                .replace("EVIL", EVIL)
            + " \"fallbacks\": [], \"policy\": \""
            + EVIL
            + "\", \"shadow\": null}]}");
    fake.say(
        "GET /admin/v1/drills",
        200,
        "{\"enabled\": true, \"drills\": [{\"id\": \"d\", \"replica\": \""
            + EVIL
            + "\", \"kind\": \""
            + EVIL
            + "\", \"phase\": \"ended\", \"outcome\": \"ready\","
            + " \"message\": \""
            + EVIL
            + "\", \"started_at\": \"2026-01-31T07:00:00Z\"}]}");
    fake.say("GET /admin/v1/tenants", 200, "{\"tenants\": [{\"name\": \"" + EVIL + "\"}]}");
    fake.say(
        "GET /admin/v1/keys",
        200,
        "{\"keys\": [{\"id\": \"k\", \"name\": \""
            + EVIL
            + "\", \"tenant\": \""
            + EVIL
            + "\", \"role\": \"app\", \"created_by\": \""
            + EVIL
            + "\"}]}");
    fake.say("GET /admin/v1/usage", 200, "{\"usage\": []}");
  }

  private static JsonNode file(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(MarkupAnswers.class.getResourceAsStream("/fake/" + name))) {
      return JsonMapper.shared().readTree(in);
    }
  }

  private static JsonNode evil(JsonNode node) {
    if (node instanceof ObjectNode object) {
      for (var field : List.copyOf(object.properties())) {
        boolean text = field.getValue().isString() && !KEPT.contains(field.getKey());
        object.set(field.getKey(), text ? object.stringNode(EVIL) : evil(field.getValue()));
      }
    } else if (node instanceof ArrayNode array) {
      for (int i = 0; i < array.size(); i++) {
        array.set(i, array.get(i).isString() ? array.stringNode(EVIL) : evil(array.get(i)));
      }
    }
    return node;
  }
}
