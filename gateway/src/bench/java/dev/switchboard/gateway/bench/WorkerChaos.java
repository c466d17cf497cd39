package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Workers that die, stop and are drained while they stream. */
final class WorkerChaos {
  private static final int WORKERS = 3;
  private static final int STEP_MS = 20;
  private static final int TOKENS = 250;
  private static final int TOKENS_BEFORE = 20;
  private static final int BACK_SECONDS = 30;
  private static final int LOAD_CLIENTS = 24;
  private static final int LOAD_TOKENS = 40;
  private static final int DRAIN_CLIENTS = 12;
  private static final int DRAIN_GRACE_MS = 30;

  private WorkerChaos() {}

  /** The streams go on elsewhere, and say byte for byte what they say undisturbed. */
  static void kill(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = stage.gateway(WORKERS, STEP_MS, "")) {
      MetricsText before = gateway.metrics();
      List<String> expected = texts(stage, ChaosStreams.open(stage, gateway, TOKENS).rest());
      for (int i = 0; i < stage.plan().kills(); i++) {
        gateway.awaitAllReady();
        String victim = gateway.replicas().get(i % WORKERS);
        ChaosStreams streams = ChaosStreams.open(stage, gateway, TOKENS);
        streams.awaitTokens(TOKENS_BEFORE);
        ChaosGateway.signal("KILL", gateway.pid(victim));
        long killed = System.nanoTime();
        compare(stage, expected, streams);
        stage.promise(
            gateway.await(victim, "READY", BACK_SECONDS) >= 0, victim + " did not come back");
        stage.figure("back_ms", (System.nanoTime() - killed) / 1e6);
        gateway.slow(victim, STEP_MS);
      }
      moved(stage, gateway, before);
      stage.reconcile(gateway, before);
    }
  }

  private static List<String> texts(ChaosStage stage, List<AnswerLog> answers) {
    List<String> texts = new ArrayList<>();
    for (AnswerLog answer : answers) {
      stage.promise(answer.good(), "an undisturbed stream broke: " + answer.complaint());
      texts.add(answer.said());
    }
    return texts;
  }

  private static void compare(ChaosStage stage, List<String> expected, ChaosStreams streams) {
    List<AnswerLog> answers = streams.rest();
    int different = 0;
    int broken = 0;
    double longest = 0;
    for (int i = 0; i < answers.size(); i++) {
      AnswerLog answer = answers.get(i);
      if (!answer.good()) {
        broken++;
        stage.promise(false, "a stream broke: " + answer.complaint());
      } else if (!answer.said().equals(expected.get(i))) {
        different++;
      }
      longest = Math.max(longest, answer.longestGapMs());
    }
    stage.promise(different == 0, different + " streams say something else than undisturbed");
    stage.add("streams", answers.size());
    stage.add("broken", broken);
    stage.most("longest_gap_ms", longest);
  }

  private static void moved(ChaosStage stage, ChaosGateway gateway, MetricsText before)
      throws IOException {
    String name = "switchboard_migrations_total";
    String resumed = "result=\"resumed\"";
    double moved = gateway.metrics().sum(name, resumed) - before.sum(name, resumed);
    stage.figure("moved", moved);
    stage.promise(moved > 0, "no stream had to move, so nothing was shown");
  }

  /** It is left, its streams go on elsewhere, and it comes back as the same process. */
  static void freeze(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = stage.gateway(WORKERS, STEP_MS, "")) {
      MetricsText before = gateway.metrics();
      List<String> expected = texts(stage, ChaosStreams.open(stage, gateway, TOKENS).rest());
      String victim = gateway.replicas().getFirst();
      long pid = gateway.pid(victim);
      try (ChaosLoad load = load(stage, gateway, LOAD_CLIENTS)) {
        ChaosStreams streams = ChaosStreams.open(stage, gateway, TOKENS);
        streams.awaitTokens(TOKENS_BEFORE);
        ChaosGateway.signal("STOP", pid);
        long stopped = System.nanoTime();
        long ejectedMs = gateway.await(victim, "EJECTED", stage.plan().frozenSeconds());
        stage.promise(ejectedMs >= 0, "a stopped worker was not ejected");
        stage.figure("ejected_ms", ejectedMs);
        compare(stage, expected, streams);
        long restMs =
            stage.plan().frozenSeconds() * 1000L - (System.nanoTime() - stopped) / 1_000_000;
        Target.pause(Math.max(0, restMs));
        ChaosGateway.signal("CONT", pid);
        long backMs = gateway.await(victim, "READY", BACK_SECONDS);
        stage.promise(backMs >= 0 && gateway.pid(victim) == pid, "it did not come back");
        stage.figure("back_ms", backMs);
        load.end();
        stage.served(load);
        stage.most("longest_gap_ms", load.longestGapMs());
      }
      moved(stage, gateway, before);
      stage.reconcile(gateway, before);
    }
  }

  private static ChaosLoad load(ChaosStage stage, ChaosGateway gateway, int clients) {
    return ChaosLoad.start(
        gateway.address(),
        stage.ledger(),
        new ChaosLoad.Plan(ChaosGateway.MODEL, clients, LOAD_TOKENS, 0));
  }

  /** Nothing fails, however often workers are emptied and taken back. */
  static void drain(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = stage.gateway(WORKERS, STEP_MS, "")) {
      MetricsText before = gateway.metrics();
      double longestMs = 0;
      double broken = 0;
      try (ChaosLoad load = load(stage, gateway, DRAIN_CLIENTS)) {
        for (int i = 0; i < stage.plan().drains(); i++) {
          String path = "/admin/v1/replicas/" + gateway.replicas().get(i % WORKERS);
          longestMs = Math.max(longestMs, drain(stage, gateway, path));
          broken += gateway.admin(path).at("/drain/broken").asInt();
          JsonNode _ = gateway.adminPost(path + "/resume", "");
          gateway.awaitAllReady();
        }
        load.end();
        stage.figure("drains", stage.plan().drains());
        stage.served(load);
        stage.figure("longest_gap_ms", load.longestGapMs());
      }
      stage.figure("longest_drain_ms", longestMs);
      stage.promise(broken == 0, "drains broke " + broken + " requests");
      stage.reconcile(gateway, before);
    }
  }

  private static double drain(ChaosStage stage, ChaosGateway gateway, String path)
      throws IOException {
    JsonNode _ = gateway.adminPost(path + "/drain", "{\"grace_ms\":" + DRAIN_GRACE_MS + "}");
    long ms = gateway.await(path.substring(path.lastIndexOf('/') + 1), "DRAINED", BACK_SECONDS);
    stage.promise(ms >= 0, path + " was not drained within " + BACK_SECONDS + " s");
    return ms;
  }
}
