package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.timeline.RequestTimeline;
import io.prometheus.metrics.core.datapoints.CounterDataPoint;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.Unit;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Every metric of the gateway: name, unit, help and labels.
 *
 * <p>Label values are bounded. A model that no replica serves becomes {@code other}, so a scanner
 * cannot make series; replicas, states, outcomes and phases are closed sets. Histograms have fixed
 * buckets and carry the trace id of a request as their exemplar. Safe on any thread.
 */
public final class Metrics {
  private static final double[] TTFT_BUCKETS = {
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
  };
  // Real-time models run far below the 10 ms at which other gateways' buckets start.
  private static final double[] TOKEN_BUCKETS = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5
  };
  private static final double[] REQUEST_BUCKETS = {
    0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92
  };
  private static final double[] SHORT_BUCKETS = {
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5
  };
  private static final double[] RATIO_BUCKETS = {0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10};
  private static final String OTHER = "other";

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Predicate<String> knownModel;
  private final Map<String, DistributionDataPoint> itlByModel = new ConcurrentHashMap<>();
  private final Map<String, ReplicaReport> reports = new ConcurrentHashMap<>();

  private final Counter requests =
      counter("requests", "Requests that ended", "model", "endpoint", "outcome");
  private final Gauge inFlight = gauge("requests_in_flight", "Requests now", "model");
  private final Histogram requestSeconds =
      histogram("request", "Wall time, head to last byte", REQUEST_BUCKETS, "model", "endpoint");
  private final Histogram ttft =
      histogram("ttft", "Time to first token, seen by the gateway", TTFT_BUCKETS, "model");
  private final Histogram tpot =
      histogram("tpot", "Mean time per output token after the first", TOKEN_BUCKETS, "model");
  private final Histogram itl =
      histogram("itl", "Time between two pieces of content", TOKEN_BUCKETS, "model");
  private final Histogram queue =
      histogram("queue", "Time in admission before routing", SHORT_BUCKETS, "model", "class");
  private final Counter admissions =
      counter("admissions", "What admission said to requests", "model", "class", "verdict");
  private final Histogram route = histogram("route", "Time to choose a replica", SHORT_BUCKETS);
  private final Histogram phase =
      histogram("phase", "A request's time in each phase", REQUEST_BUCKETS, "phase");
  private final Histogram unexplained =
      histogram("unexplained", "Wall time that no phase accounts for", SHORT_BUCKETS, "model");
  private final Counter tokens =
      counter("tokens", "Tokens read and generated", "model", "direction", "cache");
  private final Counter stage =
      secondsCounter(
          "stage",
          "Time of stages and ranks over finished requests",
          "model",
          "stage",
          "rank",
          "kind");
  private final Counter clientStall =
      secondsCounter("client_stall", "Time that upstreams were paused for slow readers", "model");
  private final Counter attempts =
      counter("upstream_attempts", "Attempts at replicas", "replica", "result");
  private final Counter moves =
      counter(
          "migrations", "Streams that had to go on at another replica", "model", "cause", "result");
  private final Histogram movePause =
      histogram(
          "migration_pause", "From the cut of a moved stream to its next bytes", TTFT_BUCKETS);
  private final Counter retriesDenied =
      counter("retries_denied", "Retries that the retry budget refused", "model");
  private final Counter hedges =
      counter("hedges", "Requests whose first token was late", "model", "result");
  private final Counter wastedTokens =
      counter("wasted_tokens", "Tokens computed for nobody, estimated", "model", "cause");
  private final Counter connectionsRefused =
      counter("connections_refused", "Client connections closed unread", "limit");
  private final Counter restarts = counter("worker_restarts", "Worker restarts", "replica");
  private final Counter transitions =
      counter("replica_transitions", "State changes of replicas", "from", "to");
  private final Gauge replicaState =
      gauge("replica_state", "1 for the state a replica is in", "replica", "model", "state");
  private final Gauge replicaInFlight =
      gauge("replica_in_flight", "Requests of this gateway at a replica", "replica");
  private final Gauge replicaSequences =
      gauge("replica_sequences", "Sequences as the replica reports them", "replica", "state");
  private final Gauge replicaKvBlocks =
      gauge("replica_kv_blocks", "KV blocks as the replica reports them", "replica", "state");
  private final Counter replicaPrefixTokens =
      counter(
          "replica_prefix_tokens",
          "Prompt tokens that a replica looked up in its prefix cache",
          "replica",
          "result");
  private final Counter replicaEvictions =
      counter("replica_kv_evictions", "Cached KV blocks that a replica took back", "replica");
  private final Gauge storeUp = gauge("store_up", "1 while the store's database can be reached");
  private final Counter auditLost =
      counter("audit_lost", "Audit entries thrown away since too many waited for the store");
  private final Counter reloads =
      counter("config_reloads", "Attempts to reload the configuration", "result");
  private final Counter sharedLimitFailures =
      counter("shared_limit_failures", "Requests for which the shared limits did not answer");
  private final Histogram predictionError =
      ratioHistogram(
          "prediction_error",
          "Difference of predicted and measured time, over the measured",
          "model",
          "kind");
  private final Counter predictions =
      counter(
          "predictions",
          "Predicted times, by whether the measured one was within nine of ten",
          "model",
          "kind",
          "within");
  private final Counter fallbacks =
      counter("fallbacks", "Decisions for a model that stands in", "from", "to", "reason");
  private final Counter shadows =
      counter(
          "shadow_decisions",
          "Decisions of a policy that only watches",
          "model",
          "policy",
          "agrees");
  private final Histogram regret =
      histogram(
          "route_regret",
          "How much sooner the first token was predicted elsewhere than it came",
          SHORT_BUCKETS,
          "model");
  private volatile Supplier<Map<String, AdmissionQueue.Snapshot>> queues = Map::of;
  private final Histogram scrape =
      histogram("scrape", "Time to answer the scrape before this one", SHORT_BUCKETS);

  /**
   * @param knownModel whether some replica serves a model; the others share one label value
   */
  public Metrics(Predicate<String> knownModel, String version, boolean agentAttached) {
    this.knownModel = knownModel;
    Info.builder()
        .name("switchboard_build_info")
        .help("Version, and whether the OpenTelemetry agent is attached")
        .labelNames("version", "agent")
        .register(registry)
        .setLabelValues(version, Boolean.toString(agentAttached));
    JvmMetrics.builder().register(registry);
    queueGauges();
  }

  private void queueGauges() {
    seen("queue_depth", "Requests that wait", Metrics::depths, "model", "band");
    seen("queue_bytes", "Bytes of the requests that wait", each(s -> s.waitingBytes()), "model");
    seen("admission_running", "Requests that hold a place", each(s -> s.running()), "model");
    seen("admission_places", "Requests that may run at once", each(s -> s.places()), "model");
    seen(
        "admission_drain_rate",
        "Places that become free each second while all are held",
        each(s -> s.drainPerSecond()),
        "model");
    seen(
        "admission_wait_p90_ratio",
        "Real over predicted wait that nine requests in ten stay below",
        each(s -> s.waitP90Ratio()),
        "model");
  }

  /** Gauges that are read from the queues at each scrape. */
  private void seen(
      String name,
      String help,
      BiConsumer<GaugeWithCallback.Callback, Map.Entry<String, AdmissionQueue.Snapshot>> value,
      String... labels) {
    GaugeWithCallback.builder()
        .name("switchboard_" + name)
        .help(help)
        .labelNames(labels)
        .callback(to -> queues.get().entrySet().forEach(queue -> value.accept(to, queue)))
        .register(registry);
  }

  private static void depths(
      GaugeWithCallback.Callback to, Map.Entry<String, AdmissionQueue.Snapshot> queue) {
    queue.getValue().waiting().forEach((band, n) -> to.call(n, queue.getKey(), band.label()));
  }

  private static BiConsumer<GaugeWithCallback.Callback, Map.Entry<String, AdmissionQueue.Snapshot>>
      each(ToDoubleFunction<AdmissionQueue.Snapshot> value) {
    return (to, queue) -> to.call(value.applyAsDouble(queue.getValue()), queue.getKey());
  }

  /** Where the state of the models' queues is read at each scrape. */
  public void queues(Supplier<Map<String, AdmissionQueue.Snapshot>> source) {
    queues = source;
  }

  /**
   * Counts what admission said to a request.
   *
   * @param verdict {@code admitted}, or why not
   */
  public void admission(String model, String sloClass, String verdict) {
    admissions.labelValues(label(model), sloClass, verdict).inc();
  }

  public PrometheusRegistry registry() {
    return registry;
  }

  /** Gauge of the requests in flight for a model. */
  public GaugeDataPoint inFlight(String model) {
    return inFlight.labelValues(label(model));
  }

  /** Histogram for the gaps between pieces of content; keep it for the whole stream. */
  public DistributionDataPoint itl(String model) {
    return itlByModel.computeIfAbsent(label(model), itl::labelValues);
  }

  public void attempt(String replica, AttemptResult result) {
    attempts.labelValues(replica, result.label()).inc();
  }

  /** A stream went on elsewhere after a pause. */
  public void moved(String model, MoveCause cause, double pauseSeconds) {
    moves.labelValues(label(model), cause.label(), "resumed").inc();
    movePause.observe(pauseSeconds);
  }

  /** A stream could not go on elsewhere, or its client left before it did. */
  public void notMoved(String model, MoveCause cause, boolean clientLeft) {
    moves.labelValues(label(model), cause.label(), clientLeft ? "abandoned" : "broken").inc();
  }

  public void retryDenied(String model) {
    retriesDenied.labelValues(label(model)).inc();
  }

  /** A request's first token was late. */
  public void hedged(String model, HedgeResult result) {
    hedges.labelValues(label(model), result.label()).inc();
  }

  /** A replica worked for a request whose answer came from another one. */
  public void wasted(String model, String cause, double tokens) {
    wastedTokens.labelValues(label(model), cause).inc(tokens);
  }

  /** A client's connection was closed unread; {@code limit} says which one it was above. */
  public void connectionRefused(String limit) {
    connectionsRefused.labelValues(limit).inc();
  }

  public void workerRestarted(String replica) {
    restarts.labelValues(replica).inc();
  }

  /** A replica went from one state to another; {@code from} is null when it is new. */
  public void replicaState(String replica, String model, @Nullable String from, String to) {
    if (from != null) {
      replicaState.remove(replica, model, from);
      transitions.labelValues(from, to).inc();
    }
    replicaState.labelValues(replica, model, to).set(1);
  }

  /**
   * What a replica reported of itself. Its totals begin anew when it does; so what they grew by is
   * added here, and a scrape sees counters that only grow.
   */
  public void replicaLoad(String replica, ReplicaReport report) {
    replicaSequences.labelValues(replica, "running").set(report.running());
    replicaSequences.labelValues(replica, "waiting").set(report.waiting());
    replicaKvBlocks.labelValues(replica, "free").set(report.kvBlocksFree());
    replicaKvBlocks.labelValues(replica, "cached").set(report.kvBlocksCached());
    replicaKvBlocks.labelValues(replica, "used").set(report.kvBlocksUsed());
    ReplicaReport before = reports.put(replica, report);
    ReplicaReport last = before == null ? ReplicaReport.NONE : before;
    long hits = growth(last.prefixHitTokens(), report.prefixHitTokens());
    long lookups = growth(last.prefixLookupTokens(), report.prefixLookupTokens());
    replicaPrefixTokens.labelValues(replica, "hit").inc(hits);
    replicaPrefixTokens.labelValues(replica, "miss").inc(Math.max(0, lookups - hits));
    replicaEvictions.labelValues(replica).inc(growth(last.kvEvictions(), report.kvEvictions()));
  }

  private static long growth(long before, long now) {
    return Math.max(0, now < before ? now : now - before);
  }

  public GaugeDataPoint replicaInFlight(String replica) {
    return replicaInFlight.labelValues(replica);
  }

  public void storeUp(boolean up) {
    storeUp.set(up ? 1 : 0);
  }

  public void auditLost(int entries) {
    auditLost.inc(entries);
  }

  /** The configuration was, or was not, taken anew. */
  public void reloaded(String result) {
    reloads.labelValues(result).inc();
  }

  public void sharedLimitFailed() {
    sharedLimitFailures.inc();
  }

  /** Counts what is special about a decision. */
  public void decided(Decision decision) {
    Decision.Fallback fallback = decision.fallback();
    if (fallback != null) {
      fallbacks.labelValues(fallback.from(), fallback.to(), fallback.reason()).inc();
    }
    Decision.Shadow shadow = decision.shadow();
    if (shadow != null) {
      boolean agrees = Objects.equals(shadow.chosen(), decision.chosen());
      shadows.labelValues(decision.model(), shadow.policy(), Boolean.toString(agrees)).inc();
    }
  }

  /**
   * How good the predictions for a finished request were.
   *
   * @param ttftMs measured; NaN where there is none, as {@code tpotMs}
   */
  public void predicted(
      String model, Prediction prediction, double ttftMs, double tpotMs, double regretMs) {
    String known = label(model);
    predicted(known, "ttft", prediction.ttftMs(), prediction.ttftP90Ms(), ttftMs);
    predicted(known, "tpot", prediction.tpotMs(), prediction.tpotP90Ms(), tpotMs);
    if (ttftMs > 0) {
      regret.labelValues(known).observe(regretMs / 1e3);
    }
  }

  private void predicted(String model, String kind, double mean, double p90, double actual) {
    if (actual > 0) {
      predictionError.labelValues(model, kind).observe(Math.abs(mean - actual) / actual);
      predictions.labelValues(model, kind, Boolean.toString(actual <= p90)).inc();
    }
  }

  public void scraped(double seconds) {
    scrape.observe(seconds);
  }

  /** Counts a request that never reached an upstream or a record, such as a malformed one. */
  public void refused(String endpoint, Outcome outcome) {
    requests.labelValues(OTHER, endpoint, outcome.label()).inc();
  }

  /** Counts a finished request. */
  public void finished(FlightRecord record, Story story, @Nullable String spanId) {
    String model = label(record.model());
    Labels exemplar = exemplar(record.traceId(), spanId);
    requests.labelValues(model, record.endpoint(), record.outcome().label()).inc();
    observe(requestSeconds.labelValues(model, record.endpoint()), record.wallNanos(), exemplar);
    observe(ttft.labelValues(model), record.ttftNanos(), exemplar);
    observe(tpot.labelValues(model), record.tpotNanos(), exemplar);
    for (Story.Segment segment : story.segments()) {
      phase.labelValues(segment.phase().label()).observe(segment.nanos() / 1e9);
    }
    if (record.decision() != null) {
      observe(
          queue.labelValues(model, record.sloClass()), story.nanos(Story.Phase.QUEUE), exemplar);
      observe(route, story.nanos(Story.Phase.ROUTE), exemplar);
      observe(unexplained.labelValues(model), story.nanos(Story.Phase.UNEXPLAINED), exemplar);
    }
    clientStall.labelValues(model).inc(story.clientStallNanos() / 1e9);
    countTokens(model, record.usage());
    record.timelines().forEach(timeline -> countStages(model, timeline));
  }

  private void countTokens(String model, Usage usage) {
    if (usage.promptTokens() >= 0) {
      int cached = Math.clamp(usage.cachedTokens(), 0, usage.promptTokens());
      tokens.labelValues(model, "prompt", "hit").inc(cached);
      tokens.labelValues(model, "prompt", "miss").inc(usage.promptTokens() - cached);
    }
    if (usage.completionTokens() >= 0) {
      tokens.labelValues(model, "completion", "none").inc(usage.completionTokens());
    }
  }

  private void countStages(String model, RequestTimeline timeline) {
    for (RequestTimeline.Phase part :
        new RequestTimeline.@Nullable Phase[] {timeline.prefill(), timeline.decode()}) {
      if (part != null) {
        part.lanes().forEach(lane -> countLane(model, lane));
      }
    }
  }

  private void countLane(String model, RequestTimeline.Lane lane) {
    String stageLabel = Integer.toString(lane.stage());
    String rankLabel = Integer.toString(lane.rank());
    add(model, stageLabel, rankLabel, "compute", lane.computeNanos());
    add(model, stageLabel, rankLabel, "all_reduce_wait", lane.allReduceWaitNanos());
    add(model, stageLabel, rankLabel, "receive_wait", lane.receiveWaitNanos());
    add(model, stageLabel, rankLabel, "send", lane.sendNanos());
    add(model, stageLabel, rankLabel, "sample", lane.sampleNanos());
    add(model, stageLabel, rankLabel, "copy", lane.copyNanos());
  }

  private void add(String model, String stageLabel, String rankLabel, String kind, long nanos) {
    // A foreign replica could report anything; the engine has at most 16 stages of 16 ranks.
    if (nanos > 0 && stageLabel.length() <= 2 && rankLabel.length() <= 2) {
      CounterDataPoint point = stage.labelValues(model, stageLabel, rankLabel, kind);
      point.inc(nanos / 1e9);
    }
  }

  private String label(String model) {
    return knownModel.test(model) ? model : OTHER;
  }

  private static void observe(DistributionDataPoint histogram, long nanos, Labels exemplar) {
    if (nanos < 0) {
      return;
    }
    if (exemplar.isEmpty()) {
      histogram.observe(nanos / 1e9);
    } else {
      histogram.observeWithExemplar(nanos / 1e9, exemplar);
    }
  }

  private static Labels exemplar(@Nullable String traceId, @Nullable String spanId) {
    return traceId == null || spanId == null
        ? Labels.EMPTY
        : Labels.of("trace_id", traceId, "span_id", spanId);
  }

  private Counter counter(String name, String help, String... labels) {
    return Counter.builder()
        .name("switchboard_" + name + "_total")
        .help(help)
        .labelNames(labels)
        .register(registry);
  }

  private Counter secondsCounter(String name, String help, String... labels) {
    return Counter.builder()
        .name("switchboard_" + name + "_seconds_total")
        .unit(Unit.SECONDS)
        .help(help)
        .labelNames(labels)
        .register(registry);
  }

  private Gauge gauge(String name, String help, String... labels) {
    return Gauge.builder()
        .name("switchboard_" + name)
        .help(help)
        .labelNames(labels)
        .register(registry);
  }

  private Histogram ratioHistogram(String name, String help, String... labels) {
    return Histogram.builder()
        .name("switchboard_" + name + "_ratio")
        .unit(Unit.RATIO)
        .help(help)
        .labelNames(labels)
        .classicOnly()
        .classicUpperBounds(RATIO_BUCKETS)
        .register(registry);
  }

  private Histogram histogram(String name, String help, double[] buckets, String... labels) {
    return Histogram.builder()
        .name("switchboard_" + name + "_seconds")
        .unit(Unit.SECONDS)
        .help(help)
        .labelNames(labels)
        .classicOnly()
        .classicUpperBounds(buckets)
        .register(registry);
  }
}
