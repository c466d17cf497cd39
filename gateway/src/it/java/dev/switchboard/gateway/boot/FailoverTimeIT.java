package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.gateway.bench.MetricsText;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** How soon a worker that stands by, or another one, is there for one that dies or stops. */
class FailoverTimeIT extends FailoverFleet {
  /** First tokens before a gateway says what is late, and some more. */
  private static final int LESSONS = 20;

  @Test
  void theOneOnStandbyTakesRequestsWithinASecondOfAKill() throws Exception {
    String victim = gateway.firstReady();
    Instant killed = Instant.now();

    gateway.kill(victim);

    InProcessGateway.await(() -> !promoted(killed).isMissingNode());
    JsonNode promotion = promoted(killed);
    long ms = Duration.between(killed, Instant.parse(promotion.path("at").asText())).toMillis();
    assertTrue(ms <= 1000, () -> "promoted after " + ms + " ms");
    List<StreamClient> streams = openAll();
    for (StreamClient stream : streams) {
      stream.rest();
    }
    String taker = promotion.path("replica").asText();
    assertTrue(streams.stream().anyMatch(stream -> stream.replica().equals(taker)), taker);
    System.out.println("promoted " + ms + " ms after kill -9 of a worker");
    gateway.awaitStates(3, 1);
  }

  private JsonNode promoted(Instant since) {
    for (JsonNode event :
        gateway
            .adminUnchecked("/admin/v1/events?types=replica_state&limit=20&since=" + since)
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
  void aStoppedWorkerIsLeftWithinTwoSecondsAndSaysNothingTwiceWhenItWakes() throws Exception {
    List<Map<String, String>> expected = undisturbed();
    List<StreamClient> streams = openAll();
    awaitEvents(streams, 5);
    String replica = streams.getFirst().replica();
    long pid = gateway.pid(replica);

    stop(pid);
    long stopped = System.nanoTime();
    gateway.awaitState(replica, "EJECTED");
    long ejectedMs = (System.nanoTime() - stopped) / 1_000_000;
    for (StreamClient stream : streams) {
      stream.rest();
    }
    GatewayProcess.signal("-CONT", pid);

    assertSame(expected, streams);
    assertTrue(ejectedMs <= 3500, () -> "ejected after " + ejectedMs + " ms");
    gateway.awaitStates(3, 1);
    assertEquals(pid, gateway.pid(replica));
    report("SIGSTOP: ejected after " + ejectedMs + " ms", streams);
  }

  @Test
  void aStreamWhoseWorkerStopsBeforeItsFirstTokenIsAnsweredByAnotherAndCountsOnce()
      throws Exception {
    for (int i = 0; i < LESSONS; i++) {
      hedged().rest();
    }
    StreamClient usual = hedged();
    Map<String, String> expected = StreamFacts.by(usual.rest());
    String replica = usual.replica();
    long pid = gateway.pid(replica);
    MetricsText before = new MetricsText(gateway.metrics());

    stop(pid);
    StreamClient late;
    try {
      // The session goes where it was.
      late = hedged();
      assertEquals(expected, StreamFacts.by(late.rest()));
    } finally {
      GatewayProcess.signal("-CONT", pid);
    }

    assertNotEquals(replica, late.replica());
    JsonNode attempts =
        gateway.admin("/admin/v1/requests/" + late.id() + "/timeline?full=true").path("attempts");
    assertEquals(2, attempts.size(), attempts::toString);
    assertEquals(replica, attempts.path(0).path("replica").asText(), attempts::toString);
    assertEquals("another replica answered first", attempts.path(0).path("error").asText());
    assertTrue(attempts.path(1).path("hedge").asBoolean(), attempts::toString);
    InProcessGateway.await(() -> heldBy(replica) == 0 && heldBy(late.replica()) == 0);
    MetricsText after = new MetricsText(gateway.metrics());
    String usage = String.valueOf(expected.get("usage"));
    int plus = usage.indexOf('+');
    double tokens =
        Double.parseDouble(usage.substring(0, plus)) + Double.parseDouble(usage.substring(plus));
    assertEquals(1, grown(before, after, "switchboard_requests_total", "outcome=\"ok\""));
    assertEquals(1, grown(before, after, "switchboard_hedges_total", "result=\"won\""));
    assertEquals(1, grown(before, after, "switchboard_upstream_attempts_total", "outrun"));
    assertEquals(tokens, grown(before, after, "switchboard_tokens_total", "direction="));
  }

  /** A stream that may be sent to a second worker; all of them are one session. */
  private StreamClient hedged() throws Exception {
    String body =
        ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                + "'temperature':1,'seed':9,'max_tokens':4,'ignore_eos':true,"
                + "'messages':[{'role':'user','content':'Hello'}]}")
            .replace('\'', '"');
    return StreamClient.open(
        gateway, CHAT, body, "X-SLO-Class", "batch", "X-Switchboard-Session", "hedged");
  }

  /** On a busy machine some threads go on for a while after the signal was sent. */
  private static void stop(long pid) throws Exception {
    GatewayProcess.signal("-STOP", pid);
    InProcessGateway.await(() -> stands(Path.of("/proc/" + pid + "/task")));
  }

  private static boolean stands(Path threads) {
    try (Stream<Path> each = Files.list(threads)) {
      for (Path thread : each.toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
          return false;
        }
      }
      return true;
    } catch (NoSuchFileException ended) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
