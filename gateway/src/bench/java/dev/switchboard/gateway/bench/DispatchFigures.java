package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.DispatchTrace.Seen;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/** What a run says, of the part of it that counts. */
final class DispatchFigures {
  /** Of any engine. Which one has it changes from run to run where all are alike. */
  static final String LEAST_SHARE = "least_share";

  static final String MOST_SHARE = "most_share";
  static final String TPOT_P50 = "tpot_p50_ms";
  static final String TPOT_P99 = "tpot_p99_ms";
  static final String ITL_P99 = "itl_p99_ms";
  static final String TTFT_P50 = "ttft_p50_ms";
  static final String TTFT_P99 = "ttft_p99_ms";
  static final String TOKENS = "tokens_per_s";

  /** From the end of a step until its first token is told of. */
  static final String DELAY_P50 = "delay_p50_ms";

  static final String DELAY_P99 = "delay_p99_ms";
  static final String LOST = "lost";

  /** Of them those without a token, which another engine could have answered. */
  static final String LOST_EARLY = "lost_without_a_token";

  /** How often an engine was ejected, over the whole run. */
  static final String EJECTIONS = "ejections";

  /** Until a recovered engine gets half of its fair share of the requests that are sent. */
  static final String HALF = "half_share_s";

  private static final String SHARE = "share_";
  private static final String IN_TIME = "in_time_";
  private static final String REFUSED = "refused_";

  /** Over which the share of a recovered engine is taken. */
  private static final double HALF_WINDOW_SECONDS = 2;

  private static final double HALF_STEP_SECONDS = 0.1;

  private DispatchFigures() {}

  static String share(int engine) {
    return SHARE + engine;
  }

  static String inTime(DispatchCrowd crowd) {
    return IN_TIME + crowd.name();
  }

  /** Why requests were refused, by the names of figures. */
  static boolean isRefusal(String figure) {
    return figure.startsWith(REFUSED);
  }

  static String reason(String figure) {
    return figure.substring(REFUSED.length());
  }

  static Map<String, Double> of(DispatchScenario scenario, DispatchTrace trace) {
    double from = scenario.fromSeconds();
    double to = scenario.toSeconds();
    List<Seen> counted =
        trace.requests().stream().filter(seen -> seen.sent() >= from && seen.sent() < to).toList();
    Map<String, Double> figures = new LinkedHashMap<>();
    shares(scenario, counted, figures);
    double[] gaps = gaps(counted);
    figures.put(TPOT_P50, percentile(values(counted, Seen::tpotMs), 50));
    figures.put(TPOT_P99, percentile(values(counted, Seen::tpotMs), 99));
    figures.put(ITL_P99, percentile(gaps, 99));
    double[] first = values(wanting(scenario, counted), Seen::ttftMs);
    figures.put(TTFT_P50, percentile(first, 50));
    figures.put(TTFT_P99, percentile(first, 99));
    figures.put(TOKENS, tokensWithin(trace, from, to) / (to - from));
    figures.put(DELAY_P50, percentile(trace.delays().firstMs(from, to), 50));
    figures.put(DELAY_P99, percentile(trace.delays().firstMs(from, to), 99));
    outcomes(scenario, trace, counted, figures);
    figures.put(EJECTIONS, trace.ejections());
    DispatchScenario.Recovery recovery = scenario.recovery();
    if (recovery != null) {
      figures.put(
          HALF,
          secondsToHalf(
              (begin, end) -> shareOf(trace, recovery.engine(), begin, end),
              scenario.engines().size(),
              recovery.atSeconds(),
              scenario.toSeconds()));
    }
    return figures;
  }

  private static void shares(
      DispatchScenario scenario, List<Seen> counted, Map<String, Double> figures) {
    long all = counted.stream().filter(seen -> seen.engine() >= 0).count();
    for (int i = 0; i < scenario.engines().size(); i++) {
      int engine = i;
      long own = counted.stream().filter(seen -> seen.engine() == engine).count();
      figures.put(share(i), all == 0 ? Double.NaN : (double) own / all);
    }
    double[] sorted = figures.values().stream().mapToDouble(share -> share).sorted().toArray();
    figures.put(LEAST_SHARE, sorted[0]);
    figures.put(MOST_SHARE, sorted[sorted.length - 1]);
  }

  private static void outcomes(
      DispatchScenario scenario,
      DispatchTrace trace,
      List<Seen> counted,
      Map<String, Double> figures) {
    for (DispatchCrowd crowd : scenario.crowds()) {
      if (crowd.hasTargets()) {
        Stream<Seen> own = counted.stream().filter(seen -> seen.crowd().equals(crowd));
        figures.put(
            inTime(crowd),
            own.mapToInt(seen -> seen.inTime() ? 1 : 0).average().orElse(Double.NaN));
      }
    }
    Map<String, Double> refused = new TreeMap<>();
    for (Seen seen : counted) {
      if (!seen.isServed() && !seen.refusal().equals(DispatchTrace.LOST)) {
        refused.merge(REFUSED + seen.crowd().name() + "_" + seen.refusal(), 1.0, Double::sum);
      }
    }
    figures.putAll(refused);
    List<Seen> lost =
        trace.requests().stream()
            .filter(seen -> seen.refusal().equals(DispatchTrace.LOST))
            .toList();
    figures.put(LOST, (double) lost.size());
    figures.put(LOST_EARLY, (double) lost.stream().filter(seen -> seen.engine() < 0).count());
  }

  private static double tokensWithin(DispatchTrace trace, double from, double to) {
    long tokens = 0;
    for (Seen seen : trace.requests()) {
      for (double at : seen.tokens()) {
        tokens += at >= from && at < to ? 1 : 0;
      }
    }
    return tokens;
  }

  private static double[] gaps(List<Seen> counted) {
    return counted.stream()
        .flatMapToDouble(
            seen -> {
              double[] at = seen.tokens();
              double[] gaps = new double[Math.max(0, at.length - 1)];
              Arrays.setAll(gaps, i -> (at[i + 1] - at[i]) * 1000);
              return Arrays.stream(gaps);
            })
        .toArray();
  }

  private static double[] values(List<Seen> counted, ToDoubleFunction<Seen> value) {
    return counted.stream().mapToDouble(value).filter(Double::isFinite).toArray();
  }

  /** Those with targets, or all where nobody has any: a batch may wait for a minute. */
  private static List<Seen> wanting(DispatchScenario scenario, List<Seen> counted) {
    boolean anybody = scenario.crowds().stream().noneMatch(DispatchCrowd::hasTargets);
    return counted.stream().filter(seen -> anybody || seen.crowd().hasTargets()).toList();
  }

  static double percentile(double[] values, double percent) {
    if (values.length == 0) {
      return Double.NaN;
    }
    Arrays.sort(values);
    return values[(int) Math.min(values.length - 1, Math.floor(percent / 100 * values.length))];
  }

  /** What share of the requests that are sent in a part of a run goes to one engine. */
  @FunctionalInterface
  interface Share {
    double of(double fromSeconds, double toSeconds);
  }

  /**
   * From the recovery of one of so many engines until it has half of its fair share over two
   * seconds; infinity where it never has it.
   */
  static double secondsToHalf(Share share, int engines, double atSeconds, double toSeconds) {
    double half = 0.5 / engines;
    for (double at = atSeconds; at + HALF_WINDOW_SECONDS <= toSeconds; at += HALF_STEP_SECONDS) {
      if (share.of(at, at + HALF_WINDOW_SECONDS) >= half) {
        return at - atSeconds;
      }
    }
    return Double.POSITIVE_INFINITY;
  }

  /** An engine's share of the requests that are sent in a part of the run. */
  private static double shareOf(DispatchTrace trace, int engine, double from, double to) {
    return trace.requests().stream()
        .filter(seen -> seen.sent() >= from && seen.sent() < to && seen.engine() >= 0)
        .mapToInt(seen -> seen.engine() == engine ? 1 : 0)
        .average()
        .orElse(0);
  }
}
