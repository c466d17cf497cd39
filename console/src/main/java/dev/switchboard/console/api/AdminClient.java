package dev.switchboard.console.api;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Calls the admin API of one gateway. Every call has a time limit, its body included, and takes a
 * bounded answer. Calls block; callers are virtual threads and Vaadin's request threads.
 */
public final class AdminClient implements AutoCloseable {
  private static final Duration CONNECT = Duration.ofSeconds(2);
  private static final Duration ANSWER = Duration.ofSeconds(5);
  // A worker's process says what a model would take, and has to start for that.
  private static final Duration PLAN = Duration.ofSeconds(35);
  private static final long JSON_BYTES_MAX = 16L << 20;
  private static final long TEXT_BYTES_MAX = 64L << 20;

  /** Of a list: a page has 1000 entries at most, and fewer where they are long. */
  private static final int PAGES_MAX = 100;

  private static final JsonMapper JSON = new JsonMapper();

  private final GatewayAddress address;
  private final AdminKeys keys;
  private final HttpClient http;

  /** Of one that is called by http, or whose certificate leads to one of the system's. */
  public AdminClient(GatewayAddress address, AdminKeys keys) {
    this(address, keys, null);
  }

  /**
   * Of one gateway.
   *
   * @param trust whom to believe where it is called by https; null for the system's word
   */
  public AdminClient(GatewayAddress address, AdminKeys keys, @Nullable SSLContext trust) {
    this.address = address;
    this.keys = keys;
    this.http = http(trust);
  }

  private static HttpClient http(@Nullable SSLContext trust) {
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .followRedirects(HttpClient.Redirect.NEVER);
    return (trust == null ? builder : builder.sslContext(trust)).build();
  }

  /** What calls it, for the public API of the same gateway. */
  public HttpClient http() {
    return http;
  }

  public GatewayAddress address() {
    return address;
  }

  /** Reads JSON of a path such as /admin/v1/replicas, with its query. */
  public JsonNode get(String path) throws ApiFailure {
    return json(send(reading(path).GET().build(), JSON_BYTES_MAX));
  }

  /**
   * Reads a list that comes in pages, all of it up to {@value #PAGES_MAX} pages.
   *
   * @param path with its query, without a limit
   * @param field that has the entries
   */
  public List<JsonNode> list(String path, String field) throws ApiFailure {
    return list(path, field, this::get);
  }

  /** The same of what takes as long as a plan to tell, as somebody of the role. */
  public List<JsonNode> list(String path, String field, Role role) throws ApiFailure {
    return list(path, field, page -> ask("GET", page, null, role));
  }

  private interface Reader {
    JsonNode read(String path) throws ApiFailure;
  }

  private static List<JsonNode> list(String path, String field, Reader reader) throws ApiFailure {
    List<JsonNode> all = new ArrayList<>();
    String first = path + (path.contains("?") ? "&" : "?") + "limit=1000";
    String from = "";
    for (int page = 0; page < PAGES_MAX; page++) {
      JsonNode answer = reader.read(first + from);
      answer.path(field).forEach(all::add);
      if (answer.hasNonNull("next")) {
        from = "&after=" + encode(answer.path("next").asString(""));
      } else if (answer.hasNonNull("next_offset")) {
        from = "&offset=" + answer.path("next_offset").asInt(0);
      } else {
        break;
      }
    }
    return List.copyOf(all);
  }

  /** Reads text, such as /metrics. */
  public byte[] text(String path, String accept) throws ApiFailure {
    return send(reading(path).setHeader("Accept", accept).GET().build(), TEXT_BYTES_MAX);
  }

  /** Asks what changes nothing though it is a POST, such as a plan, as somebody of the role. */
  public JsonNode ask(String path, JsonNode body, Role role) throws ApiFailure {
    return ask("POST", path, body, role);
  }

  /** Asks what changes nothing and may take as long as a model's plan, as somebody of the role. */
  public JsonNode ask(String method, String path, @Nullable JsonNode body, Role role)
      throws ApiFailure {
    HttpRequest.Builder request = request(path, keys.forRole(role)).method(method, publisher(body));
    return json(send(request.build(), JSON_BYTES_MAX, PLAN));
  }

  /** Changes something, on behalf of somebody. */
  public JsonNode change(String method, String path, @Nullable JsonNode body, Acting acting)
      throws ApiFailure {
    HttpRequest.Builder request = request(path, keys.forRole(acting.role()));
    request.setHeader("X-Switchboard-On-Behalf-Of", encode(acting.person()));
    request.setHeader("X-Switchboard-Change-Reason", encode(acting.reason()));
    String version = acting.version();
    if (version != null) {
      request.setHeader("If-Match", version);
    }
    request.method(method, publisher(body));
    Duration limit = path.startsWith("/admin/v1/models") ? PLAN : ANSWER;
    return json(send(request.build(), JSON_BYTES_MAX, limit));
  }

  /**
   * Opens a stream of events of a path with its query; the head has to come in time, the body goes
   * on until closed.
   */
  public InputStream stream(String path) throws ApiFailure {
    return stream(path, null);
  }

  /**
   * The same, first with what came since.
   *
   * @param last id of the last event that is known; null for none
   */
  public InputStream stream(String path, @Nullable String last) throws ApiFailure {
    HttpRequest.Builder request = reading(path);
    request.setHeader("Accept", "text/event-stream");
    if (last != null) {
      request.setHeader("Last-Event-ID", last);
    }
    HttpResponse<InputStream> answer =
        exchange(request.GET().build(), BodyHandlers.ofInputStream(), ANSWER);
    if (answer.statusCode() == 200) {
      return answer.body();
    }
    try (InputStream body = answer.body()) {
      throw refusal(answer.statusCode(), body.readNBytes(65536));
    } catch (IOException e) {
      throw ApiFailure.of(ApiFailure.Kind.BROKEN, reason(e));
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }

  private byte[] send(HttpRequest request, long bytesMax) throws ApiFailure {
    return send(request, bytesMax, ANSWER);
  }

  private byte[] send(HttpRequest request, long bytesMax, Duration limit) throws ApiFailure {
    HttpResponse<byte[]> answer =
        exchange(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), bytesMax), limit);
    if (answer.statusCode() / 100 != 2) {
      throw refusal(answer.statusCode(), answer.body());
    }
    return answer.body();
  }

  private <T> HttpResponse<T> exchange(HttpRequest request, BodyHandler<T> handler, Duration limit)
      throws ApiFailure {
    CompletableFuture<HttpResponse<T>> answer = http.sendAsync(request, handler);
    try {
      return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException _) {
      answer.cancel(true);
      throw ApiFailure.of(ApiFailure.Kind.TIMEOUT, "no answer within " + limit.toSeconds() + " s");
    } catch (InterruptedException _) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw ApiFailure.of(ApiFailure.Kind.BROKEN, "interrupted");
    } catch (ExecutionException e) {
      throw ApiFailure.of(kind(e.getCause()), reason(e.getCause()));
    }
  }

  /** Only before a connection is there it is sure that the gateway heard nothing. */
  private static ApiFailure.Kind kind(@Nullable Throwable cause) {
    boolean unheard =
        cause instanceof ConnectException
            || cause instanceof HttpConnectTimeoutException
            || cause instanceof SSLHandshakeException;
    return unheard ? ApiFailure.Kind.UNREACHABLE : ApiFailure.Kind.BROKEN;
  }

  private static String reason(@Nullable Throwable cause) {
    if (cause == null) {
      return "no connection";
    }
    String message = cause.getMessage();
    if (cause instanceof ConnectException) {
      return message == null ? "connection refused" : message;
    }
    return message == null ? cause.getClass().getSimpleName() : message;
  }

  private static ApiFailure refusal(int status, byte[] body) {
    try {
      JsonNode error = JSON.readTree(body).path("error");
      return ApiFailure.refused(
          status,
          text(error.path("code")),
          text(error.path("param")),
          error.path("message").asString("status " + status));
    } catch (JacksonException _) {
      return ApiFailure.refused(status, null, null, "status " + status);
    }
  }

  private static @Nullable String text(JsonNode node) {
    return node.isString() ? node.stringValue() : null;
  }

  private static JsonNode json(byte[] body) throws ApiFailure {
    try {
      return JSON.readTree(body);
    } catch (JacksonException _) {
      throw ApiFailure.of(ApiFailure.Kind.MALFORMED, "the answer is not JSON");
    }
  }

  private static HttpRequest.BodyPublisher publisher(@Nullable JsonNode body) {
    return body == null ? HttpRequest.BodyPublishers.noBody() : json(body);
  }

  private static HttpRequest.BodyPublisher json(JsonNode body) {
    return HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
  }

  private HttpRequest.Builder reading(String path) {
    return request(path, keys.forReading());
  }

  private HttpRequest.Builder request(String path, Optional<String> key) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(address.uri() + path));
    request.setHeader("Content-Type", "application/json");
    request.setHeader("Accept", "application/json");
    key.ifPresent(text -> request.setHeader("Authorization", "Bearer " + text));
    return request;
  }

  /** A path's part or a query's value, percent-encoded. */
  public static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** A query of the parameters that say something, with its question mark. */
  public static String query(Map<String, String> parameters) {
    StringBuilder query = new StringBuilder();
    parameters.forEach(
        (name, value) -> {
          if (!value.isBlank()) {
            query.append(query.isEmpty() ? '?' : '&').append(name).append('=');
            query.append(encode(value.strip()));
          }
        });
    return query.toString();
  }
}
