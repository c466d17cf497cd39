package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.testing.Await;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models are loaded, changed and unloaded by the admin API, by a real gateway's real workers. */
class ModelsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String MODELS = "/admin/v1/models";
  private static final Path DEMO_FILE =
      GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf");

  @TempDir private static Path home;
  private static GatewayProcess gateway;

  @BeforeAll
  static void begin() throws Exception {
    Path folder = Files.createDirectories(home.resolve("models/more"));
    for (String name : List.of("second.gguf", "third.gguf", "fourth.gguf")) {
      Files.copy(DEMO_FILE, folder.resolve(name));
    }
    byte[] whole = Files.readAllBytes(DEMO_FILE);
    Files.write(folder.resolve("damaged.gguf"), Arrays.copyOf(whole, whole.length / 2));
    Files.copy(DEMO_FILE, home.resolve("elsewhere.gguf"));
    Files.createSymbolicLink(folder.resolve("link.gguf"), home.resolve("elsewhere.gguf"));
    Files.createSymbolicLink(folder.resolve("linked"), home);
    GatewayProcess.writeConfig(
        home.resolve("switchboard.yaml"),
        "workers: {local: 1, threads: 1, heap-mb: 1024, arguments: [--allow-fault-injection,"
            + " --kv-memory, 4096tokens]}\n"
            + "model-files: {folder: "
            + home.resolve("models")
            + "}\n");
    gateway = start();
  }

  private static GatewayProcess start(String... more) throws Exception {
    String[] arguments =
        Stream.concat(
                Stream.of("--config", home.resolve("switchboard.yaml").toString()), Stream.of(more))
            .toArray(String[]::new);
    return GatewayProcess.start(List.of("-Dswitchboard.state=" + home.resolve("state")), arguments)
        .awaitReady();
  }

  @AfterAll
  static void end() {
    gateway.close();
  }

  private static JsonNode sent(int status, String method, String path, String body)
      throws Exception {
    HttpResponse<String> answer = gateway.admin(method, path, body);
    assertEquals(status, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body());
  }

  private static String refusal(int status, String method, String path, String body)
      throws Exception {
    return sent(status, method, path, body).path("error").path("code").asText();
  }

  private static JsonNode model(String name) throws Exception {
    return gateway.admin(MODELS + "/" + name);
  }

  private static void awaitReady(String name, int replicas) {
    Await.until(
        replicas + " replicas of " + name,
        () -> model(name),
        now -> now.path("ready").asInt() == replicas && now.path("replicas").size() == replicas);
  }

  private static void awaitGone(String name) {
    Await.until(
        "no model " + name,
        () -> model(name),
        now -> now.at("/error/code").asText().equals("model_not_found"));
  }

  private static String body(String model, int tokens) {
    return "{\"model\":\""
        + model
        + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
        + tokens
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
  }

  private static StreamClient stream(String model, int tokens) throws Exception {
    StreamClient stream = StreamClient.open(gateway, "/v1/chat/completions", body(model, tokens));
    stream.awaitEvents(3);
    return stream;
  }

  private static void assertWhole(StreamClient stream) throws Exception {
    List<String> lines = stream.rest();
    assertTrue(lines.contains("data: [DONE]"), () -> String.join("\n", lines));
    assertFalse(lines.stream().anyMatch(line -> line.contains("\"error\"")));
  }

  private static void slow(String model) throws Exception {
    for (JsonNode id : model(model).path("replicas")) {
      gateway.slow(id.asText(), 10);
    }
  }

  @Test
  void filesOfTheFolderAreListedWithWhatTheyHold() throws Exception {
    JsonNode answer = gateway.admin("/admin/v1/model-files");

    List<String> names = answer.path("files").findValuesAsText("file");
    assertEquals(
        List.of("more/damaged.gguf", "more/fourth.gguf", "more/second.gguf", "more/third.gguf"),
        names);
    JsonNode damaged = answer.path("files").path(0);
    assertFalse(damaged.path("servable").asBoolean(true));
    assertTrue(damaged.path("problem").asText().startsWith("tensor-out-of-file: "));
    JsonNode whole = answer.path("files").path(1);
    assertTrue(whole.path("servable").asBoolean());
    assertEquals("llama", whole.path("architecture").asText());
    assertEquals("Q8_0", whole.path("quantisation").asText());
    assertEquals(2048, whole.path("context").asInt());
    assertEquals(Files.size(DEMO_FILE), whole.path("bytes").asLong());
    assertTrue(answer.path("complete").asBoolean());

    JsonNode page = gateway.admin("/admin/v1/model-files?limit=1&after=more/fourth.gguf");
    assertEquals(List.of("more/second.gguf"), page.path("files").findValuesAsText("file"));
    assertEquals("more/second.gguf", page.path("next").asText());
  }

  @Test
  void aModelIsLoadedUsedChangedAndUnloadedAndNoStreamBreaks() throws Exception {
    String wanted = "{\"file\":\"more/second.gguf\"}";
    JsonNode plan = sent(200, "POST", MODELS + "?plan=true", wanted);
    assertEquals(1, plan.path("starts").asInt());
    assertTrue(plan.path("fits").asBoolean());
    assertFalse(plan.path("needs_confirmation").asBoolean());
    JsonNode memory = plan.path("memory");
    assertEquals(4096, memory.path("kv_tokens").asLong());
    assertTrue(memory.path("needed_bytes").asLong() > 1L << 30);
    assertTrue(memory.path("free_bytes").asLong() > memory.path("needed_bytes").asLong());
    assertTrue(plan.path("expected_ms").asLong() > 0, plan::toString);
    assertEquals("model_not_found", refusal(404, "GET", MODELS + "/second", ""));

    JsonNode begun = sent(202, "POST", MODELS, wanted);
    assertEquals("api", begun.path("model").path("spec").path("origin").asText());
    awaitReady("second", 1);
    JsonNode metadata = model("second").path("metadata");
    assertEquals("llama", metadata.path("architecture").asText());
    assertTrue(metadata.path("fingerprint").asText().startsWith("fp_"));
    assertFalse(metadata.path("loaded_since").asText().isEmpty());

    slow("second");
    StreamClient first = stream("second", 200);
    sent(202, "PATCH", MODELS + "/second", "{\"workers\":2}");
    awaitReady("second", 2);
    slow("second");
    StreamClient other = stream("second", 200);
    JsonNode shrunk = sent(202, "PATCH", MODELS + "/second", "{\"workers\":1}");
    assertEquals(1, shrunk.path("plan").path("leaves").size());
    awaitReady("second", 1);
    assertWhole(first);
    assertWhole(other);

    gateway.close();
    gateway = start();
    awaitReady("second", 1);

    slow("second");
    StreamClient last = stream("second", 200);
    JsonNode leaving = sent(200, "DELETE", MODELS + "/second?plan=true", "");
    assertTrue(leaving.path("needs_confirmation").asBoolean());
    assertEquals(1, leaving.path("leaves").path(0).path("in_flight").asInt());
    assertEquals("confirmation_needed", refusal(409, "DELETE", MODELS + "/second", ""));
    sent(202, "DELETE", MODELS + "/second?confirm=true", "");
    assertEquals(
        404, gateway.post(gateway.api("/v1/chat/completions"), body("second", 1)).statusCode());
    assertWhole(last);
    awaitGone("second");
  }

  @Test
  void theCordonOfAWorkerThatLeftIsNoOthersAfterARestart() throws Exception {
    sent(202, "POST", MODELS, "{\"file\":\"more/third.gguf\",\"name\":\"two\",\"workers\":2}");
    awaitReady("two", 2);
    String first = model("two").path("replicas").path(0).asText();
    sent(200, "POST", "/admin/v1/replicas/" + first + "/cordon", "");
    JsonNode fewer = sent(202, "PATCH", MODELS + "/two", "{\"workers\":1}");
    awaitReady("two", 1);

    gateway.close();
    gateway = start();
    awaitReady("two", 1);

    assertEquals(first, fewer.at("/plan/leaves/0/id").asText(), fewer::toString);
    JsonNode left = model("two").path("replicas").path(0);
    JsonNode replica = gateway.admin("/admin/v1/replicas/" + left.asText());
    assertFalse(replica.path("cordoned").asBoolean(true), replica::toString);
    sent(202, "DELETE", MODELS + "/two?confirm=true", "");
    awaitGone("two");
  }

  @Test
  void stagesAndRanksAreChangedByPlanAndNoStreamBreaks() throws Exception {
    sent(202, "POST", MODELS, "{\"file\":\"more/third.gguf\",\"name\":\"lanes\"}");
    awaitReady("lanes", 1);
    slow("lanes");
    StreamClient stream = stream("lanes", 200);
    String change = "{\"stages\":2,\"ranks\":2}";

    JsonNode plan = sent(200, "PATCH", MODELS + "/lanes?plan=true", change);
    JsonNode before = lanes();
    assertEquals("confirmation_needed", refusal(409, "PATCH", MODELS + "/lanes", change));
    sent(202, "PATCH", MODELS + "/lanes?confirm=true", change);
    Await.until("lanes", ModelsIT::lanes, now -> now.path("lanes").asInt() == 4);

    assertEquals(1, plan.path("restarts").size(), plan::toString);
    assertEquals(1, plan.at("/restarts/0/in_flight").asInt(), plan::toString);
    assertTrue(plan.path("interrupts").asBoolean(), plan::toString);
    assertEquals(1, before.path("lanes").asInt(), before::toString);
    awaitReady("lanes", 1);
    assertWhole(stream);
    assertEquals(2, model("lanes").at("/spec/stages").asInt());
    assertEquals(2, model("lanes").at("/spec/ranks").asInt());
    sent(202, "DELETE", MODELS + "/lanes?confirm=true", "");
  }

  /** What the worker that serves the model says of how it computes. */
  private static JsonNode lanes() throws Exception {
    JsonNode replicas = model("lanes").path("replicas");
    JsonNode state =
        gateway.admin(
            "/admin/v1/replicas/" + replicas.path(replicas.size() - 1).asText() + "/state");
    return ((ObjectNode) state).put("lanes", state.at("/health/ranks").size());
  }

  private static void awaitReplicas(GatewayProcess asked, int count) {
    Await.until(
        count + " replicas",
        () -> asked.admin(MODELS + "/" + GatewayProcess.MODEL),
        now -> now.path("replicas").size() == count);
  }

  @Test
  void aModelOfTheFileIsChangedUnloadedAndGivenBackAndWhoTakesOverKnows() throws Exception {
    String demo = MODELS + "/" + GatewayProcess.MODEL;
    assertEquals("file", model(GatewayProcess.MODEL).path("spec").path("origin").asText());

    sent(202, "PATCH", demo, "{\"standby\":1}");
    awaitReplicas(gateway, 2);
    sent(202, "DELETE", demo + "?confirm=true", "");
    awaitReplicas(gateway, 0);
    JsonNode unloaded = model(GatewayProcess.MODEL).path("spec");
    assertEquals("api", unloaded.path("origin").asText());
    assertFalse(unloaded.path("loaded").asBoolean(true));
    sent(200, "POST", "/admin/v1/config/reload", "");
    assertTrue(model(GatewayProcess.MODEL).path("replicas").isEmpty());

    try (GatewayProcess next = start("--take-over")) {
      JsonNode there = next.admin(demo);
      assertFalse(there.path("spec").path("loaded").asBoolean(true), there::toString);
      awaitReplicas(next, 0);
    }

    sent(202, "POST", demo + "/reset", "");
    awaitReady(GatewayProcess.MODEL, 1);
    assertEquals("file", model(GatewayProcess.MODEL).path("spec").path("origin").asText());
    assertEquals("not_found", refusal(404, "POST", demo + "/reset", ""));
  }

  @Test
  void whatCannotBeServedOrDoesNotFitIsRefusedWithTheNumbers() throws Exception {
    JsonNode damaged = sent(422, "POST", MODELS, "{\"file\":\"more/damaged.gguf\"}").path("error");
    assertEquals("model_not_servable", damaged.path("code").asText());
    assertTrue(damaged.path("message").asText().contains("tensor-out-of-file"));
    assertEquals(
        "model_not_servable",
        refusal(422, "POST", MODELS, "{\"file\":\"more/third.gguf\",\"ranks\":16}"));

    String many = "{\"file\":\"more/third.gguf\",\"workers\":64,\"standby\":64}";
    assertFalse(sent(200, "POST", MODELS + "?plan=true", many).path("fits").asBoolean(true));
    JsonNode error = sent(409, "POST", MODELS, many).path("error");
    assertEquals("insufficient_memory", error.path("code").asText());
    assertTrue(
        error
            .path("message")
            .asText()
            .matches("\\d+ MiB more are needed, and \\d+ MiB are free: a worker takes .*"),
        error::toString);
    assertEquals("model_not_found", refusal(404, "GET", MODELS + "/third", ""));
  }

  @Test
  void noPathLeadsOutOfTheFolder() throws Exception {
    for (String name :
        List.of(
            "../elsewhere.gguf",
            "more/../../elsewhere.gguf",
            home.resolve("elsewhere.gguf").toString(),
            "more//third.gguf",
            "./more/third.gguf",
            "more/third",
            "more/third.gguf\\u0000.gguf")) {
      HttpResponse<String> answer = gateway.admin("POST", MODELS, "{\"file\":\"" + name + "\"}");
      assertEquals(400, answer.statusCode(), name + answer.body());
      assertTrue(answer.body().contains("\"param\":\"file\""), answer.body());
    }
    for (String name : List.of("more/link.gguf", "more/linked/elsewhere.gguf", "more/none.gguf")) {
      assertEquals(
          "file_not_found", refusal(404, "POST", MODELS, "{\"file\":\"" + name + "\"}"), name);
    }
    assertEquals(400, gateway.admin("POST", MODELS, "{\"file\":\"a.gguf\",\"x\":1}").statusCode());
    assertEquals(400, gateway.admin("POST", MODELS + "?x=1", "{\"file\":\"a.gguf\"}").statusCode());
    assertEquals(
        400,
        gateway.admin("POST", MODELS, "{\"file\":\"more/third.gguf\",\"ranks\":0}").statusCode());
  }

  @Test
  void ofTwoOperatorsNeitherOverwritesWhatHeHasNotSeen() throws Exception {
    String wanted = "{\"file\":\"more/fourth.gguf\",\"name\":\"shared\"}";
    assertEquals(412, matching("*", "POST", MODELS, wanted));
    assertEquals(202, matching("none", "POST", MODELS, wanted));
    assertEquals("already_exists", refusal(409, "POST", MODELS, wanted));
    awaitReady("shared", 1);
    String version = model("shared").path("version").asText();

    String path = MODELS + "/shared";
    String change = "{\"standby\":1}";
    HttpResponse<String> one = gateway.admin("PATCH", path, change, "If-Match", version);
    HttpResponse<String> other =
        gateway.admin("DELETE", path + "?confirm=true", "", "If-Match", version);

    assertEquals(202, one.statusCode(), one.body());
    assertEquals(412, other.statusCode(), other.body());
    JsonNode entry = gateway.admin("/admin/v1/audit?limit=10").path("audit").path(1);
    assertEquals("PATCH /admin/v1/models/:id", entry.path("action").asText(), entry::toString);
    assertEquals(0, entry.path("before").path("standby").asInt(-1), entry::toString);
    assertEquals(1, entry.path("after").path("standby").asInt(), entry::toString);
    assertEquals(412, matching(version, "PATCH", path, "{\"standby\":2}"));
    assertEquals(412, matching(version, "POST", path + "/reset", ""));
    assertEquals(1, model("shared").path("spec").path("standby").asInt());
    sent(202, "DELETE", path + "?confirm=true", "");
  }

  private static int matching(String version, String method, String path, String body)
      throws Exception {
    return gateway.admin(method, path, body, "If-Match", version).statusCode();
  }

  @Test
  void diagnosticsHaveWhatWorkersSayAndTheirLogs() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(gateway.adminUri("/admin/v1/diagnostics"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.noBody())
            .build();
    byte[] archive = gateway.client().send(request, HttpResponse.BodyHandlers.ofByteArray()).body();

    Map<String, String> entries = DiagnosticsIT.entries(archive);

    String worker = gateway.firstReady();
    JsonNode state = JSON.readTree(entries.getOrDefault("workers/" + worker + "-state.json", ""));
    assertEquals("llama", state.path("model").path("architecture").asText());
    assertTrue(entries.containsKey("workers/" + worker + ".log"), entries.keySet()::toString);
    assertTrue(entries.getOrDefault("models.json", "").contains("\"fingerprint\""));
    String first =
        JSON.readTree(entries.getOrDefault("config.json", ""))
            .at("/origins/models/origin")
            .asText();
    assertEquals("file", first);
  }
}
