package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.framing.LingeringClose;
import dev.switchboard.framing.StrictRequestDecoder;
import dev.switchboard.gateway.autoscaling.Autoscaling;
import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.http.ConnectionWatch;
import dev.switchboard.gateway.http.Connections;
import dev.switchboard.gateway.http.EngineDetail;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.http.Health;
import dev.switchboard.gateway.http.OpenApiDocument;
import dev.switchboard.gateway.http.ProtocolGuard;
import dev.switchboard.gateway.http.RequestFaults;
import dev.switchboard.gateway.http.RunningRequests;
import dev.switchboard.gateway.http.SiteGuard;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.telemetry.LoopLag;
import dev.switchboard.gateway.tls.ServerTls;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The admin listener. A POST needs {@code Content-Type: application/json} or no body at all with
 * the header {@code X-Switchboard-Admin}, so that no web page can send one across origins unasked.
 */
public final class AdminServer extends VerticleBase {
  /** To a worker that is asked for the steps of requests. */
  private static final int MOST_CONNECTIONS = 4;

  private final Supplier<GatewayContext> contexts;
  private final GatewayContext gateway;
  private final Store store;
  private final ConfigControl control;
  private final EventFeed feed;
  private final Function<AuditEntry, CompletionStage<Void>> audit;
  private final Drills drills;
  private final Supplier<GatewayFacts> facts;
  private final GatewayList.Sources gateways;
  private final Autoscaling autoscaling;
  private final DiscoveryStatus.Source discovery;
  private final RunningRequests running;
  private final AdminConfig config;
  private final AdminGuard guard;
  private final @Nullable ServerTls tls;
  private final OpenApiDocument document = new OpenApiDocument(AdminServer.class);
  private final Scrape scrape;
  private volatile List<AdminRoute> routes = List.of();
  private @Nullable DeniedRequests denied;
  private @Nullable HttpServer server;
  private volatile @Nullable ConnectionWatch connections;

  /**
   * @param contexts the present one; what never changes is taken from the first
   * @param audit takes what was changed, or was to be; done when that is kept
   * @param facts of this gateway, now
   * @param gateways that share something with this one
   * @param autoscaling how many replicas models should have
   * @param discovery what is found of replicas that others start
   * @param running requests that have not ended
   * @param loopback whether its address is reached from this machine only
   * @param tls null for clear text
   */
  public AdminServer(
      Supplier<GatewayContext> contexts,
      Store store,
      ConfigControl control,
      EventFeed feed,
      Function<AuditEntry, CompletionStage<Void>> audit,
      Drills drills,
      Supplier<GatewayFacts> facts,
      GatewayList.Sources gateways,
      Autoscaling autoscaling,
      DiscoveryStatus.Source discovery,
      RunningRequests running,
      AdminConfig config,
      boolean loopback,
      @Nullable ServerTls tls) {
    this.contexts = contexts;
    this.gateway = contexts.get();
    this.store = store;
    this.control = control;
    this.feed = feed;
    this.audit = audit;
    this.drills = drills;
    this.facts = facts;
    this.gateways = gateways;
    this.autoscaling = autoscaling;
    this.discovery = discovery;
    this.running = running;
    this.config = config;
    SiteGuard sites = new SiteGuard("admin", config.bind(), config.hosts(), tls != null);
    this.guard = new AdminGuard(loopback, sites, gateway.keys());
    this.tls = tls;
    this.scrape = new Scrape(gateway.metrics(), gateway.clock());
  }

  @Override
  public Future<?> start() {
    RequestFaults.watch(context);
    Timers timers = new VertxTimers(vertx);
    HttpServer created =
        vertx.createHttpServer(
            new HttpServerOptions()
                .setHost(config.bind())
                .setPort(config.port())
                .setHttp2ClearTextEnabled(false)
                .setSendBufferSize(Connections.SEND_BUFFER_BYTES)
                .setIdleTimeout(0));
    ConnectionWatch watch =
        new ConnectionWatch(
            timers,
            gateway.deadlines(),
            gateway.clock(),
            new ConnectionWatch.Limit(config.maxConnections(), "admin"),
            new ConnectionWatch.Limit(config.maxConnectionsPerClient(), "admin_client"),
            gateway.metrics()::connectionRefused);
    connections = watch;
    created.connectionHandler(
        connection -> {
          StrictRequestDecoder.install(
              connection, gateway.http().maxUriBytes(), gateway.http().maxHeaderBytes());
          if (watch.opened(connection)) {
            if (tls != null) {
              tls.install(connection);
            }
            LingeringClose.install(connection);
          }
        });
    created.invalidRequestHandler(this::unreadable);
    LoopLag.watch(timers, gateway.clock(), gateway.metrics(), "admin");
    server = created;
    Router router = router(timers);
    created.requestHandler(
        request -> {
          watch.requestBegins(request);
          router.handle(request);
        });
    return created.listen();
  }

  @Override
  public Future<?> stop() throws Exception {
    if (denied != null) {
      denied.flush();
    }
    return super.stop();
  }

  /** The port it listens on. */
  public int port() {
    HttpServer listening = server;
    return listening == null ? 0 : listening.actualPort();
  }

  /** Connections that are open. */
  public int connections() {
    ConnectionWatch watching = connections;
    return watching == null ? 0 : watching.open();
  }

  /** Everything that can be asked for but the two probes, once it listens. */
  public List<AdminRoute> routes() {
    return routes;
  }

  /** What follows a head that could not be read cannot be trusted. */
  private void unreadable(HttpServerRequest request) {
    ApiError error = ProtocolGuard.unreadable(request, gateway.http());
    request
        .response()
        .setStatusCode(error.status())
        .putHeader("Content-Type", "application/json")
        .putHeader("Connection", "close")
        .end(error.toJson())
        .onComplete(done -> request.connection().close());
  }

  private Router router(Timers timers) {
    Router router = Router.router(vertx);
    readable(router.route("/livez")).handler(Health::live);
    readable(router.route("/readyz")).handler(context -> Health.ready(context, gateway));
    LongSupplier epochMs = gateway.clock()::wallMs;
    AdminRouter admin = new AdminRouter(router, audit, epochMs);
    router.route().handler(context -> guarded(context, admin));
    DeniedRequests writesDown = admin.denied();
    timers.every(DeniedRequests.WINDOW_MS, writesDown::tick);
    denied = writesDown;
    admin.read("/openapi.json", this::describe);
    admin.read("/metrics", scrape::answer);
    ReplicaRoutes.add(admin, gateway.fleet(), store, gateway.metrics().blame(), gateway.clock());
    GatewayRoutes.add(admin, facts, gateway);
    GatewayList.add(admin, gateways, facts, epochMs);
    ModelRoutes.add(admin, gateway.fleet(), store, control);
    UpstreamClient client =
        new UpstreamClient(vertx, gateway.deadlines().connectMs(), MOST_CONNECTIONS);
    WorkerRoutes.add(admin, gateway.fleet(), client);
    EngineDetail engines = new EngineDetail(timers, client, gateway.fleet(), gateway.recorder());
    requests(admin, timers, engines);
    AutoscalingRoutes.add(admin, autoscaling);
    // Ages of what watches noted by the clock that never steps.
    DiscoveryRoutes.add(admin, discovery, () -> gateway.clock().epochNanos() / 1_000_000);
    PreviewRoutes.add(admin, contexts);
    KeyRoutes.add(admin, store, epochMs);
    TenantRoutes.add(admin, store, new TenantNow(gateway), control);
    RecordRoutes.add(admin, store, epochMs);
    ConfigRoutes.add(admin, store, control, epochMs);
    SloRoutes.add(admin, store, control, epochMs);
    SplitRoutes.add(admin, store, control, gateway.metrics().shadowScores());
    TraceRoutes.add(admin, gateway.traces(), gateway.fleet()::serves);
    EventRoutes.add(
        admin,
        this::onLoop,
        timers,
        feed,
        gateway.metrics(),
        config.heartbeatMs(),
        this::mayRead,
        new EventHistory(store, epochMs));
    DrillRoutes.add(admin, gateway.fleet(), drills);
    DiagnosticsRoutes.add(
        admin, gateway, control, facts, client, new EventHistory(store, epochMs), scrape);
    admin.close();
    routes = admin.routes();
    return router;
  }

  private void requests(AdminRouter admin, Timers timers, EngineDetail engines) {
    RequestLines lines = new RequestLines(gateway.recorder(), config.traceUrl());
    RequestTail tail =
        new RequestTail(
            this::onLoop,
            timers,
            lines,
            feed,
            gateway.metrics(),
            config.heartbeatMs(),
            this::mayRead);
    RequestArchive archive = new RequestArchive(vertx, gateway.recorder(), store);
    FlightLookup lookup = new FlightLookup(this::onLoop, timers, gateway.recorder(), archive::find);
    RequestRoutes.add(admin, vertx, archive, lookup, engines, running, lines, tail);
  }

  private void onLoop(Runnable task) {
    context.runOnContext(now -> task.run());
  }

  private static Route readable(Route route) {
    return route.method(HttpMethod.GET).method(HttpMethod.HEAD);
  }

  /** Everything but the two probes, which tell nothing and are asked by machines without a key. */
  private void guarded(RoutingContext context, AdminRouter admin) {
    switch (guard.look(context.request())) {
      case AdminGuard.LetIn let -> {
        AdminRouter.caller(context, let.caller());
        context.next();
      }
      case AdminGuard.Denied denial -> admin.deny(context, denial.error(), denial.holder());
      case AdminGuard.Refused refused -> error(context, refused.error());
    }
  }

  /** Whether somebody who was let in still would be: keys end and are revoked. */
  private boolean mayRead(HttpServerRequest request) {
    return guard.look(request) instanceof AdminGuard.LetIn let
        && let.caller().role().may(Caller.Role.VIEWER);
  }

  private void describe(RoutingContext context) {
    document
        .json(vertx)
        .onSuccess(json -> AdminRouter.json(context, json))
        .onFailure(context::fail);
  }

  // ------------------------------------------------------------------ answers

  /**
   * What was asked for is not there.
   *
   * @param param of the path or the query that names it; null where nothing does
   */
  static ApiError noSuch(String what, @Nullable String param) {
    return new ApiError(
        404, "invalid_request_error", "not_found", param, "No such " + what + " is known.");
  }

  static void answer(RoutingContext context, JsonNode json) {
    AdminRouter.json(context, json.toString());
  }

  private static void error(RoutingContext context, ApiError error) {
    AdminRouter.error(context, error);
  }
}
