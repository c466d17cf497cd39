package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Authorities;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The API server, asked with the token and the certificates that their files hold at that moment.
 */
final class ApiServer {
  private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);

  private static final int CONNECT_MS = 3000;

  /** Watches, lists and changes at once. */
  private static final int MOST_CONNECTIONS = 256;

  private static final long MOST_TOKEN_BYTES = 64 << 10;

  private final Vertx vertx;
  private final URI url;
  private final Path tokenFile;
  private final Path caFile;
  private final NanoClock clock;
  private final HttpClient client;
  private volatile @Nullable Authorities authorities;

  ApiServer(Vertx vertx, URI url, Path tokenFile, Path caFile, NanoClock clock) {
    this.vertx = vertx;
    this.url = url;
    this.tokenFile = tokenFile;
    this.caFile = caFile;
    this.clock = clock;
    this.client =
        vertx.createHttpClient(
            new HttpClientOptions()
                .setProtocolVersion(HttpVersion.HTTP_1_1)
                .setKeepAlive(true)
                .setTcpKeepAlive(true)
                .setDecompressionSupported(true)
                .setConnectTimeout(CONNECT_MS),
            new PoolOptions().setHttp1MaxSize(MOST_CONNECTIONS));
  }

  URI url() {
    return url;
  }

  /** The head of an answer, within a time; its body is paused until somebody reads it. */
  Future<HttpClientResponse> get(String path, String accept, long timeoutMs) {
    return address()
        .compose(
            address -> {
              RequestOptions options =
                  address.request(HttpMethod.GET, path).putHeader("Accept", accept);
              return sent(options, null, timeoutMs);
            });
  }

  /** Changes an object by a merge patch. */
  Future<HttpClientResponse> patch(String path, String body, long timeoutMs) {
    return address()
        .compose(
            address -> {
              RequestOptions options =
                  address
                      .request(HttpMethod.PATCH, path)
                      .putHeader("Accept", "application/json")
                      .putHeader("Content-Type", "application/merge-patch+json");
              return sent(options, Buffer.buffer(body.getBytes(StandardCharsets.UTF_8)), timeoutMs);
            });
  }

  private Future<HttpClientResponse> sent(
      RequestOptions options, @Nullable Buffer body, long timeoutMs) {
    try (Scope _ = UpstreamClient.UNTRACED.makeCurrent()) {
      Future<HttpClientRequest> opened = client.request(options);
      return opened
          .compose(
              request ->
                  (body == null ? request.send() : request.send(body))
                      .map(
                          answer -> {
                            answer.pause();
                            return answer;
                          })
                      .timeout(timeoutMs, TimeUnit.MILLISECONDS)
                      .onFailure(late -> request.reset()))
          .timeout(timeoutMs + CONNECT_MS, TimeUnit.MILLISECONDS);
    }
  }

  /** Files are read beside the event loop. */
  private Future<UpstreamAddress> address() {
    return vertx
        .executeBlocking(
            () ->
                new UpstreamAddress(
                    url, null, "https".equals(url.getScheme()) ? trusted() : null, token(), null))
        .map(read -> Objects.requireNonNull(read));
  }

  private @Nullable String token() throws IOException {
    if (!Files.exists(tokenFile)) {
      return null;
    }
    if (Files.size(tokenFile) > MOST_TOKEN_BYTES) {
      throw new IOException("discovery.kubernetes.token-file: " + tokenFile + " is too large");
    }
    String token = Files.readString(tokenFile).strip();
    if (!token.matches("[\\x21-\\x7e]+")) {
      throw new IOException("discovery.kubernetes.token-file: " + tokenFile + " holds no token");
    }
    return "Bearer " + token;
  }

  /**
   * The same object for as long as the file holds the same: connections are kept by it. A cluster
   * whose authority is replaced has several in its file, and one that expired may stay there. That
   * is said when the file is another, and when one in it expires.
   */
  private @Nullable Authorities trusted() {
    if (!Files.exists(caFile)) {
      return null;
    }
    Authorities read =
        Authorities.readValid(
            "discovery.kubernetes.ca-file", caFile, Instant.ofEpochMilli(clock.wallMs()));
    Authorities known = authorities;
    if (read.equals(known)) {
      return known;
    }
    authorities = read;
    if (read.passedOver() > 0) {
      LOG.warn("kubernetes_ca_not_valid_now file={} certificates={}", caFile, read.passedOver());
    }
    return read;
  }

  void close() {
    Future<Void> _ = client.close();
  }
}
