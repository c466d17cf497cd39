package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloResult;
import io.prometheus.metrics.core.datapoints.CounterDataPoint;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The series of one model, found once: a request then records without looking up labels. There is
 * one for each served model and one for all others. Safe on any thread.
 */
final class ModelSeries {
  final GaugeDataPoint inFlight;
  final DistributionDataPoint unexplained;
  final DistributionDataPoint regret;
  final CounterDataPoint clientStall;
  final CounterDataPoint promptHit;
  final CounterDataPoint promptMiss;
  final CounterDataPoint completion;
  final String model;
  private final Metrics metrics;
  private final ByOutcome wasted;
  private final Map<String, OfEndpoint> endpoints = new ConcurrentHashMap<>();
  private final Map<String, OfClass> classes = new ConcurrentHashMap<>();
  private final Map<Integer, OfRank> ranks = new ConcurrentHashMap<>();

  ModelSeries(String model, Metrics metrics) {
    this.model = model;
    this.metrics = metrics;
    inFlight = metrics.inFlight.labelValues(model);
    unexplained = metrics.unexplained.labelValues(model);
    regret = metrics.regret.labelValues(model);
    clientStall = metrics.clientStall.labelValues(model);
    promptHit = metrics.tokens.labelValues(model, "prompt", "hit");
    promptMiss = metrics.tokens.labelValues(model, "prompt", "miss");
    completion = metrics.tokens.labelValues(model, "completion", "none");
    wasted = new ByOutcome(outcome -> metrics.wasted.labelValues(model, outcome.label()));
  }

  OfEndpoint endpoint(String endpoint) {
    OfEndpoint found = endpoints.get(endpoint);
    return found != null ? found : endpoints.computeIfAbsent(endpoint, OfEndpoint::new);
  }

  OfClass ofClass(String sloClass) {
    OfClass found = classes.get(sloClass);
    return found != null ? found : classes.computeIfAbsent(sloClass, OfClass::new);
  }

  /** Of a rank of a stage; both are below {@link Metrics#MOST_LANES}. */
  OfRank rank(int stage, int rank) {
    Integer place = stage * Metrics.MOST_LANES + rank;
    OfRank found = ranks.get(place);
    return found != null ? found : ranks.computeIfAbsent(place, made -> new OfRank(stage, rank));
  }

  /** Of tokens for an answer that did not end well. */
  CounterDataPoint wasted(Outcome outcome) {
    return wasted.of(outcome);
  }

  /** Of tokens that were wasted for another reason, which is rare. */
  CounterDataPoint wasted(String cause) {
    return metrics.wasted.labelValues(model, cause);
  }

  /** The requests of one operation. */
  final class OfEndpoint {
    private final Map<String, DistributionDataPoint> seconds = new ConcurrentHashMap<>();
    private final String endpoint;
    private final ByOutcome outcomes;

    OfEndpoint(String endpoint) {
      this.endpoint = endpoint;
      outcomes =
          new ByOutcome(outcome -> metrics.requests.labelValues(model, endpoint, outcome.label()));
      for (Outcome outcome : Outcome.values()) {
        if (outcome.serverSide() || outcome == Outcome.SHED) {
          outcomes.of(outcome);
        }
      }
    }

    DistributionDataPoint seconds(String sloClass) {
      DistributionDataPoint found = seconds.get(sloClass);
      return found != null ? found : made(sloClass);
    }

    private DistributionDataPoint made(String sloClass) {
      return seconds.computeIfAbsent(
          sloClass, name -> metrics.requestSeconds.labelValues(model, endpoint, name));
    }

    CounterDataPoint requests(Outcome outcome) {
      return outcomes.of(outcome);
    }
  }

  /** The requests of one service class. */
  final class OfClass {
    final DistributionDataPoint queue;
    final DistributionDataPoint ttft;
    final DistributionDataPoint tpot;
    final DistributionDataPoint itl;
    private final CounterDataPoint good;
    private final CounterDataPoint goodTokens;
    private final String name;
    private final Map<String, CounterDataPoint> admissions = new ConcurrentHashMap<>();
    private final Map<Objective, Kept> kept = new ConcurrentHashMap<>();

    OfClass(String name) {
      this.name = name;
      queue = metrics.queue.labelValues(model, name);
      ttft = metrics.ttft.labelValues(model, name);
      tpot = metrics.tpot.labelValues(model, name);
      itl = metrics.itl.labelValues(model, name);
      good = metrics.sloGood.labelValues(model, name);
      goodTokens = metrics.sloGoodTokens.labelValues(model, name);
    }

    CounterDataPoint admissions(String verdict) {
      CounterDataPoint found = admissions.get(verdict);
      return found != null ? found : made(verdict);
    }

    private CounterDataPoint made(String verdict) {
      return admissions.computeIfAbsent(
          verdict, word -> metrics.admissions.labelValues(model, name, word));
    }

    /** Counts a request that met all of its objectives. */
    void good(int tokens) {
      good.inc();
      goodTokens.inc(tokens);
    }

    /** Counts whether an objective was met. */
    void kept(SloResult.Judged judged) {
      Objective objective = judged.objective();
      SloCause missedFor = judged.missedFor();
      Kept found = kept.get(objective);
      Kept counts =
          found != null
              ? found
              : kept.computeIfAbsent(objective, key -> new Kept(model, name, key));
      if (missedFor == null) {
        counts.met.inc();
      } else {
        counts.missed.inc();
        Objects.requireNonNull(counts.causes.get(missedFor)).inc();
        Objects.requireNonNull(counts.late.get(missedFor)).inc(judged.lateMicros() / 1e6);
      }
    }
  }

  /** What a rank of a stage did; what it never did has no series. */
  final class OfRank {
    private final Map<String, CounterDataPoint> kinds = new ConcurrentHashMap<>();
    private final String stage;
    private final String rank;

    OfRank(int stage, int rank) {
      this.stage = Integer.toString(stage);
      this.rank = Integer.toString(rank);
    }

    void add(String kind, long nanos) {
      if (nanos > 0) {
        CounterDataPoint found = kinds.get(kind);
        (found != null ? found : made(kind)).inc(nanos / 1e9);
      }
    }

    private CounterDataPoint made(String kind) {
      return kinds.computeIfAbsent(
          kind, word -> metrics.stage.labelValues(model, stage, rank, word));
    }
  }

  /** All of an objective, so that a share can be told from the first request on. */
  private final class Kept {
    final CounterDataPoint met;
    final CounterDataPoint missed;
    final Map<SloCause, CounterDataPoint> causes = new EnumMap<>(SloCause.class);
    final Map<SloCause, CounterDataPoint> late = new EnumMap<>(SloCause.class);

    Kept(String model, String sloClass, Objective objective) {
      met = metrics.sloRequests.labelValues(model, sloClass, objective.label(), Metrics.MET);
      missed = metrics.sloRequests.labelValues(model, sloClass, objective.label(), Metrics.MISSED);
      for (SloCause cause : SloCause.values()) {
        causes.put(
            cause,
            metrics.sloMisses.labelValues(model, sloClass, objective.label(), cause.label()));
        late.put(
            cause, metrics.sloLate.labelValues(model, sloClass, objective.label(), cause.label()));
      }
    }
  }

  /** A series for each outcome that occurred. */
  private static final class ByOutcome {
    private final Map<Outcome, CounterDataPoint> found = new ConcurrentHashMap<>();
    private final Function<Outcome, CounterDataPoint> finder;

    ByOutcome(Function<Outcome, CounterDataPoint> finder) {
      this.finder = finder;
    }

    CounterDataPoint of(Outcome outcome) {
      CounterDataPoint known = found.get(outcome);
      return known != null ? known : found.computeIfAbsent(outcome, finder);
    }
  }
}
