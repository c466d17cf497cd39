package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PfxOptions;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Aliases, splits, fallbacks, sessions and foreign servers, before scripted upstreams. */
class RoutingIT {
  private static final String MODEL = "X-Switchboard-Model";
  private static final String FALLBACK = "X-Switchboard-Fallback";
  private static final int SLOW_MS = 300;
  private static final int LEARNED = 4;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String SERVED =
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":10}}";
  private static final String REPLICA = "X-Switchboard-Replica";

  @TempDir private @Nullable Path folder;

  private FakeUpstream first;
  private FakeUpstream second;

  @BeforeEach
  void start() throws Exception {
    first = new FakeUpstream();
    second = new FakeUpstream();
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    second.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void stop() {
    first.close();
    second.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"slo", "least-loaded", "round-robin"})
  void aWeightIsAShareOfTheRequests(String policy) throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.of(
                "routing: {policy: "
                    + policy
                    + "}"
                    + upstreams("models: [m]", "models: [m], weight: 0.1"))
            .awaitEveryReplica()) {
      for (int i = 0; i < 220; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      }

      assertEquals(20, second.seen.size(), 2);
    }
  }

  @Test
  void modelsThatAreAskedInTurnUseAllOfTheirReplicas() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.of(
                "routing: {policy: round-robin}" + upstreams("models: [m, n]", "models: [m, n]"))
            .awaitEveryReplica()) {
      for (int i = 0; i < 4; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false).replace("\"m\"", "\"n\""));
      }

      assertEquals(4, first.seen.size());
      assertEquals(4, second.seen.size());
      assertEquals(2, first.seen.stream().filter(seen -> seen.body().contains("\"n\"")).count());
    }
  }

  @Test
  void whereARequestWouldGoIsToldWithItsTableAndSendsNothing() throws Exception {
    String routes = "routes: [{name: split, targets: [{model: m}, {model: n}]}]\n";
    try (InProcessGateway gateway =
        InProcessGateway.of(routes + upstreams("models: [m]", "models: [n]")).awaitEveryReplica()) {
      String wanted =
          "{\"model\":\"split\",\"prompt_tokens\":500,\"headers\":{\"x-slo-ttft-ms\":\"250\"}}";
      List<String> models = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        HttpResponse<String> answer = gateway.admin("POST", "/admin/v1/route", wanted);
        JsonNode decision = JSON.readTree(answer.body());
        assertEquals(200, answer.statusCode(), answer::body);
        assertEquals(250, decision.at("/slo/ttft_ms").asInt());
        assertEquals(1, decision.path("candidates").size());
        assertEquals(decision.path("chosen"), decision.at("/candidates/0/replica"));
        ApiDocument document = ApiDocument.at(gateway, gateway.admin("/openapi.json"));
        assertEquals(List.of(), document.faults("RouteDecision", answer.body()));
        models.add(decision.path("model").asText());
      }

      // The split's next side stays the same until a request has taken it.
      assertEquals(List.of("m", "m", "m"), models);
      assertTrue(first.seen.isEmpty() && second.seen.isEmpty());
      assertEquals(404, status(gateway, "{\"model\":\"none\"}"));
      assertEquals(400, status(gateway, "{\"model\":\"m\",\"prompt_tokens\":0}"));
      assertEquals(400, status(gateway, "{\"model\":\"m\",\"headers\":{\"X-Priority\":\"no\"}}"));
      assertEquals(0, audited(gateway));
    }
  }

  /** The request that is sent next goes there, and its table has the same rows. */
  @ParameterizedTest
  @ValueSource(strings = {"slo", "round-robin", "least-loaded"})
  void aRequestGoesWhereItWasSaidThatItWouldGo(String policy) throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("routing: {policy: " + policy + "}", first, second)
            .awaitEveryReplica()) {
      Set<String> chosen = new TreeSet<>();
      for (int i = 0; i < 4; i++) {
        chosen.add(foretold(gateway, policy + i).path("chosen").asText());
      }
      gateway.adminPost("/admin/v1/replicas/u0/cordon", "application/json");
      JsonNode told = foretold(gateway, policy + "-cordoned");

      assertEquals(policy.equals("round-robin") ? Set.of("u0", "u1") : chosen, chosen);
      assertEquals("u1", told.path("chosen").asText());
      assertEquals("u0 \"state CORDONED\", u1 null", rows(told));
    }
  }

  /** Asks where a request would go, sends it, and holds its own decision to that. */
  private static JsonNode foretold(InProcessGateway gateway, String id) throws Exception {
    JsonNode told = gateway.adminBody("/admin/v1/route", "{\"model\":\"m\",\"prompt_tokens\":1}");
    gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-Request-Id", id);
    JsonNode route = gateway.timeline(id).path("route");

    assertEquals(2, told.path("candidates").size(), told::toString);
    for (String what : List.of("policy", "chosen", "model", "requested_model", "fallback_reason")) {
      assertEquals(route.path(what), told.path(what), what);
    }
    assertEquals(rows(route), rows(told));
    return told;
  }

  /** Its replicas, with why they were left out. */
  private static String rows(JsonNode decision) {
    return decision
        .path("candidates")
        .valueStream()
        .map(each -> each.path("replica").asText() + " " + each.path("rejected"))
        .collect(Collectors.joining(", "));
  }

  private static int status(InProcessGateway gateway, String body) throws Exception {
    return gateway.admin("POST", "/admin/v1/route", body).statusCode();
  }

  private static int audited(InProcessGateway gateway) throws Exception {
    String log = gateway.get(gateway.admin("/admin/v1/audit")).body();
    return JSON.readTree(log).path("audit").size();
  }

  private String upstreams(String firstMore, String secondMore) {
    return "\nupstreams:\n  - {url: \""
        + first.url()
        + "\", "
        + firstMore
        + "}\n  - {url: \""
        + second.url()
        + "\", "
        + secondMore
        + "}\n";
  }

  private static String chat(String model) {
    return "{ \"messages\":[{\"role\":\"user\",\"content\":\"say \\\"model\\\"\"}],\"model\": \""
        + model
        + "\",\"stream\":false }";
  }

  private static String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  @Test
  void anAliasIsServedByItsModelUnderTheNameThatTheReplicaKnows() throws Exception {
    String yaml =
        "routes: [{name: chat, targets: [{model: m}]}]"
            + upstreams("models: [m], model-names: {m: org/m-8b}", "models: [other]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, chat("chat"), "X-Request-Id", "r");
      String models = gateway.get(gateway.api("/v1/models")).body();
      JsonNode route = gateway.timeline("r").path("route");

      assertEquals(200, answer.statusCode());
      assertEquals("m", header(answer, MODEL));
      assertEquals(chat("org/m-8b"), first.seen.take().body());
      assertTrue(models.contains("\"chat\"") && models.contains("\"m\""), models);
      assertEquals("chat", route.path("requested_model").asText());
      assertEquals("slo", route.path("policy").asText());
      JsonNode row = route.path("candidates").path(0);
      for (String column :
          List.of("ttft_ms", "ttft_p90_ms", "tpot_ms", "prefix_tokens", "weight", "circuit")) {
        assertTrue(row.has(column), () -> column + " is not in " + row);
      }
    }
  }

  @Test
  void aReloadChangesRoutesForTheNextRequest() throws Exception {
    String upstreams = upstreams("models: [a]", "models: [b]");
    try (InProcessGateway gateway =
        InProcessGateway.of("routes: [{name: chat, targets: [{model: a}]}]" + upstreams)) {
      String before = header(gateway.post(InProcessGateway.CHAT, chat("chat")), MODEL);
      gateway.rewrite("routes: [{name: talk, targets: [{model: b}]}]" + upstreams);
      HttpResponse<String> done = gateway.admin("POST", "/admin/v1/config/reload", "");
      String after = header(gateway.post(InProcessGateway.CHAT, chat("talk")), MODEL);
      HttpResponse<String> gone = gateway.post(InProcessGateway.CHAT, chat("chat"));
      gateway.rewrite("routes: [{name: talk, targets: [{model: c}]}]" + upstreams);
      HttpResponse<String> wrong = gateway.admin("POST", "/admin/v1/config/reload", "");

      assertEquals("a", before);
      assertTrue(done.body().startsWith("{\"changed\":[\"routes\"],"), done.body());
      assertEquals("b", after);
      assertEquals(404, gone.statusCode());
      assertEquals(400, wrong.statusCode());
      assertTrue(wrong.body().contains("routes[0].targets"), wrong.body());
      String models = gateway.get(gateway.api("/v1/models")).body();
      assertTrue(models.contains("\"talk\"") && !models.contains("\"chat\""), models);
    }
  }

  /** The preview follows what the store and a reload say, as requests do. */
  @Test
  void whereARequestWouldGoIsToldByTheRoutesAndClassesOfNow() throws Exception {
    String upstreams = upstreams("models: [a]", "models: [b]");
    try (InProcessGateway gateway =
        InProcessGateway.of("routes: [{name: chat, targets: [{model: a}]}]" + upstreams)
            .awaitEveryReplica()) {
      String live = "{\"model\":\"canary\",\"headers\":{\"X-SLO-Class\":\"live\"}}";
      gateway.admin("PUT", "/admin/v1/splits/canary", "{\"targets\":[{\"model\":\"b\"}]}");
      gateway.admin("PUT", "/admin/v1/slo-classes/live", "{\"ttft_ms\":81}");
      JsonNode canary = gateway.adminBody("/admin/v1/route", live);
      JsonNode before = gateway.adminBody("/admin/v1/route", "{\"model\":\"chat\"}");
      gateway.rewrite(
          "routing: {policy: least-loaded}\nroutes: [{name: chat, targets: [{model: b}]}]"
              + upstreams);
      gateway.admin("POST", "/admin/v1/config/reload", "");
      JsonNode after = gateway.adminBody("/admin/v1/route", "{\"model\":\"chat\"}");
      gateway.admin("DELETE", "/admin/v1/splits/canary", "");

      assertEquals("b", canary.path("model").asText(), canary::toString);
      assertEquals(81, canary.at("/slo/ttft_ms").asInt(), canary::toString);
      assertEquals("a", before.path("model").asText(), before::toString);
      assertEquals("b", after.path("model").asText(), after::toString);
      assertEquals("least-loaded", after.path("policy").asText(), after::toString);
      assertEquals(404, status(gateway, live));
    }
  }

  @Test
  void aBodyWhoseModelTheReplicaKnowsGoesOnByteForByte() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      gateway.post(InProcessGateway.CHAT, chat("m"));

      assertEquals(chat("m"), first.seen.take().body());
    }
  }

  @Test
  void aSplitSendsEachSessionAlwaysToTheSameModel() throws Exception {
    String yaml =
        "routes: [{name: chat, targets: [{model: a, weight: 1}, {model: b, weight: 1}]}]"
            + upstreams("models: [a]", "models: [b]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      Set<String> models = new HashSet<>();
      for (int i = 0; i < 24; i++) {
        String once = split(gateway, "session-" + i);
        assertEquals(once, split(gateway, "session-" + i));
        models.add(once);
      }

      assertEquals(Set.of("a", "b"), models);
    }
  }

  private static String split(InProcessGateway gateway, String session) throws Exception {
    return header(
        gateway.post(InProcessGateway.CHAT, chat("chat"), "X-Switchboard-Session", session), MODEL);
  }

  @Test
  void aFallbackServesWhereTheModelHasNoReplicaAndTheHeadersSayIt() throws Exception {
    String yaml =
        "routes: [{name: big, fallbacks: [small]}]" + upstreams("models: [big]", "models: [small]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      HttpResponse<String> before = gateway.post(InProcessGateway.CHAT, chat("big"));
      gateway.adminPost("/admin/v1/replicas/u0/drain", "application/json");
      HttpResponse<String> after = gateway.post(InProcessGateway.CHAT, chat("big"));

      assertEquals("big", header(before, MODEL));
      assertEquals("", header(before, FALLBACK));
      assertEquals("small", header(after, MODEL));
      assertEquals("big->small no_replica", header(after, FALLBACK));
      assertEquals(chat("small"), second.seen.take().body());
      assertEquals(
          1,
          gateway.metric(
              "switchboard_fallbacks_total{from=\"big\",reason=\"no_replica\",to=\"small\"}"));
    }
  }

  @Test
  void aReplicaThatBreaksIsReplacedByTheFallbackBeforeTheFirstByte() throws Exception {
    first.script((request, body) -> request.connection().close());
    String yaml =
        "routes: [{name: big, fallbacks: [small]}]" + upstreams("models: [big]", "models: [small]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, chat("big"));

      assertEquals(200, answer.statusCode());
      assertEquals("small", header(answer, MODEL));
      assertEquals("big->small no_replica", header(answer, FALLBACK));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {404, 405, 501, 302, 401})
  void aServerThatDoesNotKnowTheModelItListedIsReplacedByTheFallback(int status) throws Exception {
    first.script(
        (request, body) ->
            request.response().setStatusCode(status).end("{\"error\":{\"message\":\"who?\"}}"));
    String yaml =
        "routes: [{name: big, fallbacks: [small]}]" + upstreams("models: [big]", "models: [small]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, chat("big"));

      assertEquals(200, answer.statusCode());
      assertEquals("small", header(answer, MODEL));
    }
  }

  @Test
  void withoutAFallbackItIsTheServersFailureAndForOtherPathsItsOwnAnswer() throws Exception {
    first.script((request, body) -> request.response().setStatusCode(404).end("{\"detail\":1}"));
    try (InProcessGateway gateway =
        InProcessGateway.of(upstreams("models: [a]", "models: [b]").strip())) {
      HttpResponse<String> chat = gateway.post(InProcessGateway.CHAT, chat("a"));
      HttpResponse<String> vectors =
          gateway.post("/v1/embeddings", "{\"model\":\"a\",\"input\":\"x\"}");

      assertEquals(502, chat.statusCode(), chat::body);
      assertEquals(404, vectors.statusCode(), vectors::body);
      assertEquals("{\"detail\":1}", vectors.body());
    }
  }

  @Test
  void aFallbackServesWhereTheModelIsTooSlowForTheDeadlineAndTheHeadersSayIt() throws Exception {
    slow(first);
    second.script((request, body) -> request.response().end(SERVED));
    try (InProcessGateway gateway = withFallback()) {
      teach(gateway, "big");
      teach(gateway, "small");

      HttpResponse<String> answer = hurried(gateway, "r");

      assertEquals(200, answer.statusCode(), gateway.timeline("r").path("route").toString());
      assertEquals("small", header(answer, MODEL));
      assertEquals("big->small deadline", header(answer, FALLBACK));
      assertEquals(
          1,
          gateway.metric(
              "switchboard_fallbacks_total{from=\"big\",reason=\"deadline\",to=\"small\"}"));
    }
  }

  @Test
  void aFallbackThatHasServedNothingIsTriedAtOnceWhereTheModelIsTooSlow() throws Exception {
    slow(first);
    second.script((request, body) -> request.response().end(SERVED));
    try (InProcessGateway gateway = withFallback()) {
      teach(gateway, "big");

      HttpResponse<String> answer = hurried(gateway, "r");

      assertEquals(200, answer.statusCode(), gateway.timeline("r").path("route").toString());
      assertEquals("small", header(answer, MODEL));
      assertEquals("big->small deadline", header(answer, FALLBACK));
    }
  }

  @Test
  void whatNeitherTheModelNorItsFallbackCanServeInTimeIsRefusedAtOnce() throws Exception {
    slow(first);
    slow(second);
    try (InProcessGateway gateway = withFallback()) {
      teach(gateway, "big");

      HttpResponse<String> tried = hurried(gateway, "tried");
      HttpResponse<String> refused = hurried(gateway, "refused");

      assertEquals(504, tried.statusCode());
      assertEquals("u1", attempt(gateway, "tried"));
      assertEquals(504, refused.statusCode());
      assertEquals("deadline_unreachable", header(refused, "X-Switchboard-Reason"));
      assertEquals("", header(refused, "Retry-After"), "no wait helps where nobody is");
      assertTrue(refused.body().contains("\"queue_position\":1"), refused.body());
      assertTrue(refused.body().contains("\"predicted_wait_ms\""), refused.body());
      assertEquals("", attempt(gateway, "refused"));
    }
  }

  @Test
  void whatTheNextBestReplicaWouldHaveComeToIsExplained() throws Exception {
    first.script((request, body) -> streamed(request));
    second.script((request, body) -> second.vertx().setTimer(SLOW_MS, late -> streamed(request)));
    String stream = InProcessGateway.chat(true);
    try (InProcessGateway gateway =
        InProcessGateway.before("routing: {policy: slo}", first, second).awaitEveryReplica()) {
      AtomicInteger lessons = new AtomicInteger();
      JsonNode told =
          Await.until(
              "u1 is known as slower",
              () -> {
                String id = "with" + lessons.incrementAndGet();
                gateway.post(InProcessGateway.CHAT, stream, "X-Request-Id", id);
                return explained(gateway, id);
              },
              RoutingIT::slower);
      assertNextBest(told);

      gateway.adminPost("/admin/v1/replicas/u1/cordon", "application/json");
      gateway.post(InProcessGateway.CHAT, stream, "X-Request-Id", "alone");
      JsonNode alone = explained(gateway, "alone");
      assertEquals("u1", alone.at("/other_replica/replica").asText(), alone::toString);
      assertEquals("state CORDONED", alone.at("/other_replica/rejected").asText(), alone::toString);
      assertTrue(alone.at("/other_replica/score_margin").isNull(), alone::toString);
      String text = alone.path("text").asText();
      assertTrue(text.contains("u1 was left out (state CORDONED)"), text);
    }
  }

  /** What few requests teach of a replica is not yet believed. */
  private static boolean slower(JsonNode told) {
    JsonNode other = told.path("other_replica");
    return other.path("replica").asText().equals("u1")
        && other.path("predicted_ttft_ms").asDouble()
            > 2 * other.path("chosen_predicted_ttft_ms").asDouble();
  }

  /** It takes its time before every first token, whatever waits there. */
  private static void assertNextBest(JsonNode told) {
    JsonNode other = told.path("other_replica");
    assertTrue(other.path("rejected").isNull(), told::toString);
    assertTrue(other.path("measured_ttft_ms").asDouble() > 0, told::toString);
    assertTrue(other.path("score_margin").asDouble() > 0, told::toString);
    assertEquals(-1, other.path("fewer_tokens").asInt(), told::toString);
    String text = told.path("text").asText();
    assertTrue(text.contains("Even with no prompt waiting there u1 would not"), text);
  }

  private static JsonNode explained(InProcessGateway gateway, String id) throws Exception {
    JsonNode _ = gateway.timeline(id);
    return gateway.adminJson("/admin/v1/requests/" + id + "/explain");
  }

  private static void streamed(HttpServerRequest request) {
    FakeUpstream.events(request)
        .end(
            FakeUpstream.role()
                + FakeUpstream.content("a")
                + FakeUpstream.content("b")
                + FakeUpstream.finish()
                + FakeUpstream.done());
  }

  private void slow(FakeUpstream upstream) {
    upstream.script(
        (request, body) ->
            upstream.vertx().setTimer(SLOW_MS, late -> request.response().end(SERVED)));
  }

  private InProcessGateway withFallback() throws Exception {
    return InProcessGateway.of(
        "routes: [{name: big, fallbacks: [small]}]"
            + upstreams("models: [big]", "models: [small]"));
  }

  private static void teach(InProcessGateway gateway, String model) throws Exception {
    for (int i = 0; i < LEARNED; i++) {
      assertEquals(model, header(gateway.post(InProcessGateway.CHAT, chat(model)), MODEL));
    }
  }

  /** For the model, with less time than a slow server takes. */
  private static HttpResponse<String> hurried(InProcessGateway gateway, String id)
      throws Exception {
    return gateway.post(
        InProcessGateway.CHAT,
        chat("big"),
        "X-SLO-Deadline-Ms",
        "" + (SLOW_MS - 50),
        "X-Request-Id",
        id);
  }

  /** The replica that a request was sent to first; empty for none. */
  private static String attempt(InProcessGateway gateway, String id) throws Exception {
    return gateway.timeline(id).path("attempts").path(0).path("replica").asText();
  }

  @Test
  void aSessionStaysAtItsReplica() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("routing: {policy: round-robin}", first, second)) {
      gateway.awaitEveryReplica();
      Set<String> plain = new HashSet<>();
      Set<String> session = new HashSet<>();
      for (int i = 0; i < 6; i++) {
        plain.add(header(gateway.post(InProcessGateway.CHAT, chat("m")), REPLICA));
        plain.add(header(gateway.post(InProcessGateway.CHAT, chat("m")), REPLICA));
        session.add(
            header(
                gateway.post(InProcessGateway.CHAT, chat("m"), "X-Switchboard-Session", "s"),
                REPLICA));
      }
      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, chat("m"), "X-Switchboard-Session", "a b");

      assertEquals(Set.of("u0", "u1"), plain);
      assertEquals(1, session.size());
      assertEquals(400, refused.statusCode());
      assertTrue(refused.body().contains("X-Switchboard-Session"), refused.body());
    }
  }

  @Test
  void aSessionLeavesAReplicaThatMissesItsDeadline() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      String home = session(gateway);
      upstream(home).script((request, body) -> {});
      HttpResponse<String> late = inSession(gateway, false, "X-SLO-Deadline-Ms", "2000");
      HttpResponse<String> next = inSession(gateway, false, "X-SLO-Deadline-Ms", "2000");
      HttpResponse<String> again = inSession(gateway, false);

      assertEquals(504, late.statusCode());
      assertEquals(200, next.statusCode());
      assertEquals(other(home), header(next, REPLICA));
      assertEquals(other(home), header(again, REPLICA));
    }
  }

  @Test
  void aSessionLeavesAReplicaWhereItsRequestWaitsForItsFirstToken() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      String home = session(gateway);
      BlockingQueue<HttpServerRequest> held = new LinkedBlockingQueue<>();
      upstream(home).script((request, body) -> held.add(request));
      Thread waiting =
          Thread.ofVirtual().start(() -> inSession(gateway, true, "X-SLO-Deadline-Ms", "60000"));
      Await.until("overdue", () -> overdueMs(gateway, home), lateMs -> lateMs > 200);
      HttpResponse<String> next = inSession(gateway, false, "X-SLO-TTFT-Ms", "200");
      streamed(held.take());
      waiting.join();

      assertEquals(200, next.statusCode());
      assertEquals(other(home), header(next, REPLICA));
    }
  }

  @Test
  void aSessionWhoseReplicaBreaksBeforeTheFirstByteGoesOnElsewhere() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      String home = session(gateway);
      upstream(home).script((request, body) -> request.connection().close());
      HttpResponse<String> retried = inSession(gateway, false);
      upstream(home).script((request, body) -> request.response().end("{\"choices\":[]}"));
      HttpResponse<String> next = inSession(gateway, false);

      assertEquals(200, retried.statusCode());
      assertEquals(other(home), header(retried, REPLICA));
      assertEquals(other(home), header(next, REPLICA));
    }
  }

  @Test
  void aRequestOfASessionThatWaitsAtAServerThatAnswersNobodyIsMoved() throws Exception {
    String yaml = "workers: {state-poll-ms: 50, state-timeout-ms: 1000, eject-after: 2}";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, first, second)) {
      String home = session(gateway);
      upstream(home).silent(true);
      HttpResponse<String> moved = inSession(gateway, false, "X-SLO-Deadline-Ms", "20000");

      assertEquals(200, moved.statusCode());
      assertEquals(other(home), header(moved, REPLICA));
    }
  }

  /** Where a session begins, with both replicas ready. */
  private static String session(InProcessGateway gateway) throws Exception {
    gateway.awaitEveryReplica();
    return header(inSession(gateway, false), REPLICA);
  }

  private static HttpResponse<String> inSession(
      InProcessGateway gateway, boolean stream, String... headers) {
    List<String> all = new ArrayList<>(List.of(headers));
    all.addAll(List.of("X-Switchboard-Session", "s"));
    try {
      return gateway.post(
          InProcessGateway.CHAT, InProcessGateway.chat(stream), all.toArray(new String[0]));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static double overdueMs(InProcessGateway gateway, String replica) {
    return gateway.fleet().views("m", new SystemClock().epochNanos()).stream()
        .filter(view -> view.id().equals(replica))
        .mapToDouble(view -> view.own().overdueMs())
        .sum();
  }

  private FakeUpstream upstream(String replica) {
    return replica.equals("u0") ? first : second;
  }

  private static String other(String replica) {
    return replica.equals("u0") ? "u1" : "u0";
  }

  @Test
  void aLongPromptIsKnownWhereItWasBefore() throws Exception {
    String text = "once upon a time ".repeat(200);
    String body =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" + text + "\"}]}";
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      gateway.awaitEveryReplica();
      List<String> replicas = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, body, "X-Request-Id", "r" + i);
        replicas.add(header(answer, REPLICA));
      }
      JsonNode route = gateway.timeline("r1").path("route");
      int known = 0;
      for (JsonNode row : route.path("candidates")) {
        if (row.path("replica").asText().equals(replicas.getFirst())) {
          known = row.path("prefix_tokens").asInt();
        }
      }

      assertEquals(13 * 64, known);
    }
  }

  @Test
  void aShadowIsCountedAndChangesNothing() throws Exception {
    String yaml =
        "routes: [{name: m, policy: least-loaded, shadow: power-of-two}]"
            + upstreams("models: [m]", "models: [m]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, chat("m"), "X-Request-Id", "r");
      JsonNode route = gateway.timeline("r").path("route");

      assertEquals("least-loaded", route.path("policy").asText());
      JsonNode shadow = route.path("shadow");
      assertEquals("power-of-two", shadow.path("policy").asText());
      assertEquals(
          "power-of-two " + shadow.path("chosen").asText(),
          answer.headers().firstValue("X-Switchboard-Shadow").orElse(""));
      double agrees = shadows(gateway, "true");
      assertEquals(1, agrees + shadows(gateway, "false"));
      JsonNode told = gateway.adminJson("/admin/v1/splits").path("splits").path(0);
      JsonNode results = told.path("shadow_results");
      assertEquals("least-loaded", results.path("policy").asText(), told::toString);
      assertEquals("power-of-two", results.path("shadow").asText());
      assertEquals(1, results.path("decisions").asInt());
      assertEquals(agrees, results.path("agree").asDouble());
      assertEquals(1, results.path("samples").asInt(), told::toString);
      assertTrue(results.path("regret_ms").asDouble(-1) >= 0, told::toString);
      assertTrue(results.at("/primary/ttft_ms").asDouble() > 0, told::toString);
      assertTrue(results.at("/shadow_predicted/ttft_ms").isNumber(), told::toString);
    }
  }

  private static double shadows(InProcessGateway gateway, String agrees) throws Exception {
    return gateway.metric(
        "switchboard_shadow_decisions_total{agrees=\""
            + agrees
            + "\",model=\"m\",policy=\"power-of-two\"}");
  }

  @Test
  void aServerGetsNoMoreRequestsThanItTakes() throws Exception {
    ConcurrentLinkedQueue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();
    first.script((request, body) -> held.add(request));
    String yaml = upstreams("models: [m], max-concurrency: 1", "models: [other]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      Thread waiting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      gateway.post(InProcessGateway.CHAT, chat("m"));
                    } catch (Exception e) {
                      throw new AssertionError(e);
                    }
                  });
      Await.until("a request", () -> !held.isEmpty());
      HttpResponse<String> refused = gateway.post(InProcessGateway.CHAT, chat("m"));
      held.element().response().end("{\"choices\":[]}");
      waiting.join();

      assertEquals(429, refused.statusCode());
      assertEquals(1, held.size());
    }
  }

  @Test
  void aServerThatIsFullOfEmbeddingsIsNotTakenForIdle() throws Exception {
    ConcurrentLinkedQueue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();
    first.script((request, body) -> held.add(request));
    second.script((request, body) -> held.add(request));
    try (InProcessGateway gateway = InProcessGateway.of(upstreams("models: [m]", "models: [m]"));
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        // The first one takes some ten seconds by what is to be expected before anything is known.
        String text = "x ".repeat(i == 0 ? 100_000 : 1);
        answers.add(
            clients.submit(
                () ->
                    gateway
                        .post(
                            "/v1/embeddings",
                            "{\"model\":\"m\",\"input\":\"" + text + "\"}",
                            "X-SLO-Deadline-Ms",
                            "" + (text.length() > 2 ? 60_000 : 5000))
                        .statusCode()));
        int sent = i + 1;
        Await.until("requests", held::size, count -> count == sent);
      }
      List<Integer> requests = List.of(first.seen.size(), second.seen.size());
      JsonNode learned = gateway.adminJson("/admin/v1/replicas");
      held.forEach(request -> request.response().end("{\"data\":[]}"));

      assertEquals(Set.of(1, 3), Set.copyOf(requests), learned::toString);
      for (Future<Integer> answer : answers) {
        assertEquals(200, answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }
      Await.until("samples", () -> samples(gateway), count -> count == 4);
    }
  }

  private static int samples(InProcessGateway gateway) throws Exception {
    int samples = 0;
    for (JsonNode row : gateway.adminJson("/admin/v1/replicas").path("replicas")) {
      // What one model's servers learn, they learn together.
      samples = Math.max(samples, row.path("learned").path("samples").asInt());
    }
    return samples;
  }

  @Test
  void aServersKeyGoesWithProbesAndRequestsAndIntoNoLog() throws Exception {
    Path key = Files.writeString(path("key"), "sk-secret-1\n");
    String yaml = upstreams("models: [m], api-key-file: \"" + key + "\"", "models: [other]");
    try (InProcessGateway gateway = InProcessGateway.of(yaml)) {
      gateway.post(InProcessGateway.CHAT, chat("m"), "Authorization", "Bearer client");
      gateway.post(InProcessGateway.CHAT, chat("other"), "Authorization", "Bearer client");

      assertEquals("Bearer sk-secret-1", first.seen.take().headers().get("Authorization"));
      assertFalse(second.seen.take().headers().containsKey("Authorization"));
      assertEquals(Set.of("Bearer sk-secret-1"), first.probed);
      String told =
          gateway.get(gateway.admin("/admin/v1/replicas")).body()
              + gateway.fleet().replicas().getFirst().access();
      assertFalse(told.contains("sk-secret"), told);
    }
  }

  @Test
  void aMissingKeyEndsTheStart() {
    String file = upstreams("models: [m], api-key-file: /nowhere/key", "models: [other]");
    String variable = upstreams("models: [m], api-key-env: NO_SUCH_VARIABLE", "models: [other]");

    assertTrue(complaint(file).startsWith("upstreams[0].api-key-file: cannot read"));
    assertTrue(complaint(variable).contains("NO_SUCH_VARIABLE"));
    assertTrue(
        complaint("routes: [{name: x}]" + upstreams("models: [a]", "models: [b]"))
            .startsWith("routes[0].name"));
  }

  private static String complaint(String yaml) {
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> InProcessGateway.of(yaml)).getMessage());
  }

  @Test
  void aServerBehindTlsIsReachedOnlyWithTheCertificateThatIsTrusted() throws Exception {
    Path store = path("store.p12");
    Path certificate = path("ca.pem");
    keytool(store, "-genkeypair", "-keyalg", "EC", "-dname", "CN=x", "-ext", "SAN=IP:127.0.0.1");
    keytool(store, "-exportcert", "-rfc", "-file", certificate.toString());
    HttpServerOptions options =
        new HttpServerOptions()
            .setPort(0)
            .setSsl(true)
            .setKeyCertOptions(new PfxOptions().setPath(store.toString()).setPassword("password"));
    try (FakeUpstream secure = new FakeUpstream(options)) {
      secure.script((request, body) -> request.response().end("{\"choices\":[]}"));
      String upstream = "\nupstreams:\n  - {url: \"" + secure.url() + "\", models: [m]";
      String trusted = upstream + ", tls-ca-file: \"" + certificate + "\"}\n";
      try (InProcessGateway gateway = InProcessGateway.of(trusted)) {
        assertEquals(200, gateway.post(InProcessGateway.CHAT, chat("m")).statusCode());
      }
      secure.probed.clear();
      try (InProcessGateway gateway = InProcessGateway.unready("", secure.url())) {
        assertEquals(503, gateway.post(InProcessGateway.CHAT, chat("m")).statusCode());
        assertEquals(Set.of(), secure.probed);
      }
    }
  }

  private Path path(String name) {
    return Path.of(String.valueOf(folder)).resolve(name);
  }

  private static void keytool(Path store, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.add(arguments[0]);
    command.addAll(List.of("-keystore", store.toString(), "-storepass", "password"));
    command.addAll(List.of("-alias", "server"));
    command.addAll(List.of(arguments).subList(1, arguments.length));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(
        process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0, output);
  }
}
