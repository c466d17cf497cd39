package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What all routes of the admin API have in common, by its document: one that is new is held too.
 */
class AdminRoutesIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Enough that a page of them is made off the event loop. */
  private static final int REPLICAS = 40;

  /** What they do has no version: a request is cancelled once, and diagnostics change nothing. */
  private static final Set<String> UNVERSIONED = Set.of("cancelRequest", "getDiagnostics");

  /** They do not end. */
  private static final Set<String> STREAMS = Set.of("listen", "tailRequests");

  /** Without a folder of models there is none whose version could be wrong: see ModelsIT. */
  private static final Pattern MODELS = Pattern.compile("/admin/v1/models(/.*)?");

  private static final Pattern SNAKE = Pattern.compile("[a-z0-9]+(_[a-z0-9]+)*");

  /** As Prometheus' exporters are asked, and as Perfetto reads. */
  private static final Set<String> OTHERS = Set.of("name[]", "displayTimeUnit", "traceEvents");

  /** The configuration is told with the keys of its file, a trace with those of its format. */
  private static final Set<String> FOREIGN = Set.of("getConfig", "getPerfetto");

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;
  private static ApiDocument api;
  private static Map<String, String> names;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    FakeUpstream[] all = new FakeUpstream[REPLICAS];
    Arrays.fill(all, upstream);
    gateway = InProcessGateway.before("admin: {port: 0, max-connections: 200}", all);
    api = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
    gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-Request-Id", "known");
    JsonNode told = gateway.timeline("known");
    assertEquals("known", told.path("id").asText());
    String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"k\"}").body();
    names =
        Map.of(
            "replicas", "u0",
            "requests", "known",
            "keys", JSON.readTree(made).path("id").asText(),
            "drills", "d1",
            "slo-classes", "batch");
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  /** With a name of something that there is, where there is something. */
  private static String path(ApiDocument.Operation operation) {
    String[] parts = operation.path().split("/", -1);
    String kind = parts.length > 3 ? parts[3] : "";
    return operation.path().replaceAll("\\{\\w+}", names.getOrDefault(kind, "m"));
  }

  private static List<ApiDocument.Operation> reads() {
    return api.operations().stream()
        .filter(each -> each.method().equals("GET") && !STREAMS.contains(each.id()))
        .toList();
  }

  private static List<ApiDocument.Operation> changes() {
    return api.operations().stream()
        .filter(each -> !each.method().equals("GET") && !each.id().equals("previewRoute"))
        .toList();
  }

  private static HttpResponse<String> change(
      ApiDocument.Operation operation, String query, String... headers) throws Exception {
    JsonNode example = operation.node().at("/requestBody/content/application~1json/example");
    return gateway.admin(
        operation.method(),
        path(operation) + query,
        example.isMissingNode() ? "" : example.toString().replace("\"switchboard-demo\"", "\"m\""),
        headers);
  }

  @Test
  void everyChangeIsToldWhyForWhomAndOfWhichVersion() {
    for (ApiDocument.Operation operation : changes()) {
      Set<String> headers = new TreeSet<>();
      for (JsonNode parameter : operation.node().path("parameters")) {
        JsonNode known = api.resolved(parameter);
        if (known.path("in").asText().equals("header")) {
          headers.add(known.path("name").asText());
        }
      }
      Set<String> wanted =
          new TreeSet<>(Set.of("X-Switchboard-Change-Reason", "X-Switchboard-On-Behalf-Of"));
      if (!UNVERSIONED.contains(operation.id())) {
        wanted.add("If-Match");
      }
      assertEquals(wanted, headers, operation.id());
    }
  }

  @Test
  void noChangeIsMadeOfAnotherVersionAndTheAuditLogSaysWhoWantedIt() throws Exception {
    for (ApiDocument.Operation operation : changes()) {
      String why = "why " + operation.id();

      HttpResponse<String> answer =
          change(
              operation,
              "",
              "If-Match",
              "0123456789abcdef",
              "X-Switchboard-Change-Reason",
              why.replace(" ", "%20"),
              "X-Switchboard-On-Behalf-Of",
              operation.id());

      assertEquals(expected(operation), answer.statusCode(), () -> operation.id() + answer.body());
      if (operation.path().endsWith("/diagnostics")) {
        // It changes nothing, so only an archive that was made is in the log.
        continue;
      }
      JsonNode entry =
          gateway.adminJson("/admin/v1/audit?on_behalf_of=" + operation.id()).at("/audit/0");
      String action = operation.method() + " " + operation.path().replaceAll("\\{(\\w+)}", ":$1");
      assertEquals(action, entry.path("action").asText());
      assertEquals(why, entry.path("reason").asText());
      assertEquals(answer.statusCode(), entry.path("status").asInt());
    }
  }

  private static int expected(ApiDocument.Operation operation) {
    if (UNVERSIONED.contains(operation.id())) {
      return 400;
    }
    if (!MODELS.matcher(operation.path()).matches()) {
      return 412;
    }
    return operation.id().equals("loadModel") ? 409 : 404;
  }

  /** A dry run that was mistyped would be the change. */
  @Test
  void noChangeIsMadeWithAParameterThatNobodyReads() throws Exception {
    for (ApiDocument.Operation operation : changes()) {
      HttpResponse<String> answer = change(operation, "?plna=true");

      assertEquals(400, answer.statusCode(), () -> operation.id() + answer.body());
      assertEquals("plna", JSON.readTree(answer.body()).at("/error/param").asText());
    }
  }

  @Test
  void aNullWithinAListOrMapIsRefusedByItsName() throws Exception {
    Map<String, String> told = new TreeMap<>();
    for (ApiDocument.Operation operation : api.operations()) {
      JsonNode schema = api.body(operation);
      if (schema == null || !operation.path().startsWith("/admin/v1/")) {
        continue;
      }
      for (var property : api.resolved(schema).path("properties").properties()) {
        String type = api.resolved(property.getValue()).path("type").asText();
        if (type.equals("array") || type.equals("object")) {
          String holding = type.equals("array") ? "[null]" : "{\"x\":null}";
          String name = property.getKey();
          told.put(operation.id() + " " + name, told(operation, name, holding));
        }
      }
    }

    assertEquals(
        Map.of(
            "previewRoute headers", "400 headers.x",
            "putSplit fallbacks", "400 fallbacks.0",
            "putSplit targets", "400 targets.0"),
        told);
  }

  /** The status, and what is wrong, of a body that is right but for one field. */
  private static String told(ApiDocument.Operation operation, String name, String value)
      throws Exception {
    JsonNode example = operation.node().at("/requestBody/content/application~1json/example");
    ObjectNode body = example.deepCopy();
    body.set(name, JSON.readTree(value));
    HttpResponse<String> answer =
        gateway.admin(
            operation.method(),
            path(operation),
            body.toString().replace("\"switchboard-demo\"", "\"m\""));
    return answer.statusCode()
        + " "
        + JSON.readTree(answer.body()).at("/error/param").asText("nothing");
  }

  @Test
  void everyNameOfTheDocumentIsInSnakeCase() {
    Set<String> others = new TreeSet<>();
    api.root()
        .path("components")
        .path("schemas")
        .findValues("properties")
        .forEach(
            properties -> properties.fieldNames().forEachRemaining(name -> keep(name, others)));
    for (ApiDocument.Operation operation : api.operations()) {
      for (JsonNode parameter : operation.node().path("parameters")) {
        JsonNode known = api.resolved(parameter);
        if (known.path("in").asText().equals("query")) {
          keep(known.path("name").asText(), others);
        }
      }
    }

    assertEquals(OTHERS, others);
  }

  @Test
  void everyNameOfAnAnswerIsInSnakeCase() throws Exception {
    for (ApiDocument.Operation operation : reads()) {
      if (operation.path().startsWith("/admin") && !FOREIGN.contains(operation.id())) {
        Set<String> others = new TreeSet<>();
        names(gateway.adminJson(path(operation)), others);

        assertEquals(Set.of(), others, operation.id());
      }
    }
  }

  private static void names(JsonNode told, Set<String> others) {
    for (var member : told.properties()) {
      keep(member.getKey(), others);
    }
    for (JsonNode each : told) {
      names(each, others);
    }
  }

  private static void keep(String name, Set<String> others) {
    if (!SNAKE.matcher(name).matches()) {
      others.add(name);
    }
  }
}
