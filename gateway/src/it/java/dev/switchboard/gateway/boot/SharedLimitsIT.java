package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.shared.ValkeyServer;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import io.vertx.core.http.HttpServerRequest;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits that two gateways hold together, in a real Valkey that can go away. */
class SharedLimitsIT {
  private static final String TENANT = "/admin/v1/tenants/default";
  private static final Set<String> GIVEN_BACK =
      Set.of("tenant_tokens_per_minute", "tenant_max_concurrency");

  private static final String FAILURES = "switchboard_shared_limit_failures_total";

  private FakeUpstream upstream;
  private ValkeyServer valkey;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":70,\"completion_tokens\":30}}"));
    valkey = new ValkeyServer();
  }

  @AfterEach
  void stop() {
    upstream.close();
    valkey.close();
  }

  @Test
  void twoGatewaysLetInWhatATenantMayInAll() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream);
        ExecutorService threads = Executors.newFixedThreadPool(8)) {
      limit(one, "{\"requests_per_minute\":20}");
      limit(other, "{\"requests_per_minute\":20}");
      Stopwatch asking = Stopwatch.start();
      List<CompletableFuture<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        InProcessGateway gateway = i % 2 == 0 ? one : other;
        answers.add(CompletableFuture.supplyAsync(() -> ask(gateway).statusCode(), threads));
      }
      long served = answers.stream().filter(answer -> answer.join() == 200).count();
      long refused = answers.stream().filter(answer -> answer.join() == 429).count();

      // A token comes back every three seconds.
      long passed = 1 + asking.millis() / 1000;
      assertTrue(served >= 20 && served <= 21 + passed / 3, "served " + served);
      assertEquals(60, served + refused);
      HttpResponse<String> last = ask(one);
      assertTrue(last.body().contains("rate_limit_exceeded"), last.body());
      // Its turn is behind those of all that were refused before it, three seconds each.
      long seconds = last.headers().firstValueAsLong("Retry-After").orElseThrow();
      assertTrue(
          seconds >= 3 * refused - 10 - passed && seconds <= 3 * refused + 4,
          () -> "Retry-After: " + seconds + " after " + refused);
      assertTold("tenant_requests_per_minute", last);
      assertTrue(
          last.body().contains("\"retry_after_s\":" + seconds + ",\"time_ms\":{"), last.body());
      String series = "switchboard_admissions_total{class=\"standard\",model=\"m\",verdict=";
      assertEquals(
          (double) refused + 1,
          one.metric(series + "\"tenant_requests_per_minute\"}")
              + other.metric(series + "\"tenant_requests_per_minute\"}"));
    }
  }

  @Test
  void theLeastTimeThatIsToldChangesWithTheConfiguration() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream)) {
      limit(gateway, "{\"requests_per_minute\":1}");
      gateway.rewrite("admission: {retry-after-seconds: 90}");
      assertEquals(200, gateway.admin("POST", "/admin/v1/config/reload", "").statusCode());
      assertEquals(200, ask(gateway).statusCode());

      HttpResponse<String> refused = ask(gateway);

      assertTold("tenant_requests_per_minute", refused);
      assertTrue(refused.headers().firstValueAsLong("Retry-After").orElseThrow() >= 90);
    }
  }

  @Test
  void whatATenantUsesNowIsToldOverBothGatewaysAndOfOneWithoutTheOther() throws Exception {
    List<HttpServerRequest> held = new CopyOnWriteArrayList<>();
    upstream.script((request, body) -> held.add(request));
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream);
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      String limits =
          "{\"requests_per_minute\":20,\"max_concurrency\":5,\"tokens_per_day\":1000000}";
      limit(one, limits);
      limit(other, limits);
      CompletableFuture<?> first = CompletableFuture.supplyAsync(() -> ask(one), threads);
      CompletableFuture<?> second = CompletableFuture.supplyAsync(() -> ask(other), threads);
      Await.until("requests", held::size, count -> count == 2);

      JsonNode now = one.adminJson(TENANT + "/now");

      assertEquals("all_gateways", now.path("over").asText(), now::toString);
      assertEquals(2, now.at("/concurrency/used").asInt(), now::toString);
      assertEquals(3, now.at("/concurrency/left").asInt(), now::toString);
      assertEquals(20, now.at("/requests_per_minute/limit").asInt(), now::toString);
      // One comes back every three seconds.
      int used = now.at("/requests_per_minute/used").asInt();
      assertTrue(used == 1 || used == 2, now::toString);
      assertEquals(20 - used, now.at("/requests_per_minute/left").asInt(), now::toString);
      assertTrue(now.path("tokens_per_minute").isNull(), now::toString);
      assertTrue(now.at("/tokens_per_day/held").asLong() > 0, now::toString);
      assertEquals(
          1_000_000 - now.at("/tokens_per_day/held").asLong(),
          now.at("/tokens_per_day/left").asLong());
      assertTrue(now.at("/tokens_per_day/renewed_at").asText().endsWith("T00:00:00Z"));
      assertEquals(404, one.get(one.admin("/admin/v1/tenants/nobody/now")).statusCode());

      valkey.end();
      Await.until(
          "it is alone", () -> now(one), told -> told.path("over").asText().equals("this_gateway"));
      assertEquals(1, now(one).at("/concurrency/used").asInt());
      held.forEach(request -> request.response().end("{\"choices\":[]}"));
      CompletableFuture.allOf(first, second).join();
      Await.until(
          "/concurrency/used",
          () -> now(one).at("/concurrency/used").asLong(-1),
          left -> left == 0);
      Await.until(
          "/tokens_per_day/held",
          () -> now(one).at("/tokens_per_day/held").asLong(-1),
          left -> left == 0);
    }
  }

  private static JsonNode now(InProcessGateway gateway) throws Exception {
    return gateway.adminJson(TENANT + "/now");
  }

  @Test
  void theFirstBurstAtTwoProcessesThatHaveJustStartedIsHeldToTheLimit(@TempDir Path folder)
      throws Exception {
    Path config =
        Files.writeString(
            folder.resolve("shared.yaml"),
            """
            shared: {url: "%s"}
            tenants: [{name: default, requests-per-minute: 60}]
            upstreams: [{url: "%s", models: [m]}]
            """
                .formatted(valkey.url(), upstream.url()));
    try (GatewayProcess one = GatewayProcess.start(List.of(), "--config", config.toString());
        GatewayProcess other = GatewayProcess.start(List.of(), "--config", config.toString());
        HttpClient client = HttpClient.newHttpClient()) {
      List<URI> apis =
          List.of(
              one.awaitReady().api(InProcessGateway.CHAT),
              other.awaitReady().api(InProcessGateway.CHAT));
      Stopwatch burst = Stopwatch.start();
      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 250; i++) {
        answers.add(burst(client, apis.get(i % 2)));
      }
      long served = answers.stream().filter(answer -> answer.join().statusCode() == 200).count();
      long refused = answers.stream().filter(answer -> answer.join().statusCode() == 429).count();

      // One comes back each second.
      long most = 61 + burst.millis() / 1000;
      assertTrue(
          served >= 1 && served <= most,
          () -> "served " + served + " of " + most + ", and " + answers.getLast().join().body());
      assertEquals(250, served + refused);
      assertEquals(served, upstream.seen.size());
    }
  }

  private static CompletableFuture<HttpResponse<String>> burst(HttpClient client, URI api) {
    HttpRequest request =
        HttpRequest.newBuilder(api)
            .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(false)))
            .build();
    return client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
  }

  private static void assertTold(String reason, HttpResponse<String> refused) {
    assertEquals(reason, reasonOf(refused));
    assertTrue(refused.body().contains("{\"reason\":\"" + reason + "\""), refused.body());
  }

  private static String reasonOf(HttpResponse<String> refused) {
    assertEquals(429, refused.statusCode());
    return refused.headers().firstValue("X-Switchboard-Reason").orElse("");
  }

  @Test
  void answersTellWhatIsLeftOverAllGateways() throws Exception {
    String limits = "{\"requests_per_minute\":6,\"tokens_per_minute\":1200}";
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, limits);
      limit(other, limits);

      // A request comes back in ten seconds; an answer has a hundred tokens, which come back in
      // five.
      HttpResponse<String> first = post(one, wants(30));
      assertEquals(List.of(6L, 5L), List.of(told(first)).subList(0, 2));
      assertLeft(1100, 1170, first);
      HttpResponse<String> second = post(other, wants(30));
      assertEquals(4, told(second)[1]);
      HttpResponse<String> third = post(one, wants(30));
      assertEquals(3, told(third)[1]);
      assertLeft(900, 1170, third);
      assertTrue(header(third, "reset-requests").matches("2[0-9](\\.\\d+)?s|30s"), third::toString);

      HttpResponse<String> refused = third;
      for (int i = 0; i < 5 && refused.statusCode() == 200; i++) {
        refused = post(i % 2 == 0 ? other : one, wants(30));
      }
      assertEquals(429, refused.statusCode());
      assertEquals(List.of(6L, 0L), List.of(told(refused)).subList(0, 2));
    }
  }

  /** Limit and rest of requests, and rest of tokens. */
  private static Long[] told(HttpResponse<String> answer) {
    return new Long[] {
      Long.valueOf(header(answer, "limit-requests")),
      Long.valueOf(header(answer, "remaining-requests")),
      Long.valueOf(header(answer, "remaining-tokens"))
    };
  }

  private static void assertLeft(long least, long most, HttpResponse<String> answer) {
    long left = told(answer)[2];
    assertTrue(left >= least && left <= most, () -> "tokens left: " + left);
  }

  /** A chat whose answer has so many tokens at most, which its estimate counts. */
  private static String wants(int tokens) {
    return InProcessGateway.chat(false)
        .replace("{\"model\"", "{\"max_tokens\":" + tokens + ",\"model\"");
  }

  private static String header(HttpResponse<String> answer, String name) {
    return answer.headers().firstValue("x-ratelimit-" + name).orElseThrow();
  }

  @Test
  void aLimitOfTheConfigurationIsSharedToo() throws Exception {
    String limited = shared() + "\ntenants: [{name: default, requests-per-minute: 2}]";
    try (InProcessGateway one = InProcessGateway.before(limited, upstream);
        InProcessGateway other = InProcessGateway.before(limited, upstream)) {
      assertEquals(200, ask(one).statusCode());
      assertEquals(200, ask(other).statusCode());

      assertEquals(429, ask(one).statusCode());
      assertEquals(429, ask(other).statusCode());
    }
  }

  @Test
  void tokensAreCountedWhereverTheyAreUsed() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, "{\"tokens_per_minute\":150}");
      limit(other, "{\"tokens_per_minute\":150}");
      assertEquals(200, post(one, wants(20)).statusCode());
      assertEquals(200, post(other, wants(20)).statusCode());

      Await.until("429", () -> post(one, wants(20)).statusCode(), status -> status == 429);

      assertTold("tenant_tokens_per_minute", post(other, wants(20)));
    }
  }

  @Test
  void whatNeverCameToAReplicaIsNotCounted() throws Exception {
    List<HttpServerRequest> held = hold();
    String full = shared() + "\nadmission: {max-in-flight: 1}";
    String limits = "{\"requests_per_minute\":3,\"tokens_per_minute\":1000,\"max_concurrency\":2}";
    try (InProcessGateway one = InProcessGateway.before(full, upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, limits);
      limit(other, limits);
      assertEquals(400, one.post(InProcessGateway.CHAT, "{\"model\":\"m\"}").statusCode());
      CompletableFuture<HttpResponse<String>> running = send(one, wants(30));
      Await.until("requests", held::size, count -> count == 1);
      for (int i = 0; i < 6; i++) {
        assertTold("max_in_flight", post(one, wants(900)));
      }

      // What they gave back, tokens and places, may come behind this one: who is refused asks
      // again.
      AtomicReference<CompletableFuture<HttpResponse<String>>> last =
          new AtomicReference<>(send(other, wants(900)));
      Await.until(
          "the last one comes through",
          () -> {
            if (last.get().isDone()) {
              String reason = reasonOf(last.get().join());
              assertTrue(GIVEN_BACK.contains(reason), reason);
              last.set(send(other, wants(900)));
            }
            return held.size() == 2;
          });
      held.forEach(SharedLimitsIT::answer);

      assertEquals(200, running.join().statusCode());
      assertEquals("1", header(last.get().join(), "remaining-requests"));
      assertEquals("0", header(last.get().join(), "remaining-concurrency"));
    }
  }

  @Test
  void requestsThatStartTogetherGetNoMoreTokensThanThereAre() throws Exception {
    List<HttpServerRequest> held = hold();
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, "{\"tokens_per_minute\":150}");
      limit(other, "{\"tokens_per_minute\":150}");
      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        answers.add(send(i % 2 == 0 ? one : other, wants(100)));
      }
      Await.until("one request", held::size, count -> count == 1);
      Await.until(
          "refusals",
          () -> answers.stream().filter(CompletableFuture::isDone).count(),
          count -> count == 5);
      answers.stream()
          .filter(CompletableFuture::isDone)
          .forEach(refused -> assertTold("tenant_tokens_per_minute", refused.join()));

      // It used ten; the rest of what was reserved is there again for both.
      answer(held.getFirst());
      Await.until("all answers", () -> answers.stream().allMatch(CompletableFuture::isDone));
      upstream.script((request, body) -> answer(request));
      Await.until("200", () -> post(other, wants(100)).statusCode(), status -> status == 200);
    }
  }

  @Test
  void aTenantHasSoManyRequestsAtOnceInAll() throws Exception {
    List<HttpServerRequest> held = hold();
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, "{\"max_concurrency\":2}");
      limit(other, "{\"max_concurrency\":2}");
      CompletableFuture<HttpResponse<String>> leaves = send(one, wants(10));
      Await.until("requests", held::size, count -> count == 1);
      CompletableFuture<HttpResponse<String>> stays = send(other, wants(10));
      Await.until("requests", held::size, count -> count == 2);
      for (InProcessGateway gateway : List.of(one, other)) {
        HttpResponse<String> refused = post(gateway, wants(10));
        assertTold("tenant_max_concurrency", refused);
        assertEquals("2", header(refused, "limit-concurrency"));
        assertEquals("0", header(refused, "remaining-concurrency"));
      }

      // A client that goes away frees its place everywhere.
      leaves.cancel(true);
      upstream.script((request, body) -> answer(request));
      Await.until("200", () -> post(other, wants(10)).statusCode(), status -> status == 200);
      answer(held.getLast());

      assertEquals("0", header(stays.join(), "remaining-concurrency"));
    }
  }

  @Test
  void aClientThatLeavesBeforeItsEntryHoldsNothing() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream)) {
      limit(gateway, "{\"max_concurrency\":1}");
      assertEquals(200, ask(gateway).statusCode());
      valkey.pause();

      URI api = gateway.api(InProcessGateway.CHAT);
      String body = wants(10);
      try (Socket client = new Socket(api.getHost(), api.getPort())) {
        String head =
            "POST %s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: gone\r\nContent-Length: %d\r\n\r\n"
                .formatted(api.getPath(), body.length());
        client.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
      }
      Await.until("the outcome", () -> outcome(gateway, "gone"), "client_gone"::equals);
      valkey.resume();

      Await.until("200", () -> ask(gateway).statusCode(), status -> status == 200);
      assertEquals("0", header(ask(gateway), "remaining-concurrency"));
    }
  }

  private static String outcome(InProcessGateway gateway, String request) throws Exception {
    return gateway.timeline(request).path("outcome").asText();
  }

  @Test
  void whatBeganWhileItWasAwayIsCountedWhenItIsBack() throws Exception {
    List<HttpServerRequest> held = hold();
    String quick = shared().replace("}", ", lease-ms: 300}");
    try (InProcessGateway one = InProcessGateway.before(quick, upstream);
        InProcessGateway other = InProcessGateway.before(quick, upstream)) {
      limit(one, "{\"max_concurrency\":2}");
      limit(other, "{\"max_concurrency\":2}");
      CompletableFuture<HttpResponse<String>> before = send(one, wants(10));
      Await.until("requests", held::size, count -> count == 1);
      valkey.end();
      CompletableFuture<HttpResponse<String>> meanwhile = send(one, wants(10));
      Await.until("requests", held::size, count -> count == 2);
      assertTold("tenant_max_concurrency", post(one, wants(10)));

      valkey.begin();
      upstream.script((request, body) -> answer(request));
      Await.until("429", () -> post(other, wants(10)).statusCode(), status -> status == 429);
      held.forEach(SharedLimitsIT::answer);

      assertEquals(200, before.join().statusCode());
      assertEquals(200, meanwhile.join().statusCode());
      Await.until("200", () -> post(other, wants(10)).statusCode(), status -> status == 200);
    }
  }

  @Test
  void withoutItTheGatewaysOwnLimitsHold() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream)) {
      limit(gateway, "{\"requests_per_minute\":2}");
      valkey.end();

      assertEquals(200, ask(gateway).statusCode());
      assertEquals(200, ask(gateway).statusCode());
      assertEquals(429, ask(gateway).statusCode());
    }
  }

  @Test
  void withoutItRequestsGoOnAndAMetricRises() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream)) {
      limit(gateway, "{\"requests_per_minute\":1000}");
      assertEquals(200, ask(gateway).statusCode());
      assertEquals(0, gateway.metric(FAILURES));

      valkey.end();

      assertEquals(200, ask(gateway).statusCode());
      assertTrue(gateway.metric(FAILURES) >= 1);
      valkey.begin();
      limit(gateway, "{\"requests_per_minute\":1}");
      Await.until("429", () -> ask(gateway).statusCode(), status -> status == 429);
    }
  }

  private String shared() {
    return "shared: {url: \"" + valkey.url() + "\", retry-ms: 100, timeout-ms: 10000}";
  }

  private static void limit(InProcessGateway gateway, String limits) throws Exception {
    assertEquals(200, gateway.admin("PUT", TENANT, limits).statusCode());
  }

  /** From now on nothing is answered but what the test answers. */
  private List<HttpServerRequest> hold() {
    List<HttpServerRequest> held = new CopyOnWriteArrayList<>();
    upstream.script((request, body) -> held.add(request));
    return held;
  }

  private static void answer(HttpServerRequest request) {
    request
        .response()
        .putHeader("Content-Type", "application/json")
        .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}");
  }

  private static CompletableFuture<HttpResponse<String>> send(
      InProcessGateway gateway, String body) {
    return gateway
        .client()
        .sendAsync(
            HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  private static HttpResponse<String> ask(InProcessGateway gateway) {
    return post(gateway, InProcessGateway.chat(false));
  }

  private static HttpResponse<String> post(InProcessGateway gateway, String body) {
    try {
      return gateway.post(InProcessGateway.CHAT, body);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
