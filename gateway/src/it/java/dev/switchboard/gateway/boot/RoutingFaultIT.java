package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.LeastLoaded;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.routing.RoutingPolicy;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A routing policy with a fault. */
class RoutingFaultIT extends TwoUpstreams {
  private static final RoutingPolicy BROKEN =
      (replicas, request, now) -> {
        throw new IllegalStateException("a fault of the policy");
      };

  @Test
  void aPolicyThatThrowsIsAnInternalErrorAtOnce() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> stream = through(gateway, BROKEN, true);
      HttpResponse<String> whole = through(gateway, BROKEN, false);

      assertEquals(500, stream.statusCode());
      assertEquals(500, whole.statusCode());
      assertTrue(whole.body().contains("\"code\":\"internal_error\""), whole::body);
      assertEquals(2, gateway.metric("switchboard_routing_failures_total{model=\"m\"}"));
      assertEquals(
          2,
          gateway.metric(
              "switchboard_requests_total{endpoint=\"chat\",model=\"m\",outcome=\"internal\"}"));
      assertEquals(0, gateway.metric("switchboard_requests_in_flight{model=\"m\"}"));
      assertEquals(0, gateway.gateway().reconfiguration().context().admission().inFlight());
      assertEquals(List.of(), List.copyOf(first.seen));
    }
  }

  @Test
  void oneThatThrowsAtTheRetryIsAnInternalErrorToo() throws Exception {
    first.script((request, body) -> request.connection().close());
    AtomicInteger decisions = new AtomicInteger();
    RoutingPolicy once =
        (replicas, request, now) ->
            (decisions.getAndIncrement() == 0 ? new LeastLoaded() : BROKEN)
                .route(replicas, request, now);
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> answer = through(gateway, once, true);

      assertEquals(500, answer.statusCode());
      assertEquals(1, first.seen.size());
      assertEquals(1, gateway.metric("switchboard_routing_failures_total{model=\"m\"}"));
    }
  }

  /** The place at its replica is taken, and what was to note it throws. */
  @Test
  void aFaultBetweenTwoPlacesGivesEachOfThemBack() throws Exception {
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    String tenant = "tenants: [{name: default, max-concurrency: 3}]";
    try (InProcessGateway gateway = InProcessGateway.before(tenant, first)) {
      GatewayContext context = gateway.gateway().reconfiguration().context();
      context
          .affinity()
          .tell(
              (model, replica, key) -> {
                throw new IllegalStateException("a fault of whoever listens");
              });
      for (int i = 0; i < 5; i++) {
        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(i % 2 == 0));
        assertEquals(500, answer.statusCode(), answer.body());
      }

      // The answer goes out before the last place is given back.
      Await.until("in flight", context.admission()::inFlight, count -> count == 0);
      assertEquals(
          0, context.admission().queue("m").snapshot(context.clock().epochNanos()).running());
      assertEquals(0, gateway.fleet().replicas().getFirst().inFlight());
      assertEquals(0, gateway.metric("switchboard_requests_in_flight{model=\"m\"}"));
      assertEquals(0, gateway.metric("switchboard_replica_in_flight{replica=\"u0\"}"));
      context.affinity().tell((model, replica, key) -> {});
      HttpResponse<String> next = gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      assertEquals(200, next.statusCode());
      assertEquals("2", next.headers().firstValue("x-ratelimit-remaining-concurrency").orElse(""));
    }
  }

  /** A header that cannot be written: the answer is there, and what was to send it on throws. */
  @Test
  void anAnswerThatCannotBeSentOnIsAnErrorAtOnce() throws Exception {
    RoutingPolicy unspeakable =
        (replicas, request, now) -> {
          Decision decision = new LeastLoaded().route(replicas, request, now);
          return new Decision(
              decision.policy(),
              decision.requested(),
              decision.model(),
              decision.chosen(),
              decision.candidates(),
              new Decision.Shadow("two\nlines", decision.chosen()),
              null);
        };
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<String> whole = through(gateway, unspeakable, false);
      HttpResponse<String> stream = through(gateway, unspeakable, true);

      assertEquals(500, whole.statusCode());
      assertTrue(whole.body().contains("\"code\":\"internal_error\""), whole::body);
      assertTrue(stream.body().contains("\"error\":"), stream::body);
      assertFalse(stream.body().contains("[DONE]"), stream::body);
      assertEquals(0, gateway.metric("switchboard_requests_in_flight{model=\"m\"}"));
      assertEquals(0, gateway.metric("switchboard_replica_in_flight{replica=\"u0\"}"));
    }
  }

  /** Asks a listener beside the gateway's own, whose router has a policy of the test. */
  private static HttpResponse<String> through(
      InProcessGateway gateway, RoutingPolicy policy, boolean stream) throws Exception {
    GatewayContext context = gateway.gateway().reconfiguration().context();
    Router router = new Router(policy, List.of(), Set.of("m"));
    GatewayContext broken =
        context.with(context.deadlines(), context.migration(), context.slos(), router);
    try (ListenerBeside listener = new ListenerBeside(gateway, broken)) {
      return listener.ask(stream);
    }
  }
}
