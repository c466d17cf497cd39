package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.ChaosLoad.Served;
import java.io.IOException;
import java.util.List;

/** A worker that is slow when it begins, beside others that are not, and then as fast as they. */
final class SlowStartChaos {
  private static final int WORKERS = 3;

  /** The engine's own time per step, so that the machine's other work matters little. */
  private static final int STEP_MS = 40;

  private static final int TIMES_SLOWER = 8;
  private static final int CLIENTS = 60;
  private static final int TOKENS = 40;

  /** Within which it must have half of its fair share. */
  private static final int SHARE_SECONDS = 10;

  /** In which its share is measured after that, so that the last moment has a whole window. */
  private static final int WINDOW_SECONDS = 2;

  /** Fewer new requests after the recovery tell nothing of shares. */
  private static final int ENOUGH = 100;

  private SlowStartChaos() {}

  /** Nothing fails, nobody who is well is ejected, and who has recovered is soon asked again. */
  static void run(ChaosStage stage) throws IOException {
    String slo = "slo: {default-class: plain, classes: [" + DispatchStage.PLAIN_CLASS + "]}\n";
    try (ChaosGateway gateway = stage.gateway(WORKERS, STEP_MS, slo)) {
      MetricsText before = gateway.metrics();
      String slow = gateway.replicas().getFirst();
      gateway.slow(slow, TIMES_SLOWER * STEP_MS);
      ChaosLoad.Plan plan = new ChaosLoad.Plan(ChaosGateway.MODEL, CLIENTS, TOKENS, 0);
      try (ChaosLoad load = ChaosLoad.start(gateway.address(), stage.ledger(), plan)) {
        long begun = System.nanoTime();
        Target.pause(stage.plan().slowSeconds() * 1000L);
        gateway.slow(slow, STEP_MS);
        long recovered = System.nanoTime();
        Target.pause((SHARE_SECONDS + WINDOW_SECONDS) * 1000L);
        long end = System.nanoTime();
        load.end();
        stage.served(load);
        stage.figure("longest_gap_ms", load.longestGapMs());
        stage.figure("slow_share_percent", 100 * share(load.answers(), slow, begun, recovered));
        shares(stage, load.answers(), slow, recovered, end);
      }
      ejections(stage, gateway, slow);
      stage.reconcile(gateway, before);
    }
  }

  /**
   * Judges who got the requests that were sent since the recovery.
   *
   * @param slow the worker that has recovered
   */
  static void shares(
      ChaosStage stage, List<Served> answers, String slow, long recoveredNanos, long endNanos) {
    double half =
        DispatchFigures.secondsToHalf(
            (from, to) ->
                share(answers, slow, later(recoveredNanos, from), later(recoveredNanos, to)),
            WORKERS,
            0,
            (endNanos - recoveredNanos) / 1e9);
    long sent = sent(answers, recoveredNanos, endNanos).size();
    stage.figure("recovered_share_percent", 100 * share(answers, slow, recoveredNanos, endNanos));
    stage.figure("half_share_s", half);
    stage.promise(sent >= ENOUGH, "only " + sent + " requests were sent after the recovery");
    stage.promise(
        half <= SHARE_SECONDS, "the recovered worker had half of its fair share after s: " + half);
  }

  private static long later(long nanos, double seconds) {
    return nanos + (long) (seconds * 1e9);
  }

  private static List<Served> sent(List<Served> answers, long fromNanos, long toNanos) {
    return answers.stream()
        .filter(one -> one.begunNanos() >= fromNanos && one.begunNanos() < toNanos)
        .toList();
  }

  private static double share(List<Served> answers, String replica, long fromNanos, long toNanos) {
    return sent(answers, fromNanos, toNanos).stream()
        .mapToInt(one -> one.replica().equals(replica) ? 1 : 0)
        .average()
        .orElse(0);
  }

  private static void ejections(ChaosStage stage, ChaosGateway gateway, String slow)
      throws IOException {
    long others = 0;
    for (String id : gateway.replicas()) {
      others += id.equals(slow) ? 0 : gateway.ejections(id);
    }
    stage.figure("slow_ejected", gateway.ejections(slow));
    stage.figure("healthy_ejected", others);
    stage.promise(others == 0, "healthy workers were ejected: " + others);
  }
}
