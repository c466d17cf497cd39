package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.openai.ApiError;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that pass every health check and fail requests. */
class CircuitIT {
  private static final String YAML =
      "retry: {attempts: 3, ratio: 1, reserve: 1000}\n"
          + "circuit: {failures: 3, open-ms: 700, open-max-ms: 700}";

  private FakeUpstream good;
  private FakeUpstream bad;

  @BeforeEach
  void start() throws Exception {
    good = new FakeUpstream();
    bad = new FakeUpstream();
    good.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void stop() throws Exception {
    good.close();
    bad.close();
  }

  @Test
  void aReplicaThatFailsRequestsIsLeftAloneProbedWithOneAndComesBack() throws Exception {
    AtomicBoolean broken = new AtomicBoolean(true);
    AtomicInteger asked = new AtomicInteger();
    bad.script(
        (request, body) -> {
          asked.incrementAndGet();
          request.response().setStatusCode(broken.get() ? 503 : 200).end("{\"choices\":[]}");
        });
    HandClock clock = new HandClock();
    try (InProcessGateway gateway = InProcessGateway.before(YAML, clock, bad, good)) {
      Replica replica = gateway.fleet().replicas().getFirst();

      for (int i = 0; i < 20; i++) {
        assertEquals(200, ask(gateway));
      }
      int untilOut = asked.get();
      // Each probe costs one request a failure, and the client nothing.
      askUntil(gateway, clock, () -> asked.get() >= untilOut + 2);
      broken.set(false);
      askUntil(gateway, clock, () -> replica.state() == ReplicaState.READY);
      int before = asked.get();
      askUntil(gateway, clock, () -> asked.get() > before + 2);

      assertEquals(3, untilOut);
      assertTrue(
          gateway.metric("switchboard_replica_transitions_total{from=\"READY\",to=\"EJECTED\"}")
              >= 2);
    }
  }

  /** Each of them is served, however long it takes until then. */
  private static void askUntil(
      InProcessGateway gateway, HandClock clock, BooleanSupplier condition) {
    Set<Integer> statuses = new HashSet<>();
    Await.until(
        () -> {
          clock.passes(Duration.ofMillis(100));
          statuses.add(ask(gateway));
          return condition.getAsBoolean();
        });
    assertEquals(Set.of(200), statuses);
  }

  @Test
  void neverMoreThanHalfAreEjected() throws Exception {
    good.script((request, body) -> request.response().setStatusCode(503).end());
    bad.script((request, body) -> request.response().setStatusCode(503).end());
    try (InProcessGateway gateway =
        InProcessGateway.before(YAML.replace("700", "60000"), bad, good)) {
      for (int i = 0; i < 20; i++) {
        assertTrue(ask(gateway) >= 502);
        assertTrue(ejected(gateway) <= 1);
      }
      assertEquals(1, ejected(gateway));
    }
  }

  @Test
  void theLastOneThatServesStaysWhateverItAnswers() throws Exception {
    good.script((request, body) -> request.response().setStatusCode(503).end());
    try (InProcessGateway gateway =
        InProcessGateway.before(YAML.replace("700", "60000"), bad, good)) {
      gateway.adminPost("/admin/v1/replicas/u0/cordon", "application/json");
      for (int i = 0; i < 10; i++) {
        assertTrue(ask(gateway) >= 502);
      }
      good.script((request, body) -> request.response().end("{\"choices\":[]}"));

      assertEquals(0, ejected(gateway));
      assertEquals(200, ask(gateway));
    }
  }

  private static long ejected(InProcessGateway gateway) {
    return gateway.fleet().replicas().stream()
        .filter(replica -> replica.state() == ReplicaState.EJECTED)
        .count();
  }

  @Test
  void aFleetThatFailsEverythingIsAskedATenthMoreAndTheReserveAtMost() throws Exception {
    int requests = 60;
    AtomicInteger asked = new AtomicInteger();
    for (FakeUpstream upstream : List.of(good, bad)) {
      upstream.script(
          (request, body) -> {
            asked.incrementAndGet();
            request.response().setStatusCode(503).end();
          });
    }
    try (InProcessGateway gateway = InProcessGateway.before("circuit: {failures: 0}", bad, good)) {
      for (int i = 0; i < requests; i++) {
        assertTrue(ask(gateway) >= 502);
      }

      int retries = asked.get() - requests;
      assertTrue(retries >= 10 && retries <= 10 + 0.1 * requests, () -> retries + " retries");
      assertEquals(
          requests - retries,
          gateway.metric("switchboard_retries_denied_total{model=\"m\"}"),
          "denied");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void nobodyIsEjectedForErrorsThatRequestsBringAbout(boolean stream) throws Exception {
    String error = ApiError.unmet("cut_by_length", "max_tokens", "m").toJson();
    String told = stream ? FakeUpstream.content("a") + "data: " + error + "\n\n" : error;
    for (FakeUpstream upstream : List.of(good, bad)) {
      upstream.script(
          (request, body) -> {
            if (stream) {
              FakeUpstream.events(request).end(told);
            } else {
              request.response().setStatusCode(400).end(told);
            }
          });
    }
    try (InProcessGateway gateway = InProcessGateway.before(YAML, bad, good)) {
      for (int i = 0; i < 20; i++) {
        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(stream));

        assertEquals(stream ? 200 : 400, answer.statusCode());
        assertEquals(told, answer.body());
      }
      assertTrue(
          gateway.fleet().replicas().stream()
              .allMatch(replica -> replica.state() == ReplicaState.READY));
    }
  }

  private static int ask(InProcessGateway gateway) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode();
  }
}
