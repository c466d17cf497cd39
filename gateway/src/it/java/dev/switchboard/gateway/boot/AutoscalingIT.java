package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.fleet.ForeignEngine;
import dev.switchboard.gateway.fleet.ForeignPages;
import dev.switchboard.testing.Await;
import java.time.Instant;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Two scripted servers say what they have; the gateway says how many there should be. */
class AutoscalingIT {
  private static final String PATH = "/admin/v1/autoscaling/m";

  private static FakeUpstream first;
  private static FakeUpstream second;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    first = new FakeUpstream();
    second = new FakeUpstream();
    both(0, 0, 0);
    gateway =
        InProcessGateway.of(
                """
                telemetry: {replica-engine-names: true}
                admission: {replica-concurrency: 8}
                autoscaling: {up-seconds: 1, down-seconds: 2, models: [{model: m, max: 5}]}
                upstreams:
                  - {url: "%1$s", models: [m], engine: vllm, metrics-url: "%1$s/metrics"}
                  - {url: "%2$s", models: [m], engine: vllm, metrics-url: "%2$s/metrics"}
                """
                    .formatted(first.url(), second.url()))
            .awaitEveryReplica();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    first.close();
    second.close();
  }

  private static void both(int running, int waiting, double kv) {
    first.metrics(ForeignPages.of(ForeignEngine.VLLM, running, waiting, kv));
    second.metrics(ForeignPages.of(ForeignEngine.VLLM, running, waiting, kv));
  }

  private static JsonNode told(Predicate<JsonNode> as) {
    return Await.until("what is told of m", () -> gateway.adminJson(PATH), as);
  }

  private static int reported(JsonNode told) {
    return told.at("/signals/reported").asInt();
  }

  @Test
  void desiredFollowsWhatServersSayUpAndDown() throws Exception {
    both(0, 0, 0);
    JsonNode quiet = told(each -> each.path("desired").asInt() == 1);
    both(16, 60, 0.3);
    JsonNode full = told(each -> each.path("desired").asInt() == 5 && reported(each) == 152);
    both(2, 0, 0.95);
    JsonNode kv =
        told(each -> each.path("desired").asInt() == 3 && each.at("/needed/kv").asInt() == 3);

    assertEquals(2, quiet.path("current").asInt());
    assertEquals(2, quiet.path("ready").asInt());
    assertEquals(1, quiet.path("min").asInt(-1));
    assertEquals(5, quiet.path("max").asInt());
    assertEquals("ceiling", full.path("cause").asText());
    assertTrue(full.path("at_max").asBoolean());
    assertEquals("kv", kv.path("cause").asText());
    assertEquals(8, full.at("/signals/places_per_replica").asDouble());
    assertTrue(full.at("/needed/headroom").asInt() > 5, full::toString);
    assertTrue(
        full.path("reason").asText().endsWith("Cannot scale, at max: 5 may be."), full::toString);
    assertEquals(3, kv.at("/needed/kv").asInt());
    assertTrue(kv.path("reason").asText().contains("95 % of the KV"), kv::toString);
    assertTrue(
        Instant.parse(quiet.path("since").asText())
            .isBefore(Instant.parse(full.path("since").asText())));
  }

  @Test
  void requestsThatRunAndWaitHereCountAsWell() throws Exception {
    both(0, 0, 0);
    HeldAnswers held = new HeldAnswers(first, second);
    held.ask(gateway, 20);

    JsonNode told = told(each -> reported(each) == 0 && each.at("/signals/waiting").asInt() == 4);
    told(each -> each.path("desired").asInt() == 4);

    assertEquals(16, told.at("/signals/running").asInt());
    assertEquals(16, told.at("/signals/places").asInt());
    assertEquals(1.25, told.at("/signals/busy_ratio").asDouble());
    assertEquals(4, told.at("/needed/headroom").asInt());
    held.answerAll();
  }

  @Test
  void anUnknownModelAndAnUnknownParameterAreRefused() throws Exception {
    assertEquals(404, gateway.get(gateway.admin("/admin/v1/autoscaling/none")).statusCode());
    assertEquals(400, gateway.get(gateway.admin(PATH + "?modle=x")).statusCode());
  }

  @Test
  void metricsTellReplicasUnderTheNamesOfVllmWhereAsked() throws Exception {
    String id = gateway.adminJson("/admin/v1/replicas").at("/replicas/0/id").asText();
    String labels = "{model_name=\"m\",replica=\"" + id + "\"}";
    both(7, 3, 0.25);
    told(each -> reported(each) == 20);

    assertEquals(7, gateway.metric("vllm:num_requests_running" + labels));
    assertEquals(3, gateway.metric("vllm:num_requests_waiting" + labels));
    assertEquals(0.25, gateway.metric("vllm:kv_cache_usage_perc" + labels));
    assertEquals(64_000, gateway.metric("vllm:prefix_cache_queries_total" + labels));
    assertEquals(16_000, gateway.metric("vllm:prefix_cache_hits_total" + labels));
    assertEquals(9_000, gateway.metric("vllm:generation_tokens_total" + labels));

    // As few as may be, whatever nobody needs.
    gateway.rewrite("autoscaling: {up-seconds: 1, models: [{model: m, min: 3, max: 5}]}");
    gateway.adminBody("/admin/v1/config/reload", "{}");
    both(0, 0, 0);
    assertEquals(3, told(each -> each.path("min").asInt() == 3).path("min").asInt());
    told(each -> each.path("desired").asInt() == 3);

    gateway.rewrite("telemetry: {replica-engine-names: false}");
    gateway.adminBody("/admin/v1/config/reload", "{}");
    assertTrue(!gateway.get(gateway.admin("/metrics")).body().contains("vllm:"));
  }
}
