package dev.switchboard.gateway.boot;

import dev.switchboard.descriptors.OpenFiles;
import dev.switchboard.gateway.admin.AdminConfig;
import dev.switchboard.gateway.admin.AdminRoute;
import dev.switchboard.gateway.admin.AdminServer;
import dev.switchboard.gateway.admin.ConfigControl;
import dev.switchboard.gateway.admin.FleetEvents;
import dev.switchboard.gateway.admin.GatewayFacts;
import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.FirstReplica;
import dev.switchboard.gateway.admission.ReplicaForecast;
import dev.switchboard.gateway.admission.TenantConfig;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.autoscaling.Autoscaling;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.autoscaling.GatewayLoads;
import dev.switchboard.gateway.autoscaling.ScaleNeed;
import dev.switchboard.gateway.autoscaling.ScaleSignals;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.drill.EngineFaults;
import dev.switchboard.gateway.drill.Faults;
import dev.switchboard.gateway.edge.EdgeLink;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.events.EventType;
import dev.switchboard.gateway.events.RequestEvents;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.Prober;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.http.CacheSalt;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.http.PoisonRequests;
import dev.switchboard.gateway.http.PublicServer;
import dev.switchboard.gateway.http.RunningRequests;
import dev.switchboard.gateway.identity.ApiKeys;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.shared.SharedLimits;
import dev.switchboard.gateway.shared.ValkeyAffinity;
import dev.switchboard.gateway.shared.ValkeyLimits;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.gateway.store.ReplicaSetting;
import dev.switchboard.gateway.store.Snapshot;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoredEvent;
import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.telemetry.DiscoveryGauges;
import dev.switchboard.gateway.telemetry.FleetGauges;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.telemetry.StepSpans;
import dev.switchboard.gateway.telemetry.TelemetryWatch;
import dev.switchboard.gateway.telemetry.TraceLevels;
import dev.switchboard.gateway.tls.ServerTls;
import dev.switchboard.gateway.upstream.RetryBudgets;
import dev.switchboard.openai.ApiException;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The running gateway: wires the parts, says when it is ready, and stops in order. */
final class Gateway {
  private static final Logger LOG = LoggerFactory.getLogger(Gateway.class);
  private static final int START_SECONDS = 30;
  private static final int POLL_MS = 20;
  private static final int TICK_MS = 10;
  private static final int STEPS_MS = 500;
  private static final int TELL_MS = 100;
  private static final int SEARCH_MS = 10_000;

  /** Between two looks whether a worker that stands by is needed. */
  private static final int STANDBY_MS = 200;

  /** Between two writes of when keys were used; sooner where the store is looked at often. */
  private static final int USES_MS = 20_000;

  private static final int USES_POLLS = 20;

  /** For clients to read the error that ends their answers when the gateway stops. */
  private static final int FAREWELL_MS = 3000;

  /** That each part which ends by itself may take when the gateway stops. */
  private static final int PART_SECONDS = 5;

  private static final int PARTS = 4;

  private static final int SALT_KEY_BYTES = 32;

  private final GatewayConfig config;
  private final Fleet fleet;
  private final LauncherEvents events;
  private final NanoClock clock;
  private final Admission admission;
  private final EventFeed feed;
  private final FleetEvents told;
  private final Drills drills;
  private final AtomicBoolean announced = new AtomicBoolean();
  private volatile boolean listening;
  private final AtomicBoolean stopped = new AtomicBoolean();
  private final SharedPorts ports = new SharedPorts();
  private final Vertx vertx;
  private final Timers timers;
  private final List<PublicServer> servers = new CopyOnWriteArrayList<>();
  private final Heartbeat heartbeat;
  private volatile @Nullable TelemetryWatch telemetryWatch;
  private final GatewayLoads loads;
  private final Autoscaling autoscaling;
  private final Discovery discovery;
  private final AdminServer adminServer;
  private final Prober prober;
  private final UsageMeter usage = new UsageMeter();
  private final SloMeter sloMeter = new SloMeter();
  private final Store store;
  private final ListenerTls tls;
  private final ConnectionRoom room;
  private final Reconfiguration reconfiguration;
  private final @Nullable ValkeyAffinity sharedAffinity;
  private final double bootSeconds;
  private final Runnable despair;
  private final BooleanSupplier mayListen;
  private final long startNanos;
  private final GatewayFacts.Identity identity;

  /** Whether it is known what Kubernetes runs. */
  private volatile boolean found;

  private Gateway(
      GatewayConfig config,
      StateFolder state,
      Fleet fleet,
      LauncherEvents events,
      NanoClock clock,
      double bootSeconds,
      Runnable despair,
      BooleanSupplier mayListen,
      ConfigSource source,
      Function<GatewayConfig, List<ModelSpec>> served) {
    this.config = config;
    this.fleet = fleet;
    this.events = events;
    this.clock = clock;
    this.bootSeconds = bootSeconds;
    this.despair = despair;
    this.mayListen = mayListen;
    this.startNanos = clock.epochNanos();
    this.identity = identity(fleet);
    fleet.fromZero(config.autoscaling().fromZero());
    this.feed = new EventFeed(clock::wallMs);
    this.told = new FleetEvents(feed, clock);
    // Opens beside what follows; listeners begin when it has.
    this.store = Store.start(config.store(), state, usage, sloMeter, clock::wallMs);
    feed.keep(this::keep);
    this.admission =
        new Admission(
            config.admission(),
            TenantConfig.limits(config.tenants()),
            model -> new ReplicaForecast(now -> fleet.views(model, now)),
            () -> ThreadLocalRandom.current().nextDouble());
    this.vertx = vertx(ports);
    this.timers = new VertxTimers(vertx);
    GatewayContext context = context();
    keepRequests(context);
    this.room = room(served.apply(config), context.metrics());
    this.tls = new ListenerTls(config, quarterOfTheCores(), context.metrics());
    this.reconfiguration =
        new Reconfiguration(config, context, tls, source, served, told::reloaded);
    this.drills = drills(context);
    fleet.onStateChange(watch(context));
    this.sharedAffinity = sharedAffinity(context);
    measure(context.metrics());
    this.loads = new GatewayLoads(fleet.gatewayId(), () -> clock.epochNanos() / 1_000_000);
    this.heartbeat = heartbeat();
    this.autoscaling = autoscaling();
    this.discovery = new Discovery(vertx, this::discovered, fleet::replicas, clock);
    context.metrics().autoscaling(this::scaling);
    this.adminServer = adminServer(config.admin());
    this.prober = new Prober(vertx, timers, fleet, clock, probes(context.metrics()));
    prober.start();
    awaitStore();
    discover(context.metrics());
    await(context.shared().ready());
    tick(context);
    listen();
    heartbeat.start(vertx, timers);
  }

  private static Vertx vertx(SharedPorts ports) {
    return Vertx.builder()
        .with(new VertxOptions().setPreferNativeTransport(false))
        .withTransport(ports)
        .build();
  }

  private void keepRequests(GatewayContext context) {
    if (store.keepsRequests()) {
      context.recorder().keepIn(store::keep);
    }
  }

  private Drills drills(GatewayContext context) {
    Drills made =
        new Drills(
            config.drills(),
            Faults.of(fleet, new EngineFaults(vertx)),
            clock,
            new DrillCount(context.metrics(), told));
    context.events().watch(made::ended);
    return made;
  }

  /** A start does not wait longer than this for what may be found. */
  private void discover(Metrics metrics) {
    metrics.discovery(new DiscoveryGauges(discovery, () -> clock.epochNanos() / 1_000_000));
    timers.after(SEARCH_MS, this::searched);
    reconfiguration.onDiscovery(discovery);
  }

  private void discovered(List<DiscoveredServer> servers) {
    reconfiguration.discovered(servers);
    found = true;
    searched();
  }

  private void searched() {
    if (fleet.searched()) {
      announce();
    }
  }

  private Autoscaling autoscaling() {
    Autoscaling.Sources sources =
        new Autoscaling.Sources() {
          @Override
          public AutoscalingConfig config() {
            return reconfiguration.autoscaling();
          }

          @Override
          public SloConfig slo() {
            return reconfiguration.slo();
          }

          @Override
          public List<Replica> replicas() {
            return fleet.replicas();
          }

          @Override
          public int patienceMs() {
            return reconfiguration.admission().queueMs();
          }

          @Override
          public Set<String> models() {
            return fleet.models();
          }

          @Override
          public boolean searched(String model) {
            return found || !reconfiguration.sought().contains(model);
          }

          @Override
          public void waits(String model, @Nullable FirstReplica first) {
            admission.queue(model).startsFirst(first);
          }

          @Override
          public void needed(String model, int replicas, ScaleSignals now) {
            fleet
                .localModels()
                .needed(model, replicas - now.ready(), clock.epochNanos() / 1_000_000);
          }
        };
    return new Autoscaling(sources, admission::snapshots, loads, clock::epochNanos);
  }

  private void scaling(BiConsumer<String, Metrics.Scaling.Seen> told) {
    autoscaling.each(
        (model, answer) -> {
          ScaleNeed need = answer.decided().need();
          told.accept(
              model,
              new Metrics.Scaling.Seen(
                  answer.decided().desired(),
                  Map.of("headroom", need.headroom(), "queue", need.queue(), "kv", need.kv()),
                  answer.decided().cause().label(),
                  answer.decided().startMs() / 1e3));
        });
  }

  private Heartbeat heartbeat() {
    return new Heartbeat(vertx, store, config.shared(), this::facts, loads, clock::wallMs);
  }

  private void keep(long id, long atMs, EventType type, String data) {
    if (type.kept()) {
      store.keep(new StoredEvent(identity.id(), id, atMs, type.label(), data));
    }
  }

  private FleetWatch watch(GatewayContext context) {
    return new FleetWatch(
        context.metrics(),
        context.affinity(),
        context.retries(),
        admission,
        clock::epochNanos,
        (replica, from, to) -> {
          told.changed(replica, from, to);
          drills.changed(replica, to);
        });
  }

  private AdminServer adminServer(AdminConfig admin) {
    return new AdminServer(
        reconfiguration::context,
        store,
        reconfiguration,
        feed,
        this::audit,
        drills,
        this::facts,
        heartbeat,
        autoscaling,
        discovery,
        new RunningRequests(() -> servers),
        admin,
        GatewayConfig.loopback(admin.bind()),
        tls.admin());
  }

  private GatewayFacts facts() {
    String valkey = config.shared().url();
    return new GatewayFacts(
        identity,
        urls(),
        running(),
        servers.stream().mapToInt(PublicServer::connections).sum(),
        room.inAll(),
        adminServer.connections(),
        new GatewayFacts.StoreFacts(config.store().kind(), store.trouble()),
        valkey.isEmpty() ? null : new GatewayFacts.ValkeyFacts(place(valkey), heartbeat.reached()));
  }

  /** Of a URL nothing that is a secret. */
  private static String place(String url) {
    URI parsed = URI.create(url);
    return parsed.getHost() + (parsed.getPort() < 0 ? "" : ":" + parsed.getPort());
  }

  private static GatewayFacts.Identity identity(Fleet fleet) {
    return new GatewayFacts.Identity(
        fleet.gatewayId(),
        Version.text(),
        System.getProperty("switchboard.commit", ""),
        ManagementFactory.getRuntimeMXBean().getStartTime(),
        host(),
        ProcessHandle.current().pid());
  }

  /** As the kernel has it; asking a resolver could take seconds. */
  private static String host() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      return System.getenv().getOrDefault("HOSTNAME", "unknown");
    }
  }

  /** What is due however few requests come. */
  private void tick(GatewayContext context) {
    timers.every(TICK_MS, () -> admission.tick(clock.epochNanos()));
    timers.every(STEPS_MS, () -> context.steps().flush(clock.epochNanos()));
    autoscaling.tick();
    timers.every(Autoscaling.PERIOD_MS, autoscaling::tick);
    timers.every(TELL_MS, () -> look(context));
    timers.every(STANDBY_MS, this::promote);
    timers.every(
        Math.min(USES_MS, USES_POLLS * config.store().pollMs()),
        () -> store.used(context.keys().takeUses()));
    telemetryWatch =
        TelemetryWatch.start(
            vertx,
            timers,
            context.metrics(),
            context.traces(),
            Runtime.getRuntime().availableProcessors(),
            clock,
            told::governed);
  }

  /** Who stands by serves at once where people wait, whatever is desired. */
  private void promote() {
    AutoscalingConfig scaled = reconfiguration.autoscaling();
    for (String model : fleet.models()) {
      if (scaled.names(model) && fleet.localModels().standBy(model)) {
        AdmissionQueue.Snapshot queue = admission.queue(model).snapshot(clock.epochNanos());
        if (queue.people() > 0 && queue.running() >= queue.places()) {
          fleet.localModels().needed(model, 1, clock.epochNanos() / 1_000_000);
        }
      }
    }
  }

  private void look(GatewayContext context) {
    drills.tick();
    told.tick();
    context.events().tick(clock.epochNanos());
  }

  /** What the prober hears, for the metrics and the queues. */
  private Prober.Listener probes(Metrics metrics) {
    return new Prober.Listener() {
      @Override
      public void reported(Replica replica, ReplicaReport report) {
        metrics.replicaLoad(replica.id(), report);
        admission.queue(replica.model()).reported(replica.id(), report.running(), report.waiting());
      }

      @Override
      public void unread(Replica replica) {
        metrics.replicaUnread(replica.id());
      }

      @Override
      public void compared(Replica replica, int orphans, int lost, int newOrphans, int newLost) {
        metrics.compared(replica.id(), orphans, lost, newOrphans, newLost);
      }
    };
  }

  /** Where the metrics come from that are read at each scrape, and those of workers' lives. */
  private void measure(Metrics metrics) {
    metrics.targets(() -> reconfiguration.context().slos().targets());
    FleetGauges gauges = new FleetGauges(fleet::replicas, clock::epochNanos);
    metrics.fleet(gauges);
    metrics.engineNames(gauges, () -> reconfiguration.telemetry().replicaEngineNames());
    metrics.queues(() -> admission.snapshots(clock.epochNanos()));
    metrics.edges(told -> reconfiguration.context().edges().each(told));
    events.also(
        metrics::workerRestarted, metrics::workerStarted, this::announce, this::tellLoading);
    // Workers load already, and may have said so before anybody listened.
    fleet.replicas().forEach(told::loading);
  }

  private void tellLoading(String id) {
    Replica replica = fleet.find(id);
    if (replica != null) {
      told.loading(replica);
    }
  }

  /**
   * Starts everything but the workers, which load already.
   *
   * @param state where it stands what must be known of a store that is gone
   * @param bootSeconds since the process began, at this clock's now
   * @param despair run when a model cannot be served by any worker and never was
   * @param mayListen asked until it says yes, or throws
   * @param source reads the configuration anew
   * @param served the models that local workers are to serve by a configuration
   */
  static Gateway start(
      GatewayConfig config,
      StateFolder state,
      Fleet fleet,
      LauncherEvents events,
      NanoClock clock,
      double bootSeconds,
      Runnable despair,
      BooleanSupplier mayListen,
      ConfigSource source,
      Function<GatewayConfig, List<ModelSpec>> served) {
    Gateway gateway =
        new Gateway(
            config, state, fleet, events, clock, bootSeconds, despair, mayListen, source, served);
    gateway.listening = true;
    gateway.announce();
    return gateway;
  }

  private GatewayContext context() {
    OpenTelemetry telemetry = GlobalOpenTelemetry.get();
    boolean agent = !telemetry.getPropagators().getTextMapPropagator().fields().isEmpty();
    Metrics metrics = new Metrics(fleet::has, Version.text(), agent, sloMeter);
    Tracer tracer = telemetry.getTracer("dev.switchboard.gateway");
    return new GatewayContext(
        config.http(),
        config.deadlines(),
        config.migration(),
        clock,
        Gateway::freshId,
        new ApiKeys(config.auth(), !GatewayConfig.loopback(config.http().bind()), clock::wallMs),
        new CacheSalt(new SecureRandom().generateSeed(SALT_KEY_BYTES)),
        new SloHeaders(config.slo()),
        admission,
        fleet,
        router(),
        new Edges(config.edge(), edgeListener(metrics)),
        new Affinity(config.routing()),
        new RetryBudgets(config.retry()),
        new PoisonRequests(clock),
        metrics,
        new FlightRecorder(config.flight()),
        new RequestEvents(feed, fleet::serves),
        usage,
        shared(metrics),
        new BodyMemory(config.http().bodyMemoryBytes(), clock::epochNanos),
        new TraceLevels(config.telemetry()),
        new StepSpans(tracer, fleet.gatewayId()),
        tracer,
        telemetry.getPropagators().getTextMapPropagator());
  }

  /** Until the store is open, which may have the models that routes lead to. Nobody listens yet. */
  private Router router() {
    return new Router(config.routing(), List.of(), fleet.models());
  }

  private static EdgeLink.Listener edgeListener(Metrics metrics) {
    return (name, reason) -> {
      LOG.warn(
          "edge_switched name={} to={} reason={}",
          name,
          reason == null ? "region" : "local",
          reason == null ? "well_again" : reason.label());
      metrics.edgeSwitched(name, reason == null ? "returned" : reason.label());
    };
  }

  /** Null where every gateway is alone. */
  private @Nullable ValkeyAffinity sharedAffinity(GatewayContext context) {
    if (config.shared().url().isEmpty()) {
      return null;
    }
    ValkeyAffinity shared =
        new ValkeyAffinity(
            vertx, timers, config.shared(), context.affinity(), this::foreign, this::replicaAt);
    shared.start(new SecureRandom().generateSeed(SALT_KEY_BYTES), context.cacheSalt()::adopt);
    return shared;
  }

  /** Where a server is that other gateways may know as well. */
  private @Nullable URI foreign(String replica) {
    Replica found = fleet.find(replica);
    return found == null || found.local() ? null : found.url();
  }

  private @Nullable String replicaAt(String model, URI address) {
    for (Replica replica : fleet.replicas()) {
      if (!replica.local()
          && !replica.leaving()
          && replica.model().equals(model)
          && address.equals(replica.url())) {
        return replica.id();
      }
    }
    return null;
  }

  private SharedLimits shared(Metrics metrics) {
    return config.shared().url().isEmpty()
        ? SharedLimits.NONE
        : new ValkeyLimits(
            vertx,
            timers,
            config.shared(),
            this::limit,
            admission::retryAfterSeconds,
            clock::epochNanos,
            metrics::sharedLimitFailed);
  }

  private TenantLimits.Limit limit(String tenant) {
    return reconfiguration.limit(tenant);
  }

  /** No listener before the keys are known. */
  private void awaitStore() {
    try {
      Snapshot _ = store.ready().get(START_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      String message = e.getCause() == null ? e.toString() : e.getCause().getMessage();
      throw new IllegalStateException("the store (store.url) cannot be opened: " + message, e);
    } catch (TimeoutException e) {
      throw new IllegalStateException("the store does not open in " + START_SECONDS + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    try {
      store.listen(reconfiguration).join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof IllegalArgumentException wrong ? wrong : e;
    }
    reconfiguration.checkNames();
    restoreReplicas();
  }

  /** What operators had set at replicas holds before the first request comes. */
  private void restoreReplicas() {
    fleet.settings().onRenamed(this::keep);
    try {
      for (ReplicaSetting set : store.replicas().get(START_SECONDS, TimeUnit.SECONDS)) {
        fleet
            .settings()
            .restore(set.replica(), set.cordoned(), set.weight(), set.configuredWeight());
      }
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("replica_settings_unread", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private void keep(
      String replica, boolean cordoned, @Nullable Double weight, double configuredWeight) {
    var _ =
        store
            .put(new ReplicaSetting(replica, cordoned, weight, configuredWeight))
            .whenComplete(
                (kept, failure) -> {
                  if (failure != null) {
                    LOG.warn("replica_setting_not_kept replica=\"{}\"", replica, failure);
                  }
                });
  }

  private static String freshId() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(random.nextLong()) + hex.toHexDigits(random.nextLong());
  }

  private void listen() {
    while (!mayListen.getAsBoolean()) {
      pause(POLL_MS);
    }
    int loops = loops();
    Future<String> admin =
        vertx.deployVerticle(adminServer).recover(cause -> refused(ListenProbe.ADMIN, cause));
    Future<String> api =
        vertx
            .deployVerticle(
                () -> {
                  PublicServer server =
                      new PublicServer(
                          reconfiguration::context,
                          loops,
                          room.perLoop(),
                          GatewayConfig.loopback(config.http().bind()),
                          tls.api());
                  servers.add(server);
                  return server;
                },
                new DeploymentOptions().setInstances(loops))
            .recover(cause -> refused(ListenProbe.API, cause));
    try {
      Future.all(admin, api)
          .toCompletionStage()
          .toCompletableFuture()
          .get(START_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      String message = e.getCause() == null ? e.toString() : e.getCause().getMessage();
      throw new IllegalStateException(message, e);
    } catch (TimeoutException e) {
      throw new IllegalStateException("cannot listen within " + START_SECONDS + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    events.emit("listening", urls());
  }

  private int loops() {
    return config.http().eventLoops() > 0 ? config.http().eventLoops() : quarterOfTheCores();
  }

  /** Says how many connections clients may have, where that is less than was configured. */
  private ConnectionRoom room(List<ModelSpec> models, Metrics metrics) {
    OpenFiles files = OpenFiles.now();
    ConnectionRoom found = ConnectionRoom.of(config, models, loops(), files);
    metrics.connectionsLimit(found.inAll());
    if (found.clamped()) {
      LOG.warn(
          "max_connections_clamped configured={} in_force={} event_loops={} open_files_limit={}",
          config.http().maxConnections(),
          found.perLoop(),
          loops(),
          files.limit());
    }
    return found;
  }

  /** At least one: workers need the rest. */
  private static int quarterOfTheCores() {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / 4);
  }

  private Future<String> refused(ListenProbe.Listener listener, Throwable cause) {
    return Future.failedFuture(
        new ListenProbe.NotListeningException(
            listener.complaint(config, String.valueOf(cause.getMessage())), cause));
  }

  /** Whether some request of a client runs. */
  boolean busy() {
    return admission.inFlight() > 0;
  }

  /** Where it listens: {@code api} and {@code admin}. */
  Map<String, Object> urls() {
    Map<String, Object> urls = new LinkedHashMap<>();
    urls.put("api", url(tls.api() != null, config.http().bind(), servers.getFirst().port()));
    urls.put("admin", url(tls.admin() != null, config.admin().bind(), adminServer.port()));
    return urls;
  }

  /** What puts changes in force while it runs. */
  Reconfiguration reconfiguration() {
    return reconfiguration;
  }

  /** Everything that the API can be asked for, as method and path. */
  List<String> publicRoutes() {
    return servers.getFirst().routes();
  }

  /** Everything that the admin API can be asked for. */
  List<AdminRoute> adminRoutes() {
    return adminServer.routes();
  }

  /** Reads the configuration again, for whoever sent a signal. */
  void reload() {
    long nowMs = clock.wallMs();
    try {
      ConfigControl.Reloaded done = reconfiguration.reload();
      CompletionStage<Void> _ = audit(signalled(nowMs, 200, null, done));
    } catch (ApiException refused) {
      LOG.warn("config_refused reason=\"{}\"", refused.error().message());
      CompletionStage<Void> _ =
          audit(signalled(nowMs, refused.error().status(), refused.error().code(), null));
    }
  }

  private CompletionStage<Void> audit(AuditEntry entry) {
    told.audited(entry);
    return store.audit(entry);
  }

  private static AuditEntry signalled(
      long nowMs, int status, @Nullable String code, ConfigControl.@Nullable Reloaded done) {
    return new AuditEntry(
        0,
        freshId(),
        nowMs,
        "local",
        "admin",
        "signal",
        "SIGHUP",
        "",
        status,
        code,
        done == null ? null : done.before().toString(),
        done == null ? null : done.after().toString(),
        AuditEntry.Why.UNSAID);
  }

  private static String url(boolean secure, String bind, int port) {
    String host = bind.contains(":") ? "[" + bind + "]" : bind;
    return (secure ? "https://" : "http://") + host + ":" + port;
  }

  /** What a client here must call it, so that its certificate is right; empty without TLS. */
  private String nameOnThisMachine() {
    ServerTls own = tls.api();
    if (own == null) {
      return "";
    }
    String bind = config.http().bind();
    return own.identity().nameFor(bind.equals("0.0.0.0") ? "127.0.0.1" : bind);
  }

  /** Says that the gateway is ready, or that it never will be; once. */
  private void announce() {
    // A replica may be ready before there is an address to tell.
    if (!listening) {
      return;
    }
    if (fleet.settled(1) && announced.compareAndSet(false, true)) {
      for (Replica replica : fleet.notServing()) {
        String reason = replica.reason();
        events.notServing(replica.id(), reason == null ? replica.state().name() : reason);
      }
      Map<String, Object> members = urls();
      Set<String> models = fleet.models();
      String first = fleet.firstModel();
      members.put("model", first == null ? "" : first);
      members.put("models", models.stream().sorted().toList());
      members.put("serves", fleet.anyReady());
      members.put("keys", reconfiguration.context().keys().required());
      Path certificate = config.http().tls().certificateFile();
      members.put(
          "certificate", certificate == null ? "" : certificate.toAbsolutePath().toString());
      members.put("name", nameOnThisMachine());
      members.put("client_certificate", config.http().tls().clientCaFile() != null);
      members.put("seconds", Math.round((bootSeconds + since()) * 100) / 100.0);
      events.emit("ready", members);
    } else if (fleet.hopeless() && announced.compareAndSet(false, true)) {
      events.emit("failed", Map.of("message", fleet.despair(), "status", fleet.despairStatus()));
      despair.run();
    }
  }

  private double since() {
    return (clock.epochNanos() - startNanos) / 1e9;
  }

  /**
   * Stops: not ready, settle, no new connections, no new requests on the ones that are kept,
   * running ones finish or are ended with an error, workers stop. Twice does nothing more.
   */
  void stop() {
    if (!stopped.compareAndSet(false, true)) {
      return;
    }
    GatewayConfig.ShutdownConfig shutdown = reconfiguration.shutdown();
    events.emit(
        "stopping",
        Map.of("in_flight", admission.inFlight(), "within_ms", stopsWithinMs(shutdown)));
    told.stopping(admission.inFlight());
    admission.unready();
    // What is broken on purpose must not stay so, nor keep requests from their end.
    await(Future.fromCompletionStage(drills.close()));
    pause(shutdown.settleMs());
    ports.close(servers.getFirst().port());
    long lingerNanos = shutdown.lingerMs() * 1_000_000L;
    long deadline = clock.epochNanos() + lingerNanos + shutdown.finishMs() * 1_000_000L;
    linger(lingerNanos, deadline);
    admission.close();
    while (admission.inFlight() > 0 && clock.epochNanos() < deadline) {
      pause(POLL_MS);
    }
    dismiss();
    discovery.want(null);
    prober.stop();
    if (sharedAffinity != null) {
      sharedAffinity.close();
    }
    await(reconfiguration.context().shared().close());
    await(heartbeat.leave());
    heartbeat.close();
    fleet.close();
    feed.close();
    TelemetryWatch watching = telemetryWatch;
    if (watching != null) {
      watching.close();
    }
    await(vertx.close());
    store.used(reconfiguration.context().keys().takeUses());
    store.close();
    events.emit("stopped", counted());
  }

  /** What each step of {@link #stop()} may take, together: whoever waits may insist after that. */
  private long stopsWithinMs(GatewayConfig.ShutdownConfig shutdown) {
    return (long) shutdown.settleMs()
        + shutdown.lingerMs()
        + shutdown.finishMs()
        + FAREWELL_MS
        + PARTS * PART_SECONDS * 1000L
        + fleet.closesWithinMs()
        + Store.CLOSES_WITHIN_MS;
  }

  /** What a scrape after the last request would have found, which nobody can ask for any more. */
  private Map<String, Object> counted() {
    UsageMeter.Total total = usage.total();
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("requests", total.requests());
    members.put("prompt_tokens", total.promptTokens());
    members.put("output_tokens", total.outputTokens());
    return members;
  }

  /**
   * Tells what has not ended yet that it will not, and waits a moment until clients have read that,
   * also those that are slow.
   */
  private void dismiss() {
    if (running() == 0) {
      return;
    }
    LOG.warn("stop_cuts in_flight={}", running());
    servers.forEach(PublicServer::dismiss);
    long deadline = clock.epochNanos() + FAREWELL_MS * 1_000_000L;
    while (running() > 0 && clock.epochNanos() < deadline) {
      pause(POLL_MS);
    }
  }

  private int running() {
    return servers.stream().mapToInt(PublicServer::running).sum();
  }

  /**
   * Waits until kept connections have brought nothing for so long. Each request is answered with
   * {@code Connection: close}, so a connection brings one more at most: one whose answer had begun
   * before this brings it only after that has ended, however long that takes.
   */
  private void linger(long quietNanos, long deadline) {
    long asked = admission.asked();
    long quietSince = clock.epochNanos();
    long now = quietSince;
    while (now - quietSince < quietNanos && now < deadline) {
      pause(POLL_MS);
      now = clock.epochNanos();
      if (admission.inFlight() > 0 || admission.asked() != asked) {
        asked = admission.asked();
        quietSince = now;
      }
    }
  }

  private static void await(Future<?> end) {
    try {
      Object _ = end.toCompletionStage().toCompletableFuture().get(PART_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("stop_slow", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
