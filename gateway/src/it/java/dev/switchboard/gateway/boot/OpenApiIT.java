package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.switchboard.gateway.admin.AdminRoute;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Holds the two OpenAPI documents to the specification, the routers, the README and the answers.
 */
class OpenApiIT {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;
  private static ApiDocument api;
  private static ApiDocument admin;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}"));
    gateway = InProcessGateway.before("", upstream);
    api = ApiDocument.at(gateway, gateway.api("/openapi.json"));
    admin = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  @Test
  void bothAreValidOpenApi() throws Exception {
    JsonNode rules =
        new ObjectMapper(new YAMLFactory())
            .readTree(OpenApiIT.class.getResourceAsStream("openapi-rules.yaml"));

    assertEquals(List.of(), ApiDocument.faults(rules, api));
    assertEquals(List.of(), ApiDocument.faults(rules, admin));
  }

  @Test
  void everyReferenceLeadsSomewhere() {
    for (ApiDocument document : List.of(api, admin)) {
      for (JsonNode reference : document.root().findValues("$ref")) {
        JsonNode target = document.root().at(reference.asText().substring(1));

        assertFalse(target.isMissingNode(), reference.asText());
      }
    }
  }

  @Test
  void everyRouteIsDocumentedAndEveryOperationRouted() {
    Set<String> routed = new TreeSet<>(gateway.gateway().publicRoutes());
    Set<String> documented = new TreeSet<>();
    api.operations().forEach(each -> documented.add(each.method() + " " + each.path()));
    assertEquals(routed, documented);

    Set<String> administered = new TreeSet<>(List.of("GET /livez null", "GET /readyz null"));
    for (AdminRoute route : gateway.gateway().adminRoutes()) {
      String path = route.path().replaceAll(":(\\w+)", "{$1}");
      administered.add(route.method() + " " + path + " " + route.role().label());
    }
    Set<String> described = new TreeSet<>();
    for (ApiDocument.Operation each : admin.operations()) {
      String role = each.node().path("x-role").asText("null");
      described.add(each.method() + " " + each.path() + " " + role);
    }
    assertEquals(administered, described);
  }

  @Test
  void everyParameterOfAPathIsDescribedAndEveryIdIsOnce() {
    for (ApiDocument document : List.of(api, admin)) {
      Set<String> ids = new HashSet<>();
      for (ApiDocument.Operation operation : document.operations()) {
        assertEquals(true, ids.add(operation.id()), operation.id());
        Set<String> wanted = new TreeSet<>();
        Pattern.compile("\\{(\\w+)}")
            .matcher(operation.path())
            .results()
            .forEach(match -> wanted.add(match.group(1)));
        Set<String> described = new TreeSet<>();
        for (JsonNode parameter : operation.node().path("parameters")) {
          JsonNode known = document.resolved(parameter);
          if (known.path("in").asText().equals("path")) {
            described.add(known.path("name").asText());
          }
        }
        assertEquals(wanted, described, operation.path());
      }
    }
  }

  @Test
  void everyErrorIsInTheReadmeAndEveryRowOfThatInADocument() throws Exception {
    Set<String> rows = new TreeSet<>();
    Pattern.compile("(?m)^\\| (\\d{3}) \\| `\\w+` \\| (`(\\w+)`|none) \\|")
        .matcher(Files.readString(HOME.resolve("gateway/README.md")))
        .results()
        .forEach(row -> rows.add(row.group(1) + " " + row.group(2).replace("`", "")));
    Set<String> codes = new TreeSet<>(api.errorCodes());
    codes.addAll(admin.errorCodes());

    assertEquals(rows, codes);
  }

  @Test
  void actionsOfWhichTheDocumentSaysSoNeedNoBody() throws Exception {
    String replica = gateway.fleet().replicas().iterator().next().id();
    List<String> without = new ArrayList<>();
    for (ApiDocument.Operation operation : admin.operations()) {
      JsonNode body = operation.node().path("requestBody");
      if (operation.method().equals("POST") && !body.path("required").asBoolean()) {
        String path = operation.path().replace("{id}", replica);
        int status = gateway.admin("POST", path, "").statusCode();
        without.add(operation.id());

        // The state may not allow it, or nobody is to be restarted; but no body is missed.
        assertTrue(Set.of(200, 202, 409).contains(status), path + " answered " + status);
      }
    }

    assertTrue(
        without.containsAll(List.of("drainReplica", "restartReplica", "restartReplicas")),
        without::toString);
  }

  @Test
  void whatTheAdminApiAnswersIsAsDocumented() throws Exception {
    gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"viewer\",\"role\":\"viewer\"}");
    gateway.admin("PUT", "/admin/v1/tenants/gold", "{\"weight\":2}");
    gateway.admin("PUT", "/admin/v1/slo-classes/live", "{\"ttft_ms\":90}");
    gateway.admin("PUT", "/admin/v1/splits/alias", "{\"targets\":[{\"model\":\"m\"}]}");
    gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-Request-Id", "documented");
    gateway.timeline("documented");
    String replica = gateway.fleet().replicas().iterator().next().id();
    List<String> wrong = new ArrayList<>();
    for (ApiDocument.Operation operation : admin.operations()) {
      if (operation.method().equals("GET")) {
        String id = operation.path().contains("requests") ? "documented" : replica;
        String path = operation.path().replace("{id}", id);
        HttpResponse<String> answer = gateway.get(gateway.admin(path));
        if (answer.statusCode() != 200) {
          wrong.add(path + " answered " + answer.statusCode());
        }
        wrong.addAll(admin.faults(operation, answer.statusCode(), answer.body()));
      }
    }

    assertEquals(List.of(), wrong);
  }
}
