package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.OpenClients.Asked;
import dev.switchboard.gateway.bench.OpenClients.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/** People at half of the capacity of real workers, and batches at twice of it. */
final class OverloadChaos {
  static final Kind URGENT =
      new Kind(
          "urgent",
          "X-SLO-Class: interactive\r\nX-SLO-TPOT-Ms: "
              + Integer.getInteger("target", 300) / 3
              + "\r\nX-SLO-TTFT-Ms: "
              + Integer.getInteger("target", 300)
              + "\r\n",
          true,
          24,
          Integer.getInteger("target", 300));
  static final Kind NORMAL =
      new Kind(
          "normal",
          "X-SLO-TPOT-Ms: "
              + Integer.getInteger("target", 300) / 2
              + "\r\nX-SLO-TTFT-Ms: "
              + Integer.getInteger("target", 300)
              + "\r\n",
          true,
          24,
          Integer.getInteger("target", 300));
  static final Kind WHOLE = new Kind("batch-whole", "X-SLO-Class: batch\r\n", false, 96, 0);
  static final Kind LONG = new Kind("batch-stream", "X-SLO-Class: batch\r\n", true, 192, 0);

  private OverloadChaos() {}

  static void run(ChaosStage stage) throws IOException {
    Path home = Path.of(System.getProperty("switchboard.home", ".")).toAbsolutePath().normalize();
    Path model = home.resolve("native-engine/demo-model/switchboard-demo.gguf");
    String yaml =
        "http: {port: 0}\nadmin: {port: 0}\n"
            + "models: [{file: "
            + model
            + ", name: chaos, workers: 2}]\n"
            + "telemetry: {log-requests: true}\n"
            + (Integer.getInteger("rows", 16) > 0
                ? "workers: {arguments: [--allow-fault-injection, --max-sequences, '"
                    + Integer.getInteger("rows", 16)
                    + "']}\n"
                : "")
            + System.getProperty("more", "");
    int seconds = Integer.getInteger("seconds", 20);
    try (ChaosGateway gateway = ChaosGateway.start(stage.directory(), "gateway", yaml, "ready")) {
      gateway.awaitAllReady();
      if (Integer.getInteger("step", 20) > 0) {
        for (String id : gateway.replicas()) {
          gateway.slow(id, Integer.getInteger("step", 20));
        }
      }
      double capacity = capacity(gateway);
      stage.figure("capacity_tokens_per_s", capacity);
      OpenClients alone = new OpenClients(gateway.address(), stage.ledger());
      people(alone, capacity / 2, seconds);
      report("alone", alone.rest());
      OpenClients beside = new OpenClients(gateway.address(), stage.ledger());
      people(beside, capacity / 2, seconds);
      beside.ask(WHOLE, capacity / WHOLE.tokens(), seconds, 3, "chaos", "");
      beside.ask(LONG, capacity / LONG.tokens(), seconds, 4, "chaos", "");
      Target.pause(seconds * 1000L);
      System.err.println(gateway.admin("/admin/v1/replicas"));
      report("beside", beside.rest());
    }
  }

  private static void people(OpenClients clients, double tokens, double seconds) {
    clients.ask(URGENT, tokens / 2 / URGENT.tokens(), seconds, 1, "chaos", "");
    clients.ask(NORMAL, tokens / 2 / NORMAL.tokens(), seconds, 2, "chaos", "");
  }

  private static double capacity(ChaosGateway gateway) {
    double best = 0;
    for (int i = 0; i < 3; i++) {
      ClientLedger ledger = new ClientLedger();
      long begin = System.nanoTime();
      ChaosLoad load =
          ChaosLoad.start(gateway.address(), ledger, new ChaosLoad.Plan("chaos", 32, 96, 0));
      Target.pause(4000);
      load.end();
      best = ledger.generated() / ((System.nanoTime() - begin) / 1e9);
    }
    return best;
  }

  private static void report(String name, List<Asked> all) {
    Map<String, List<Asked>> kinds = new TreeMap<>();
    for (Asked one : all) {
      kinds.computeIfAbsent(one.kind().name(), k -> new ArrayList<>()).add(one);
    }
    kinds.forEach(
        (kind, asked) -> {
          System.err.printf(
              Locale.ROOT,
              "%s %s: %d asked, in time %.1f %%, served %d, first p50 %.0f p90 %.0f p99 %.0f ms,"
                  + " end p50 %.1f s p99 %.1f s%n",
              name,
              kind,
              asked.size(),
              100.0 * count(asked, Asked::inTime) / asked.size(),
              count(asked, Asked::served),
              at(asked, 50, Asked::firstMs),
              at(asked, 90, Asked::firstMs),
              at(asked, 99, Asked::firstMs),
              at(asked, 50, Asked::endMs) / 1e3,
              at(asked, 99, Asked::endMs) / 1e3);
          Map<String, List<Asked>> reasons = new TreeMap<>();
          for (Asked one : asked) {
            if (!one.served()) {
              reasons
                  .computeIfAbsent(one.status() + " " + one.reason(), k -> new ArrayList<>())
                  .add(one);
            }
          }
          reasons.forEach(
              (reason, refused) -> {
                Map<String, Integer> then = new TreeMap<>();
                for (Asked one : refused) {
                  String what =
                      !one.cameBack()
                          ? "stayed away"
                          : one.servedThen() ? "served" : "again " + one.reasonThen();
                  then.merge(what, 1, Integer::sum);
                }
                System.err.printf(
                    Locale.ROOT,
                    "    %s: %d, told p50 %.0f s max %.0f s; then %s%n       %s%n",
                    reason,
                    refused.size(),
                    at(refused, x -> true, 50, Asked::toldSeconds),
                    at(refused, x -> true, 100, Asked::toldSeconds),
                    then,
                    refused.get(refused.size() / 2).said());
              });
        });
  }

  private static long count(List<Asked> asked, Predicate<Asked> which) {
    return asked.stream().filter(which).count();
  }

  private static double at(List<Asked> asked, double percent, ToDoubleFunction<Asked> value) {
    return at(asked, Asked::served, percent, value);
  }

  private static double at(
      List<Asked> asked, Predicate<Asked> which, double percent, ToDoubleFunction<Asked> value) {
    List<Asked> some =
        asked.stream().filter(which).sorted(Comparator.comparingDouble(value)).toList();
    return some.isEmpty()
        ? Double.NaN
        : value.applyAsDouble(
            some.get((int) Math.min(some.size() - 1, some.size() * percent / 100)));
  }
}
