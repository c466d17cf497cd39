package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.AttemptId;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.SocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A scripted OpenAI-compatible server in the test's own process. */
final class FakeUpstream implements AutoCloseable {

  /** What it does with a request whose body has arrived. */
  @FunctionalInterface
  interface Script {
    void answer(HttpServerRequest request, Buffer body);
  }

  /** A request it saw. */
  record Seen(Map<String, String> headers, int traceparents, String body) {}

  /** As a worker's. */
  private static final int SEND_BUFFER_BYTES = 64 << 10;

  final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();
  final BlockingQueue<String> closed = new LinkedBlockingQueue<>();

  /** Paths that were to be deleted. */
  final BlockingQueue<String> deleted = new LinkedBlockingQueue<>();

  /** The keys that probes came with. */
  final Set<String> probed = ConcurrentHashMap.newKeySet();

  private final Vertx vertx = Vertx.vertx();
  private final HttpServer server;
  private final String scheme;
  private volatile String listed = "";
  private volatile String load = "{}";
  private volatile String timelines = "[]";
  private volatile @Nullable Set<String> attempts;
  private volatile boolean silent;
  private volatile @Nullable Handler<HttpServerRequest> metrics;
  private volatile Script script = (request, body) -> request.response().end();

  FakeUpstream() throws Exception {
    this(0);
  }

  FakeUpstream(int port) throws Exception {
    this(new HttpServerOptions().setPort(port));
  }

  FakeUpstream(HttpServerOptions options) throws Exception {
    this(options, SocketAddress.inetSocketAddress(options.getPort(), "127.0.0.1"));
  }

  /** One that speaks TLS. */
  static FakeUpstream secure(TestCertificate own) throws Exception {
    return new FakeUpstream(
        new HttpServerOptions()
            .setPort(0)
            .setSsl(true)
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .addCertValue(Buffer.buffer(own.pem()))
                    .addKeyValue(Buffer.buffer(own.keyPem()))));
  }

  FakeUpstream(Path socket) throws Exception {
    this(new HttpServerOptions(), SocketAddress.domainSocketAddress(socket.toString()));
  }

  private FakeUpstream(HttpServerOptions options, SocketAddress address) throws Exception {
    models(
        "m",
        "n",
        "a",
        "b",
        "big",
        "small",
        "found",
        "other",
        "foreign",
        "sglang",
        "own",
        "none",
        "frail",
        "org/m-8b");
    scheme = options.isSsl() ? "https" : "http";
    server =
        vertx
            .createHttpServer(options.setSendBufferSize(SEND_BUFFER_BYTES))
            .requestHandler(this::handle)
            .listen(address)
            .toCompletionStage()
            .toCompletableFuture()
            .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  Vertx vertx() {
    return vertx;
  }

  URI url() {
    return URI.create(scheme + "://127.0.0.1:" + server.actualPort());
  }

  /** The models that it lists; until then those that tests use. */
  final void models(String... names) {
    listed =
        Arrays.stream(names)
            .map(name -> "{\"id\":\"" + name + "\"}")
            .collect(Collectors.joining(","));
  }

  /** What it reports as a worker's load: a JSON object. */
  void load(String json) {
    load = json;
  }

  /** What it tells as a worker of any request that is over: a JSON array. */
  void timelines(String json) {
    timelines = json;
  }

  /** What it says that it has of gateways, as a worker does that counts their attempts. */
  void attempts(Set<String> has) {
    attempts = has;
  }

  /** What it answers to who asks for its metrics; 404 until then. */
  void metrics(Handler<HttpServerRequest> answer) {
    metrics = answer;
  }

  /** A page of its metrics. */
  void metrics(String page) {
    metrics(request -> request.response().putHeader("Content-Type", "text/plain").end(page));
  }

  /** Takes requests and answers none, as a stopped process does. */
  void silent(boolean value) {
    silent = value;
  }

  void script(Script value) {
    script = value;
  }

  private void handle(HttpServerRequest request) {
    if (silent) {
      return;
    }
    if ("/metrics".equals(request.path())) {
      Handler<HttpServerRequest> answer = metrics;
      if (answer == null) {
        request.response().setStatusCode(404).end();
      } else {
        answer.handle(request);
      }
      return;
    }
    if (request.method().equals(HttpMethod.GET)) {
      String authorization = request.getHeader("Authorization");
      probed.add(authorization == null ? "" : authorization);
      request
          .response()
          .end(
              "{\"object\":\"list\",\"data\":["
                  + listed
                  + "],\"state\":\"ready\",\"load\":"
                  + load
                  + ",\"timelines\":"
                  + timelines
                  + counted()
                  + "}");
      return;
    }
    if (request.method().equals(HttpMethod.DELETE)) {
      deleted.add(request.path());
      request.response().end("{}");
      return;
    }
    request.response().closeHandler(gone -> closed.add("closed"));
    request
        .body()
        .onSuccess(
            body -> {
              Map<String, String> headers = new java.util.TreeMap<>(String.CASE_INSENSITIVE_ORDER);
              request.headers().forEach(header -> headers.put(header.getKey(), header.getValue()));
              seen.add(
                  new Seen(
                      headers, request.headers().getAll("traceparent").size(), body.toString()));
              script.answer(request, body);
            });
  }

  private String counted() {
    Set<String> has = attempts;
    if (has == null) {
      return "";
    }
    Map<Long, Set<Long>> numbers = new HashMap<>();
    for (String each : has) {
      AttemptId attempt = Objects.requireNonNull(AttemptId.of(each));
      numbers.computeIfAbsent(attempt.gateway(), id -> new HashSet<>()).add(attempt.number());
    }
    String digests =
        numbers.entrySet().stream()
            .map(
                gateway ->
                    "{\"gateway\":\""
                        + AttemptId.digits(gateway.getKey())
                        + "\",\"digest\":\""
                        + AttemptId.digits(AttemptId.digest(gateway.getValue()))
                        + "\"}")
            .collect(Collectors.joining(","));
    String list = has.stream().map(id -> "\"" + id + "\"").collect(Collectors.joining(","));
    return ",\"in_flight\":[" + digests + "],\"attempts\":[" + list + "]";
  }

  /** Opens a stream. */
  static HttpServerResponse events(HttpServerRequest request) {
    return request.response().setChunked(true).putHeader("Content-Type", "text/event-stream");
  }

  static String content(String text) {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
        + text
        + "\"},\"finish_reason\":null}]}\n\n";
  }

  static String role() {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
        + "\"finish_reason\":null}]}\n\n";
  }

  static String finish() {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
  }

  static String done() {
    return "data: [DONE]\n\n";
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
