package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.util.List;

/** A worker dies with requests of which no client has anything yet. */
final class WaitingChaos {
  private static final int WORKERS = 3;

  /** In a worker's batch; the others wait there for a place in it. */
  private static final int SEQUENCES = 16;

  /** So long that nobody gets a token before the kill. */
  private static final int STEP_MS = 2000;

  private static final int TOKENS = 8;
  private static final int PATIENCE_SECONDS = 30;
  private static final int POLL_MS = 20;

  private WaitingChaos() {}

  /**
   * Streams, prompts that wait behind them and whole answers: all begin anew elsewhere, though they
   * are far more than the retries that may be saved up.
   */
  static void kill(ChaosStage stage) throws IOException {
    String yaml = ChaosGateway.yaml(stage.model(), WORKERS, SEQUENCES, "");
    try (ChaosGateway gateway = ChaosGateway.start(stage.directory(), "gateway", yaml, "ready")) {
      MetricsText before = gateway.metrics();
      for (int i = 0; i < stage.plan().kills(); i++) {
        gateway.awaitAllReady();
        round(stage, gateway);
      }
      stage.reconcile(gateway, before);
    }
  }

  private static void round(ChaosStage stage, ChaosGateway gateway) throws IOException {
    slow(gateway, "", STEP_MS);
    int count = stage.plan().streams();
    List<ChaosStreams> all =
        List.of(
            ChaosStreams.open(stage, gateway, TOKENS, count, true),
            ChaosStreams.open(stage, gateway, TOKENS, count * 3 / 10, true),
            ChaosStreams.open(stage, gateway, TOKENS, count * 2 / 5, false));
    String victim = busiest(gateway, sent(all));
    stage.add("at_dead_workers", gateway.inFlight(victim));
    ChaosGateway.signal("KILL", gateway.pid(victim));
    slow(gateway, victim, 0);
    count(stage, "streams", all.get(0));
    count(stage, "queued", all.get(1));
    count(stage, "whole", all.get(2));
  }

  private static int sent(List<ChaosStreams> all) {
    return all.stream().mapToInt(ChaosStreams::count).sum();
  }

  /** The worker with most requests, once every request is at one. */
  private static String busiest(ChaosGateway gateway, int requests) throws IOException {
    for (int looks = 0; looks < PATIENCE_SECONDS * 1000 / POLL_MS; looks++) {
      int sum = 0;
      int most = -1;
      String busiest = "";
      for (String id : gateway.replicas()) {
        int there = gateway.inFlight(id);
        sum += there;
        busiest = there > most ? id : busiest;
        most = Math.max(most, there);
      }
      if (sum >= requests) {
        return busiest;
      }
      Target.pause(POLL_MS);
    }
    throw new IOException("not every request came to a worker");
  }

  private static void slow(ChaosGateway gateway, String notThis, int stepMs) throws IOException {
    for (String id : gateway.replicas()) {
      if (!id.equals(notThis)) {
        gateway.slow(id, stepMs);
      }
    }
  }

  private static void count(ChaosStage stage, String kind, ChaosStreams answers) {
    int lost = 0;
    for (AnswerLog answer : answers.rest()) {
      if (!answer.good()) {
        lost++;
        stage.promise(false, kind + ": one was lost: " + answer.complaint());
      }
    }
    stage.add(kind, answers.rest().size());
    stage.add(kind + "_lost", lost);
  }
}
