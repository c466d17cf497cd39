package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.switchboard.gateway.admin.AdminRoute;
import dev.switchboard.gateway.admission.RateLimitHeaders;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.ChatStreamWriter;
import dev.switchboard.openai.FinishReason;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.openai.ResponseIdentity;
import dev.switchboard.openai.ToolCallAnswer;
import dev.switchboard.openai.ToolCallDelta;
import dev.switchboard.openai.Usage;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Holds the two OpenAPI documents to the specification, the routers, docs/errors.md and the
 * answers.
 */
class OpenApiIT {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));

  private static final RequestParser PARSER = new RequestParser(RequestLimits.DEFAULT);
  private static final String CALL =
      "{'id':'c1','type':'function','function':{'name':'add','arguments':'{}'}}";

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
  void everyBodyAndEveryAnswerHasAnExampleAsItsSchemaSays() {
    for (ApiDocument document : List.of(api, admin)) {
      for (ApiDocument.Operation operation : document.operations()) {
        assertEquals(List.of(), document.faultyExamples(operation), operation.id());
      }
    }
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
  void everyErrorIsOnThePageAndEveryRowOfThatInADocument() throws Exception {
    Set<String> rows = new TreeSet<>();
    Pattern.compile("(?m)^\\| (\\d{3}) \\| `\\w+` \\| (`(\\w+)`|none) \\|")
        .matcher(Files.readString(HOME.resolve("docs/errors.md")))
        .results()
        .forEach(row -> rows.add(row.group(1) + " " + row.group(2).replace("`", "")));
    Set<String> codes = new TreeSet<>(api.errorCodes());
    codes.addAll(admin.errorCodes());

    assertEquals(rows, codes);
  }

  private static final List<String> TAKEN =
      List.of(
          "{'role':'user','content':'a'}",
          "{'role':'user','content':[{'type':'text','text':'a'}],'name':'n'}",
          "{'role':'assistant','content':'a','reasoning_content':'b'}",
          "{'role':'assistant','content':null,'tool_calls':[" + CALL + "]}",
          "{'role':'assistant','tool_calls':[" + CALL + "]}",
          "{'role':'assistant','refusal':'no'}",
          "{'role':'assistant','content':null}",
          "{'role':'assistant','reasoning_content':'b'}",
          "{'role':'tool','tool_call_id':'c1','content':null}",
          "{'role':'tool','tool_call_id':'c1','content':'3'}");

  private static final List<String> REFUSED =
      List.of(
          "{'role':'user'}",
          "{'role':'user','content':null}",
          "{'role':'assistant'}",
          "{'role':'user','content':[{'type':'image_url','image_url':{'url':'u'}}]}",
          "{'role':'assistant','tool_calls':[]}",
          "{'role':'tool','content':'3'}",
          "{'role':'tool','tool_call_id':'c1'}",
          "{'role':'function','name':'add','content':'3'}");

  @Test
  void messagesAreReadAsTheDocumentSays() {
    for (String message : TAKEN) {
      assertEquals(List.of(), chatFaults(message), message);
      PARSER.parseChat(bytes(chat(message)));
    }
    for (String message : REFUSED) {
      assertFalse(chatFaults(message).isEmpty(), message);
      assertThrows(ApiException.class, () -> PARSER.parseChat(bytes(chat(message))), message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'max_tokens':0,'echo':true                | true",
        "'max_tokens':0                            | false",
        "'max_tokens':0,'echo':false               | false",
        "'max_tokens':1                            | true",
        "'max_tokens':-1                           | true",
        "'max_tokens':-1,'echo':true               | true",
        "'max_tokens':-2                           | false",
        "'suffix':'s'                              | true",
        "'suffix':'s','echo':true                  | false",
        "'suffix':'','echo':true                   | true",
        "'suffix':1                                | false",
        "'parse_special':false                     | true",
        "'parse_special':'no'                      | false",
        "'guided_json':{'type':'null'}             | true",
        "'json_schema':'true'                      | true",
        "'guided_json':[]                          | false",
        "'guided_regex':'a+'                       | true",
        "'guided_regex':1                          | false",
        "'guided_grammar':'root ::= [a]'           | true",
        "'guided_grammar':{}                       | false"
      })
  void textsAreReadAsTheDocumentSays(String fields, boolean taken) {
    String body = ("{'model':'m','prompt':'p'," + fields + "}").replace('\'', '"');

    assertEquals(taken, faults("TextRequest", body).isEmpty());
    if (taken) {
      PARSER.parseText(bytes(body));
    } else {
      assertThrows(ApiException.class, () -> PARSER.parseText(bytes(body)));
    }
  }

  @Test
  void whatIsTurnedIntoTokensIsReadAsTheDocumentSays() {
    String kwargs = ",'chat_template_kwargs':{'enable_thinking':false},'return_token_strs':true}";
    String body = chat(TAKEN.getFirst()).replace("}]}", "}]" + kwargs.replace('\'', '"'));

    assertEquals(List.of(), faults("TokenizeRequest", body));
    PARSER.parseTokenize(bytes(body));
    String broken = body.replace("{\"enable_thinking\":false}", "7");
    assertFalse(faults("TokenizeRequest", broken).isEmpty());
    assertThrows(ApiException.class, () -> PARSER.parseTokenize(bytes(broken)));
  }

  @Test
  void whatAStreamWritesIsAChunkOfTheDocument() {
    ChatStreamWriter writer =
        new ChatStreamWriter(new ResponseIdentity("chatcmpl-1", 1, "m", "fp"), true);
    ToolCallAnswer call = new ToolCallAnswer(0, "c1", "add", "{\"a\":1}");
    String stream =
        writer.first(0)
            + writer.delta(0, "text", null)
            + writer.toolCall(0, new ToolCallDelta(call, true), null)
            + writer.toolCall(0, new ToolCallDelta(call.withArguments("}"), false), null)
            + writer.finish(0, FinishReason.TOOL_CALLS, null)
            + writer.usage(new Usage(1, 0, 2), "{\"time_ms\":{\"total\":1}}");

    List<String> chunks = stream.lines().filter(line -> !line.isEmpty()).toList();
    assertEquals(7, chunks.size());
    for (String chunk : chunks) {
      assertEquals(List.of(), faults("ChatChunk", chunk.substring("data: ".length())), chunk);
    }
    String unnamed =
        chunks.get(2).substring("data: ".length()).replace("\"type\":\"function\",", "");
    assertFalse(faults("ChatChunk", unnamed).isEmpty());
  }

  private static String chat(String message) {
    return ("{'model':'m','messages':[" + message + "]}").replace('\'', '"');
  }

  private static byte[] bytes(String body) {
    return body.getBytes(StandardCharsets.UTF_8);
  }

  private static List<String> chatFaults(String message) {
    return faults("ChatRequest", chat(message));
  }

  private static List<String> faults(String schema, String body) {
    return api.faults(schema, body);
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

        // The state may not allow it, nobody is to be restarted, or no key has this id; but no body
        // is missed.
        assertTrue(Set.of(200, 202, 404, 409).contains(status), path + " answered " + status);
      }
    }

    assertTrue(
        without.containsAll(List.of("drainReplica", "restartReplica", "restartReplicas")),
        without::toString);
  }

  @Test
  void everyHeaderThatIsReadOrWrittenForAModelIsDocumented() {
    for (ApiDocument.Operation operation : api.operations()) {
      if (api.body(operation) != null) {
        Set<String> read = new TreeSet<>();
        operation
            .node()
            .path("parameters")
            .forEach(each -> read.add(api.resolved(each).path("name").asText()));
        assertTrue(read.containsAll(SloHeaders.names()), () -> operation.id() + " reads " + read);
        for (String status : List.of("200", "429")) {
          Set<String> written = new TreeSet<>();
          api.resolved(operation.node().path("responses").path(status))
              .path("headers")
              .fieldNames()
              .forEachRemaining(written::add);
          assertTrue(
              written.containsAll(RateLimitHeaders.names()),
              () -> operation.id() + " " + status + " has " + written);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tenants/{name}, gone, {}",
    "slo-classes/{name}, gone, {}",
    "splits/{name}, gone, '{\"targets\":[{\"model\":\"m\"}]}'"
  })
  void whatADeletionAnswersIsAsDocumented(String path, String name, String set) throws Exception {
    String at = "/admin/v1/" + path.replace("{name}", name);
    assertEquals(200, gateway.admin("PUT", at, set).statusCode());

    HttpResponse<String> answer = gateway.admin("DELETE", at, "");

    ApiDocument.Operation operation = admin.operation("DELETE", "/admin/v1/" + path);
    assertEquals(List.of(), admin.faults(operation, 200, answer.body()));
    String other = answer.body().replace("deleted", "removed");
    assertFalse(admin.faults(operation, 200, other).isEmpty());
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
      // Streams do not end: of events see EventsIT, of requests LiveRequestsIT.
      if (operation.method().equals("GET") && !operation.path().matches(".*/(events|tail)")) {
        String id =
            operation.path().contains("requests")
                ? "documented"
                : operation.path().contains("models") ? "m" : replica;
        String path =
            operation.path().replace("{id}", id).replace("{name}", "gold").replace("{model}", "m");
        HttpResponse<String> answer = gateway.get(gateway.admin(path));
        // A foreign server tells nothing of itself; of workers see ReplicaViewsIT.
        boolean ofWorkers =
            answer.body().contains("no_worker") || answer.body().contains("not_local");
        if (answer.statusCode() != 200 && !ofWorkers) {
          wrong.add(path + " answered " + answer.statusCode());
        }
        wrong.addAll(admin.faults(operation, answer.statusCode(), answer.body()));
      }
    }

    assertEquals(List.of(), wrong);
  }
}
