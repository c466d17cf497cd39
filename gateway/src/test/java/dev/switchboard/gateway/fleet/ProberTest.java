package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.testing.HandAsk;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.testing.HandVertx;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When replicas are asked; what their answers mean is {@link HealthChecks}' to say. */
class ProberTest {
  private static final int TURN_MS = 100;
  private static final long POLL_MS = FleetByHand.WORKERS.statePollMs();

  private final HandTimers time = new HandTimers();
  private final long begun = time.nanos();
  private final HandVertx vertx = new HandVertx(time);
  private final FleetByHand hand =
      new FleetByHand(List.of(FleetByHand.model("m.gguf", 1, 0)), List.of());
  private final List<String> reports = new ArrayList<>();
  private final Prober prober =
      new Prober(vertx.vertx(), time, hand.fleet(), time::nanos, listener());
  private final List<HandAsk> owed = new ArrayList<>();

  private Prober.Listener listener() {
    return new Prober.Listener() {
      @Override
      public void reported(Replica replica, ReplicaReport report) {
        reports.add(replica.id());
      }

      @Override
      public void unread(Replica replica) {}

      @Override
      public void compared(Replica replica, int orphans, int lost, int newOrphans, int newLost) {}
    };
  }

  /** What is asked for in some milliseconds, with when it is. */
  private List<String> asked(long ms) {
    time.advance(ms);
    List<String> told = new ArrayList<>();
    for (HandAsk each : vertx.asked()) {
      owed.add(each);
      told.add(each.what() + " " + (each.nanos() - begun) / 1_000_000);
    }
    return told;
  }

  private void answers(String body) {
    owed.removeFirst().answers(200).says(body).ends();
  }

  private void starts() {
    FleetByHand.Started process = hand.process("w0");
    process.tell("listening");
    process.tell("ready");
    prober.start();
  }

  @Test
  void oneThatWarmsUpIsAskedForACanaryAtOnceAndForOneAtATime() {
    starts();
    assertEquals(List.of("POST /engine/v1/canary 0"), asked(0));
    assertEquals(List.of(), asked(10 * TURN_MS));

    owed.removeFirst().breaks(new IOException("no answer"));
    assertEquals(List.of("POST /engine/v1/canary 1100"), asked(TURN_MS));

    answers("{}");
    assertEquals(ReplicaState.READY, hand.replica("w0").state());
  }

  @Test
  void oneThatServesIsAskedHowItIsNowAndThen() {
    starts();
    assertEquals(1, asked(0).size());
    answers("{}");

    for (int i = 1; i <= 5; i++) {
      assertEquals(List.of(), asked(POLL_MS - 1));
      assertEquals(List.of("GET /engine/v1/state " + i * POLL_MS), asked(1));
      answers("{\"state\": \"ready\"}");
      assertEquals(i, reports.size());
    }
  }

  @Test
  void onceItIsStoppedNobodyIsAsked() {
    starts();
    assertEquals(1, asked(0).size());
    answers("{}");

    prober.stop();

    assertEquals(List.of(), asked(60_000));
    assertEquals(0, time.waiting());
  }
}
