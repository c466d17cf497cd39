package dev.switchboard.gateway.autoscaling;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.FirstReplica;
import dev.switchboard.gateway.admission.TokenFlow;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig.Bounds;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at every model once a second and keeps what was decided of its replicas. What other
 * gateways have of it counts as well, so that whichever is asked says about the same.
 */
public final class Autoscaling {
  /** Between two looks. */
  public static final int PERIOD_MS = 1000;

  private static final Logger LOG = LoggerFactory.getLogger(Autoscaling.class);

  private static final long NANOS_PER_MS = 1_000_000;

  /** An older report says nothing of now. */
  private static final long BELIEVED_NANOS = 10_000_000_000L;

  /** Of what a replica takes, as of late: learned places move with every step of the learning. */
  private static final double SHARE_OF_NEW = 0.1;

  private static final AdmissionQueue.Snapshot NOBODY =
      new AdmissionQueue.Snapshot(Map.of(), 0, 0, 0, 0, 1, TokenFlow.Seen.NONE, 0, 0);

  /** Where it looks, and whom it tells. */
  public interface Sources {
    AutoscalingConfig config();

    SloConfig slo();

    /** Every replica. */
    Collection<Replica> replicas();

    /** Milliseconds that a request without a target may wait. */
    int patienceMs();

    /** Every model that is to be served, be there a replica or not. */
    Set<String> models();

    /** Whether it was looked once what replicas of a model others have started. */
    boolean searched(String model);

    /**
     * Says how requests wait for the first replica of a model.
     *
     * @param first null where they do not
     */
    void waits(String model, @Nullable FirstReplica first);

    /** Says how many replicas of a model are needed now, those that stand by among them. */
    void needed(String model, int replicas, ScaleSignals now);
  }

  /**
   * Of one model.
   *
   * @param gateways that were heard, this one among them
   * @param atMs when it was looked at
   */
  public record Answer(
      ScaleRule.Decided decided, Bounds bounds, ScaleSignals signals, int gateways, long atMs) {}

  private static final class Model {
    ScaleRule rule = new ScaleRule();
    boolean known;
    final OfferedTokens offered = new OfferedTokens();
    double placesEach = Double.NaN;
    boolean saidAtMax;
    @Nullable Answer answer;
  }

  private final Sources sources;
  private final LongFunction<Map<String, AdmissionQueue.Snapshot>> queues;
  private final GatewayLoads loads;
  private final LongSupplier clock;
  private final Map<String, Model> models = new ConcurrentHashMap<>();

  /**
   * @param queues of the models at a moment of the clock
   * @param loads of the other gateways, told what this one has
   * @param clock epoch nanoseconds
   */
  public Autoscaling(
      Sources sources,
      LongFunction<Map<String, AdmissionQueue.Snapshot>> queues,
      GatewayLoads loads,
      LongSupplier clock) {
    this.sources = sources;
    this.queues = queues;
    this.loads = loads;
    this.clock = clock;
  }

  /** Looks at every model; call it every {@link #PERIOD_MS}. */
  public void tick() {
    long now = clock.getAsLong();
    Map<String, List<Replica>> fleet =
        sources.replicas().stream()
            .collect(Collectors.groupingBy(Replica::model, HashMap::new, Collectors.toList()));
    sources.models().forEach(model -> fleet.computeIfAbsent(model, none -> List.of()));
    models.keySet().retainAll(Set.copyOf(fleet.keySet()));
    Map<String, AdmissionQueue.Snapshot> waiting = queues.apply(now);
    Map<String, ModelLoad> own = new HashMap<>();
    fleet.forEach(
        (model, replicas) -> own.put(model, load(replicas, waiting.getOrDefault(model, NOBODY))));
    loads.own(own);
    fleet.forEach(
        (model, replicas) ->
            look(model, replicas, waiting.getOrDefault(model, NOBODY), own.get(model), now));
  }

  private static ModelLoad load(List<Replica> replicas, AdmissionQueue.Snapshot queue) {
    List<Replica> local = replicas.stream().filter(Replica::local).toList();
    return ModelLoad.of(
        queue,
        (int) local.stream().filter(Autoscaling::counts).count(),
        in(local, ReplicaState.READY),
        in(local, ReplicaState.STANDBY));
  }

  private static int in(List<Replica> replicas, ReplicaState state) {
    return (int) replicas.stream().filter(each -> each.state() == state).count();
  }

  /** Whether a model is to be served, or is. */
  public boolean has(String model) {
    return models.containsKey(model);
  }

  /**
   * What was decided last of a model; null of one that is none, and as long as its replicas are not
   * known: whoever follows the number would else take away those that a gateway has not found yet.
   */
  public @Nullable Answer of(String model) {
    Model known = models.get(model);
    if (known == null) {
      return null;
    }
    synchronized (known) {
      return known.answer;
    }
  }

  /** Tells of every model what was decided last. */
  public void each(BiConsumer<String, Answer> told) {
    for (String model : models.keySet()) {
      Answer answer = of(model);
      if (answer != null) {
        told.accept(model, answer);
      }
    }
  }

  private void look(
      String name,
      List<Replica> replicas,
      AdmissionQueue.Snapshot queue,
      @Nullable ModelLoad own,
      long now) {
    AutoscalingConfig config = sources.config();
    Model model = models.computeIfAbsent(name, each -> new Model());
    Map<String, ModelLoad> gateways = loads.others(name);
    gateways.put("", own == null ? load(replicas, queue) : own);
    synchronized (model) {
      boolean known = know(name, model, replicas);
      ScaleSignals signals = signals(model, replicas, queue, gateways, now);
      Bounds bounds = config.bounds(name);
      long nowMs = now / 1_000_000;
      ScaleRule.Decided decided = model.rule.decide(nowMs, signals, config, bounds);
      say(name, model, decided, bounds);
      boolean starts = bounds.min() == 0 && replicas.stream().noneMatch(Autoscaling::weightless);
      sources.waits(name, starts ? first(config, decided.startMs()) : null);
      if (config.names(name)) {
        sources.needed(
            name, Math.max(decided.desired(), bounds.clamp(decided.need().replicas())), signals);
      }
      model.answer = known ? new Answer(decided, bounds, signals, gateways.size(), nowMs) : null;
    }
  }

  /** What is desired first is what there is, so the rule begins anew when that is known. */
  private boolean know(String name, Model model, List<Replica> replicas) {
    if (!model.known && (!replicas.isEmpty() || sources.searched(name))) {
      model.known = true;
      model.rule = new ScaleRule();
    }
    return model.known;
  }

  private static FirstReplica first(AutoscalingConfig config, double startMs) {
    return new FirstReplica(
        config.holdRequests(),
        config.holdBytes(),
        config.holdMs() * NANOS_PER_MS,
        (long) (startMs * NANOS_PER_MS));
  }

  private static void say(String name, Model model, ScaleRule.Decided decided, Bounds bounds) {
    if (decided.atMax() != model.saidAtMax) {
      model.saidAtMax = decided.atMax();
      if (decided.atMax()) {
        LOG.warn(
            "scale_at_max model={} max={} needed={}",
            name,
            bounds.max(),
            decided.need().replicas());
      } else {
        LOG.info("scale_below_max model={} max={}", name, bounds.max());
      }
    }
  }

  private ScaleSignals signals(
      Model model,
      List<Replica> replicas,
      AdmissionQueue.Snapshot queue,
      Map<String, ModelLoad> gateways,
      long now) {
    List<Replica> ready =
        replicas.stream().filter(each -> each.state() == ReplicaState.READY).toList();
    List<ReplicaReport> reports =
        ready.stream()
            .map(Replica::report)
            .filter(each -> now - each.atNanos() < BELIEVED_NANOS)
            .toList();
    int open = (int) ready.stream().filter(each -> !weightless(each)).count();
    learnPlaces(model, queue.places(), open);
    Collection<ModelLoad> all = gateways.values();
    // Workers of other gateways are none of ours; servers are known to all by their addresses.
    ModelLoad self = gateways.get("");
    int othersReady = sum(all, ModelLoad::readyWorkers) - (self == null ? 0 : self.readyWorkers());
    int othersWorkers = sum(all, ModelLoad::workers) - (self == null ? 0 : self.workers());
    int othersStandby = sum(all, ModelLoad::standby) - (self == null ? 0 : self.standby());
    int elsewhere = Double.isNaN(model.placesEach) ? 0 : (int) (othersReady * model.placesEach);
    return new ScaleSignals(
        (int) replicas.stream().filter(Autoscaling::counts).count() + othersWorkers,
        ready.size() + othersReady,
        in(replicas, ReplicaState.STANDBY) + othersStandby,
        sum(all, ModelLoad::running),
        sum(all, ModelLoad::peopleRunning),
        reports.stream().mapToInt(each -> each.running() + each.waiting()).sum(),
        sum(all, ModelLoad::waiting),
        queue.places() + elsewhere,
        model.placesEach,
        model.offered.sum(gateways),
        total(all, ModelLoad::queuedTokens),
        total(all, ModelLoad::batchTokens),
        paceOf(all),
        waitMs(queue),
        targetMs(sources.slo()),
        sources.patienceMs(),
        reports.stream()
            .mapToDouble(ReplicaReport::kvUsedRatio)
            .filter(Double::isFinite)
            .average()
            .orElse(Double.NaN));
  }

  private static void learnPlaces(Model model, int places, int ready) {
    if (places > 0 && ready > 0) {
      double each = (double) places / ready;
      model.placesEach =
          Double.isNaN(model.placesEach)
              ? each
              : model.placesEach + SHARE_OF_NEW * (each - model.placesEach);
    }
  }

  private static int sum(Collection<ModelLoad> all, ToDoubleFunction<ModelLoad> part) {
    return (int) total(all, part);
  }

  private static double total(Collection<ModelLoad> all, ToDoubleFunction<ModelLoad> part) {
    return all.stream().mapToDouble(part).sum();
  }

  /** The mean of those that know it. */
  private static double paceOf(Collection<ModelLoad> all) {
    return all.stream()
        .mapToDouble(ModelLoad::placeTokens)
        .filter(each -> each > 0)
        .average()
        .orElse(0);
  }

  /** Takes requests, or will; one that stands by, is emptied or stopped does not count. */
  private static boolean counts(Replica replica) {
    return !replica.leaving()
        && switch (replica.state()) {
          case STARTING, WARMING, READY, EJECTED, RESTARTING -> true;
          case STANDBY, CORDONED, DRAINING, DRAINED, FAILED, STOPPED -> false;
        };
  }

  /** It counts, so that none is started in its place, and an operator lets it have nothing. */
  private static boolean weightless(Replica replica) {
    return replica.state() == ReplicaState.READY && replica.weight() == 0;
  }

  /** Of the asked gateway's own queue; batches are sent to wait. */
  private static double waitMs(AdmissionQueue.Snapshot queue) {
    int people = queue.people();
    if (people == 0) {
      return 0;
    }
    return queue.drainPerSecond() == 0 ? Double.NaN : 1000 * people / queue.drainPerSecond();
  }

  private static double targetMs(SloConfig slo) {
    return slo.classes().stream()
        .filter(each -> each.ttftMs() > 0 && Band.of(each.priority()) != Band.SHEDDABLE)
        .mapToDouble(SloClass::ttftMs)
        .min()
        .orElse(Double.NaN);
  }
}
