package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.autoscaling.GatewayLoads;
import dev.switchboard.gateway.shared.ValkeyServer;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Two gateways before the same two servers, each with half of the requests: by what they share both
 * desire what all of them need, and the same.
 */
class SharedAutoscalingIT {
  private static final String PATH = "/admin/v1/autoscaling/m";

  /** Of the two servers, which both gateways know. */
  private static final int PLACES = 16;

  /** Alone two replicas would do for it, and four are needed for both halves. */
  private static final int HALF = 10;

  private FakeUpstream first;
  private FakeUpstream second;
  private HeldAnswers held;

  @BeforeEach
  void start() throws Exception {
    first = new FakeUpstream();
    second = new FakeUpstream();
    held = new HeldAnswers(first, second);
  }

  @AfterEach
  void stop() {
    first.close();
    second.close();
  }

  @Test
  void overAValkeyBothDesireWhatAllNeed() throws Exception {
    overAValkey(this::assertBothDesireTheSum);
  }

  @Test
  void overAPostgresBothDesireWhatAllNeed() throws Exception {
    overAPostgres(this::assertBothDesireTheSum);
  }

  private void assertBothDesireTheSum(String shared) throws Exception {
    try (InProcessGateway one = gateway(shared);
        InProcessGateway other = gateway(shared)) {
      told(one, each -> each.path("gateways").asInt() == 2);
      told(other, each -> each.path("gateways").asInt() == 2);
      held.ask(one, HALF);
      JsonNode half = told(one, each -> each.path("desired").asInt() == 2 && running(each) == HALF);
      told(other, each -> running(each) == HALF);
      held.ask(other, HALF);

      for (InProcessGateway each : List.of(one, other)) {
        JsonNode told =
            told(each, now -> running(now) == 2 * HALF && now.path("desired").asInt() == 4);
        assertEquals(4, told.at("/needed/headroom").asInt(), told::toString);
        assertEquals(PLACES, told.at("/signals/places").asInt(), "each knows all places");
        assertEquals(2, told.path("current").asInt(), "a server is counted once");
        assertEquals(
            told.path("desired").asDouble(),
            each.metric("switchboard_desired_replicas{model=\"m\"}"));
      }
      assertEquals(2, half.path("gateways").asInt());

      held.answerAll();
      for (InProcessGateway each : List.of(one, other)) {
        told(each, now -> running(now) == 0 && now.path("desired").asInt() == 1);
      }
    }
  }

  @Test
  @Tag("timing")
  void whatAGatewayHadThatLeavesAValkeyCountsNoLonger() throws Exception {
    overAValkey(this::assertLeavesAtOnce);
  }

  @Test
  @Tag("timing")
  void whatAGatewayHadThatLeavesAPostgresCountsNoLonger() throws Exception {
    overAPostgres(this::assertLeavesAtOnce);
  }

  /** Long before its last word would count no longer by its age. */
  private void assertLeavesAtOnce(String shared) throws Exception {
    try (InProcessGateway one = gateway(shared)) {
      try (InProcessGateway other = gateway(shared)) {
        held.ask(other, HALF);
        told(one, each -> running(each) == HALF);
        held.answerAll();
      }

      Stopwatch left = Stopwatch.start();
      JsonNode alone = told(one, SharedAutoscalingIT::isAlone);
      assertTrue(left.millis() < 3 * GatewayLoads.TELL_MS, () -> left.millis() + " ms");

      assertEquals(0, running(alone));
    }
  }

  private interface Check {
    void with(String shared) throws Exception;
  }

  private static void overAValkey(Check check) throws Exception {
    try (ValkeyServer valkey = new ValkeyServer()) {
      check.with("shared: {url: \"" + valkey.url() + "\"}\n");
    }
  }

  private static void overAPostgres(Check check) throws Exception {
    try (PostgresServer postgres = new PostgresServer()) {
      check.with("store: {url: \"" + postgres.url() + "\", poll-ms: 100}\n");
    }
  }

  private static boolean isAlone(JsonNode told) {
    return told.path("gateways").asInt() == 1;
  }

  private InProcessGateway gateway(String shared) throws Exception {
    return InProcessGateway.before(
        shared
            + """
            admission: {replica-concurrency: 8}
            autoscaling: {up-seconds: 1, down-seconds: 2, models: [{model: m, max: 9}]}
            """,
        first,
        second);
  }

  private static int running(JsonNode told) {
    return told.at("/signals/running").asInt() + told.at("/signals/waiting").asInt();
  }

  private static JsonNode told(InProcessGateway gateway, Predicate<JsonNode> as) {
    return Await.until("what it desires", () -> gateway.adminJson(PATH), as);
  }
}
