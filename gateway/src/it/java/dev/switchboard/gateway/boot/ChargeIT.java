package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What clients are charged with, however their answers end, and what quotas let in. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChargeIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TENANTS = 20;
  private static final String CHAT = InProcessGateway.CHAT;

  private static final String ANSWERED =
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":%d}}";

  private FakeUpstream upstream;
  private InProcessGateway gateway;
  private final Queue<HttpServerResponse> open = new ConcurrentLinkedQueue<>();

  /** A tenant for each test, and the only key of it. */
  private int tenant;

  @BeforeAll
  void start() throws Exception {
    upstream = new FakeUpstream();
    StringBuilder keys = new StringBuilder();
    for (int i = 1; i <= TENANTS; i++) {
      keys.append("{name: k").append(i).append(", tenant: t").append(i).append(", sha256: \"");
      keys.append(HexFormat.of().formatHex(KeySecret.sha256("key" + i))).append("\"},");
    }
    gateway =
        InProcessGateway.before(
            "admission: {replica-concurrency: 256}\nauth: {keys: [" + keys + "]}", upstream);
  }

  @AfterAll
  void stop() throws Exception {
    gateway.close();
    upstream.close();
  }

  @BeforeEach
  void another() {
    tenant++;
    open.clear();
    upstream.seen.clear();
  }

  private void limit(long tokens) throws Exception {
    String limits = "{\"tokens_per_day\":" + tokens + "}";
    String path = "/admin/v1/tenants/t" + tenant;
    assertEquals(200, gateway.admin("PUT", path, limits).statusCode());
  }

  @Test
  void aStreamThatItsClientClosesIsChargedWithWhatWasRelayedAndThePrompt() throws Exception {
    limit(1_000_000);
    double counted = tokens("completion");
    double prompted = tokens("prompt");
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          for (int i = 0; i < 7; i++) {
            events.write(FakeUpstream.content("a"));
          }
        });
    String body = chat(true, "");
    HttpResponse<InputStream> answer = gateway.open(CHAT, body, "Authorization", key());
    BufferedReader reader = reader(answer);
    for (int i = 0; i < 14; i++) {
      reader.readLine();
    }

    answer.body().close();

    awaitUse();
    assertEquals(prompt(body) + 7, used());
    assertEquals(counted + 7, tokens("completion"));
    assertEquals(prompted + prompt(body), tokens("prompt"));
    assertEquals(used(), quotaUsed());
  }

  /** LocalAI tells such with every piece (its issue 1744). */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void usageOfZerosInEachPieceChargesThePieces(boolean left) throws Exception {
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          for (int i = 0; i < 7; i++) {
            events.write(withUsage("a", 0, 0));
          }
          if (!left) {
            events.end("data: [DONE]\n\n");
          }
        });
    String body = chat(true, "");

    stream(body, left);

    Await.until("its record", this::requests, requests -> requests > 0);
    assertEquals(prompt(body) + 7, used());
  }

  /** The prompt is told first, the output with the last piece only. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void usageThatIsToldEarlyIsNoneOfWhatFollows(boolean left) throws Exception {
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          events.write(withUsage("a", 9, 0));
          for (int i = 0; i < 6; i++) {
            events.write(FakeUpstream.content("a"));
          }
          if (!left) {
            events.end(withUsage("", 9, 5) + "data: [DONE]\n\n");
          }
        });

    stream(chat(true, ""), left);

    Await.until("its record", this::requests, requests -> requests > 0);
    assertEquals(left ? 9 + 7 : 9 + 5, used());
  }

  @ParameterizedTest
  @CsvSource({"0, 0, true, true", "7, , false, true", "7, 0, false, false"})
  void aWholeAnswerIsChargedWithWhatItDoesNotTell(
      int promptTold, @Nullable Integer told, boolean guessPrompt, boolean guessOutput)
      throws Exception {
    String usage = told == null ? "" : ",\"completion_tokens\":" + told;
    String answer =
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":"
            + promptTold
            + usage
            + "}}"
            + " ".repeat(90);
    upstream.script((request, body) -> request.response().end(answer));
    String body = chat(false, "");

    assertEquals(200, gateway.post(CHAT, body, "Authorization", key()).statusCode());

    Await.until("its record", this::requests, requests -> requests > 0);
    int output = guessOutput ? answer.length() / 4 : 0;
    assertEquals((guessPrompt ? prompt(body) : promptTold) + output, used());
  }

  private static String withUsage(String content, int prompt, int output) {
    String usage = "{\"prompt_tokens\":" + prompt + ",\"completion_tokens\":" + output + "}";
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
        + content
        + "\"}}],\"usage\":"
        + usage
        + "}\n\n";
  }

  /** Reads seven pieces and leaves, or all that comes. */
  private void stream(String body, boolean leave) throws Exception {
    HttpResponse<InputStream> answer = gateway.open(CHAT, body, "Authorization", key());
    BufferedReader reader = reader(answer);
    for (int i = 0; i < 14; i++) {
      reader.readLine();
    }
    if (!leave) {
      while (reader.readLine() != null) {}
    }
    answer.body().close();
  }

  @Test
  void anAnswerThatItsClientLeftBeforeItCameIsChargedWithItsPrompt() throws Exception {
    upstream.script((request, body) -> open.add(request.response()));
    String body = chat(false, "");
    CompletableFuture<HttpResponse<String>> answer = send(body);
    Await.until("the request", () -> open.size() == 1);

    answer.cancel(true);

    awaitUse();
    assertEquals(prompt(body), used());
  }

  @Test
  void anAnswerThatFailedBeforeAnythingCameCostsNothing() throws Exception {
    upstream.script((request, body) -> request.response().setStatusCode(500).end("{}"));

    assertEquals(500, gateway.post(CHAT, chat(false, ""), "Authorization", key()).statusCode());

    assertEquals(0, used());
  }

  /** Each holds its prompt and 10 tokens of each of two choices. */
  @Test
  void howeverManyRunAtOnceTheyPassNoQuota() throws Exception {
    upstream.script((request, body) -> open.add(request.response()));
    String body = chat(false, ",\"max_tokens\":10,\"n\":2");
    int each = prompt(body) + 20;
    limit(3L * each + each / 2);
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      answers.add(send(body));
    }
    Await.until(
        "refusals",
        () -> answers.stream().filter(CompletableFuture::isDone).count(),
        done -> done == 37);
    Await.until("requests at the server", open::size, size -> size == 3);
    HttpResponse<String> refused =
        answers.stream().filter(CompletableFuture::isDone).findFirst().orElseThrow().join();
    JsonNode quota = JSON.readTree(refused.body()).at("/switchboard/quota");
    // Before they end, since each gives back then what it did not take.
    open.forEach(
        answer ->
            answer.end(
                "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":20}}"));

    int served = 0;
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      served += answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode() == 200 ? 1 : 0;
    }
    assertEquals(3, served);
    assertEquals(429, refused.statusCode());
    assertTrue(refused.body().contains("\"code\":\"insufficient_quota\""), refused::body);
    assertEquals(each, quota.path("wanted_tokens").asInt(), quota::toString);
    assertEquals(3 * each, quota.path("held_tokens").asInt(), quota::toString);
    Await.until("tokens used", this::used, used -> used == 3 * 23);
    assertEquals(200, one(body).statusCode());
  }

  private HttpResponse<String> one(String body) throws Exception {
    int before = open.size();
    CompletableFuture<HttpResponse<String>> answer = send(body);
    Await.until("the request", () -> open.size() > before || answer.isDone());
    open.forEach(
        waiting -> {
          if (!waiting.ended()) {
            waiting.end("{\"choices\":[]}");
          }
        });
    return answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  @Test
  void aHundredRequestsAtOncePassNoQuotaOf500() throws Exception {
    upstream.script((request, body) -> request.response().end(ANSWERED.formatted(100)));
    String body = chat(false, ",\"max_tokens\":100");
    limit(500);

    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      answers.add(send(body));
    }
    int served = 0;
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      served += answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode() == 200 ? 1 : 0;
    }

    long all = served * 103L;
    long used = Await.until("tokens used", this::used, tokens -> tokens == all);
    assertTrue(served >= 1 && used <= 500, () -> used + " tokens");
  }

  /** With a bound that does not fit it is refused, without one it is asked for what is left. */
  @Test
  void sixteenChoicesPassNoQuotaOf500() throws Exception {
    upstream.script(
        (request, body) -> {
          int most = tree(body.toString()).path("max_tokens").asInt(1000);
          request.response().end(ANSWERED.formatted(16 * most));
        });
    limit(500);

    HttpResponse<String> bounded =
        gateway.post(CHAT, chat(false, ",\"max_tokens\":300,\"n\":16"), "Authorization", key());
    HttpResponse<String> unbounded =
        gateway.post(CHAT, chat(false, ",\"n\":16"), "Authorization", key());

    assertEquals(429, bounded.statusCode());
    assertEquals(200, unbounded.statusCode());
    long used = awaitUse();
    assertTrue(used >= 400 && used <= 500, () -> used + " tokens");
  }

  @Test
  void aStreamWithoutABoundIsCutWithAnErrorWhereTheQuotaEnds() throws Exception {
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          pieces(request, events, 0);
        });
    String body = chat(true, "");
    limit(prompt(body) + 400);

    String text = gateway.post(CHAT, body, "Authorization", key()).body();

    List<String> lines = text.lines().filter(line -> !line.isEmpty()).toList();
    assertTrue(lines.getLast().contains("\"code\":\"insufficient_quota\""), lines::getLast);
    assertFalse(text.contains("[DONE]"));
    long used = awaitUse();
    long taken = used - prompt(body);
    assertTrue(taken >= 400 && taken <= 410, () -> taken + " tokens");
  }

  /** One at a time, so that they arrive as tokens do. */
  private void pieces(HttpServerRequest request, HttpServerResponse events, int number) {
    if (number < 1000 && !events.closed()) {
      events
          .write(FakeUpstream.content("a"))
          .onSuccess(
              written ->
                  upstream.vertx().setTimer(1, later -> pieces(request, events, number + 1)));
    }
  }

  @Test
  void aWholeAnswerWithoutABoundIsAskedForWhatTheQuotaHas() throws Exception {
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String body = chat(false, ",\"n\":2");
    limit(prompt(body) + 100);

    assertEquals(200, gateway.post(CHAT, body, "Authorization", key()).statusCode());

    String sent = upstream.seen.take().body();
    assertTrue(sent.startsWith("{\"max_tokens\":50,"), sent);
  }

  @Test
  void everyChoiceIsReservedOfTheMinutesTokens() throws Exception {
    upstream.script((request, body) -> request.response().setStatusCode(500).end("{}"));
    String body = chat(false, ",\"max_tokens\":50,\"n\":16");
    String path = "/admin/v1/tenants/t" + tenant;
    gateway.admin("PUT", path, "{\"tokens_per_minute\":6000}");

    HttpResponse<String> failed = gateway.post(CHAT, body, "Authorization", key());
    HttpResponse<String> again = gateway.post(CHAT, body, "Authorization", key());

    int reserved = prompt(body) + 800;
    assertEquals(6000 - reserved, remainingTokens(failed), 1);
    // What failed gave all of it back.
    assertEquals(6000 - reserved, remainingTokens(again), 1);
  }

  @Test
  void countingTokensTakesNoneOfTheMinutes() throws Exception {
    upstream.script((request, body) -> request.response().end("{\"tokens\":[]}"));
    gateway.admin("PUT", "/admin/v1/tenants/t" + tenant, "{\"tokens_per_minute\":6000}");
    String model = tree(chat(false, "")).path("model").asText();
    String body = "{\"model\":\"" + model + "\",\"prompt\":\"" + "x".repeat(8000) + "\"}";

    HttpResponse<String> counted = gateway.post("/tokenize", body, "Authorization", key());
    HttpResponse<String> again = gateway.post("/tokenize", body, "Authorization", key());

    assertEquals(200, counted.statusCode(), counted::body);
    assertEquals(6000, remainingTokens(counted));
    assertEquals(6000, remainingTokens(again));
  }

  private static int remainingTokens(HttpResponse<String> answer) {
    String header = "x-ratelimit-remaining-tokens";
    return Integer.parseInt(answer.headers().firstValue(header).orElseThrow());
  }

  // ------------------------------------------------------------------ helpers

  private static JsonNode tree(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private String key() {
    return "Bearer key" + tenant;
  }

  private static String chat(boolean stream, String more) {
    String plain = InProcessGateway.chat(stream);
    return plain.substring(0, plain.length() - 1) + more + "}";
  }

  /** As the gateway estimates it where nobody has counted. */
  private static int prompt(String body) {
    return body.length() / 4 + 1;
  }

  private CompletableFuture<HttpResponse<String>> send(String body) {
    return gateway
        .client()
        .sendAsync(
            HttpRequest.newBuilder(gateway.api(CHAT))
                .header("Authorization", key())
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  private static BufferedReader reader(HttpResponse<InputStream> answer) {
    return new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8));
  }

  private double tokens(String direction) throws Exception {
    return new MetricsText(gateway.get(gateway.admin("/metrics")).body())
        .sum("switchboard_tokens_total", "direction=\"" + direction + "\"");
  }

  private long quotaUsed() throws Exception {
    for (JsonNode each : gateway.adminJson("/admin/v1/tenants?now=true").path("tenants")) {
      if (each.path("name").asText().equals("t" + tenant)) {
        return each.at("/now/tokens_per_day/used").asLong(-1);
      }
    }
    throw new AssertionError("no t" + tenant);
  }

  private long awaitUse() {
    return Await.until("tokens used", this::used, used -> used > 0);
  }

  private long requests() throws Exception {
    long sum = 0;
    for (JsonNode hour : gateway.adminJson("/admin/v1/usage?tenant=t" + tenant).path("usage")) {
      sum += hour.path("requests").asLong();
    }
    return sum;
  }

  private long used() throws Exception {
    long sum = 0;
    for (JsonNode hour : gateway.adminJson("/admin/v1/usage?tenant=t" + tenant).path("usage")) {
      sum += hour.path("prompt_tokens").asLong() + hour.path("output_tokens").asLong();
    }
    return sum;
  }
}
