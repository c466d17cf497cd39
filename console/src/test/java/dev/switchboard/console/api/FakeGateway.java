package dev.switchboard.console.api;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/**
 * Answers like a gateway of three keys, with what a real one once said, and remembers what was
 * asked. Tests against the real one are in src/it.
 */
public final class FakeGateway implements AutoCloseable {
  /** The keys, of the roles that they are named after. */
  public static final AdminKeys KEYS =
      new AdminKeys(Map.of(Role.VIEWER, "viewer", Role.OPERATOR, "operator", Role.ADMIN, "admin"));

  private static final String STREAM = "text/event-stream";

  /** What came in. */
  public record Call(String method, String path, Map<String, String> headers, String body) {}

  private final HttpServer server;
  private final List<Call> calls = new CopyOnWriteArrayList<>();
  private final Map<String, Said> said = new ConcurrentHashMap<>();

  private volatile boolean holds;

  private record Said(int status, String body) {}

  public FakeGateway() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::answer);
    server.start();
  }

  public GatewayAddress address() {
    return address("gw");
  }

  /** Under a name of its own. */
  public GatewayAddress address(String name) {
    return new GatewayAddress(
        name, URI.create("http://127.0.0.1:" + server.getAddress().getPort()));
  }

  /** All but what the console reads for itself. */
  public List<Call> changes() {
    return calls.stream()
        .filter(call -> !call.method().equals("GET") && !asks(call.path()))
        .toList();
  }

  /** Whether it only asks what would come of a change. */
  private static boolean asks(String path) {
    return path.contains("plan=true") || path.contains("preview=true");
  }

  public List<Call> calls() {
    return List.copyOf(calls);
  }

  public void forget() {
    calls.clear();
  }

  /** Answers a method and a path, with its query or with any, so from now on. */
  public void say(String call, int status, String body) {
    said.put(call, new Said(status, body));
  }

  /** Answers it as at first. */
  public void unsay(String call) {
    said.remove(call);
  }

  /** Streams stay open from now on and say nothing, as those of a machine that lost its power. */
  public void holdStreams() {
    holds = true;
  }

  /** How many streams of events were asked for. */
  public long streams() {
    return calls.stream().filter(call -> STREAM.equals(call.headers().get("accept"))).count();
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().toString();
    String method = exchange.getRequestMethod();
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    calls.add(new Call(method, path, headers(exchange), body));
    String key = String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"));
    Said whole = said.get(method + " " + path);
    Said other =
        whole == null ? said.get(method + " " + exchange.getRequestURI().getPath()) : whole;
    if (!key.startsWith("Bearer ")) {
      send(exchange, 401, error("invalid_api_key", "A key is needed"));
    } else if (!method.equals("GET") && !asks(path) && key.endsWith("viewer")) {
      send(exchange, 403, error("forbidden", "The role viewer may not do this"));
    } else if (other != null) {
      send(exchange, other.status(), other.body());
    } else if (holds && STREAM.equals(exchange.getRequestHeaders().getFirst("Accept"))) {
      exchange.sendResponseHeaders(200, 0);
      exchange.getResponseBody().flush();
    } else if (method.equals("GET")) {
      read(exchange, path);
    } else {
      send(exchange, 200, path.contains("plan=true") ? PLAN : "{\"id\": \"w0\"}");
    }
  }

  private static final String PLAN =
      "{\"grace_ms\":30000,\"expected_ms\":4200,\"expected_moves\":1.0,\"bounded\":true,"
          + "\"requests\":3,\"finish\":2,\"migrate\":1,\"restart\":0,\"wait\":0,\"forecasts\":[]}";

  private static Map<String, String> headers(HttpExchange exchange) {
    Map<String, String> headers = new java.util.HashMap<>();
    exchange
        .getRequestHeaders()
        .forEach(
            (name, values) ->
                headers.put(name.toLowerCase(java.util.Locale.ROOT), values.getFirst()));
    return headers;
  }

  private static String error(String code, String message) {
    return "{\"error\":{\"message\":\"%s\",\"type\":\"x\",\"param\":null,\"code\":\"%s\"}}"
        .formatted(message, code);
  }

  private static void read(HttpExchange exchange, String path) throws IOException {
    String only = path.contains("?") ? path.substring(0, path.indexOf('?')) : path;
    boolean stream = STREAM.equals(exchange.getRequestHeaders().getFirst("Accept"));
    String file =
        switch (only.substring(only.lastIndexOf('/') + 1)) {
          case "gateway" -> "gateway.json";
          case "replicas" -> "replicas.json";
          case "models" -> "models.json";
          case "slo-classes" -> "slo-classes.json";
          case "requests" -> "requests.json";
          case "timeline" -> "timeline.json";
          case "audit" -> "audit.json";
          case "events" -> stream ? "" : "events.json";
          case "state" -> "state.json";
          case "steps" -> "steps.json";
          case "log" -> "log.json";
          case "metrics" -> "metrics.txt";
          case "config" -> "config.json";
          default -> "none";
        };
    switch (file) {
      case "" -> send(exchange, 200, ": listening\n\n");
      case "none" -> send(exchange, 404, error("not_found", "There is no such thing"));
      default -> send(exchange, 200, text(file));
    }
  }

  private static String text(String file) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(FakeGateway.class.getResourceAsStream("/fake/" + file))) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return file.equals("events.json")
          ? text.replaceAll("(\"at\": \")[^\"]*", "$1" + Instant.now())
          : text;
    }
  }

  private static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  /** Is gone, as a gateway whose machine was lost. */
  @Override
  public void close() {
    server.stop(0);
  }
}
