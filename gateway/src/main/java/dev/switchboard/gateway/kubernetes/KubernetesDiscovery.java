package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.DeletionCosts;
import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.discovery.Endpoint;
import dev.switchboard.gateway.discovery.EndpointReconciler;
import dev.switchboard.gateway.discovery.KubernetesConfig;
import dev.switchboard.gateway.discovery.PodAnnotations;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientResponse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the replicas that the configuration describes, and has the fleet take them. What changes
 * within a moment is put in force together. A source that was not listed yet keeps what was known
 * of it before, so neither another configuration nor an API server that is away removes anybody.
 *
 * <p>Safe on any thread; what it does is done on one event loop, but for putting it in force.
 */
public final class KubernetesDiscovery implements DiscoveryStatus.Source, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KubernetesDiscovery.class);

  /** A change waits so long for others. */
  private static final long GATHER_MS = 20;

  /** Between two times that something is put in force, at least. */
  private static final long APART_MS = 100;

  /** And so much more for each endpoint, since each time looks at all of them. */
  private static final double APART_MS_EACH = 0.4;

  private static final long MOST_APART_MS = 500;

  private static final long TICK_MS = 1000;
  private static final long AGAIN_MS = 1000;
  private static final long PATCH_MS = 5000;

  /**
   * What is to be found.
   *
   * @param sources of the models, with their keys read
   */
  public record Wanted(
      KubernetesConfig config, Cluster cluster, List<EndpointReconciler.Source> sources) {}

  private final Vertx vertx;
  private final Timers timers;
  private final Context loop;
  private final Consumer<List<DiscoveredServer>> taker;
  private final Supplier<List<Replica>> replicas;
  private final NanoClock clock;
  private final DoubleSupplier chance;
  private final EndpointReconciler endpointReconciler;
  private final DeletionCosts costs = new DeletionCosts();
  private final Map<String, List<Endpoint>> last = new HashMap<>();

  /** What was found of each source when it was looked at last. */
  private final Map<EndpointReconciler.Source, Endpoints.Known> view = new HashMap<>();

  private Wanted wanted;
  private ApiServer server;
  private Watches watches;
  private @Nullable List<DiscoveredServer> inForce;
  private boolean planned;
  private boolean taking;
  private boolean again;
  private boolean closed;
  private long takenNanos;
  private Timer dueTimer = Timer.NONE;
  private long patched;
  private long patchesFailed;
  private long costedNanos;
  private volatile DiscoveryStatus status = DiscoveryStatus.NONE;

  /**
   * @param taker puts in force what is found; may block
   * @param replicas of the fleet now
   * @param chance 0 to 1
   */
  public KubernetesDiscovery(
      Vertx vertx,
      Timers timers,
      Wanted wanted,
      Consumer<List<DiscoveredServer>> taker,
      Supplier<List<Replica>> replicas,
      NanoClock clock,
      DoubleSupplier chance) {
    this.vertx = vertx;
    this.timers = timers;
    this.loop = vertx.getOrCreateContext();
    this.taker = taker;
    this.replicas = replicas;
    this.clock = clock;
    this.chance = chance;
    this.wanted = wanted;
    this.endpointReconciler = new EndpointReconciler(patience(wanted.config()));
    this.server = server(wanted);
    this.watches = new Watches(this::watch);
  }

  private static EndpointReconciler.Patience patience(KubernetesConfig config) {
    return new EndpointReconciler.Patience(config.drainGraceMs(), config.unreadyMs());
  }

  private ApiServer server(Wanted of) {
    KubernetesConfig config = of.config();
    return new ApiServer(vertx, of.cluster().url(), config.tokenFile(), config.caFile(), clock);
  }

  private <T extends ApiObjects.Watched> Watch<T> watch(Watch.Target<T> target) {
    KubernetesConfig config = wanted.config();
    return new Watch<>(
        timers,
        server,
        target,
        new Watch.Patience(config.idleMs(), config.resyncSeconds() * 1000L),
        clock,
        chance,
        this::changed);
  }

  /** Begins to look. */
  public void start() {
    loop.runOnContext(
        begin -> {
          watches.want(wanted);
          timers.every(TICK_MS, this::tick);
          tell();
        });
  }

  /** Looks for something else from now on. */
  public void reconfigure(Wanted other) {
    loop.runOnContext(
        begin -> {
          Wanted before = wanted;
          wanted = other;
          endpointReconciler.reconfigure(patience(other.config()));
          if (!sameServer(before, other)) {
            watches.stop();
            server.close();
            server = server(other);
            watches = new Watches(this::watch);
          }
          watches.want(other);
          changed();
        });
  }

  /** What each watch is made of. */
  private static boolean sameServer(Wanted one, Wanted other) {
    return one.cluster().equals(other.cluster())
        && one.config().tokenFile().equals(other.config().tokenFile())
        && one.config().caFile().equals(other.config().caFile())
        && one.config().idleMs() == other.config().idleMs()
        && one.config().resyncSeconds() == other.config().resyncSeconds();
  }

  @Override
  public DiscoveryStatus get() {
    return status;
  }

  @Override
  public void close() {
    loop.runOnContext(
        end -> {
          closed = true;
          watches.stop();
          server.close();
        });
  }

  // ------------------------------------------------------------------ putting in force

  private void changed() {
    if (planned || closed) {
      return;
    }
    planned = true;
    long sinceMs = (clock.epochNanos() - takenNanos) / 1_000_000;
    timers.after(Math.max(GATHER_MS, apartMs() - sinceMs), this::take);
  }

  private long apartMs() {
    int known = 0;
    for (Endpoints.Known each : view.values()) {
      known += each.endpoints().size();
    }
    return Math.min(MOST_APART_MS, APART_MS + Math.round(APART_MS_EACH * known));
  }

  private void take() {
    planned = false;
    if (closed) {
      return;
    }
    if (taking) {
      again = true;
      return;
    }
    takenNanos = clock.epochNanos();
    watches.want(wanted);
    Map<EndpointReconciler.Source, List<Endpoint>> known = new LinkedHashMap<>();
    view.clear();
    wanted.sources().forEach(source -> known.put(source, endpoints(source)));
    List<DiscoveredServer> found = endpointReconciler.take(known, watches::marks, takenNanos);
    due(endpointReconciler.dueNanos());
    tell();
    // Before everything was listed once, nothing found says nothing.
    boolean empty = inForce == null && found.isEmpty() && !allKnown();
    if (!empty && !found.equals(inForce)) {
      force(found);
    }
  }

  private boolean allKnown() {
    return wanted.sources().stream().allMatch(source -> watches.endpoints(source) != null);
  }

  private List<Endpoint> endpoints(EndpointReconciler.Source source) {
    String identity = source.namespace() + " " + source.model().label() + source.model().model();
    Endpoints.Known known = watches.endpoints(source);
    if (known == null) {
      known = new Endpoints.Known(last.getOrDefault(identity, List.of()), null);
    } else {
      last.put(identity, known.endpoints());
    }
    view.put(source, known);
    return known.endpoints();
  }

  private void force(List<DiscoveredServer> found) {
    taking = true;
    vertx
        .<Void>executeBlocking(
            () -> {
              taker.accept(found);
              return null;
            })
        .onComplete(
            done -> {
              taking = false;
              if (done.succeeded()) {
                inForce = found;
              } else {
                LOG.error("discovered_not_taken", done.cause());
                timers.after(AGAIN_MS, this::changed);
              }
              if (again) {
                again = false;
                changed();
              }
            });
  }

  private void due(long atNanos) {
    dueTimer.cancel();
    if (atNanos != Long.MAX_VALUE) {
      long waitMs = Math.max(1, (atNanos - clock.epochNanos()) / 1_000_000 + 1);
      dueTimer = timers.after(waitMs, this::changed);
    }
  }

  private void tick() {
    if (closed) {
      return;
    }
    watches.tick();
    deletionCosts();
    tell();
  }

  // ------------------------------------------------------------------ deletion costs

  private void deletionCosts() {
    long periodNanos = wanted.config().deletionCostSeconds() * 1_000_000_000L;
    long now = clock.epochNanos();
    if (periodNanos == 0 || now - costedNanos < TICK_MS * 1_000_000) {
      return;
    }
    costedNanos = now;
    costs.turn(uses(), periodNanos, now).forEach(this::patch);
  }

  /** A pod that several replicas are of is used by all of them. */
  private List<DeletionCosts.Use> uses() {
    Map<String, DeletionCosts.Use> uses = new LinkedHashMap<>();
    for (Replica replica : replicas.get()) {
      DiscoveredServer.Pod pod = replica.pod();
      if (pod == null || pod.name().isEmpty() || replica.leaving()) {
        continue;
      }
      String key = pod.namespace() + "/" + pod.name();
      PodAnnotations marks = watches.marks(key);
      if (marks != null) {
        String now = Objects.requireNonNullElse(marks.deletionCost(), "");
        DeletionCosts.Use use = new DeletionCosts.Use(key, requests(replica), serves(replica), now);
        uses.merge(key, use, KubernetesDiscovery::both);
      }
    }
    return new ArrayList<>(uses.values());
  }

  private static DeletionCosts.Use both(DeletionCosts.Use one, DeletionCosts.Use other) {
    return new DeletionCosts.Use(
        one.pod(), one.requests() + other.requests(), one.serving() || other.serving(), one.now());
  }

  /** What it reports is all gateways' work; what this one has there may be newer. */
  private static int requests(Replica replica) {
    return Math.max(replica.inFlight(), replica.report().running() + replica.report().waiting());
  }

  private static boolean serves(Replica replica) {
    return switch (replica.state()) {
      case STARTING, WARMING, READY, STANDBY -> true;
      case CORDONED, EJECTED, DRAINING, DRAINED, RESTARTING, FAILED, STOPPED ->
          replica.state() == ReplicaState.CORDONED && replica.inFlight() > 0;
    };
  }

  private void patch(DeletionCosts.Change change) {
    int slash = change.pod().indexOf('/');
    String path =
        "/api/v1/namespaces/"
            + change.pod().substring(0, slash)
            + "/pods/"
            + change.pod().substring(slash + 1);
    String body =
        "{\"metadata\":{\"annotations\":{\""
            + PodAnnotations.DELETION_COST
            + "\":\""
            + change.cost()
            + "\"}}}";
    server
        .patch(path, body, PATCH_MS)
        .onSuccess(answer -> patched(change, answer))
        .onFailure(
            cause -> {
              patchesFailed++;
              LOG.debug("deletion_cost_not_set pod={}", change.pod(), cause);
            });
  }

  private void patched(DeletionCosts.Change change, HttpClientResponse answer) {
    answer.resume();
    if (answer.statusCode() == 200) {
      patched++;
      return;
    }
    patchesFailed++;
    LOG.debug("deletion_cost_not_set pod={} status={}", change.pod(), answer.statusCode());
  }

  // ------------------------------------------------------------------ status

  private void tell() {
    List<DiscoveryStatus.Model> models = new ArrayList<>();
    for (EndpointReconciler.Source source : wanted.sources()) {
      Endpoints.Known known = view.get(source);
      models.add(
          told(
              source,
              known == null ? List.of() : known.endpoints(),
              known == null ? null : known.trouble()));
    }
    status =
        new DiscoveryStatus(
            wanted.cluster().url().toString(),
            wanted.cluster().namespace(),
            watches.status(),
            List.copyOf(models),
            patched,
            patchesFailed);
  }

  private DiscoveryStatus.Model told(
      EndpointReconciler.Source source, List<Endpoint> endpoints, @Nullable String trouble) {
    int ready = 0;
    int ends = 0;
    for (Endpoint each : endpoints) {
      ready += each.ready() && !each.terminating() ? 1 : 0;
      ends += each.terminating() ? 1 : 0;
    }
    String why = watches.trouble(source);
    return new DiscoveryStatus.Model(
        source.model().model(),
        source.namespace(),
        source.model().label(),
        ready,
        endpoints.size() - ready - ends,
        ends,
        why == null ? trouble : why);
  }
}
