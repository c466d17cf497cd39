package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** How soon a worker that stands by, or another one, is there for one that dies or stops. */
class FailoverTimeIT extends FailoverFleet {
  @Override
  String liveness() {
    return "unresponsive-ms: 1500";
  }

  @Test
  void theOneOnStandbyTakesRequestsAfterAKill() throws Exception {
    promotedMsAfterAKill();
  }

  @Test
  @Tag("timing")
  void theOneOnStandbyTakesRequestsWithinASecondOfAKill() throws Exception {
    long ms = promotedMsAfterAKill();

    assertTrue(ms <= 1000, () -> "promoted after " + ms + " ms");
  }

  private long promotedMsAfterAKill() throws Exception {
    String victim = gateway.firstReady();
    Instant killed = Instant.now();

    gateway.kill(victim);

    JsonNode promotion =
        Await.until("the promotion", () -> promoted(killed), promoted -> !promoted.isMissingNode());
    long ms = Duration.between(killed, Instant.parse(promotion.path("at").asText())).toMillis();
    List<StreamClient> streams = openAll();
    for (StreamClient stream : streams) {
      stream.rest();
    }
    String taker = promotion.path("replica").asText();
    assertTrue(streams.stream().anyMatch(stream -> stream.replica().equals(taker)), taker);
    System.out.println("promoted " + ms + " ms after kill -9 of a worker");
    gateway.awaitStates(3, 1);
    return ms;
  }

  private JsonNode promoted(Instant since) throws Exception {
    for (JsonNode event :
        gateway
            .admin("/admin/v1/events?types=replica_state&limit=20&since=" + since)
            .path("events")) {
      JsonNode data = event.path("data");
      if (data.path("from").asText().equals("STANDBY")
          && data.path("to").asText().equals("READY")) {
        return data;
      }
    }
    return MissingNode.getInstance();
  }

  @Test
  void aStoppedWorkerIsLeftAndSaysNothingTwiceWhenItWakes() throws Exception {
    ejectedMsAfterAStop();
  }

  @Test
  @Tag("timing")
  void aStoppedWorkerIsLeftWithinTwoSeconds() throws Exception {
    long ms = ejectedMsAfterAStop();

    assertTrue(ms <= 3500, () -> "ejected after " + ms + " ms");
  }

  private long ejectedMsAfterAStop() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);
    String replica = streams.getFirst().replica();
    long pid = gateway.pid(replica);

    stop(pid);
    Stopwatch stopped = Stopwatch.start();
    gateway.awaitState(replica, "EJECTED");
    long ejectedMs = stopped.millis();
    for (StreamClient stream : streams) {
      stream.rest();
    }
    GatewayProcess.signal("-CONT", pid);

    assertSame(expected, streams);
    gateway.awaitStates(3, 1);
    assertEquals(pid, gateway.pid(replica));
    report("SIGSTOP: ejected after " + ejectedMs + " ms", streams);
    return ejectedMs;
  }
}
