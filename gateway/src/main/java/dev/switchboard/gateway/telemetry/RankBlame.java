package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.telemetry.Stragglers.Rank;
import io.prometheus.metrics.core.metrics.Counter;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * What slow ranks did to requests: how many waited for one, and for how long those of them lasted
 * that missed an objective. Since the gateway began. Safe on any thread.
 */
public final class RankBlame {
  private static final double NANOS_PER_MINUTE = 60e9;

  /**
   * What one rank is to blame for.
   *
   * @param sloMinutes wall time of the requests among them that missed an objective
   */
  public record Harm(int stage, int rank, long requests, double sloMinutes) {}

  private final Counter requests;
  private final Counter sloSeconds;

  /** Of each replica the ranks that harmed somebody. */
  private final Map<String, Map<Rank, Sum>> sums = new ConcurrentHashMap<>();

  private static final class Sum {
    final LongAdder requests = new LongAdder();
    final LongAdder sloNanos = new LongAdder();
  }

  RankBlame(MetricRegistry made) {
    requests = made.counter(Metric.RANK_BLAME_REQUESTS);
    sloSeconds = made.counter(Metric.RANK_BLAME_SLO);
  }

  /**
   * Charges a finished request to the ranks that it waited for.
   *
   * @param model as a label says it
   */
  void charge(String model, FlightRecord record, List<Rank> ranks, boolean missed) {
    for (Rank rank : ranks) {
      String stage = Integer.toString(rank.stage());
      String number = Integer.toString(rank.rank());
      Sum sum =
          sums.computeIfAbsent(rank.replica(), first -> new ConcurrentHashMap<>())
              .computeIfAbsent(rank, first -> new Sum());
      sum.requests.increment();
      requests.labelValues(model, rank.replica(), stage, number).inc();
      if (missed) {
        sum.sloNanos.add(record.wallNanos());
        sloSeconds.labelValues(model, rank.replica(), stage, number).inc(record.wallNanos() / 1e9);
      }
    }
  }

  void forget(String replica) {
    sums.remove(replica);
  }

  /** Of the ranks of a replica, in their order; those that harmed nobody are left out. */
  public List<Harm> of(String replica) {
    return sums.getOrDefault(replica, Map.of()).entrySet().stream()
        .map(each -> harm(each.getKey(), each.getValue()))
        .sorted(Comparator.comparingInt(Harm::stage).thenComparingInt(Harm::rank))
        .toList();
  }

  private static Harm harm(Rank rank, Sum sum) {
    return new Harm(
        rank.stage(), rank.rank(), sum.requests.sum(), sum.sloNanos.sum() / NANOS_PER_MINUTE);
  }
}
