package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.ReplicaReport.Spread;
import io.prometheus.metrics.core.datapoints.CounterDataPoint;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What replicas report of themselves, as series. Their totals begin anew when a worker does; what
 * they grew by is added here, so a scrape sees counters that only grow. Only their histogram begins
 * anew with them, which a rate takes for what it is. Gauges of a replica that is gone are taken
 * away: its last heartbeat would look like a rank that is stuck.
 */
final class ReplicaMetrics {
  private final Gauge sequences;
  private final Gauge kvBlocks;
  private final Gauge kvUsed;
  private final Counter reportFailures;
  private final Gauge memory;
  private final Gauge load;
  private final Gauge drift;
  private final Counter repaired;
  private final Gauge heartbeatAge;
  private final Gauge stepAge;
  private final Gauge score;
  private final Gauge straggler;
  private final Counter prefixTokens;
  private final Counter evictions;
  private final Counter preemptions;
  private final Counter tokens;
  private final Counter steps;
  private final Counter late;
  private final Counter waited;
  private final Counter rankTime;
  private final Counter rankSteps;
  private final Counter rankBytes;
  private final DeviceMetrics devices;
  private final Map<String, ReplicaReport> last = new ConcurrentHashMap<>();

  /** The series of each replica's ranks, found once: a large fleet has tens of thousands. */
  private final Map<String, List<Lane>> lanes = new ConcurrentHashMap<>();

  ReplicaMetrics(MetricRegistry made) {
    sequences = made.gauge(Metric.REPLICA_SEQUENCES);
    kvBlocks = made.gauge(Metric.REPLICA_KV_BLOCKS);
    kvUsed = made.gauge(Metric.REPLICA_KV_USED);
    reportFailures = made.counter(Metric.REPORT_FAILURES);
    memory = made.gauge(Metric.REPLICA_MEMORY);
    load = made.gauge(Metric.MODEL_LOAD);
    drift = made.gauge(Metric.IN_FLIGHT_DRIFT);
    repaired = made.counter(Metric.IN_FLIGHT_REPAIRS);
    heartbeatAge = made.gauge(Metric.RANK_HEARTBEAT_AGE);
    stepAge = made.gauge(Metric.RANK_STEP_AGE);
    score = made.gauge(Metric.RANK_SCORE);
    straggler = made.gauge(Metric.RANK_STRAGGLER);
    prefixTokens = made.counter(Metric.REPLICA_PREFIX_TOKENS);
    evictions = made.counter(Metric.REPLICA_KV_EVICTIONS);
    preemptions = made.counter(Metric.REPLICA_PREEMPTIONS);
    tokens = made.counter(Metric.REPLICA_TOKENS);
    steps = made.counter(Metric.REPLICA_STEPS);
    late = made.counter(Metric.RANK_LATE);
    waited = made.counter(Metric.RANK_WAITED);
    rankTime = made.counter(Metric.RANK_TIME);
    rankSteps = made.counter(Metric.RANK_STEPS);
    rankBytes = made.counter(Metric.RANK_BYTES);
    devices = new DeviceMetrics(made);
    made.distributed(Metric.COLLECTIVE_SPREAD, this::spreads);
  }

  private List<MetricRegistry.Counted> spreads() {
    List<MetricRegistry.Counted> all = new ArrayList<>();
    last.forEach(
        (replica, report) -> report.spreads().forEach(spread -> all.add(counted(replica, spread))));
    return all;
  }

  private static MetricRegistry.Counted counted(String replica, Spread spread) {
    String stage = Integer.toString(spread.stage());
    Labels labels =
        Labels.of(
            Label.REPLICA.word(),
            replica,
            Label.STAGE.word(),
            stage,
            Label.KIND.word(),
            spread.kind().word());
    return new MetricRegistry.Counted(labels, spread.counts(), spread.sumMs() / 1e3);
  }

  void report(String replica, ReplicaReport report) {
    if (report.equals(ReplicaReport.NONE)) {
      unknown(replica);
      if (last.putIfAbsent(replica, report) == null) {
        totals(replica, report, report);
      }
      return;
    }
    ReplicaReport before = last.put(replica, report);
    held(replica, report);
    totals(replica, base(before, report), report);
    devices.report(replica, before == null ? List.of() : before.devices(), report.devices());
    List<RankReport> ranksBefore = before == null ? List.of() : before.rankReports();
    List<Lane> known = lanes.computeIfAbsent(replica, first -> new ArrayList<>());
    for (int i = 0; i < report.rankReports().size(); i++) {
      RankReport rank = report.rankReports().get(i);
      if (i == known.size()) {
        known.add(new Lane(replica, rank));
      } else if (!known.get(i).isOf(rank)) {
        known.set(i, new Lane(replica, rank));
      }
      known.get(i).add(i < ranksBefore.size() ? ranksBefore.get(i) : RankReport.none(rank), rank);
    }
  }

  /**
   * What its totals grew from. One that had said nothing has series already, at 0: what it counted
   * before would be seen as done now.
   */
  private static ReplicaReport base(@Nullable ReplicaReport before, ReplicaReport now) {
    if (before == null) {
      return ReplicaReport.NONE;
    }
    return before.equals(ReplicaReport.NONE) ? now : before;
  }

  private void held(String replica, ReplicaReport report) {
    sequences.labelValues(replica, "running").set(report.running());
    sequences.labelValues(replica, "waiting").set(report.waiting());
    kvBlocks.labelValues(replica, "free").set(report.kvBlocksFree());
    kvBlocks.labelValues(replica, "cached").set(report.kvBlocksCached());
    kvBlocks.labelValues(replica, "used").set(report.kvBlocksUsed());
    if (Double.isNaN(report.kvUsedRatio())) {
      kvUsed.remove(replica);
    } else {
      kvUsed.labelValues(replica).set(report.kvUsedRatio());
    }
    memory.labelValues(replica, "weights").set((double) report.weightBytes());
    memory.labelValues(replica, "kv").set((double) report.kvBytes());
    memory.labelValues(replica, "scratch").set((double) report.scratchBytes());
    if (report.loadMs() > 0) {
      load.labelValues(replica).set(report.loadMs() / 1e3);
    }
  }

  private void totals(String replica, ReplicaReport before, ReplicaReport now) {
    long hits = growth(before.prefixHitTokens(), now.prefixHitTokens());
    long lookups = growth(before.prefixLookupTokens(), now.prefixLookupTokens());
    prefixTokens.labelValues(replica, "hit").inc(hits);
    prefixTokens.labelValues(replica, "miss").inc(Math.max(0, lookups - hits));
    evictions.labelValues(replica).inc(growth(before.kvEvictions(), now.kvEvictions()));
    preemptions.labelValues(replica).inc(growth(before.preemptions(), now.preemptions()));
    steps.labelValues(replica).inc(growth(before.steps(), now.steps()));
    tokens.labelValues(replica, "prompt").inc(growth(before.promptTokens(), now.promptTokens()));
    tokens
        .labelValues(replica, "completion")
        .inc(growth(before.generatedTokens(), now.generatedTokens()));
  }

  /** The series of one rank. Reports of a replica come one after another. */
  private final class Lane {
    private final int stage;
    private final int rank;
    private final GaugeDataPoint heartbeatAge;
    private final GaugeDataPoint stepAge;
    private final GaugeDataPoint score;
    private final GaugeDataPoint straggler;
    private final CounterDataPoint late;
    private final CounterDataPoint waited;
    private final CounterDataPoint steps;
    private final CounterDataPoint bytes;
    private final CounterDataPoint compute;
    private final CounterDataPoint allReduceWait;
    private final CounterDataPoint receiveWait;
    private final CounterDataPoint send;
    private final CounterDataPoint sample;
    private final CounterDataPoint copy;
    private final CounterDataPoint offCpu;

    Lane(String replica, RankReport of) {
      stage = of.stage();
      rank = of.rank();
      String[] labels = {replica, Integer.toString(stage), Integer.toString(rank)};
      heartbeatAge = ReplicaMetrics.this.heartbeatAge.labelValues(labels);
      stepAge = ReplicaMetrics.this.stepAge.labelValues(labels);
      score = ReplicaMetrics.this.score.labelValues(labels);
      straggler = ReplicaMetrics.this.straggler.labelValues(labels);
      late = ReplicaMetrics.this.late.labelValues(labels);
      waited = ReplicaMetrics.this.waited.labelValues(labels);
      steps = rankSteps.labelValues(labels);
      bytes = rankBytes.labelValues(labels);
      compute = time(labels, "compute");
      allReduceWait = time(labels, "all_reduce_wait");
      receiveWait = time(labels, "receive_wait");
      send = time(labels, "send");
      sample = time(labels, "sample");
      copy = time(labels, "copy");
      offCpu = time(labels, "off_cpu");
    }

    private CounterDataPoint time(String[] labels, String kind) {
      return rankTime.labelValues(labels[0], labels[1], labels[2], kind);
    }

    boolean isOf(RankReport report) {
      return report.stage() == stage && report.rank() == rank;
    }

    void add(RankReport before, RankReport now) {
      heartbeatAge.set(now.ageMs() / 1e3);
      stepAge.set(now.currentMs() / 1e3);
      score.set(now.score());
      straggler.set(now.straggler() ? 1 : 0);
      steps.inc(growth(before.steps(), now.steps()));
      bytes.inc(growth(before.bytes(), now.bytes()));
      grow(late, before.lateMs(), now.lateMs());
      grow(waited, before.waitedMs(), now.waitedMs());
      grow(compute, before.computeMs(), now.computeMs());
      grow(allReduceWait, before.allReduceWaitMs(), now.allReduceWaitMs());
      grow(receiveWait, before.receiveWaitMs(), now.receiveWaitMs());
      grow(send, before.sendMs(), now.sendMs());
      grow(sample, before.sampleMs(), now.sampleMs());
      grow(copy, before.copyMs(), now.copyMs());
      grow(offCpu, before.offCpuMs(), now.offCpuMs());
    }

    private static void grow(CounterDataPoint to, double beforeMs, double nowMs) {
      to.inc(growth(beforeMs, nowMs) / 1e3);
    }
  }

  void unread(String replica) {
    reportFailures.labelValues(replica).inc();
  }

  void compared(String replica, int orphans, int lost, int newOrphans, int newLost) {
    drift.labelValues(replica, "worker").set(orphans);
    drift.labelValues(replica, "gateway").set(lost);
    repaired.labelValues(replica, "worker").inc(newOrphans);
    repaired.labelValues(replica, "gateway").inc(newLost);
  }

  /**
   * Nothing is known of what a replica does now. Its totals wait for its next report: it goes on
   * counting meanwhile.
   */
  private void unknown(String replica) {
    for (String state : List.of("running", "waiting")) {
      sequences.remove(replica, state);
    }
    for (String state : List.of("free", "cached", "used")) {
      kvBlocks.remove(replica, state);
    }
    kvUsed.remove(replica);
  }

  /** A replica does not answer any more, and its next report will be another process's. */
  void gone(String replica) {
    lanes.remove(replica);
    ReplicaReport report = last.remove(replica);
    if (report == null) {
      return;
    }
    unknown(replica);
    for (String kind : List.of("weights", "kv", "scratch")) {
      memory.remove(replica, kind);
    }
    for (String side : List.of("worker", "gateway")) {
      drift.remove(replica, side);
    }
    report.devices().forEach(device -> devices.gone(replica, device));
    load.remove(replica);
    for (RankReport rank : report.rankReports()) {
      for (Gauge gauge : List.of(heartbeatAge, stepAge, score, straggler)) {
        gauge.remove(replica, Integer.toString(rank.stage()), Integer.toString(rank.rank()));
      }
    }
  }

  private static long growth(long before, long now) {
    return Math.max(0, now < before ? now : now - before);
  }

  private static double growth(double before, double now) {
    return Math.max(0, now < before ? now : now - before);
  }
}
