package dev.switchboard.worker;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.framing.RefusedHeadException;
import dev.switchboard.framing.RefusedHostException;
import dev.switchboard.framing.RefusedVersionException;
import dev.switchboard.framing.StrictRequestDecoder;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.ModelCard;
import dev.switchboard.openai.NearPath;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timers.Timers;
import dev.switchboard.worker.BodyReader.Body;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's HTTP: limits, routes and the way of a completion request to its {@link Completion}.
 * HTTP/1.1 only. A dozen fixed paths need no router, and the worker starts sooner without one. On
 * the event loop.
 */
final class WorkerServer {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerServer.class);
  private static final NearPath PATHS =
      new NearPath(
          List.of(
              "/v1/chat/completions",
              "/v1/completions",
              "/v1/embeddings",
              "/v1/rerank",
              "/v1/models",
              "/tokenize",
              "/detokenize",
              "/livez",
              "/metrics",
              "/readyz"));

  private static final long SWEEP_MS = 1000;
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  /**
   * A small send buffer makes a reader that stopped visible after so many bytes; with the kernel's
   * default a thousand dead readers hold hundreds of megabytes before anyone notices.
   */
  private static final int SEND_BUFFER_BYTES = 64 << 10;

  private final Vertx vertx;
  private final WorkerSettings settings;
  private final EpochClock clock;
  private final LongSupplier ids;
  private final Worker worker;
  private final Connections connections;
  private final BodyReader bodies;
  private final PreparationThreads preparations =
      new PreparationThreads(Runtime.getRuntime().availableProcessors());
  private final EngineEndpoints engineEndpoints;
  private final RankProbe rankProbe;
  private final List<HttpServer> servers = new ArrayList<>();

  WorkerServer(
      Vertx vertx,
      Timers timers,
      WorkerSettings settings,
      EpochClock clock,
      LongSupplier ids,
      Worker worker,
      Canary canary) {
    this.vertx = vertx;
    this.settings = settings;
    this.clock = clock;
    this.ids = ids;
    this.worker = worker;
    this.connections =
        new Connections(
            clock::nanos,
            settings.headerTimeout(),
            settings.idleTimeout(),
            settings.writeStall(),
            settings.connections());
    this.bodies =
        new BodyReader(
            timers,
            settings.requests().bodyBytes(),
            settings.bodyTimeout(),
            new BodyRoom(settings.bodyRoomBytes()));
    this.engineEndpoints =
        new EngineEndpoints(timers, settings, worker, canary, bodies, connections);
    this.rankProbe = new RankProbe(canary, settings.canaryTimeout(), clock::nanos);
    timers.every(SWEEP_MS, () -> connections.sweep(this::stoppedReading));
  }

  private void stoppedReading(HttpConnection connection) {
    LOG.warn("slow_reader from={} it stopped reading an answer", connection.remoteAddress());
    Serving serving = worker.serving();
    if (serving != null) {
      serving.completions().count(WorkerCounter.SLOW_READER);
    }
  }

  /** Listens on TCP. */
  void listen(WorkerGuard guard, CompletableFuture<Integer> port) {
    HttpServer listening = create(guard);
    servers.add(listening);
    listening
        .listen()
        .onSuccess(done -> port.complete(done.actualPort()))
        .onFailure(port::completeExceptionally);
  }

  /** Listens on a Unix socket that only the user of this process may connect to. */
  void listen(Path socket, CompletableFuture<Path> done) {
    HttpServer listening = create(WorkerGuard.NONE);
    try {
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      done.completeExceptionally(e);
      return;
    }
    listening
        .listen(SocketAddress.domainSocketAddress(socket.toString()))
        .map(
            listens -> {
              servers.add(listening);
              restrict(socket);
              return socket;
            })
        .onSuccess(done::complete)
        .onFailure(done::completeExceptionally);
  }

  private static void restrict(Path socket) {
    try {
      Files.setPosixFilePermissions(socket, OWNER_ONLY);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private HttpServer create(WorkerGuard guard) {
    return vertx
        .createHttpServer(options())
        .connectionHandler(this::opened)
        .requestHandler(request -> accept(request, guard))
        .invalidRequestHandler(this::invalid)
        .exceptionHandler(broken -> LOG.debug("connection_error", broken));
  }

  private HttpServerOptions options() {
    return new HttpServerOptions()
        .setHost(settings.bind())
        .setPort(settings.port())
        .setMaxHeaderSize(settings.headerBytes())
        .setMaxInitialLineLength(settings.uriBytes())
        .setSendBufferSize(SEND_BUFFER_BYTES)
        .setTcpNoDelay(true)
        .setUseAlpn(false)
        .setHttp2ClearTextEnabled(false)
        .setDecompressionSupported(false)
        .setCompressionSupported(false);
  }

  Future<Void> close() {
    preparations.close();
    return Future.join(servers.stream().map(HttpServer::close).toList()).mapEmpty();
  }

  private void opened(HttpConnection connection) {
    if (connections.opened(connection)) {
      StrictRequestDecoder.install(connection, settings.uriBytes(), settings.headerBytes());
      LingeringClose.install(connection);
      connection.closeHandler(closed -> connections.closed(connection));
    } else {
      connection.close();
    }
  }

  private void accept(HttpServerRequest request, WorkerGuard guard) {
    HttpConnection connection = request.connection();
    if (connections.isClosing(connection)) {
      return;
    }
    Exchange exchange = exchange(request);
    AttemptId attempt = exchange.attempt();
    connections.requestStarted(connection, attempt);
    request.response().endHandler(end -> connections.requestEnded(connection, attempt));
    ApiError refusal = guard.refusal(request);
    if (refusal != null) {
      exchange.errorAndClose(refusal);
      return;
    }
    try {
      route(exchange);
    } catch (ApiException refused) {
      exchange.error(refused.error());
    } catch (RuntimeException | LinkageError | StackOverflowError broken) {
      fail(exchange, broken);
    }
  }

  private Exchange exchange(HttpServerRequest request) {
    HttpServerResponse response = request.response();
    response.headersEndHandler(
        written -> {
          if ("close".equals(response.headers().get("Connection"))) {
            connections.closing(request.connection());
          }
        });
    return new Exchange(request, settings.id(), newId(), clock.epochNanos());
  }

  private String newId() {
    return "req-" + Long.toHexString(ids.getAsLong());
  }

  private static void fail(Exchange exchange, Throwable broken) {
    LOG.error(
        "request_failed request={} trace={}", exchange.requestId(), exchange.traceId(), broken);
    exchange.error(ApiError.internal("The worker failed on this request."));
  }

  private void route(Exchange exchange) {
    String path = exchange.path();
    switch (path) {
      case "/v1/chat/completions" -> completion(exchange, PreparedRequest.Api.CHAT);
      case "/v1/completions" -> completion(exchange, PreparedRequest.Api.TEXT);
      case "/v1/embeddings" -> vectors(exchange, VectorPreparation::embeddings);
      case "/v1/rerank" -> vectors(exchange, VectorPreparation::rerank);
      case "/tokenize" -> tokens(exchange, Tokenization::tokenize);
      case "/detokenize" -> tokens(exchange, Tokenization::detokenize);
      case "/v1/models" -> models(exchange);
      case "/livez" -> live(exchange);
      case "/readyz" -> ready(exchange);
      case "/metrics" -> metrics(exchange);
      default -> other(exchange, path);
    }
  }

  private void other(Exchange exchange, String path) {
    if (EngineEndpoints.serves(path)) {
      engineEndpoints.handle(exchange);
    } else if (path.startsWith("/v1/models/")) {
      model(exchange, path.substring("/v1/models/".length()));
    } else {
      exchange.error(PATHS.notFound(path));
    }
  }

  private void live(Exchange exchange) {
    boolean alive = worker.lifecycle().phase() != WorkerPhase.FAILED;
    probe(exchange, alive);
  }

  private void ready(Exchange exchange) {
    Serving serving = worker.serving();
    if (serving == null
        || worker.lifecycle().phase() != WorkerPhase.READY
        || !"true".equals(exchange.request().getParam("canary"))) {
      probe(exchange, worker.lifecycle().phase() == WorkerPhase.READY);
    } else {
      rankProbe.ask(
          serving.model(),
          good -> probe(exchange, good && worker.lifecycle().phase() == WorkerPhase.READY));
    }
  }

  private void probe(Exchange exchange, boolean good) {
    if (exchange.accepts(HttpMethod.GET)) {
      String state = worker.lifecycle().phase().word();
      exchange.json(good ? 200 : 503, Json.object(json -> json.writeStringField("state", state)));
    }
  }

  private void metrics(Exchange exchange) {
    if (exchange.accepts(HttpMethod.GET)) {
      WorkerPhase phase = worker.lifecycle().phase();
      Serving serving = worker.serving();
      String page =
          serving == null
              ? MetricsPage.of(phase)
              : MetricsPage.of(settings.id(), phase, serving, connections.size());
      List<String> names = exchange.request().params().getAll("name[]");
      exchange.answer(200, MetricsPage.CONTENT_TYPE, MetricsPage.only(names, page));
    }
  }

  private void models(Exchange exchange) {
    if (exchange.accepts(HttpMethod.GET)) {
      Serving serving = worker.serving();
      exchange.json(200, ModelCard.listJson(serving == null ? List.of() : List.of(card(serving))));
    }
  }

  private void model(Exchange exchange, String encoded) {
    if (exchange.accepts(HttpMethod.GET)) {
      Serving serving = worker.serving();
      String id = decoded(encoded);
      if (id == null) {
        exchange.error(ApiError.invalid("model", "The path must be percent-encoded UTF-8."));
      } else if (serving == null || !serving.model().id().equals(id)) {
        exchange.error(ApiError.modelNotFound(id));
      } else {
        exchange.json(200, card(serving).toJson());
      }
    }
  }

  /** A part of a path without its percent-encoding, in which a plus is a plus; null for none. */
  private static @Nullable String decoded(String part) {
    try {
      String text = URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
      return text.indexOf('\ufffd') < 0 ? text : null;
    } catch (IllegalArgumentException broken) {
      return null;
    }
  }

  private static ModelCard card(Serving serving) {
    ServedModel model = serving.model();
    return new ModelCard(
        model.id(), model.createdSeconds(), "switchboard", model.facts().context());
  }

  private void completion(Exchange exchange, PreparedRequest.Api api) {
    if (!exchange.accepts(HttpMethod.POST)) {
      return;
    }
    TimelineDetail detail = timelineDetail(exchange);
    Urgency urgency = Urgency.of(exchange);
    onBody(
        exchange,
        (serving, body) -> {
          PreparedRequest prepared = parse(exchange, serving, api, body.bytes().getBytes());
          BodyRoom.Place place = body.place();
          return () -> constrain(exchange, detail, urgency, serving, prepared, place);
        });
  }

  private void vectors(
      Exchange exchange, BiFunction<VectorPreparation, byte[], PreparedVectors> preparation) {
    if (!exchange.accepts(HttpMethod.POST)) {
      return;
    }
    TimelineDetail detail = timelineDetail(exchange);
    Urgency urgency = Urgency.of(exchange);
    onBody(
        exchange,
        (serving, body) -> {
          byte[] bytes = body.bytes().getBytes();
          PreparedVectors prepared = preparation.apply(serving.vectors(), bytes);
          return () ->
              start(
                  exchange,
                  serving,
                  () -> serving.completions().start(exchange, prepared, detail, urgency));
        });
  }

  private void tokens(Exchange exchange, BiFunction<Tokenization, byte[], String> answer) {
    if (!exchange.accepts(HttpMethod.POST)) {
      return;
    }
    onBody(
        exchange,
        (serving, body) -> {
          String json = answer.apply(serving.tokenization(), body.bytes().getBytes());
          return () -> exchange.json(200, json);
        });
  }

  private static TimelineDetail timelineDetail(Exchange exchange) {
    return TimelineDetail.of(exchange.request().getHeader("X-Switchboard-Timeline"));
  }

  /**
   * Reads the body, if the model takes requests, and works on it.
   *
   * @param work gives what the event loop does next
   */
  private void onBody(Exchange exchange, BiFunction<Serving, Body, Runnable> work) {
    Serving serving = serving(exchange);
    if (serving != null) {
      bodies.read(exchange, body -> prepare(exchange, body, () -> work.apply(serving, body)));
    }
  }

  /** The model, when it takes requests; null after the refusal was answered. */
  private @Nullable Serving serving(Exchange exchange) {
    Serving serving = worker.serving();
    if (serving == null || worker.lifecycle().phase() != WorkerPhase.READY) {
      exchange.errorAndClose(worker.refusal());
      return null;
    }
    return serving;
  }

  /**
   * Works on a body, on the event loop when it is short.
   *
   * @param work gives what the event loop does next
   */
  private void prepare(Exchange exchange, Body body, Supplier<Runnable> work) {
    int bytes = body.bytes().length();
    if (bytes <= settings.offLoopBytes()) {
      complete(exchange, () -> work.get().run());
      body.place().leave();
      return;
    }
    elsewhere(exchange, bytes, work, body.place());
  }

  /**
   * Compiles what the answer must look like, on another thread unless it is known.
   *
   * @param place that the request's body has, kept as long as that takes
   */
  private void constrain(
      Exchange exchange,
      TimelineDetail detail,
      Urgency urgency,
      Serving serving,
      PreparedRequest prepared,
      BodyRoom.Place place) {
    PreparedRequest ready = serving.preparation().constrainedAtOnce(prepared);
    if (ready != null) {
      start(exchange, serving, () -> serving.completions().start(exchange, ready, detail, urgency));
      return;
    }
    place.keep();
    elsewhere(
        exchange,
        0,
        () -> {
          PreparedRequest compiled = serving.preparation().constrained(prepared);
          return () ->
              start(
                  exchange,
                  serving,
                  () -> serving.completions().start(exchange, compiled, detail, urgency));
        },
        place);
  }

  /**
   * Works on another thread; on one that has much to do for bodies that are large.
   *
   * @param work gives what the event loop does next
   * @param place left behind that in any case
   */
  private void elsewhere(
      Exchange exchange, int bodyBytes, Supplier<Runnable> work, BodyRoom.Place place) {
    Context context = vertx.getOrCreateContext();
    preparations.run(
        bodyBytes,
        () -> {
          Runnable next =
              exchange.response().closed() ? () -> left(exchange) : prepareElsewhere(work);
          context.runOnContext(
              now -> {
                complete(exchange, next);
                place.leave();
              });
        });
  }

  /** Its client left while it waited: nobody would read what it is refused with. */
  private void left(Exchange exchange) {
    LOG.debug(
        "left_before_preparation request={} trace={}", exchange.requestId(), exchange.traceId());
    Serving serving = worker.serving();
    if (serving != null) {
      serving.completions().count(WorkerCounter.CLIENT_GONE);
    }
  }

  private static Runnable prepareElsewhere(Supplier<Runnable> work) {
    try {
      return work.get();
    } catch (RuntimeException refused) {
      return () -> {
        throw refused;
      };
    } catch (OutOfMemoryError exhausted) {
      // The end of the process, see WorkerMain.
      throw exhausted;
    } catch (Error broken) {
      // Of this request alone: its stack is gone with what it held.
      return () -> {
        throw new IllegalStateException(broken);
      };
    }
  }

  private static void complete(Exchange exchange, Runnable action) {
    try {
      action.run();
    } catch (ApiException refused) {
      exchange.error(refused.error());
    } catch (RuntimeException | LinkageError | StackOverflowError broken) {
      fail(exchange, broken);
    }
  }

  private static PreparedRequest parse(
      Exchange exchange, Serving serving, PreparedRequest.Api api, byte[] bytes) {
    RequestPreparation preparation = serving.preparation();
    Function<byte[], PreparedRequest> parse =
        switch (api) {
          case CHAT -> preparation::chat;
          case TEXT -> preparation::text;
        };
    String answered = exchange.token(AnswerSoFar.HEADER);
    if (answered.isEmpty()) {
      return parse.apply(bytes);
    }
    int answeredBytes = answered.matches("[0-9]{1,8}") ? Integer.parseInt(answered) : 0;
    return preparation.continued(parse, bytes, answeredBytes);
  }

  private void start(Exchange exchange, Serving serving, Runnable work) {
    if (exchange.response().closed()) {
      serving.completions().count(WorkerCounter.CLIENT_GONE);
    } else if (worker.lifecycle().phase() != WorkerPhase.READY) {
      exchange.error(worker.refusal());
    } else {
      work.run();
    }
  }

  /** What the decoder refused: over a limit, or not HTTP. */
  private void invalid(HttpServerRequest request) {
    if (connections.isClosing(request.connection())) {
      return;
    }
    Throwable cause = request.decoderResult().cause();
    ApiError error =
        switch (cause) {
          case TooLongHttpLineException line -> ApiError.uriTooLong(settings.uriBytes());
          case TooLongHttpHeaderException header ->
              ApiError.headersTooLarge(settings.headerBytes());
          case RefusedHeadException refused ->
              ApiError.malformed(String.valueOf(refused.getMessage()));
          case RefusedVersionException other ->
              ApiError.versionNotSupported(String.valueOf(other.getMessage()));
          case RefusedHostException host -> ApiError.malformed(String.valueOf(host.getMessage()));
          case null, default -> ApiError.malformed("The request is not valid HTTP.");
        };
    exchange(request).errorAndClose(error);
  }
}
