package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.OpenClients.Asked;
import dev.switchboard.gateway.bench.OpenClients.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * More than real workers can do: people at half of their capacity, in two classes, and batches at
 * twice of it. People are served as if they were alone; a refusal says by which numbers it was
 * decided; and whoever comes back when it was told to is served.
 */
final class OverloadChaos {
  private static final int WORKERS = 2;

  /** The engine's own time per step, so that the machine's other work matters little. */
  private static final int STEP_MS = 40;

  private static final int TTFT_MS = 600;
  private static final int PERSON_TOKENS = 24;
  private static final String PROMISES =
      "X-SLO-TTFT-Ms: " + TTFT_MS + "\r\nX-SLO-TPOT-Ms: " + 4 * STEP_MS + "\r\n";
  private static final String BATCH = "X-SLO-Class: batch\r\n";

  private static final Kind URGENT =
      new Kind("urgent", "X-Priority: 50\r\n" + PROMISES, true, PERSON_TOKENS, TTFT_MS);
  private static final Kind NORMAL = new Kind("normal", PROMISES, true, PERSON_TOKENS, TTFT_MS);
  private static final Kind WHOLE = new Kind("whole", BATCH, false, 48, 0);
  private static final Kind LONG = new Kind("long", BATCH, true, 96, 0);

  /**
   * They wait behind the batches for longer than they may, so that they are refused for a target.
   * Its time to the first token is so long that an idle worker keeps it.
   */
  private static final Kind HASTY =
      new Kind("hasty", BATCH + "X-SLO-TTFT-Ms: " + 2 * TTFT_MS + "\r\n", true, 24, 2 * TTFT_MS);

  private static final int HASTY_PER_SECOND = 2;

  /** Few wait, so that many are told when to come back. */
  private static final String MORE = "admission: {queue-requests: 24}\n";

  private static final int CAPACITY_CLIENTS = 40;
  private static final int CAPACITY_TOKENS = 96;
  private static final int CAPACITY_SECONDS = 5;
  private static final double LEAST_OF_ALONE = 0.95;
  private static final double LEAST_ALONE = 0.9;
  private static final double LEAST_BACK = 0.9;
  private static final int ENOUGH = 20;
  private static final double NEAR = 1.5;

  /** Of a request that waited until its target had passed. */
  static final String TOO_LATE = "its target had passed";

  private static final ObjectMapper JSON = new ObjectMapper();

  private OverloadChaos() {}

  static void run(ChaosStage stage) throws IOException {
    String yaml =
        ("http: {port: 0}\nadmin: {port: 0}\nmodels: [{file: " + stage.model())
            + (", name: " + ChaosGateway.MODEL + ", workers: " + WORKERS + "}]\n")
            + "telemetry: {log-requests: true}\n"
            + "workers: {threads: 1, arguments: [--allow-fault-injection, --max-sequences, '16',"
            + " --kv-memory, 64MiB]}\n"
            + MORE;
    try (ChaosGateway gateway = ChaosGateway.start(stage.directory(), "gateway", yaml, "ready")) {
      gateway.awaitAllReady();
      for (String id : gateway.replicas()) {
        gateway.slow(id, STEP_MS);
      }
      MetricsText before = gateway.metrics();
      double capacity = capacity(stage, gateway);
      OpenClients alone = people(stage, gateway, capacity);
      List<Asked> undisturbed = alone.rest();
      OpenClients beside = people(stage, gateway, capacity);
      batches(beside, stage, capacity);
      List<Asked> all = beside.rest();
      compare(stage, undisturbed, all);
      told(stage, all);
      cameBack(stage, all);
      stage.reconcile(gateway, before);
    }
  }

  /** Tokens a second, by clients of which each waits for its answer. */
  private static double capacity(ChaosStage stage, ChaosGateway gateway) {
    double perSecond = 0;
    // The first round teaches the gateway what the workers can do.
    for (int round = 0; round < 2; round++) {
      long before = stage.ledger().generated();
      long begin = System.nanoTime();
      try (ChaosLoad load =
          ChaosLoad.start(
              gateway.address(),
              stage.ledger(),
              new ChaosLoad.Plan(ChaosGateway.MODEL, CAPACITY_CLIENTS, CAPACITY_TOKENS, 0))) {
        Target.pause(CAPACITY_SECONDS * 1000L);
        load.end();
      }
      perSecond = (stage.ledger().generated() - before) / ((System.nanoTime() - begin) / 1e9);
    }
    stage.figure("capacity_tokens_per_s", perSecond);
    return perSecond;
  }

  private static OpenClients people(ChaosStage stage, ChaosGateway gateway, double capacity) {
    OpenClients clients = new OpenClients(gateway.address(), stage.ledger());
    ask(clients, stage, URGENT, capacity / 4, 1);
    ask(clients, stage, NORMAL, capacity / 4, 2);
    return clients;
  }

  private static void batches(OpenClients clients, ChaosStage stage, double capacity) {
    ask(clients, stage, WHOLE, capacity, 3);
    ask(clients, stage, LONG, capacity, 4);
    ask(clients, stage, HASTY, HASTY_PER_SECOND * HASTY.tokens(), 5);
  }

  private static void ask(
      OpenClients clients, ChaosStage stage, Kind kind, double tokensPerSecond, int seed) {
    int seconds = stage.plan().overloadSeconds();
    clients.ask(kind, tokensPerSecond / kind.tokens(), seconds, seed, ChaosGateway.MODEL, "");
  }

  private static void compare(ChaosStage stage, List<Asked> undisturbed, List<Asked> beside) {
    for (Kind kind : List.of(URGENT, NORMAL)) {
      List<Asked> first = of(kind, undisturbed);
      List<Asked> then = of(kind, beside);
      double alone = share(first, Asked::inTime);
      double share = share(then, Asked::inTime);
      stage.figure(kind.name() + "_alone_percent", 100 * alone);
      stage.figure(kind.name() + "_percent", 100 * share);
      stage.figure(kind.name() + "_p90_ms", at(then, Asked::served, 90, Asked::firstMs));
      inTime(stage, kind.name(), new InTime(first.size(), alone), new InTime(then.size(), share));
    }
    stage.figure("people_refused", count(beside, one -> isPerson(one) && one.refused()));
    stage.figure("batches", count(beside, OverloadChaos::isBatch));
    stage.figure("batches_served", count(beside, one -> isBatch(one) && one.served()));
  }

  /** How many asked, and what share of them had their answer in time. */
  record InTime(int asked, double share) {}

  /** People who are rarely in time when they are alone tell nothing of batches. */
  static void inTime(ChaosStage stage, String kind, InTime alone, InTime beside) {
    stage.promise(
        alone.asked >= ENOUGH && beside.asked >= ENOUGH,
        kind + " people asked only " + alone.asked + " and " + beside.asked + " times");
    stage.promise(
        alone.share >= LEAST_ALONE, kind + " people in time though alone: only " + alone.share);
    stage.promise(
        beside.share >= LEAST_OF_ALONE * alone.share,
        kind + " people in time: " + beside.share + " beside batches, " + alone.share + " alone");
  }

  private static boolean isPerson(Asked one) {
    return one.kind().equals(URGENT) || one.kind().equals(NORMAL);
  }

  private static boolean isBatch(Asked one) {
    return one.kind().equals(WHOLE) || one.kind().equals(LONG);
  }

  /** The numbers of a refusal for a target are there, and are those that forbid it. */
  private static void told(ChaosStage stage, List<Asked> all) {
    int judged = 0;
    for (Asked one : all) {
      if (one.reason().equals("ttft_unreachable")) {
        // firstMs is when the refusal came: later than the target, nothing was left of it to tell.
        String wrong = wrong(why(one), one.firstMs() >= one.kind().targetMs());
        judged += wrong.equals(TOO_LATE) ? 0 : 1;
        stage.promise(wrong.isEmpty() || wrong.equals(TOO_LATE), wrong);
      }
    }
    stage.figure("refused_for_a_target", judged);
    stage.promise(judged > 0, "nobody was refused for a target, so that no numbers were judged");
  }

  /**
   * What is wrong with the numbers of a refusal; empty where nothing is.
   *
   * @param over whether its target had passed before it came
   * @return {@link #TOO_LATE} where there are no numbers and none can be
   */
  static String wrong(JsonNode why, boolean over) {
    JsonNode left = why.path("left_ms");
    JsonNode wait = why.at("/predicted_wait_ms/p50");
    JsonNode first = why.path("predicted_ttft_ms");
    if (over && left.isMissingNode()) {
      return TOO_LATE;
    }
    if (!left.isIntegralNumber() || !wait.isIntegralNumber() || !first.isIntegralNumber()) {
      return "refused for a target without its numbers: " + why;
    }
    // Each is rounded down.
    boolean forbids = wait.asLong() + first.asLong() + 2 >= left.asLong();
    return forbids ? "" : "refused though it would be in time: " + why;
  }

  private static JsonNode why(Asked one) {
    try {
      return JSON.readTree(one.said()).path("switchboard");
    } catch (JsonProcessingException e) {
      return JSON.missingNode();
    }
  }

  private static void cameBack(ChaosStage stage, List<Asked> all) {
    List<Asked> back =
        all.stream().filter(one -> one.cameBack() && !one.kind().equals(HASTY)).toList();
    List<Asked> served = back.stream().filter(Asked::servedThen).toList();
    stage.figure("refused", count(all, Asked::refused));
    stage.figure("came_back", back.size());
    stage.figure("served_then_percent", 100 * share(back, Asked::servedThen));
    stage.promise(back.size() >= ENOUGH, "only " + back.size() + " were told to come back");
    stage.promise(
        share(back, Asked::servedThen) >= LEAST_BACK,
        "of " + back.size() + " that came back as told " + served.size() + " were served");
    double told = at(served, OverloadChaos::isBatch, 50, Asked::toldSeconds);
    double real = at(served, OverloadChaos::isBatch, 50, one -> one.firstThenMs() / 1e3);
    stage.figure("batch_told_s", told);
    stage.figure("batch_waited_s", real);
    stage.promise(
        told <= NEAR * real && real <= NEAR * told,
        "batches were told " + told + " s and waited " + real + " s");
  }

  private static List<Asked> of(Kind kind, List<Asked> all) {
    return all.stream().filter(one -> one.kind().equals(kind)).toList();
  }

  private static long count(List<Asked> asked, Predicate<Asked> which) {
    return asked.stream().filter(which).count();
  }

  private static double share(List<Asked> asked, Predicate<Asked> which) {
    return asked.isEmpty() ? 0 : (double) count(asked, which) / asked.size();
  }

  private static double at(
      List<Asked> asked, Predicate<Asked> which, int percent, ToDoubleFunction<Asked> value) {
    List<Double> sorted = new ArrayList<>();
    asked.stream().filter(which).forEach(one -> sorted.add(value.applyAsDouble(one)));
    sorted.sort(null);
    return sorted.isEmpty()
        ? Double.NaN
        : sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }
}
