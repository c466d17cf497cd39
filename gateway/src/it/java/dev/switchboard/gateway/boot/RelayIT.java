package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.openai.ApiError;
import dev.switchboard.testing.Await;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What happens between an upstream's bytes and the client's, when all goes well and when not. */
class RelayIT extends TwoUpstreams {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TIMELINE =
      "{\"replica\":\"w0\",\"received_ns\":0,\"sent_ns\":0,\"timelines\":[]}";

  @Test
  void aStreamArrivesAsItWasSentButForOurObject() throws Exception {
    first.script(
        (request, body) ->
            FakeUpstream.events(request)
                .end(
                    FakeUpstream.role()
                        + FakeUpstream.content("a")
                        + "data: {\"choices\":[],\"switchboard\":"
                        + TIMELINE
                        + "}\n\n"
                        + FakeUpstream.done()));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> plain = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));
      HttpResponse<String> wanted =
          gateway.post(
              InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Switchboard-Timeline", "full");

      assertEquals(
          FakeUpstream.role()
              + FakeUpstream.content("a")
              + "data: {\"choices\":[]}\n\n"
              + FakeUpstream.done(),
          plain.body());
      String told = TIMELINE.substring(0, TIMELINE.length() - 1) + ",\"time_ms\":{\"accept\":";
      assertTrue(wanted.body().contains("\"switchboard\":" + told), wanted::body);
      assertEquals("u0", plain.headers().firstValue("X-Switchboard-Replica").orElse(""));
      // Which phases it has is the machine's: on a busy one a whole phase is charged to that.
      assertTrue(plain.headers().firstValue("Server-Timing").orElse("").contains("total;dur="));
    }
  }

  @Test
  void theUpstreamGetsTheBodysBytesTheIdAndTheTraceHeaders() throws Exception {
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    String sent = InProcessGateway.chat(false).replace("\"m\"", " \"m\" ");
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      gateway.post(InProcessGateway.CHAT, sent, "X-Request-Id", "id-1", "traceparent", trace);
    }

    FakeUpstream.Seen seen = first.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(seen);
    assertEquals(sent, seen.body());
    assertEquals("id-1", seen.headers().get("X-Request-Id"));
    assertEquals(trace, seen.headers().get("traceparent"));
    assertEquals(1, seen.traceparents());
    assertFalse(seen.headers().containsKey("X-Switchboard-Timeline"));
  }

  @Test
  void aWholeAnswerLosesOnlyOurObject() throws Exception {
    first.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end(
                    "{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3},"
                        + "\"switchboard\":"
                        + TIMELINE
                        + "}"));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), "X-Request-Id", "r");

      assertEquals(
          JSON.readTree("{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}"),
          JSON.readTree(answer.body()));
      assertEquals(3, gateway.timeline("r").path("completion_tokens").asInt());
    }
  }

  /** That a schema says something in vain must reach who wrote it. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatAWorkerSaysOfASchemaIsTold(boolean stream) throws Exception {
    String ignored = "properties.a.widget,format";
    first.script(
        (request, body) -> {
          request.response().putHeader("X-Switchboard-Schema-Ignored", ignored);
          if (stream) {
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(stream));

      assertEquals(200, answer.statusCode(), answer::body);
      assertEquals(List.of(ignored), answer.headers().allValues("X-Switchboard-Schema-Ignored"));
    }
  }

  @Test
  void tokensComeFromAReplicaOfTheModelAndHaveNoFirstTokenTime() throws Exception {
    first.script(
        (request, body) -> request.response().end("{\"path\":\"" + request.path() + "\"}"));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> tokens =
          gateway.post("/tokenize", "{\"model\":\"m\",\"prompt\":\"x\"}", "X-Request-Id", "t");
      HttpResponse<String> text = gateway.post("/detokenize", "{\"model\":\"m\",\"tokens\":[1]}");

      assertEquals("{\"path\":\"/tokenize\"}", tokens.body());
      assertEquals("{\"path\":\"/detokenize\"}", text.body());
      assertEquals("tokenize", gateway.timeline("t").path("endpoint").asText());
      assertFalse(gateway.timeline("t").hasNonNull("ttft_ms"));
      assertEquals(
          1,
          gateway.metric(
              "switchboard_requests_total{endpoint=\"tokenize\",model=\"m\",outcome=\"ok\"}"));
    }
  }

  @Test
  void theUpstreamsOwnRefusalIsPassedOn() throws Exception {
    first.script(
        (request, body) ->
            request.response().setStatusCode(400).end("{\"error\":{\"message\":\"too long\"}}"));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertEquals(400, answer.statusCode());
      assertEquals("{\"error\":{\"message\":\"too long\"}}", answer.body());
    }
  }

  @Test
  void anAttemptThatBreaksBeforeItsFirstTokenIsRetriedElsewhere() throws Exception {
    first.script(
        (request, body) -> {
          HttpServerResponse response = FakeUpstream.events(request);
          response.write(FakeUpstream.role());
          first.vertx().setTimer(20, id -> request.connection().close());
        });
    second.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("b") + FakeUpstream.done()));
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      for (int i = 0; i < 2; i++) {
        HttpResponse<String> answer =
            gateway.post(
                InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r" + i);

        assertEquals(FakeUpstream.content("b") + FakeUpstream.done(), answer.body());
      }
      int attempts =
          gateway.timeline("r0").path("attempts").size()
              + gateway.timeline("r1").path("attempts").size();
      assertEquals(3, attempts);
    }
  }

  @Test
  void whenEveryReplicaFailsTheAnswerIs502() throws Exception {
    first.script((request, body) -> request.connection().close());
    second.script((request, body) -> request.response().setStatusCode(503).end());
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertEquals(502, answer.statusCode());
      assertEquals(
          "upstream_failed", JSON.readTree(answer.body()).path("error").path("code").asText());
    }
  }

  @Test
  void aStreamThatBreaksEndsWithAnErrorEventAndWithoutDone() throws Exception {
    first.script(
        (request, body) -> {
          FakeUpstream.events(request).write(FakeUpstream.content("a"));
          first.vertx().setTimer(50, id -> request.connection().close());
        });
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r");

      assertEquals(200, answer.statusCode());
      assertTrue(answer.body().startsWith(FakeUpstream.content("a") + "data: {\"error\":"));
      assertFalse(answer.body().contains("[DONE]"));
      assertEquals("upstream_broken", gateway.timeline("r").path("outcome").asText());
    }
  }

  @Test
  void anUpstreamThatEndsCleanlyWithoutDoneIsBrokenToo() throws Exception {
    first.script((request, body) -> FakeUpstream.events(request).end(FakeUpstream.content("a")));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertTrue(answer.body().contains("\"error\":"), answer::body);
    }
  }

  @Test
  void anErrorEventOfTheUpstreamEndsTheStreamOnce() throws Exception {
    first.script(
        (request, body) ->
            FakeUpstream.events(request)
                .end(FakeUpstream.content("a") + "data: {\"error\":{\"message\":\"oom\"}}\n\n"));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertEquals(
          FakeUpstream.content("a") + "data: {\"error\":{\"message\":\"oom\"}}\n\n", answer.body());
    }
  }

  @Test
  void anErrorEventThatTheRequestBroughtAboutIsNoFaultOfTheReplica() throws Exception {
    String error = "data: " + ApiError.unmet("cut_by_stop", "stop", "m").toJson() + "\n\n";
    first.script(
        (request, body) -> FakeUpstream.events(request).end(FakeUpstream.content("a") + error));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      for (int i = 0; i < 20; i++) {
        HttpResponse<String> answer =
            gateway.post(
                InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r" + i);

        assertEquals(200, answer.statusCode());
        assertEquals(FakeUpstream.content("a") + error, answer.body());
        assertEquals("invalid_request", gateway.timeline("r" + i).path("outcome").asText());
      }
    }
  }

  @Test
  void aClientThatLeavesEndsTheUpstreamsWorkAtOnce() throws Exception {
    first.script((request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<InputStream> answer =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "gone");
      answer.body().read();
      answer.body().close();

      assertNotNull(first.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals("client_gone", gateway.timeline("gone").path("outcome").asText());
      Await.until("idle", () -> gateway.fleet().replicas().getFirst().inFlight() == 0);
    }
  }

  @Test
  void aMissingFirstTokenIs504AndSaysWhereTheTimeWent() throws Exception {
    first.script((request, body) -> {});
    try (InProcessGateway gateway =
        InProcessGateway.before("deadlines: {first-token-ms: 1000}", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      JsonNode json = JSON.readTree(answer.body());
      assertEquals(504, answer.statusCode());
      assertEquals("deadline_exceeded", json.path("error").path("code").asText());
      JsonNode times = json.path("switchboard").path("time_ms");
      assertTrue(times.path("upstream_first_token").asDouble() > 100, answer::body);
      assertNotNull(first.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    }
  }

  @Test
  void aMissingNextTokenEndsTheStreamWithAnError() throws Exception {
    first.script((request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    try (InProcessGateway gateway =
        InProcessGateway.before("deadlines: {inter-token-ms: 200}", first)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertTrue(answer.body().contains("deadline_exceeded"), answer::body);
      assertFalse(answer.body().contains("[DONE]"));
    }
  }

  @Test
  void oneTooManyIsShed() throws Exception {
    first.script((request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    try (InProcessGateway gateway =
        InProcessGateway.before("admission: {max-in-flight: 1, retry-after-seconds: 3}", first)) {
      HttpResponse<InputStream> open =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true));
      HttpResponse<String> shed = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));
      open.body().close();

      assertEquals(429, shed.statusCode());
      String seconds = shed.headers().firstValue("Retry-After").orElse("");
      assertTrue(seconds.matches("[345]"), seconds);
    }
  }

  @Test
  void aClientThatDoesNotReadPausesTheUpstreamAndIsCutOff() throws Exception {
    AtomicInteger written = new AtomicInteger();
    AtomicBoolean full = new AtomicBoolean();
    first.script(
        (request, body) -> {
          HttpServerResponse response = FakeUpstream.events(request);
          Buffer event = Buffer.buffer(FakeUpstream.content("x".repeat(64_000)));
          first
              .vertx()
              .setPeriodic(
                  1,
                  id -> {
                    if (response.closed()) {
                      full.set(true);
                      first.vertx().cancelTimer(id);
                    } else if (response.writeQueueFull()) {
                      full.set(true);
                    } else {
                      written.addAndGet(event.length());
                      response.write(event);
                    }
                  });
        });
    try (InProcessGateway gateway =
        InProcessGateway.before("deadlines: {write-stall-ms: 1000}", first)) {
      URI api = gateway.api("");
      String body = InProcessGateway.chat(true);
      try (Socket socket = new Socket()) {
        socket.setReceiveBufferSize(8192);
        socket.connect(new java.net.InetSocketAddress(api.getHost(), api.getPort()));
        socket
            .getOutputStream()
            .write(
                ("POST "
                        + InProcessGateway.CHAT
                        + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: stall\r\nContent-Length: "
                        + body.length()
                        + "\r\n\r\n"
                        + body)
                    .getBytes(StandardCharsets.US_ASCII));

        Await.until("a pause", full::get);
        int bound = written.get();
        JsonNode timeline = gateway.timeline("stall");
        assertEquals("client_gone", timeline.path("outcome").asText());
        assertEquals("The client did not read.", timeline.path("error").asText());
        assertTrue(timeline.path("client_stall_ms").asDouble() > 500, timeline::toString);
        assertTrue(bound < 16 << 20, () -> bound + " bytes were taken before the pause");
      }
    }
  }

  @Test
  void aForeignServersAnswersGetAReceiptToo() throws Exception {
    first.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            FakeUpstream.events(request)
                .end(FakeUpstream.content("a") + FakeUpstream.finish() + FakeUpstream.done());
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      for (boolean stream : new boolean[] {true, false}) {
        String answer =
            gateway
                .post(
                    InProcessGateway.CHAT,
                    InProcessGateway.chat(stream),
                    "X-Switchboard-Timeline",
                    "summary")
                .body();

        String object = stream ? answer.split("\n\n", -1)[2].substring("data: ".length()) : answer;
        JsonNode times = JSON.readTree(object).path("switchboard").path("time_ms");
        assertTrue(times.path("total").asDouble() > 0, answer);
        assertTrue(times.path("upstream_first_token").asDouble() > 0, answer);
        assertEquals(stream, answer.endsWith("data: [DONE]\n\n"));
      }
    }
  }

  @Test
  void aTimelinesPhasesSumToItsWallTime() throws Exception {
    first.script(
        (request, body) ->
            FakeUpstream.events(request)
                .end(FakeUpstream.content("a") + FakeUpstream.finish() + FakeUpstream.done()));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r");

      JsonNode timeline = gateway.timeline("r");
      double sum = 0;
      for (JsonNode phase : timeline.path("phases")) {
        sum += phase.path("ms").asDouble();
      }
      assertEquals(timeline.path("wall_ms").asDouble(), sum, 1e-6);
      assertEquals("u0", timeline.path("route").path("chosen").asText());
      assertEquals("stop", timeline.path("finish_reason").asText());
    }
  }

  private static void awaitRoutable(InProcessGateway gateway) {
    Await.until(
        "two replicas",
        () -> gateway.fleet().views("m", 0),
        views -> views.stream().allMatch(view -> view.routable()));
  }

  @Test
  void aDrainedReplicaGetsNothingNewUntilItIsResumed() throws Exception {
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    second.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      awaitRoutable(gateway);
      String forged = gateway.adminPost("/admin/v1/replicas/u0/drain", "text/plain");
      String drained = gateway.adminPost("/admin/v1/replicas/u0/drain", "application/json");
      for (int i = 0; i < 4; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      }
      int atFirst = first.seen.size();
      Await.until(
          "drained",
          () -> gateway.fleet().replicas().getFirst().state(),
          state -> state == ReplicaState.DRAINED);
      gateway.adminPost("/admin/v1/replicas/u0/resume", "application/json");
      awaitRoutable(gateway);
      for (int i = 0; i < 4; i++) {
        gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      }

      assertTrue(forged.contains("forbidden"), forged);
      assertTrue(drained.contains("\"state\":\"DRAIN"), drained);
      assertEquals(0, atFirst);
      assertFalse(first.seen.isEmpty());
    }
  }

  @Test
  void metricsCountWhatHappened() throws Exception {
    first.script(
        (request, body) ->
            FakeUpstream.events(request)
                .end(FakeUpstream.content("a") + FakeUpstream.content("b") + FakeUpstream.done()));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "r");
      gateway.post(InProcessGateway.CHAT, "{\"model\":\"scan\",\"messages\":[]}");
      gateway.timeline("r");

      String text = gateway.get(gateway.admin("/metrics")).body();
      HttpResponse<String> open =
          gateway.get(
              gateway.admin("/metrics"), "Accept", "application/openmetrics-text;version=1.0.0");

      assertTrue(
          text.contains(
              "switchboard_requests_total{endpoint=\"chat\",model=\"m\",outcome=\"ok\"} 1.0"),
          text);
      assertTrue(
          text.contains("switchboard_ttft_seconds_count{class=\"standard\",model=\"m\"} 1"), text);
      assertTrue(
          text.contains("switchboard_itl_seconds_count{class=\"standard\",model=\"m\"} 1"), text);
      assertTrue(
          text.contains(
              "switchboard_replica_state{model=\"m\",replica=\"u0\",state=\"READY\"} 1.0"),
          text);
      assertTrue(text.contains("switchboard_replica_in_flight{replica=\"u0\"} 0.0"), text);
      assertFalse(text.contains("scan"), text);
      assertTrue(open.body().endsWith("# EOF\n"));
    }
  }

  @Test
  void whenItStopsRunningStreamsFinishAndNothingNewEnters() throws Exception {
    AtomicBoolean finish = new AtomicBoolean();
    first.script(
        (request, body) -> {
          HttpServerResponse response = FakeUpstream.events(request);
          response.write(FakeUpstream.content("a"));
          first
              .vertx()
              .setPeriodic(
                  5,
                  id -> {
                    if (finish.get()) {
                      first.vertx().cancelTimer(id);
                      response.end(FakeUpstream.done());
                    }
                  });
        });
    InProcessGateway gateway = InProcessGateway.before("", first);
    HttpResponse<InputStream> open =
        gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true));
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(open.body(), StandardCharsets.UTF_8));
    reader.readLine();
    URI api = gateway.api("");
    Socket kept = new Socket(api.getHost(), api.getPort());
    Thread stopping = Thread.ofPlatform().start(gateway::close);
    Await.until("it stops", () -> refusesConnections(api));
    kept.getOutputStream().write(KEPT.getBytes(StandardCharsets.US_ASCII));
    String late = new String(kept.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    finish.set(true);
    String rest = reader.lines().reduce("", (a, b) -> a + b);
    stopping.join();

    assertTrue(late.startsWith("HTTP/1.1 503 "), late);
    assertTrue(rest.endsWith("data: [DONE]"), rest);
    assertTrue(gateway.events().contains("\"stopped\""));
  }

  private static final String KEPT =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
          + InProcessGateway.chat(true).length()
          + "\r\n\r\n"
          + InProcessGateway.chat(true);

  private static boolean refusesConnections(URI api) {
    try (Socket _ = new Socket(api.getHost(), api.getPort())) {
      return false;
    } catch (IOException refused) {
      return true;
    }
  }
}
