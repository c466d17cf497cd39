package dev.switchboard.gateway.upstream;

import dev.switchboard.framing.StrictResponseDecoder;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.concurrent.TimeUnit;

/**
 * Opens requests to replicas: HTTP/1.1, kept alive, one request per connection at a time, no
 * redirects, no decompression. One per event loop, so a request and its connection share it.
 */
public final class UpstreamClient {
  /** An idle connection is dropped before a server would: a worker's limit is 75 seconds. */
  private static final int KEEP_ALIVE_SECONDS = 30;

  /**
   * What a paused stream leaves in the kernel: with the default, a client that reads nothing would
   * make megabytes of it.
   */
  private static final int RECEIVE_BUFFER_BYTES = 128 << 10;

  private static final int LEAST_READ_BYTES = 512;
  private static final int FIRST_READ_BYTES = 2 << 10;
  private static final int MOST_READ_BYTES = 16 << 10;

  /** A parent that is not sampled: the agent's client span of our own questions is of no use. */
  public static final Context UNTRACED =
      Context.root()
          .with(
              Span.wrap(
                  SpanContext.create(
                      "00000000000000000000000000000001",
                      "0000000000000001",
                      TraceFlags.getDefault(),
                      TraceState.getDefault())));

  private final HttpClient client;

  /**
   * @param connectTimeoutMs for the TCP connection
   * @param maxConnections to one replica
   */
  public UpstreamClient(Vertx vertx, int connectTimeoutMs, int maxConnections) {
    this.client =
        vertx
            .httpClientBuilder()
            .with(
                new HttpClientOptions()
                    .setProtocolVersion(HttpVersion.HTTP_1_1)
                    .setKeepAlive(true)
                    .setKeepAliveTimeout(KEEP_ALIVE_SECONDS)
                    .setPipelining(false)
                    .setTcpNoDelay(true)
                    .setReceiveBufferSize(RECEIVE_BUFFER_BYTES)
                    .setConnectTimeout(connectTimeoutMs)
                    .setDecompressionSupported(false))
            .with(new PoolOptions().setHttp1MaxSize(maxConnections))
            .withConnectHandler(UpstreamClient::prepare)
            .build();
  }

  /**
   * Vert.x makes every buffer that is read into as large as the socket's own, and a token of a
   * paused stream holds all of the one that it came in: a thousand of these would exhaust the
   * memory.
   */
  private static void prepare(HttpConnection connection) {
    StrictResponseDecoder.install(connection);
    ((ConnectionBase) connection)
        .channel()
        .config()
        .setRecvByteBufAllocator(
            new AdaptiveRecvByteBufAllocator(LEAST_READ_BYTES, FIRST_READ_BYTES, MOST_READ_BYTES));
  }

  /**
   * A connection to the replica, with a request on it that is not sent yet. How long it may take
   * until one of the pool is free is the caller's affair: in a burst that is load, not a fault.
   */
  public Future<HttpClientRequest> open(UpstreamAddress to, HttpMethod method, String path) {
    return connected(client, to.request(method, path));
  }

  /**
   * Reads something small from a replica, for ourselves: no trace tells of it.
   *
   * @param mostBytes a larger answer is a failure, as is any status but 200
   */
  public Future<Buffer> get(UpstreamAddress from, String path, int timeoutMs, int mostBytes) {
    RequestOptions options = from.request(HttpMethod.GET, path).setTimeout(timeoutMs);
    try (Scope _ = UNTRACED.makeCurrent()) {
      return connected(client, options)
          .compose(HttpClientRequest::send)
          .compose(answer -> good(answer, mostBytes))
          .timeout(timeoutMs, TimeUnit.MILLISECONDS);
    }
  }

  /**
   * A request on a connection. A Unix socket is tried once more when there is none, whatever the
   * error: its connect is at once and never waits, so a full backlog is a failure (EAGAIN), epoll
   * says of one not yet connected that it was hung up, and EINVAL is of a socket in another state
   * than a fresh one has, for its path was checked. The second try has a fresh one. Nothing was
   * sent; what fails again is a broken attempt, as a refused connection is.
   */
  public static Future<HttpClientRequest> connected(HttpClient client, RequestOptions options) {
    Future<HttpClientRequest> opened = client.request(options);
    boolean local = options.getServer() instanceof SocketAddress socket && socket.isDomainSocket();
    return !local ? opened : opened.recover(failed -> client.request(options));
  }

  /** An answer that is not 200. */
  public static final class StatusException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;

    StatusException(int status) {
      super("status " + status, null, false, false);
      this.status = status;
    }

    public int status() {
      return status;
    }
  }

  private static Future<Buffer> good(HttpClientResponse answer, int mostBytes) {
    return body(answer, mostBytes)
        .compose(
            body ->
                answer.statusCode() == 200
                    ? Future.succeededFuture(body)
                    : Future.failedFuture(new StatusException(answer.statusCode())));
  }

  /**
   * The body of an answer, whatever its status.
   *
   * @param mostBytes a larger one is a failure
   */
  public static Future<Buffer> body(HttpClientResponse answer, int mostBytes) {
    Promise<Buffer> whole = Promise.promise();
    Buffer read = Buffer.buffer();
    answer.handler(
        piece -> {
          if (read.length() + piece.length() > mostBytes) {
            // First, or the reset would be what is told.
            whole.tryFail("it answers more than " + mostBytes + " bytes");
            answer.request().reset();
          } else {
            read.appendBuffer(piece);
          }
        });
    answer.exceptionHandler(whole::tryFail);
    answer.endHandler(ended -> whole.tryComplete(read));
    return whole.future();
  }
}
