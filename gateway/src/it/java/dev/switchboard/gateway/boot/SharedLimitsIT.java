package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.shared.ValkeyServer;
import io.vertx.core.http.HttpServerRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Limits that two gateways hold together, in a real Valkey that can go away. */
class SharedLimitsIT {
  private static final String TENANT = "/admin/v1/tenants/default";
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
      List<CompletableFuture<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        InProcessGateway gateway = i % 2 == 0 ? one : other;
        answers.add(CompletableFuture.supplyAsync(() -> ask(gateway).statusCode(), threads));
      }
      long served = answers.stream().filter(answer -> answer.join() == 200).count();
      long refused = answers.stream().filter(answer -> answer.join() == 429).count();

      // A token comes back every three seconds.
      assertTrue(served >= 20 && served <= 23, "served " + served);
      assertEquals(60, served + refused);
      HttpResponse<String> last = ask(one);
      assertTrue(last.body().contains("rate_limit_exceeded"), last.body());
      // Three seconds, spread by up to a half and rounded.
      long seconds = last.headers().firstValueAsLong("Retry-After").orElseThrow();
      assertTrue(seconds <= 5, () -> "Retry-After: " + seconds);
      assertTold("tenant_requests_per_minute", last);
      assertTrue(
          last.body().contains("\"retry_after_s\":" + seconds + ",\"time_ms\":{"), last.body());
      String series = "switchboard_admissions_total{class=\"\",model=\"other\",verdict=";
      assertEquals(
          (double) refused + 1,
          one.metric(series + "\"tenant_requests_per_minute\"}")
              + other.metric(series + "\"tenant_requests_per_minute\"}"));
    }
  }

  private static void assertTold(String reason, HttpResponse<String> refused) {
    assertEquals(429, refused.statusCode());
    assertEquals(reason, refused.headers().firstValue("X-Switchboard-Reason").orElse(""));
    assertTrue(refused.body().contains("{\"reason\":\"" + reason + "\""), refused.body());
  }

  @Test
  void answersTellWhatIsLeftOverAllGateways() throws Exception {
    String limits = "{\"requests_per_minute\":6,\"tokens_per_minute\":1200}";
    try (InProcessGateway one = InProcessGateway.before(shared(), upstream);
        InProcessGateway other = InProcessGateway.before(shared(), upstream)) {
      limit(one, limits);
      limit(other, limits);

      // A request comes back in ten seconds, the hundred tokens of an answer in five.
      assertEquals(List.of(6L, 5L, 1200L), List.of(told(ask(one))));
      assertEquals(4, told(ask(other))[1]);
      HttpResponse<String> third = ask(one);
      assertEquals(3, told(third)[1]);
      assertTrue(told(third)[2] < 1200, () -> "tokens left: " + told(third)[2]);
      assertTrue(header(third, "reset-requests").matches("2[0-9](\\.\\d+)?s|30s"), third::toString);

      HttpResponse<String> refused = third;
      for (int i = 0; i < 5 && refused.statusCode() == 200; i++) {
        refused = ask(i % 2 == 0 ? other : one);
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
      assertEquals(200, ask(one).statusCode());
      assertEquals(200, ask(other).statusCode());

      InProcessGateway.await(() -> ask(one).statusCode() == 429);

      assertTold("tenant_tokens_per_minute", ask(other));
    }
  }

  @Test
  void whatNeverCameToAReplicaIsNotCounted() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream)) {
      limit(gateway, "{\"requests_per_minute\":3}");
      for (int i = 0; i < 12; i++) {
        assertEquals(400, gateway.post(InProcessGateway.CHAT, "{\"model\":\"m\"}").statusCode());
      }

      InProcessGateway.await(() -> ask(gateway).statusCode() == 200);
      assertEquals(200, ask(gateway).statusCode());
      assertEquals(200, ask(gateway).statusCode());
      assertEquals(429, ask(gateway).statusCode());
    }
  }

  @Test
  void tokensAreNotHeldToAnEstimateHereToo() throws Exception {
    List<HttpServerRequest> held = Collections.synchronizedList(new ArrayList<>());
    upstream.script((request, body) -> held.add(request));
    String wanted =
        InProcessGateway.chat(false).replace("{\"model\"", "{\"max_tokens\":90,\"model\"");
    try (InProcessGateway gateway = InProcessGateway.before(shared(), upstream);
        ExecutorService threads = Executors.newFixedThreadPool(3)) {
      limit(gateway, "{\"tokens_per_minute\":150}");
      List<CompletableFuture<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        answers.add(
            CompletableFuture.supplyAsync(() -> post(gateway, wanted).statusCode(), threads));
      }
      InProcessGateway.await(() -> held.size() == 3);
      for (HttpServerRequest request : held) {
        request
            .response()
            .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}");
      }

      assertEquals(List.of(200, 200, 200), answers.stream().map(CompletableFuture::join).toList());
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
      InProcessGateway.await(() -> ask(gateway).statusCode() == 429);
    }
  }

  private String shared() {
    return "shared: {url: \"" + valkey.url() + "\", retry-ms: 100, timeout-ms: 2000}";
  }

  private static void limit(InProcessGateway gateway, String limits) throws Exception {
    assertEquals(200, gateway.admin("PUT", TENANT, limits).statusCode());
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
