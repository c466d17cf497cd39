package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine whose wall clock is stepped while the gateway runs. */
class ClockStepIT {
  private static final String ANSWER =
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}";

  private static final int LEARNED = 5;
  private static final long MINUTE = 60_000_000_000L;

  private volatile Duration step = Duration.ZERO;
  private final SystemClock clock =
      new SystemClock(new SystemClock()::epochNanos, () -> Instant.now().plus(step));
  private final Queue<HttpServerResponse> held = new ConcurrentLinkedQueue<>();
  private FakeUpstream upstream;
  private FakeUpstream other;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    other = new FakeUpstream();
    for (FakeUpstream each : new FakeUpstream[] {upstream, other}) {
      each.script(
          (request, body) ->
              request.response().putHeader("Content-Type", "application/json").end(ANSWER));
    }
  }

  @AfterEach
  void stop() {
    upstream.close();
    other.close();
  }

  private static int ask(InProcessGateway gateway, String... headers) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers).statusCode();
  }

  @Test
  void aReplicaThatWasEjectedIsBackInTime() throws Exception {
    String yaml =
        "retry: {attempts: 3, ratio: 1, reserve: 1000}\n"
            + "circuit: {failures: 3, open-ms: 300, open-max-ms: 300}";
    AtomicBoolean broken = new AtomicBoolean(true);
    upstream.script(
        (request, body) ->
            request.response().setStatusCode(broken.get() ? 503 : 200).end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.before(yaml, clock, upstream, other)) {
      Replica replica = gateway.fleet().replicas().getFirst();
      step = Duration.ofHours(1);
      Await.until(
          "its ejection", () -> ask(gateway) == 200 && replica.state() == ReplicaState.EJECTED);

      broken.set(false);

      Await.until("its return", replica::state, ReplicaState.READY::equals);
    }
  }

  private static int asked(InProcessGateway gateway) {
    try {
      return ask(gateway);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Else it would be believed to be there for as long as the step was. */
  @ParameterizedTest
  @ValueSource(longs = {3600, -3600})
  void aReplicaWasLastHeardWhenItWasHeard(long seconds) throws Exception {
    upstream.script(
        (request, body) -> {
          HttpServerResponse response = request.response();
          response.putHeader("Content-Type", "text/event-stream").setChunked(true);
          response.write("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n");
          held.add(response);
        });
    try (InProcessGateway gateway = InProcessGateway.before("", clock, upstream)) {
      Replica replica = gateway.fleet().replicas().getFirst();
      long before = clock.epochNanos();
      step = Duration.ofSeconds(seconds);

      try (InputStream answer =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true)).body()) {
        assertEquals('d', answer.read());
        long heard = replica.heardNanos();
        assertTrue(
            heard >= before - MINUTE && heard <= clock.epochNanos(),
            () -> (heard - before) / 1e9 + " s after it began");
      }
      held.forEach(response -> response.reset());
    }
  }

  /** Else no other one would be sent there for as long as the step was. */
  @Test
  void aRequestThatHasJustBegunIsNotOverdue() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", clock, upstream)) {
      for (int i = 0; i < LEARNED; i++) {
        assertEquals(200, ask(gateway));
      }
      upstream.script((request, body) -> held.add(request.response()));
      step = Duration.ofHours(-1);
      CompletableFuture<Integer> answer = CompletableFuture.supplyAsync(() -> asked(gateway));
      Await.until("the request", () -> !held.isEmpty());

      JsonNode told = gateway.adminBody("/admin/v1/route", "{\"model\":\"m\"}");

      held.forEach(response -> response.end(ANSWER));
      assertEquals(200, answer.join());
      JsonNode replica = told.at("/candidates/0");
      assertEquals(1, replica.path("in_flight").asInt(), told::toString);
      assertTrue(replica.path("overdue_ms").asDouble(-1) >= 0, told::toString);
      assertTrue(replica.path("overdue_ms").asDouble() < 600_000, told::toString);
    }
  }

  @Test
  void aDaysTokensAreSpentOnTheDayThatItIs() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", clock, upstream)) {
      gateway.admin("PUT", "/admin/v1/tenants/default", "{\"tokens_per_day\":40}");
      assertEquals(200, ask(gateway));
      Await.until("the end of the tokens", () -> ask(gateway), status -> status == 429);

      step = Duration.ofDays(1);
      assertEquals(200, ask(gateway));
      Await.until("the end of the tokens", () -> ask(gateway), status -> status == 429);
      step = Duration.ZERO;

      assertEquals(429, ask(gateway));
    }
  }

  /** What it holds is held of the new day, too. */
  @Test
  void whatEndsAfterMidnightIsOfTheDayInWhichItEnds() throws Exception {
    upstream.script((request, body) -> held.add(request.response()));
    try (InProcessGateway gateway = InProcessGateway.before("", clock, upstream)) {
      gateway.admin("PUT", "/admin/v1/tenants/default", "{\"tokens_per_day\":1000}");
      CompletableFuture<Integer> answer = CompletableFuture.supplyAsync(() -> asked(gateway));
      Await.until("the request", () -> !held.isEmpty());
      step = Duration.ofDays(1);

      held.forEach(response -> response.end(ANSWER));

      assertEquals(200, answer.join());
      Await.until("its end", () -> ofTheDay(gateway, "held"), tokens -> tokens == 0);
      assertEquals(10, ofTheDay(gateway, "used"));
    }
  }

  private static long ofTheDay(InProcessGateway gateway, String name) throws Exception {
    JsonNode tenants = gateway.adminJson("/admin/v1/tenants?now=true");
    return tenants.at("/tenants/0/now/tokens_per_day/" + name).asLong(-1);
  }

  @Test
  void aKeyEndsWhenTheWallClockSaysSo() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", clock, upstream)) {
      JsonNode key =
          gateway.adminBody("/admin/v1/keys", "{\"name\":\"k\",\"expires_in_seconds\":3600}");
      String[] bearer = {"Authorization", "Bearer " + key.path("key").asText()};
      assertEquals(200, ask(gateway, bearer));

      step = Duration.ofHours(2);
      assertEquals(401, ask(gateway, bearer));
      step = Duration.ZERO;

      assertEquals(200, ask(gateway, bearer));
    }
  }
}
