package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.fleet.ForeignEngine;
import dev.switchboard.gateway.fleet.ForeignPages;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Servers of others whose own metrics tell what others than this gateway have there. */
class ForeignServersIT extends TwoUpstreams {
  private static final int REQUESTS = 20;

  /** Much more than what a busy machine adds. */
  private static final int SERVED_MS = 50;

  private @Nullable InProcessGateway started;

  private InProcessGateway start(ForeignEngine engine) throws Exception {
    for (FakeUpstream upstream : new FakeUpstream[] {first, second}) {
      upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
      upstream.metrics(ForeignPages.of(engine, 0, 0, 0));
    }
    String server =
        "  - {url: \"%1$s\", models: [m], engine: %2$s, metrics-url: \"%1$s/metrics\"}\n";
    InProcessGateway gateway =
        InProcessGateway.of(
                "upstreams:\n"
                    + server.formatted(first.url(), engine.word())
                    + server.formatted(second.url(), engine.word()))
            .awaitEveryReplica();
    started = gateway;
    report(first, told -> told.path("waiting").asInt(-1) == 0);
    report(second, told -> told.path("waiting").asInt(-1) == 0);
    return gateway;
  }

  private InProcessGateway gateway() {
    return Objects.requireNonNull(started);
  }

  @AfterEach
  void stopGateway() {
    gateway().close();
  }

  private JsonNode replica(FakeUpstream upstream) throws Exception {
    for (JsonNode each : gateway().adminJson("/admin/v1/replicas").path("replicas")) {
      if (each.path("url").asText().equals(upstream.url().toString())) {
        return each;
      }
    }
    throw new AssertionError("no replica at " + upstream.url());
  }

  private void report(FakeUpstream upstream, Predicate<JsonNode> as) {
    replica(upstream, each -> as.test(each.path("report")));
  }

  private void replica(FakeUpstream upstream, Predicate<JsonNode> as) {
    Await.until("the replica at " + upstream.url(), () -> replica(upstream), as);
  }

  /** How many of so many requests, one after the other, each of both has. */
  private int[] send() throws Exception {
    first.seen.clear();
    second.seen.clear();
    for (int i = 0; i < REQUESTS; i++) {
      assertEquals(
          200, gateway().post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
    }
    return new int[] {first.seen.size(), second.seen.size()};
  }

  /** Nothing but their metrics says that others fill one of them, and then the other. */
  @ParameterizedTest
  @EnumSource(ForeignEngine.class)
  void aQueueThatOthersFilledSendsOursElsewhere(ForeignEngine engine) throws Exception {
    InProcessGateway gateway = start(engine);
    send();

    first.metrics(ForeignPages.of(engine, 16, 60, 0.9));
    report(first, told -> told.path("waiting").asInt() == 60);
    int[] away = send();
    first.metrics(ForeignPages.of(engine, 0, 0, 0));
    second.metrics(ForeignPages.of(engine, 16, 60, 0.9));
    report(first, told -> told.path("waiting").asInt() == 0);
    report(second, told -> told.path("waiting").asInt() == 60);
    int[] back = send();

    assertTrue(away[0] <= 1, () -> "sent to the full one: " + away[0]);
    assertTrue(back[1] <= 1, () -> "sent to the full one: " + back[1]);
    assertEquals(engine.word(), replica(second).path("engine").asText());
    assertEquals(16, replica(second).at("/report/running").asInt());
    assertEquals(
        60,
        gateway.metric(
            "switchboard_replica_sequences{replica=\"%s\",state=\"waiting\"}"
                .formatted(replica(second).path("id").asText())));
  }

  /** What waits there by its own account is waited for, as far as anybody can tell beforehand. */
  @ParameterizedTest
  @EnumSource(ForeignEngine.class)
  void aQueueThatOthersFilledEverywhereIsPredictedAndKeepsOutWhatWouldBeLate(ForeignEngine engine)
      throws Exception {
    InProcessGateway _ = start(engine);
    for (FakeUpstream upstream : List.of(first, second)) {
      upstream.script(
          (request, body) ->
              upstream
                  .vertx()
                  .setTimer(SERVED_MS, late -> request.response().end("{\"choices\":[]}")));
    }
    send();
    double free = predictedTtftMs();

    for (FakeUpstream upstream : List.of(first, second)) {
      upstream.metrics(ForeignPages.of(engine, 16, 60, 0.9));
      report(upstream, told -> told.path("waiting").asInt() == 60);
    }
    double behind = predictedTtftMs();
    String deadline = Integer.toString((int) (behind / 2));
    HttpResponse<String> refused = within(deadline);
    HttpResponse<String> patient = within("60000");

    assertTrue(behind > 4 * free, () -> free + " and then " + behind);
    assertEquals(504, refused.statusCode(), refused::body);
    assertEquals("deadline_unreachable", reason(refused));
    assertEquals(200, patient.statusCode(), patient::body);
    for (FakeUpstream upstream : List.of(first, second)) {
      upstream.metrics(ForeignPages.of(engine, 0, 0, 0));
      report(upstream, told -> told.path("waiting").asInt() == 0);
    }
    assertTrue(predictedTtftMs() < behind / 2);
  }

  private static String reason(HttpResponse<String> answer) {
    return answer.headers().firstValue("X-Switchboard-Reason").orElse("");
  }

  private HttpResponse<String> within(String deadlineMs) throws Exception {
    return gateway()
        .post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-SLO-Deadline-Ms", deadlineMs);
  }

  /** Of a request that would be sent now, at the replica where it would go. */
  private double predictedTtftMs() throws Exception {
    JsonNode told = gateway().adminBody("/admin/v1/route", "{\"model\":\"m\"}");
    for (JsonNode each : told.path("candidates")) {
      if (each.path("replica").equals(told.path("chosen"))) {
        return each.path("ttft_ms").asDouble();
      }
    }
    throw new AssertionError(told.toString());
  }

  /** Nothing waits there yet, but nothing can begin there either. */
  @ParameterizedTest
  @EnumSource(
      value = ForeignEngine.class,
      names = {"VLLM", "SGLANG", "TRITON"})
  void aServerWhoseKvIsFullIsPassedOver(ForeignEngine engine) throws Exception {
    InProcessGateway _ = start(engine);

    first.metrics(ForeignPages.of(engine, 1, 0, 0.99));
    second.metrics(ForeignPages.of(engine, 1, 0, 0.4));
    report(first, told -> told.path("kv_used_ratio").asDouble() > 0.9);
    report(second, told -> told.path("running").asInt() == 1);
    int[] sent = send();

    assertTrue(sent[0] <= 1, () -> "sent to the full one: " + sent[0]);
  }

  /** Whatever stands there in place of its metrics, a server serves on. */
  @Test
  void aBrokenPageHarmsNobody() throws Exception {
    InProcessGateway gateway = start(ForeignEngine.VLLM);
    String id = replica(first).path("id").asText();

    first.metrics("vllm:num_requests_running{ oh");
    replica(first, each -> failure(each).contains("line 1"));
    first.metrics("x".repeat(3 << 20));
    replica(first, each -> failure(each).contains("more than"));
    first.metrics(request -> request.response().setStatusCode(503).end());
    replica(first, each -> failure(each).contains("503"));
    first.metrics(request -> request.connection().close());
    replica(first, each -> !failure(each).contains("503"));
    first.metrics(request -> {});
    replica(first, each -> failure(each).contains("timeout") || failure(each).contains("ms"));

    assertEquals("READY", replica(first).path("state").asText());
    int[] sent = send();
    assertEquals(REQUESTS, sent[0] + sent[1]);
    assertTrue(
        gateway.metric("switchboard_replica_report_failures_total{replica=\"" + id + "\"}") >= 4);
    first.metrics(ForeignPages.of(ForeignEngine.VLLM, 2, 0, 0.5));
    replica(first, each -> each.path("report_failure").isNull());
    assertEquals(2, replica(first).at("/report/running").asInt());
  }

  private static String failure(JsonNode replica) {
    return replica.path("report_failure").asText("");
  }
}
