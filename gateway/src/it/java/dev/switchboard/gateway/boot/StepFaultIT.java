package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A fault at each step of a request's course, one after the other. */
class StepFaultIT extends TwoUpstreams {
  private static final int LEAST_STEPS = 20;

  /** Far more than the client waits for what it is to hear at once. */
  private static final String DEADLINES =
      "deadlines: {first-token-ms: 3600000, inter-token-ms: 3600000, answer-ms: 3600000}\n";

  /**
   * Throws once, at the call of a request's course that it is told: each step asks for the time.
   */
  private static final class FaultyClock implements NanoClock {
    /** What asks for it beside requests. */
    private static final Set<String> BESIDE = Set.of("LoopLag", "LoopLateness", "ConnectionWatch");

    private final NanoClock clock;

    /** Calls before the one that throws; below 0 none does. */
    private final AtomicInteger left = new AtomicInteger(-1);

    FaultyClock(NanoClock clock) {
      this.clock = clock;
    }

    @Override
    public long epochNanos() {
      if (left.get() >= 0 && ofARequest() && left.getAndDecrement() == 0) {
        throw new IllegalStateException("a fault of the clock");
      }
      return clock.epochNanos();
    }

    private static boolean ofARequest() {
      return StackWalker.getInstance()
          .walk(
              frames ->
                  frames
                      .map(frame -> frame.getClassName().replaceAll(".*\\.|\\$.*", ""))
                      .noneMatch(BESIDE::contains));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void itGivesBackAllThatTheRequestHeldAndItsClientHearsAtOnce(boolean stream) throws Exception {
    first.script(
        (request, body) -> {
          if (stream) {
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done());
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    String yaml =
        DEADLINES + "tenants: [{name: default, max-concurrency: 3}]\ncircuit: {failures: 1000}";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, first)) {
      GatewayContext context = gateway.gateway().reconfiguration().context();
      FaultyClock clock = new FaultyClock(context.clock());
      try (ListenerBeside listener = new ListenerBeside(gateway, with(context, clock))) {
        boolean thrown = true;
        int step = 0;
        for (; thrown; step++) {
          // A fault may cut its connection, and a new one asks for the time once more: where one is
          // in use, each fault meets the next call.
          String before = "before-" + step;
          assertEquals(200, listener.ask(stream, "X-Request-Id", before).statusCode());
          nothingIsHeld(gateway, context, before);
          clock.left.set(step);
          hears(listener, stream, "step-" + step);
          nothingIsHeld(gateway, context, "step-" + step);
          thrown = clock.left.getAndSet(-1) < 0;
        }

        assertTrue(step > LEAST_STEPS, "only " + step + " steps");
        HttpResponse<String> next = listener.ask(stream);
        assertEquals(200, next.statusCode(), next::body);
        assertEquals(
            "2", next.headers().firstValue("x-ratelimit-remaining-concurrency").orElse(""));
      }
    }
  }

  @Test
  void aFaultWhileAWholeAnswerIsReadSaysNothingOfItsReplica() throws Exception {
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    try (InProcessGateway gateway = InProcessGateway.before("circuit: {failures: 1000}", first)) {
      GatewayContext context = gateway.gateway().reconfiguration().context();
      FaultyClock clock = new FaultyClock(context.clock());
      try (ListenerBeside listener = new ListenerBeside(gateway, with(context, clock))) {
        Set<String> answers = new HashSet<>();
        boolean thrown = true;
        for (int step = 0; thrown; step++) {
          clock.left.set(step);
          answers.add(code(listener));
          thrown = clock.left.getAndSet(-1) < 0;
        }

        assertTrue(answers.contains("internal_error"), answers::toString);
        assertFalse(answers.contains("upstream_failed"), answers::toString);
        assertEquals(0, gateway.attempts("u0", "failed"));
      }
    }
  }

  private static String code(ListenerBeside listener) throws Exception {
    try {
      String body = listener.ask(false, "X-Switchboard-Timeline", "summary").body();
      return InProcessGateway.JSON.readTree(body).at("/error/code").asText();
    } catch (IOException cut) {
      return "cut";
    }
  }

  /** An answer, an error, or that its connection is cut where the answer was being written. */
  private static void hears(ListenerBeside listener, boolean stream, String id) throws Exception {
    try {
      listener.ask(stream, "X-Request-Id", id);
    } catch (HttpTimeoutException e) {
      throw e;
    } catch (IOException cut) {
      // A new connection is made for the next one.
    }
  }

  /** The answer goes out before the last place is given back. */
  private static void nothingIsHeld(InProcessGateway gateway, GatewayContext context, String id) {
    Await.until(
        "all is given back of " + id,
        () ->
            !context.recorder().whenEnded(id, () -> {})
                && context.admission().inFlight() == 0
                && context.admission().queue("m").snapshot(context.clock().epochNanos()).running()
                    == 0
                && gateway.fleet().replicas().getFirst().inFlight() == 0
                && metric(gateway, "switchboard_requests_in_flight{model=\"m\"}") == 0
                && metric(gateway, "switchboard_replica_in_flight{replica=\"u0\"}") == 0);
  }

  private static double metric(InProcessGateway gateway, String series) throws Exception {
    return gateway.metric(series);
  }

  private static GatewayContext with(GatewayContext of, NanoClock clock) {
    return new GatewayContext(
        of.http(),
        of.deadlines(),
        of.migration(),
        clock,
        of.freshIds(),
        of.keys(),
        of.cacheSalt(),
        of.slos(),
        of.admission(),
        of.fleet(),
        of.router(),
        of.edges(),
        of.affinity(),
        of.retries(),
        of.poison(),
        of.metrics(),
        of.recorder(),
        of.events(),
        of.usage(),
        of.shared(),
        of.bodies(),
        of.traces(),
        of.steps(),
        of.tracer(),
        of.propagator());
  }
}
