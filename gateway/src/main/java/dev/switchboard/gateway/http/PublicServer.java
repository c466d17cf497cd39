package dev.switchboard.gateway.http;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.framing.StrictRequestDecoder;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.telemetry.LoopLag;
import dev.switchboard.gateway.telemetry.LoopLateness;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.telemetry.ServerSpan;
import dev.switchboard.gateway.tls.ServerTls;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ModelCard;
import dev.switchboard.openai.NearPath;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The public listener; one instance on each event loop, all sharing the port.
 *
 * <p>HTTP/1.1 only, in clear text or behind TLS: an h2c upgrade is not taken, and HTTP/2 by prior
 * knowledge is told in its own frames that HTTP/1.1 is required. What is unusual in a head is
 * refused before the body is read.
 */
public final class PublicServer extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(PublicServer.class);

  private static final String CALLER = "caller";

  /** They tell nothing, and are asked by machines under any name. */
  private static final Set<String> PROBES = Set.of("/livez", "/readyz", "/health");

  /** What is open to who has no key. */
  private static final List<String> OPEN =
      List.of("/livez", "/readyz", "/health", "/version", "/openapi.json");

  /** Requests that are looked at in one go: a tenth of a millisecond. */
  private static final int SLICE = 100;

  /** How often those that run are looked at. */
  private static final int RUNNING_LOOK_MS = 1000;

  private static final String READABLE = "GET, HEAD";

  private static final TextMapGetter<HttpServerRequest> HEADERS = new HeaderGetter();

  private final Supplier<GatewayContext> contexts;
  private final GatewayContext gateway;
  private final OpenApiDocument document = new OpenApiDocument(PublicServer.class);
  private final RequestIds ids;
  private final AnswerMemory answers;
  private final long startedSeconds;
  private final int maxConnections;
  private final boolean loopback;
  private final @Nullable ServerTls tls;
  private final SiteGuard sites;
  private final Cors cors;
  private final NearPath paths;
  private final Set<Exchange> running = ConcurrentHashMap.newKeySet();
  private @Nullable HttpServer server;
  private volatile @Nullable ConnectionWatch connections;

  /**
   * @param contexts the present one, for a request that begins; what never changes is taken from
   *     the first
   * @param eventLoops instances that share what is to be shared
   * @param maxConnections of this instance
   * @param loopback whether its address is reached from this machine only
   * @param tls null for clear text
   */
  public PublicServer(
      Supplier<GatewayContext> contexts,
      int eventLoops,
      int maxConnections,
      boolean loopback,
      @Nullable ServerTls tls) {
    this.maxConnections = maxConnections;
    this.loopback = loopback;
    this.tls = tls;
    this.contexts = contexts;
    this.gateway = contexts.get();
    this.ids = new RequestIds(gateway.freshIds());
    this.answers = new AnswerMemory(gateway.http().answerMemoryBytes() / eventLoops);
    HttpConfig http = gateway.http();
    this.sites = new SiteGuard("http", http.bind(), http.hosts(), tls != null);
    this.cors = new Cors(http.cors(), gateway.keys()::required);
    this.paths = new NearPath(paths());
    this.startedSeconds = gateway.clock().epochNanos() / 1_000_000_000L;
  }

  @Override
  public Future<?> start() {
    RequestFaults.watch(context);
    Timers timers = new VertxTimers(vertx);
    ConnectionWatch watch =
        new ConnectionWatch(
            timers,
            gateway.deadlines(),
            gateway.clock(),
            new ConnectionWatch.Limit(maxConnections, "total"),
            new ConnectionWatch.Limit(gateway.http().maxConnectionsPerClient(), "client"),
            gateway.metrics()::connectionRefused);
    connections = watch;
    LoopLag.watch(timers, gateway.clock(), gateway.metrics(), "api");
    EventLoop loop = loop(LoopLateness.watch(timers, gateway.clock()));
    HttpServer created = vertx.createHttpServer(options(gateway.http()));
    created.connectionHandler(
        connection -> {
          StrictRequestDecoder.install(
              connection, gateway.http().maxUriBytes(), gateway.http().maxHeaderBytes());
          if (watch.opened(connection)) {
            Arrival.accepted(connection, loop, gateway.clock().epochNanos());
            if (tls != null) {
              tls.install(
                  connection, () -> Arrival.secured(connection, gateway.clock().epochNanos()));
            }
            LingeringClose.install(connection);
          }
        });
    created.invalidRequestHandler(this::invalid);
    Router router = router(loop);
    created.requestHandler(
        request -> {
          watch.requestBegins(request);
          HalfClose.requestBegins(request);
          boolean admitted;
          try {
            admitted = admitted(request);
          } catch (RuntimeException fault) {
            // The router, which answers faults of what it calls, has not been asked yet.
            internal(request, fault);
            return;
          }
          if (admitted) {
            router.handle(request);
          }
        });
    server = created;
    timers.every(RUNNING_LOOK_MS, () -> eachRunning(Exchange::runs, () -> {}));
    return created.listen();
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

  /** Requests that have not ended. */
  public int running() {
    return running.size();
  }

  /** Ends every request with an error: behind what a stream said, or alone. On any thread. */
  public void dismiss() {
    context.runOnContext(now -> List.copyOf(running).forEach(Exchange::dismiss));
  }

  /** Has something done with each request that has not ended, on their event loop. */
  void eachRunning(Consumer<Exchange> action, Runnable done) {
    context.runOnContext(now -> slice(List.copyOf(running).iterator(), action, done));
  }

  /** A part of them, so that streams do not wait for all of many. */
  private void slice(Iterator<Exchange> left, Consumer<Exchange> action, Runnable done) {
    for (int i = 0; i < SLICE && left.hasNext(); i++) {
      action.accept(left.next());
    }
    if (left.hasNext()) {
      context.runOnContext(next -> slice(left, action, done));
    } else {
      done.run();
    }
  }

  private static HttpServerOptions options(HttpConfig config) {
    return new HttpServerOptions()
        .setHost(config.bind())
        .setPort(config.port())
        .setHttp2ClearTextEnabled(false)
        .setDecompressionSupported(false)
        .setCompressionSupported(false)
        .setHandle100ContinueAutomatically(false)
        .setMaxHeaderSize(config.maxHeaderBytes())
        .setMaxInitialLineLength(config.maxUriBytes())
        .setSendBufferSize(Connections.SEND_BUFFER_BYTES)
        .setTcpNoDelay(true)
        // Nobody upgrades to a WebSocket here; its handlers would look at every request.
        .setPerFrameWebSocketCompressionSupported(false)
        .setPerMessageWebSocketCompressionSupported(false)
        .setIdleTimeout(0);
  }

  private EventLoop loop(LoopLateness lateness) {
    return new EventLoop(
        vertx,
        new VertxTimers(vertx),
        new UpstreamClient(
            vertx, gateway.deadlines().connectMs(), gateway.http().maxUpstreamConnections()),
        answers,
        new RequestParser(limits()),
        new KernelSocket(),
        lateness,
        running,
        vertx.createSharedWorkerExecutor("large-bodies", 1));
  }

  private Router router(EventLoop loop) {
    Router router = Router.router(vertx);
    // The agent puts the first route that matches before the names of the later ones; this has
    // none.
    router.route().handler(RoutingContext::next);
    readable(router.route("/livez")).handler(Health::live);
    readable(router.route("/readyz")).handler(context -> Health.ready(context, gateway));
    readable(router.route("/health")).handler(context -> Health.ok(context, gateway));
    readable(router.route("/version")).handler(PublicServer::version);
    router.route("/v1/*").handler(this::authenticate);
    for (Endpoint endpoint : Endpoint.values()) {
      if (!endpoint.path().startsWith("/v1/")) {
        router.route(endpoint.path()).handler(this::authenticate);
      }
      router.post(endpoint.path()).handler(context -> infer(context, endpoint, loop));
      router.route(endpoint.path()).handler(context -> notAllowed(context, "POST"));
    }
    readable(router.route("/v1/models")).handler(this::models);
    router.route("/v1/models").handler(context -> notAllowed(context, READABLE));
    readable(router.routeWithRegex("/v1/models/(?<id>.+)")).handler(this::model);
    router.routeWithRegex("/v1/models/.+").handler(context -> notAllowed(context, READABLE));
    readable(router.route("/openapi.json")).handler(this::describe);
    for (String path : OPEN) {
      router.route(path).handler(context -> notAllowed(context, READABLE));
    }
    router.route().handler(this::unknownPath);
    router.errorHandler(500, this::internal);
    router.errorHandler(404, this::unknownPath);
    router.errorHandler(400, this::malformedTarget);
    return router;
  }

  /** What is answered here, as method and path, HEAD left out. */
  public List<String> routes() {
    List<String> found = new ArrayList<>();
    for (Route route : router(loop(new LoopLateness(gateway.clock()))).getRoutes()) {
      for (HttpMethod method : route.methods() == null ? Set.<HttpMethod>of() : route.methods()) {
        if (!method.equals(HttpMethod.HEAD)) {
          found.add(method + " " + (route.isRegexPath() ? "/v1/models/{id}" : route.getPath()));
        }
      }
    }
    return found;
  }

  private static List<String> paths() {
    List<String> paths = new ArrayList<>(OPEN);
    paths.add("/v1/models");
    for (Endpoint endpoint : Endpoint.values()) {
      paths.add(endpoint.path());
    }
    return paths;
  }

  private static void version(RoutingContext context) {
    String version = PublicServer.class.getPackage().getImplementationVersion();
    Answers.json(
        context.response(), "{\"version\":\"" + (version == null ? "unpackaged" : version) + "\"}");
  }

  private void describe(RoutingContext context) {
    document
        .json(vertx)
        .onSuccess(json -> Answers.json(context.response(), json))
        .onFailure(context::fail);
  }

  /** A route that answers GET, and HEAD without the body. */
  private static Route readable(Route route) {
    return route.method(HttpMethod.GET).method(HttpMethod.HEAD);
  }

  private RequestLimits limits() {
    RequestLimits limits = RequestLimits.DEFAULT;
    return new RequestLimits(
        gateway.http().maxBodyBytes(),
        limits.jsonDepth(),
        limits.jsonTokens(),
        limits.stringChars(),
        limits.nameChars(),
        limits.numberChars(),
        limits.messages(),
        limits.tools(),
        limits.prompts(),
        limits.promptTokens());
  }

  // ------------------------------------------------------------------ every request

  /**
   * Gives the request its id and looks at its head, before the router refuses it in its own way.
   */
  private boolean admitted(HttpServerRequest request) {
    String id = ids.of(request.getHeader(RequestIds.HEADER));
    ServerTiming.tell(request.response(), gateway.clock());
    request.response().putHeader(RequestIds.HEADER, id);
    ServerSpan.begins(Span.current(), id);
    if (gateway.admission().closing()) {
      request.response().putHeader("Connection", "close");
    }
    cors.tell(request);
    ApiError refused = ProtocolGuard.refusal(request);
    if (refused == null) {
      refused = foreign(request);
    }
    if (refused != null) {
      refuse(request, Failure.of(refused));
      return false;
    }
    boolean preflight = cors.isPreflight(request);
    if (preflight) {
      cors.answer(request);
    }
    return !preflight;
  }

  /**
   * Without keys whoever is on this machine is served, but no web page that a browser shows here.
   */
  private @Nullable ApiError foreign(HttpServerRequest request) {
    if (gateway.keys().required() || PROBES.contains(String.valueOf(request.path()))) {
      return null;
    }
    ApiError host = loopback ? sites.host(request) : null;
    return host == null && !cors.allows(request) ? foreignPage(request) : host;
  }

  private @Nullable ApiError foreignPage(HttpServerRequest request) {
    ApiError page = sites.origin(request);
    return page != null && cors.awaitsKeys()
        ? new ApiError(
            page.status(),
            page.type(),
            page.code(),
            page.param(),
            page.message()
                + " The * of http.cors.origins holds while there is a key of the role app.")
        : page;
  }

  private void authenticate(RoutingContext context) {
    Caller caller = gateway.keys().caller(context.request().getHeader("Authorization"));
    if (caller != null && caller.role() == Caller.Role.APP) {
      context.put(CALLER, caller);
      context.next();
      return;
    }
    if (caller != null) {
      refuse(
          context,
          Failure.of(
              ApiError.forbidden(
                  "This key has the role " + caller.role().label() + "; only app calls models.")));
      return;
    }
    context.response().putHeader("WWW-Authenticate", "Bearer");
    refuse(
        context,
        Failure.of(
            ApiError.unauthenticated(
                "A valid API key is needed: Authorization: Bearer KEY"
                    + (gateway.keys().missing()
                        ? "; there is none yet, and ./switchboard keys create makes one"
                        : ""))));
  }

  private void infer(RoutingContext context, Endpoint endpoint, EventLoop loop) {
    HttpServerRequest request = context.request();
    Caller caller = Objects.requireNonNull(context.<Caller>get(CALLER), "set by authenticate");
    ServerSpan.waits(Span.current());
    long nowMs = gateway.clock().wallMs();
    Quotas.Exhausted spent = gateway.usage().quotas().exhausted(caller.tenant(), nowMs);
    Flight flight = new Flight(requestId(context), gateway.clock());
    flight.onLoop(loop.lateness());
    Arrival.tell(request.connection(), loop, flight, gateway.clock().epochNanos());
    ServerTiming.tell(context.response(), flight);
    if (spent != null) {
      refuse(context, Failures.of(spent, ServerTiming.times(flight)));
      return;
    }
    RequestTrace trace =
        new RequestTrace(
            gateway.tracer(),
            traceContext(request),
            () -> gateway.propagator().extract(Context.root(), request, HEADERS),
            "POST " + endpoint.path(),
            gateway.traces(),
            gateway.clock().epochNanos());
    new Exchange(new Call(contexts.get(), loop, endpoint, request, caller, flight, trace)).start();
  }

  private static String requestId(RoutingContext context) {
    return Objects.requireNonNull(
        context.response().headers().get(RequestIds.HEADER), "set before the router");
  }

  /** The agent's SERVER span; else whatever the client's trace headers say. */
  private Context traceContext(HttpServerRequest request) {
    Context current = Context.current();
    return Span.fromContext(current).getSpanContext().isValid()
        ? current
        : gateway.propagator().extract(current, request, HEADERS);
  }

  private void models(RoutingContext context) {
    List<ModelCard> cards = contexts.get().router().names().stream().map(this::card).toList();
    Answers.json(context.response(), ModelCard.listJson(cards));
  }

  private void model(RoutingContext context) {
    String id = context.pathParam("id");
    if (id != null && contexts.get().router().knows(id)) {
      Answers.json(context.response(), card(id).toJson());
    } else {
      refuse(context, Failure.of(ApiError.modelNotFound(String.valueOf(id))));
    }
  }

  private ModelCard card(String model) {
    return new ModelCard(model, startedSeconds, "switchboard", 0);
  }

  // ------------------------------------------------------------------ refusals

  private void notAllowed(RoutingContext context, String allowed) {
    context.response().putHeader("Allow", allowed);
    refuse(context, Failure.of(ApiError.methodNotAllowed(allowed)));
  }

  private void unknownPath(RoutingContext context) {
    HttpMethod method = context.request().method();
    if (method.equals(HttpMethod.CONNECT) || method.equals(HttpMethod.TRACE)) {
      notAllowed(context, "GET, POST");
    } else {
      refuse(context, Failure.of(paths.notFound(context.normalizedPath())));
    }
  }

  /** The router could make nothing of the host or of the path. */
  private void malformedTarget(RoutingContext context) {
    boolean host = context.request().authority() == null;
    refuse(
        context,
        Failure.of(
            host
                ? ProtocolGuard.invalidHost()
                : ApiError.invalid(null, "The request path is malformed.")));
  }

  private void internal(RoutingContext context) {
    internal(context.request(), context.failure());
  }

  private void internal(HttpServerRequest request, @Nullable Throwable fault) {
    SpanContext span = Span.current().getSpanContext();
    LOG.error(
        "request_failed request={} trace={} path={}",
        request.response().headers().get(RequestIds.HEADER),
        span.isValid() ? span.getTraceId() : null,
        request.path(),
        fault);
    refuse(request, Failure.of(ApiError.internal()));
  }

  private void refuse(RoutingContext context, Failure failure) {
    refuse(context.request(), failure);
  }

  private void refuse(HttpServerRequest request, Failure failure) {
    gateway.metrics().refused("other", failure.outcome());
    ServerSpan.ends(Span.current(), failure.outcome(), null);
    Answers.error(request, failure);
  }

  /**
   * A head that Netty could not read: answered, then closed, for what follows cannot be trusted.
   */
  private void invalid(HttpServerRequest request) {
    ApiError error = ProtocolGuard.unreadable(request, gateway.http());
    Outcome outcome =
        error.status() < 500 ? Outcome.ofStatus(error.status()) : Outcome.INVALID_REQUEST;
    gateway.metrics().refused("other", outcome);
    HttpServerResponse response = request.response();
    ServerTiming.tell(response, gateway.clock());
    response
        .setStatusCode(error.status())
        .putHeader("Content-Type", "application/json")
        .putHeader("Connection", "close")
        .putHeader(RequestIds.HEADER, gateway.freshIds().get())
        .putHeader("X-Switchboard-Reason", Answers.reason(Failure.of(error)))
        .end(error.toJson())
        .onComplete(done -> request.connection().close());
  }

  private static final class HeaderGetter implements TextMapGetter<HttpServerRequest> {
    @Override
    public Iterable<String> keys(HttpServerRequest request) {
      return request.headers().names();
    }

    @Override
    public @Nullable String get(@Nullable HttpServerRequest request, String name) {
      return request == null ? null : request.getHeader(name);
    }
  }
}
