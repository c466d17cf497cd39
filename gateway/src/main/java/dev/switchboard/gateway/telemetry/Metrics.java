package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.slo.SloResult;
import dev.switchboard.gateway.telemetry.SloCheck.Kept;
import dev.switchboard.timeline.RequestTimeline;
import io.prometheus.metrics.core.datapoints.CounterDataPoint;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Labels;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.DoubleConsumer;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Records what happens in the series of {@link Metric}.
 *
 * <p>Label values are bounded. A model that no replica serves becomes {@code other}, so a scanner
 * cannot make series; states, outcomes and phases are closed sets; the series of replicas and
 * models that the configuration no longer has are taken away. A request that was chosen for it
 * leaves its trace as an exemplar in every latency. Counters of what goes wrong begin at 0, when a
 * replica is new or a request of that kind ends: Prometheus sees no increase of a series that
 * begins with its first event. Safe on any thread.
 */
public final class Metrics {
  private static final String OTHER = "other";

  /** Of traces that were of interest, where there were too many. */
  static final String LEFT_OUT = "left_out";

  /** Of a stream that must go on elsewhere. */
  private static final String BROKEN = "broken";

  static final String MET = "met";
  static final String MISSED = "missed";

  /** An engine has at most so many stages, and a stage so many ranks. */
  static final int MOST_LANES = 16;

  private static final Objective[] OBJECTIVES = Objective.values();

  private final MetricRegistry made = new MetricRegistry();
  private final Predicate<String> knownModel;
  private final Map<String, ModelSeries> models = new ConcurrentHashMap<>();

  /** Models that have, or had, a replica. */
  private final Set<String> served = ConcurrentHashMap.newKeySet();

  private final ReplicaMetrics replicas = new ReplicaMetrics(made);
  private final RankBlame blame = new RankBlame(made);
  private final SloMeter sloMeter;
  private final ShadowScores shadowScores = new ShadowScores();
  private volatile Supplier<Map<String, AdmissionQueue.Snapshot>> queues = Map::of;
  private volatile Supplier<Map<String, SloHeaders.Goal>> targets = Map::of;

  private volatile @Nullable EngineSeries engines;

  final Counter requests = made.counter(Metric.REQUESTS);
  final Gauge inFlight = made.gauge(Metric.REQUESTS_IN_FLIGHT);
  final Histogram requestSeconds = made.histogram(Metric.REQUEST);
  final Histogram ttft = made.histogram(Metric.TTFT);
  final Histogram tpot = made.histogram(Metric.TPOT);
  final Histogram itl = made.histogram(Metric.ITL);
  final Histogram unexplained = made.histogram(Metric.UNEXPLAINED);
  final Histogram queue = made.histogram(Metric.QUEUE);
  final Histogram regret = made.histogram(Metric.ROUTE_REGRET);
  final Counter tokens = made.counter(Metric.TOKENS);
  final Counter wasted = made.counter(Metric.WASTED_TOKENS);
  final Counter clientStall = made.counter(Metric.CLIENT_STALL);
  final Counter sloRequests = made.counter(Metric.SLO_REQUESTS);
  final Counter sloMisses = made.counter(Metric.SLO_MISSES);
  final Counter sloLate = made.counter(Metric.SLO_LATE);
  final Counter sloGood = made.counter(Metric.SLO_GOOD);
  final Counter sloGoodTokens = made.counter(Metric.SLO_GOOD_TOKENS);
  final Counter admissions = made.counter(Metric.ADMISSIONS);
  private final DistributionDataPoint route = made.histogram(Metric.ROUTE);
  private final Map<PhaseBreakdown.Phase, DistributionDataPoint> phases =
      phases(made.histogram(Metric.PHASE_TIME));
  final Counter stage = made.counter(Metric.STAGE_TIME);
  private final Counter attempts = made.counter(Metric.UPSTREAM_ATTEMPTS);
  private final Counter moves = made.counter(Metric.MIGRATIONS);
  private final Counter inexactMoves = made.counter(Metric.MIGRATIONS_INEXACT);
  private final Histogram movePause = made.histogram(Metric.MIGRATION_PAUSE);
  private final Counter routingFailures = made.counter(Metric.ROUTING_FAILURES);
  private final Counter retries = made.counter(Metric.RETRIES);
  private final Counter poison = made.counter(Metric.POISON_REQUESTS);
  private final Counter retriesDenied = made.counter(Metric.RETRIES_DENIED);
  private final Counter hedges = made.counter(Metric.HEDGES);
  private final Counter connectionsRefused = made.counter(Metric.CONNECTIONS_REFUSED);
  private final Gauge connectionsLimit = made.gauge(Metric.CONNECTIONS_LIMIT);
  private final Counter tlsFailures = made.counter(Metric.TLS_HANDSHAKE_FAILURES);
  private final Gauge tlsExpiry = made.gauge(Metric.TLS_CERTIFICATE_EXPIRY);
  private final Gauge upstreamCaExpiry = made.gauge(Metric.TLS_UPSTREAM_CA_EXPIRY);
  private final Counter restarts = made.counter(Metric.WORKER_RESTARTS);
  private final Gauge workerStart = made.gauge(Metric.WORKER_START);
  private final Counter transitions = made.counter(Metric.REPLICA_TRANSITIONS);
  private final Gauge replicaState = made.gauge(Metric.REPLICA_STATE);
  private final Gauge replicaInFlight = made.gauge(Metric.REPLICA_IN_FLIGHT);
  private final Gauge storeUp = made.gauge(Metric.STORE_UP);
  private volatile @Nullable String storeTrouble;
  private final Counter auditLost = made.counter(Metric.AUDIT_LOST);
  private final Gauge eventListeners = made.gauge(Metric.EVENT_LISTENERS);
  private final Counter eventsDropped = made.counter(Metric.EVENTS_DROPPED);
  private final Counter eventListenersCut = made.counter(Metric.EVENT_LISTENERS_CUT);
  private final Gauge tailListeners = made.gauge(Metric.TAIL_LISTENERS);
  private final Counter tailDropped = made.counter(Metric.TAIL_DROPPED);
  private final Counter drills = made.counter(Metric.DRILLS);
  private final Counter reloads = made.counter(Metric.CONFIG_RELOADS);
  private final Counter sharedLimitFailures = made.counter(Metric.SHARED_LIMIT_FAILURES);
  private final Histogram predictionError = made.histogram(Metric.PREDICTION_ERROR);
  private final Counter predictions = made.counter(Metric.PREDICTIONS);
  private final Counter edgeSwitches = made.counter(Metric.EDGE_SWITCHES);
  private final Counter fallbacks = made.counter(Metric.FALLBACKS);
  private final Counter shadows = made.counter(Metric.SHADOW_DECISIONS);
  private final Counter decisions = made.counter(Metric.ROUTE_DECISIONS);
  private final Histogram lag = made.histogram(Metric.EVENT_LOOP_LAG);

  /** By how many seconds the timer of each event loop is late now, by listener. */
  private final Map<String, List<DoubleSupplier>> loops = new ConcurrentHashMap<>();

  private final Counter tracesKept = made.counter(Metric.TRACES_KEPT);
  private final LongSupplier threadTime;
  private final Counter telemetry = made.counter(Metric.TELEMETRY_TIME);
  private final CounterDataPoint recording = telemetry.labelValues("request");
  private final CounterDataPoint scraping = telemetry.labelValues("scrape");
  private final CounterDataPoint exporting = telemetry.labelValues("export");
  private final Gauge ceiling = made.gauge(Metric.TELEMETRY_CEILING);
  private final Gauge told = made.gauge(Metric.TELEMETRY_TOLD);
  private final Gauge telemetryCpu = made.gauge(Metric.TELEMETRY_CPU);
  private final Histogram scrape = made.histogram(Metric.SCRAPE);
  private final Counter scrapesShared = made.counter(Metric.SCRAPES_SHARED);

  /**
   * @param knownModel whether some replica serves a model; the others share one label value
   */
  public Metrics(Predicate<String> knownModel, String version, boolean agentAttached) {
    this(knownModel, version, agentAttached, new SloMeter());
  }

  /**
   * The same with what keeps the service levels' history.
   *
   * @param sloMeter counts what the counters of objectives and the histograms of classes do
   */
  public Metrics(
      Predicate<String> knownModel, String version, boolean agentAttached, SloMeter sloMeter) {
    this(knownModel, version, agentAttached, sloMeter, ThreadTime::nanos);
  }

  /**
   * @param threadTime processor time of the current thread
   */
  Metrics(
      Predicate<String> knownModel,
      String version,
      boolean agentAttached,
      SloMeter sloMeter,
      LongSupplier threadTime) {
    this.knownModel = knownModel;
    this.sloMeter = sloMeter;
    this.threadTime = threadTime;
    made.info(Metric.BUILD).setLabelValues(version, Boolean.toString(agentAttached));
    JvmMetrics.builder().register(made.registry());
    queueGauges();
    made.seen(
        Metric.EVENT_LOOP_OVERDUE,
        to ->
            loops.forEach(
                (listener, all) ->
                    to.call(
                        all.stream().mapToDouble(DoubleSupplier::getAsDouble).max().orElse(0),
                        listener)));
    for (KeepReason why : KeepReason.values()) {
      tracesKept.initLabelValues(why.label());
    }
    tracesKept.initLabelValues(LEFT_OUT);
    AgentSpans spans = new AgentSpans();
    made.counted(Metric.SPANS, spans::results);
    made.seen(Metric.SPANS_QUEUED, spans::queued);
    made.seen(
        Metric.SLO_TARGET,
        to -> {
          // A reload may have brought classes.
          served.forEach(this::objectivesBeginAtZero);
          targets.get().forEach((sloClass, goal) -> to.call(goal.share(), sloClass));
        });
    made.seen(
        Metric.SLO_WINDOW,
        to ->
            targets
                .get()
                .forEach((sloClass, goal) -> to.call((double) goal.windowSeconds(), sloClass)));
  }

  private void queueGauges() {
    seen(
        Metric.QUEUE_DEPTH,
        (to, each) ->
            each.getValue()
                .waiting()
                .forEach((band, n) -> to.call(n, each.getKey(), band.label())));
    seen(Metric.QUEUE_BYTES, each(AdmissionQueue.Snapshot::waitingBytes));
    seen(Metric.ADMISSION_RUNNING, each(AdmissionQueue.Snapshot::running));
    seen(Metric.ADMISSION_PLACES, each(AdmissionQueue.Snapshot::places));
    seen(Metric.ADMISSION_DRAIN_RATE, each(AdmissionQueue.Snapshot::drainPerSecond));
    seen(Metric.ADMISSION_WAIT, each(AdmissionQueue.Snapshot::waitP90Ratio));
    seen(Metric.HELD_REQUESTS, each(AdmissionQueue.Snapshot::held));
  }

  /** Gauges that are read from the queues at each scrape. */
  private void seen(
      Metric metric,
      BiConsumer<GaugeWithCallback.Callback, Map.Entry<String, AdmissionQueue.Snapshot>> value) {
    made.seen(metric, to -> queues.get().entrySet().forEach(each -> value.accept(to, each)));
  }

  private static BiConsumer<GaugeWithCallback.Callback, Map.Entry<String, AdmissionQueue.Snapshot>>
      each(ToDoubleFunction<AdmissionQueue.Snapshot> value) {
    return (to, each) -> to.call(value.applyAsDouble(each.getValue()), each.getKey());
  }

  private static Map<PhaseBreakdown.Phase, DistributionDataPoint> phases(Histogram histogram) {
    Map<PhaseBreakdown.Phase, DistributionDataPoint> found =
        new EnumMap<>(PhaseBreakdown.Phase.class);
    for (PhaseBreakdown.Phase each : PhaseBreakdown.Phase.values()) {
      found.put(each, histogram.labelValues(each.label()));
    }
    return found;
  }

  /** Where the state of the models' queues is read at each scrape. */
  public void queues(Supplier<Map<String, AdmissionQueue.Snapshot>> source) {
    queues = source;
  }

  /** Where it is read at each scrape whether local models stand in for others; call it once. */
  public void edges(Consumer<BiConsumer<String, Boolean>> source) {
    made.seen(
        Metric.EDGE_LOCAL,
        to -> source.accept((name, local) -> to.call(Boolean.TRUE.equals(local) ? 1 : 0, name)));
  }

  /** A local model serves from now on, or the one in the region again. */
  public void edgeSwitched(String name, String kind) {
    edgeSwitches.labelValues(name, kind).inc();
  }

  /** Reads what is desired of each model's replicas at each scrape; call it once. */
  public void autoscaling(Scaling source) {
    made.seen(
        Metric.DESIRED_REPLICAS,
        to -> source.each((model, seen) -> to.call(seen.desired(), model)));
    made.seen(
        Metric.NEEDED_REPLICAS,
        to ->
            source.each(
                (model, seen) -> seen.needed().forEach((kind, n) -> to.call(n, model, kind))));
    made.seen(
        Metric.AUTOSCALING_REASON,
        to -> source.each((model, seen) -> to.call(1, model, seen.cause())));
    made.seen(
        Metric.REPLICA_START,
        to -> source.each((model, seen) -> to.call(seen.startSeconds(), model)));
  }

  /** What is desired of every model's replicas. */
  @FunctionalInterface
  public interface Scaling {
    void each(BiConsumer<String, Seen> told);

    /**
     * Of one model.
     *
     * @param needed by each signal
     * @param cause what the number goes by
     */
    record Seen(int desired, Map<String, Integer> needed, String cause, double startSeconds) {}
  }

  /** Where what each service class promises is read at each scrape. */
  public void targets(Supplier<Map<String, SloHeaders.Goal>> source) {
    targets = source;
    served.forEach(this::objectivesBeginAtZero);
  }

  /** Reads what replicas say of their age and drains at each scrape; call it once. */
  public void fleet(FleetGauges source) {
    made.seen(Metric.REPLICA_REPORT_AGE, source::reportAges);
    made.seen(Metric.DRAIN_TIME, source::drainTimes);
    made.seen(Metric.DRAIN_REQUESTS, source::drainRequests);
  }

  /** Reads what discovery knows at each scrape; call it once. */
  public void discovery(DiscoveryGauges source) {
    source.register(made);
  }

  /**
   * Tells of replicas under the names of vLLM too; call it once, before there are requests.
   *
   * @param wanted asked at each scrape and request
   */
  public void engineNames(FleetGauges source, BooleanSupplier wanted) {
    engines = new EngineSeries(registry(), source, wanted);
  }

  /**
   * Counts what admission said to a request.
   *
   * @param verdict {@code admitted}, or why not
   */
  public void admission(String model, String sloClass, String verdict) {
    series(model).ofClass(sloClass).admissions(verdict).inc();
  }

  public PrometheusRegistry registry() {
    return made.registry();
  }

  /** Gauge of the requests in flight for a model. */
  public GaugeDataPoint inFlight(String model) {
    return series(model).inFlight;
  }

  /** Takes the seconds between two pieces of content; keep it for the whole stream. */
  public DoubleConsumer itl(String model, String sloClass, Labels exemplar) {
    DistributionDataPoint point = series(model).ofClass(sloClass).itl;
    return exemplar.isEmpty()
        ? point::observe
        : seconds -> point.observeWithExemplar(seconds, exemplar);
  }

  /**
   * Takes the seconds between two pieces of content from a replica; null where nobody asks.
   *
   * @param goesOn with a stream that another replica began
   */
  public @Nullable DoubleConsumer gaps(String model, String replica, boolean goesOn) {
    EngineSeries asked = engines;
    return asked == null ? null : asked.gaps(model, replica, goesOn);
  }

  public void attempt(String replica, AttemptResult result) {
    attempts.labelValues(replica, result.label()).inc();
  }

  /** A stream went on elsewhere after a pause. */
  public void moved(String model, MoveCause cause, double pauseSeconds, Labels exemplar) {
    moves.labelValues(label(model), cause.label(), "resumed").inc();
    observe(movePause, (long) (pauseSeconds * 1e9), exemplar);
  }

  /** A stream went on where the same request may have another answer. */
  public void movedInexactly(String model) {
    inexactMoves.labelValues(label(model)).inc();
  }

  /** A stream could not go on elsewhere, or its client left before it did. */
  public void notMoved(String model, MoveCause cause, boolean clientLeft) {
    moves.labelValues(label(model), cause.label(), clientLeft ? "abandoned" : BROKEN).inc();
  }

  /** A routing policy threw. */
  public void routingFailed(String model) {
    routingFailures.labelValues(label(model)).inc();
  }

  /** A request's second worker died, or it is like one of which that is known. */
  public void poisoned(String model, String result) {
    poison.labelValues(label(model), result).inc();
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
    wasted.labelValues(label(model), cause).inc(tokens);
  }

  /** A connection was closed unread; {@code limit} says which one it was above. */
  public void connectionRefused(String limit) {
    connectionsRefused.labelValues(limit).inc();
  }

  /** How many connections clients may have in all. */
  public void connectionsLimit(int most) {
    connectionsLimit.set(most);
  }

  /** What counts handshakes of a listener that failed for one cause. */
  public Runnable tlsHandshakeFailures(String listener, String cause) {
    CounterDataPoint failures = tlsFailures.labelValues(listener, cause);
    return failures::inc;
  }

  /** Until when the certificate is valid that a listener shows from now on. */
  public void tlsCertificate(String listener, Instant validUntil) {
    tlsExpiry.labelValues(listener, "own").set((double) validUntil.getEpochSecond());
  }

  /** Until when the authorities are valid that vouch for its clients; null where none do. */
  public void tlsClientCa(String listener, @Nullable Instant validUntil) {
    if (validUntil == null) {
      tlsExpiry.remove(listener, "client_ca");
    } else {
      tlsExpiry.labelValues(listener, "client_ca").set((double) validUntil.getEpochSecond());
    }
  }

  /**
   * Until when the authorities are valid that a server's certificate must lead to; null for none.
   */
  public void upstreamCa(String replica, @Nullable Instant validUntil) {
    if (validUntil == null) {
      upstreamCaExpiry.remove(replica);
    } else {
      upstreamCaExpiry.labelValues(replica).set((double) validUntil.getEpochSecond());
    }
  }

  public void workerRestarted(String replica) {
    restarts.labelValues(replica).inc();
  }

  /** A worker was proven for the first time since its process began. */
  public void workerStarted(String replica, double seconds) {
    workerStart.labelValues(replica).set(seconds);
  }

  /** A replica went from one state to another; {@code from} is null when it is new. */
  public void replicaState(String replica, String model, @Nullable String from, String to) {
    if (from == null) {
      beginAtZero(replica, model);
    } else {
      replicaState.remove(replica, model, from);
      transitions.labelValues(from, to).inc();
    }
    replicaState.labelValues(replica, model, to).set(1);
  }

  private void objectivesBeginAtZero(String model) {
    targets
        .get()
        .forEach(
            (sloClass, goal) -> {
              for (Objective objective : goal.objectives()) {
                sloRequests.initLabelValues(model, sloClass, objective.label(), MET);
                sloRequests.initLabelValues(model, sloClass, objective.label(), MISSED);
              }
            });
  }

  private void beginAtZero(String replica, String model) {
    served.add(model);
    objectivesBeginAtZero(model);
    restarts.initLabelValues(replica);
    attempts.initLabelValues(replica, AttemptResult.FAILED.label());
    for (MoveCause cause : MoveCause.values()) {
      moves.initLabelValues(model, cause.label(), BROKEN);
    }
    inexactMoves.initLabelValues(model);
    routingFailures.initLabelValues(model);
    retriesDenied.initLabelValues(model);
    poison.initLabelValues(model, "ended");
    poison.initLabelValues(model, "held");
    poison.initLabelValues(model, "client_held");
    retries.initLabelValues(model, "served");
    retries.initLabelValues(model, "failed");
  }

  /** What a replica reported of itself. */
  public void replicaLoad(String replica, ReplicaReport report) {
    replicas.report(replica, report);
  }

  /** What a foreign server tells of itself was not to be read. */
  public void replicaUnread(String replica) {
    replicas.unread(replica);
  }

  /** Who has requests alone, of a worker and this gateway. */
  public void compared(String replica, int orphans, int lost, int newOrphans, int newLost) {
    replicas.compared(replica, orphans, lost, newOrphans, newLost);
  }

  /** A replica's process ended, or is about to. */
  public void replicaGone(String replica) {
    replicas.gone(replica);
  }

  /** A replica is not in the fleet any more: none of its series is left. */
  public void replicaForgotten(String replica) {
    replicas.gone(replica);
    blame.forget(replica);
    EngineSeries asked = engines;
    if (asked != null) {
      asked.forget(replica);
    }
    made.forget(Label.REPLICA, replica);
  }

  /** Nobody serves a model any more: none of its series is left. */
  public void modelForgotten(String model) {
    served.remove(model);
    models.remove(model);
    made.forget(Label.MODEL, model);
    made.forget(Metric.FALLBACKS, Label.FROM, model);
    made.forget(Metric.FALLBACKS, Label.TO, model);
  }

  public GaugeDataPoint replicaInFlight(String replica) {
    return replicaInFlight.labelValues(replica);
  }

  /**
   * The store can, or cannot any more, be written to.
   *
   * @param trouble its code; null when it can
   */
  public void store(@Nullable String trouble) {
    storeTrouble = trouble;
    storeUp.set(trouble == null ? 1 : 0);
  }

  /** Why the store cannot be written to, as a code; null when it can. */
  public @Nullable String storeTrouble() {
    return storeTrouble;
  }

  public void auditLost(int entries) {
    auditLost.inc(entries);
  }

  /** The configuration was, or was not, taken anew. */
  public void reloaded(String result) {
    reloads.labelValues(result).inc();
  }

  /** How many listen to the events now. */
  public void eventListeners(int now) {
    eventListeners.set(now);
  }

  /** Events that a listener was too slow for. */
  public void eventsDropped(long events) {
    eventsDropped.inc(events);
  }

  /** A listener to the events was cut off because it took nothing. */
  public void eventListenerCut() {
    eventListenersCut.inc();
  }

  /** How many listen to the requests that end, now. */
  public void tailListeners(int now) {
    tailListeners.set(now);
  }

  /** Requests that a listener was too slow for. */
  public void tailDropped(long requests) {
    tailDropped.inc(requests);
  }

  /**
   * What counts drills of one kind.
   *
   * @param result {@code begun} or {@code healed}
   */
  public Runnable drills(String kind, String result) {
    CounterDataPoint counted = drills.labelValues(kind, result);
    return counted::inc;
  }

  public void sharedLimitFailed() {
    sharedLimitFailures.inc();
  }

  /** Counts a decision, and what is special about it. */
  public void decided(Decision decision) {
    String model = label(decision.model());
    String chosen = decision.chosen();
    decisions.labelValues(model, decision.policy(), chosen == null ? "none" : chosen).inc();
    Decision.Fallback fallback = decision.fallback();
    if (fallback != null) {
      fallbacks.labelValues(label(fallback.from()), label(fallback.to()), fallback.reason()).inc();
    }
    shadowScores.decided(decision);
    Decision.Shadow shadow = decision.shadow();
    if (shadow != null) {
      boolean agrees = Objects.equals(shadow.chosen(), chosen);
      shadows.labelValues(model, shadow.policy(), Boolean.toString(agrees)).inc();
    }
  }

  /**
   * How good the predictions for a finished request were.
   *
   * @param ttftMs measured; NaN where there is none, as {@code tpotMs}
   */
  public void predicted(
      String model,
      Prediction prediction,
      double ttftMs,
      double tpotMs,
      double regretMs,
      Labels exemplar) {
    String known = label(model);
    predicted(known, "ttft", prediction.ttftMs(), prediction.ttftP90Ms(), ttftMs);
    predicted(known, "tpot", prediction.tpotMs(), prediction.tpotP90Ms(), tpotMs);
    if (ttftMs > 0) {
      observe(series(model).regret, (long) (regretMs * 1e6), exemplar);
    }
  }

  private void predicted(String model, String kind, double mean, double p90, double actual) {
    if (actual > 0) {
      predictionError.labelValues(model, kind).observe(Math.abs(mean - actual) / actual);
      predictions.labelValues(model, kind, Boolean.toString(actual <= p90)).inc();
    }
  }

  /** Where an event loop of a listener tells how late its timer came, in seconds. */
  public DoubleConsumer eventLoopLag(String listener) {
    return lag.labelValues(listener)::observe;
  }

  /**
   * An event loop of a listener runs from now on.
   *
   * @param overdueSeconds by how much its timer is late; asked at each scrape
   */
  public void eventLoop(String listener, DoubleSupplier overdueSeconds) {
    loops.computeIfAbsent(listener, none -> new CopyOnWriteArrayList<>()).add(overdueSeconds);
  }

  /**
   * A scrape was answered.
   *
   * @param seconds it took
   * @param begun {@link #threadNanos} when it began, on this thread
   */
  public void scraped(double seconds, long begun) {
    scrape.observe(seconds);
    scraping.inc(Math.max(0, threadNanos() - begun) / 1e9);
  }

  /** A scrape got what was being made for another. */
  public void scrapeShared() {
    scrapesShared.inc();
  }

  /** Processor time of the current thread so far; what others take from it is not in it. */
  public long threadNanos() {
    return threadTime.getAsLong();
  }

  /**
   * A finished request was recorded, or spans of it were made.
   *
   * @param begun {@link #threadNanos} when that began, on this thread
   */
  public void recorded(long begun) {
    recording.inc(Math.max(0, threadNanos() - begun) / 1e9);
  }

  /** How long the agent's exporter computed since this was told last. */
  void exported(long nanos) {
    exporting.inc(nanos / 1e9);
  }

  /** All that telemetry took so far, as far as it is measured. */
  Governor.Spent spent() {
    return new Governor.Spent(nanos(recording), nanos(scraping), nanos(exporting));
  }

  private static long nanos(CounterDataPoint seconds) {
    return Math.round(seconds.get() * 1e9);
  }

  void governed(Governor.State state) {
    ceiling.set(state.ceiling().level());
    told.set(state.told());
    telemetryCpu.set(state.share());
  }

  /** A trace that nothing had sampled was of interest; {@code why}, or that it was left out. */
  void traceKept(String why) {
    tracesKept.labelValues(why).inc();
  }

  /** Counts a request that never reached an upstream or a record, such as a malformed one. */
  public void refused(String endpoint, Outcome outcome) {
    series(OTHER).endpoint(endpoint).requests(outcome).inc();
  }

  /**
   * Counts a finished request.
   *
   * @param exemplar its trace, or nothing
   * @param waitedFor ranks that held up their stages while it waited there, as {@code stage.rank}
   */
  public void finished(
      FlightRecord record,
      PhaseBreakdown breakdown,
      Slo slo,
      Labels exemplar,
      List<String> waitedFor) {
    ModelSeries model = series(record.model());
    ModelSeries.OfEndpoint endpoint = model.endpoint(record.endpoint());
    endpoint.requests(record.outcome()).inc();
    observe(endpoint.seconds(record.sloClass()), record.wallNanos(), exemplar);
    if (record.ttftNanos() >= 0) {
      ModelSeries.OfClass ofClass = model.ofClass(record.sloClass());
      observe(ofClass.ttft, record.ttftNanos(), exemplar);
      observe(ofClass.tpot, record.tpotNanos(), exemplar);
    }
    breakdown.forEach((phase, nanos) -> observe(series(phase), nanos, exemplar));
    breakdown.before().forEach((phase, nanos) -> observe(series(phase), nanos, exemplar));
    if (record.decision() != null) {
      DistributionDataPoint waited = model.ofClass(record.sloClass()).queue;
      observe(waited, breakdown.nanos(PhaseBreakdown.Phase.QUEUE), exemplar);
      observe(route, breakdown.nanos(PhaseBreakdown.Phase.ROUTE), exemplar);
      observe(model.unexplained, breakdown.nanos(PhaseBreakdown.Phase.UNEXPLAINED), exemplar);
    }
    if (breakdown.clientStallNanos() > 0) {
      model.clientStall.inc(breakdown.clientStallNanos() / 1e9);
    }
    countObjectives(
        model, record, slo, objective -> SloBlame.of(objective, record, breakdown, slo, waitedFor));
    countTokens(model, record);
    countRetries(record);
    EngineSeries asked = engines;
    if (asked != null) {
      asked.finished(record);
    }
    for (RequestTimeline timeline : record.timelines()) {
      countStages(model, timeline.prefill());
      countStages(model, timeline.decode());
    }
  }

  private DistributionDataPoint series(PhaseBreakdown.Phase phase) {
    return Objects.requireNonNull(phases.get(phase));
  }

  /** What the shadows of routes would have come to. */
  public ShadowScores shadowScores() {
    return shadowScores;
  }

  /** What slow ranks are to blame for. */
  public RankBlame blame() {
    return blame;
  }

  /** Charges a finished request to the slow ranks that it waited for, and gives them back. */
  public List<Stragglers.Rank> blamed(FlightRecord record, Slo slo, Stragglers stragglers) {
    List<Stragglers.Rank> harming = stragglers.harming(record);
    if (!harming.isEmpty()) {
      boolean missed =
          Arrays.stream(Objective.values())
              .anyMatch(objective -> SloCheck.of(objective, record, slo) == Kept.MISSED);
      blame.charge(label(record.model()), record, harming, missed);
    }
    return harming;
  }

  private void countObjectives(
      ModelSeries model, FlightRecord record, Slo slo, Function<Objective, SloCause> blame) {
    List<SloResult.Judged> judged = new ArrayList<>(OBJECTIVES.length);
    boolean good = record.outcome() == Outcome.OK;
    for (Objective objective : OBJECTIVES) {
      Kept kept = SloCheck.of(objective, record, slo);
      if (kept != Kept.NONE) {
        SloResult.Judged one =
            kept == Kept.MET
                ? new SloResult.Judged(objective, null, 0)
                : new SloResult.Judged(
                    objective, blame.apply(objective), SloCheck.lateMicros(objective, record, slo));
        model.ofClass(slo.name()).kept(one);
        judged.add(one);
        good &= kept == Kept.MET;
      }
    }
    if (good && !judged.isEmpty()) {
      model.ofClass(slo.name()).good(Math.max(0, record.usage().completionTokens()));
    }
    keep(
        model.model,
        record,
        slo,
        new SloResult(
            record.outcome() == Outcome.OK,
            record.ttftNanos(),
            record.tpotNanos(),
            record.wallNanos(),
            judged));
  }

  private void keep(String model, FlightRecord record, Slo slo, SloResult result) {
    long endedMs = record.at(Flight.Mark.ENDED) / 1_000_000;
    if (record.sloClass().equals(slo.name())) {
      sloMeter.add(model, slo.name(), endedMs, result);
    } else {
      // As the metrics have it.
      sloMeter.add(model, record.sloClass(), endedMs, result.times());
      sloMeter.add(model, slo.name(), endedMs, result.verdicts());
    }
  }

  private static void countTokens(ModelSeries model, FlightRecord record) {
    Usage usage = record.usage();
    if (usage.promptTokens() >= 0) {
      int cached = Math.clamp(usage.cachedTokens(), 0, usage.promptTokens());
      model.promptHit.inc(cached);
      model.promptMiss.inc(usage.promptTokens() - cached);
    }
    if (usage.completionTokens() >= 0) {
      model.completion.inc(usage.completionTokens());
    }
    int made = Math.max(usage.completionTokens(), record.contentEvents());
    if (record.outcome() != Outcome.OK && made > 0) {
      model.wasted(record.outcome()).inc(made);
    }
    for (RequestTimeline timeline : record.timelines()) {
      countRecomputed(model, timeline);
    }
  }

  private static void countRecomputed(ModelSeries model, RequestTimeline timeline) {
    RequestTimeline.Phase prefill = timeline.prefill();
    RequestTimeline.Phase decode = timeline.decode();
    int lost = prefill == null ? 0 : prefill.recomputedTokens();
    lost += decode == null ? 0 : decode.recomputedTokens();
    if (lost > 0) {
      model.wasted("preempted").inc(lost);
    }
  }

  /** Attempts that neither were the first, nor ran beside it, nor went on with its stream. */
  private void countRetries(FlightRecord record) {
    for (FlightRecord.Attempt attempt : record.attempts()) {
      if (attempt.number() > 1 && !attempt.hedge() && attempt.move() == null) {
        String result = attempt.error() == null ? "served" : "failed";
        retries.labelValues(label(record.model()), result).inc();
      }
    }
  }

  private static void countStages(ModelSeries model, RequestTimeline.@Nullable Phase part) {
    if (part != null) {
      for (RequestTimeline.Lane lane : part.lanes()) {
        countLane(model, lane);
      }
    }
  }

  private static void countLane(ModelSeries model, RequestTimeline.Lane lane) {
    // A foreign replica could report anything.
    if (lane.stage() < 0
        || lane.stage() >= MOST_LANES
        || lane.rank() < 0
        || lane.rank() >= MOST_LANES) {
      return;
    }
    ModelSeries.OfRank rank = model.rank(lane.stage(), lane.rank());
    rank.add("compute", lane.computeNanos());
    rank.add("all_reduce_wait", lane.allReduceWaitNanos());
    rank.add("receive_wait", lane.receiveWaitNanos());
    rank.add("send", lane.sendNanos());
    rank.add("sample", lane.sampleNanos());
    rank.add("copy", lane.copyNanos());
    rank.add("off_cpu", lane.offCpuNanos());
  }

  private ModelSeries series(String model) {
    String label = label(model);
    ModelSeries found = models.get(label);
    return found != null
        ? found
        : models.computeIfAbsent(label, known -> new ModelSeries(known, this));
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
}
