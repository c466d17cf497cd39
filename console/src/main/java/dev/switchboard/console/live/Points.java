package dev.switchboard.console.live;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Makes the points of the ring of one scrape and the one before it. Counters become rates per
 * second, histograms quantiles of what came between. Names are those of {@link Series}.
 */
final class Points {
  /** What is read of a scrape. */
  static final Set<String> WANTED =
      Set.of(
          "switchboard_requests_total",
          "switchboard_requests_in_flight",
          "switchboard_queue_depth",
          "switchboard_tokens_total",
          "switchboard_ttft_seconds_bucket",
          "switchboard_tpot_seconds_bucket",
          "switchboard_slo_requests_total",
          "switchboard_slo_good_requests_total",
          "switchboard_slo_good_tokens_total",
          "switchboard_request_seconds_count",
          "switchboard_queue_seconds_bucket",
          "switchboard_replica_in_flight",
          "switchboard_replica_sequences",
          "switchboard_replica_kv_blocks",
          "switchboard_replica_tokens_total",
          "switchboard_replica_steps_total",
          "switchboard_replica_prefix_tokens_total",
          "switchboard_rank_score_ratio",
          "switchboard_rank_late_seconds_total",
          "switchboard_rank_seconds_total",
          "switchboard_telemetry_cpu_ratio");

  /** What is nobody's fault here. */
  private static final Set<String> FINE = Set.of("ok", "client_gone");

  private Map<String, Map<Map<String, String>, Double>> before = Map.of();
  private Map<String, List<Sample>> now = Map.of();
  private final Map<String, Float> points = new HashMap<>();
  private double seconds;

  /** The points of a scrape that came so long after the one before it. */
  Map<String, Float> of(List<Sample> samples, double secondsSince) {
    points.clear();
    seconds = secondsSince;
    now = new HashMap<>();
    samples.forEach(s -> now.computeIfAbsent(s.name(), _ -> new ArrayList<>()).add(s));
    gauges();
    if (!before.isEmpty() && seconds > 0) {
      rates();
      histograms("switchboard_ttft_seconds_bucket", ofModel("ttft"));
      histograms("switchboard_tpot_seconds_bucket", ofModel("tpot"));
      histograms("switchboard_queue_seconds_bucket", ofClass("queue"));
    }
    before = new HashMap<>();
    now.forEach(
        (name, all) -> {
          Map<Map<String, String>, Double> values = new HashMap<>();
          all.forEach(s -> values.put(s.labels(), s.value()));
          before.put(name, values);
        });
    return Map.copyOf(points);
  }

  private List<Sample> all(String name) {
    return now.getOrDefault(name, List.of());
  }

  private void add(String series, double value) {
    points.merge(series, (float) value, Float::sum);
  }

  private void gauges() {
    for (Sample s : all("switchboard_requests_in_flight")) {
      add(Series.model(s.label("model"), "in_flight"), s.value());
    }
    for (Sample s : all("switchboard_queue_depth")) {
      add(Series.model(s.label("model"), "queue"), s.value());
    }
    for (Sample s : all("switchboard_replica_in_flight")) {
      add(Series.replica(s.label("replica"), "in_flight"), s.value());
    }
    for (Sample s : all("switchboard_replica_sequences")) {
      add(Series.replica(s.label("replica"), s.label("state")), s.value());
    }
    for (Sample s : all("switchboard_rank_score_ratio")) {
      add(rank(s, "score"), s.value());
    }
    for (Sample s : all("switchboard_telemetry_cpu_ratio")) {
      add(Series.TELEMETRY_CPU, s.value());
    }
    share("switchboard_replica_kv_blocks", "state", "used", "kv", false);
  }

  private static Function<Sample, String> ofModel(String what) {
    return s -> Series.model(s.label("model"), what);
  }

  private static Function<Sample, String> ofClass(String what) {
    return s -> Series.ofClass(s.label("class"), what);
  }

  private void rates() {
    rate("switchboard_requests_total", _ -> true, s -> Series.model(s.label("model"), "requests"));
    rate(
        "switchboard_requests_total",
        s -> !FINE.contains(s.label("outcome")),
        s -> Series.model(s.label("model"), "errors"));
    rate(
        "switchboard_tokens_total",
        _ -> true,
        s -> Series.model(s.label("model"), "tokens_" + s.label("direction")));
    rate(
        "switchboard_slo_requests_total",
        _ -> true,
        s -> Series.slo(s.label("class"), s.label("objective"), s.label("result")));
    classes();
    rate(
        "switchboard_replica_tokens_total",
        _ -> true,
        s -> Series.replica(s.label("replica"), "tokens_" + s.label("direction")));
    rate(
        "switchboard_replica_steps_total",
        _ -> true,
        s -> Series.replica(s.label("replica"), "steps"));
    rate("switchboard_rank_late_seconds_total", _ -> true, s -> rank(s, "late"));
    rate(
        "switchboard_rank_seconds_total",
        s -> s.label("kind").equals("compute"),
        s -> rank(s, "compute"));
    share("switchboard_replica_prefix_tokens_total", "result", "hit", "prefix_hit", true);
  }

  /** Without a class is what was refused before it was known. */
  private void classes() {
    Predicate<Sample> known = s -> !s.label("class").isEmpty();
    rate("switchboard_request_seconds_count", known, ofClass("requests"));
    rate("switchboard_slo_good_requests_total", known, ofClass("good_requests"));
    rate("switchboard_slo_good_tokens_total", known, ofClass("good_tokens"));
    rate("switchboard_slo_good_requests_total", _ -> true, ofModel("good_requests"));
    rate("switchboard_slo_good_tokens_total", _ -> true, ofModel("good_tokens"));
  }

  private static String rank(Sample s, String what) {
    return Series.rank(s.label("replica"), s.label("stage"), s.label("rank"), what);
  }

  private void rate(String name, Predicate<Sample> wanted, Function<Sample, String> series) {
    for (Sample s : all(name)) {
      if (wanted.test(s)) {
        add(series.apply(s), increase(s) / seconds);
      }
    }
  }

  /** Since the scrape before; after a restart of the gateway all that it counts. */
  private double increase(Sample s) {
    Double old = before.getOrDefault(s.name(), Map.of()).get(s.labels());
    double base = old == null ? 0 : old;
    return s.value() >= base ? s.value() - base : s.value();
  }

  private void share(String name, String label, String part, String what, boolean increases) {
    Map<String, double[]> sums = new HashMap<>();
    for (Sample s : all(name)) {
      double value = increases ? increase(s) : s.value();
      double[] sum = sums.computeIfAbsent(s.label("replica"), _ -> new double[2]);
      sum[0] += s.label(label).equals(part) ? value : 0;
      sum[1] += value;
    }
    sums.forEach(
        (replica, sum) -> {
          if (sum[1] > 0) {
            add(Series.replica(replica, what), sum[0] / sum[1]);
          }
        });
  }

  private void histograms(String name, Function<Sample, String> series) {
    Map<String, TreeMap<Double, Double>> bySeries = new HashMap<>();
    for (Sample s : all(name)) {
      String le = s.label("le");
      double bound = le.equals("+Inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(le);
      bySeries
          .computeIfAbsent(series.apply(s), _ -> new TreeMap<>())
          .merge(bound, increase(s), Double::sum);
    }
    bySeries.forEach(
        (of, buckets) -> {
          quantile(of + "_p50", buckets, 0.5);
          quantile(of + "_p95", buckets, 0.95);
        });
  }

  /** In milliseconds, linear within a bucket; nothing where nothing came. */
  private void quantile(String series, SortedMap<Double, Double> buckets, double quantile) {
    double all = buckets.lastEntry().getValue();
    if (all <= 0) {
      return;
    }
    double wanted = all * quantile;
    double lowBound = 0;
    double lowCount = 0;
    for (Map.Entry<Double, Double> bucket : buckets.entrySet()) {
      if (bucket.getValue() >= wanted) {
        double width = bucket.getKey() - lowBound;
        double in = bucket.getValue() - lowCount;
        double value =
            Double.isInfinite(width) ? lowBound : lowBound + width * (wanted - lowCount) / in;
        add(series, value * 1000);
        return;
      }
      lowBound = bucket.getKey();
      lowCount = bucket.getValue();
    }
  }
}
