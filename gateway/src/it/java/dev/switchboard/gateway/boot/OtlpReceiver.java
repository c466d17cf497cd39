package dev.switchboard.gateway.boot;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.ResourceSpans;
import io.opentelemetry.proto.trace.v1.ScopeSpans;
import io.opentelemetry.proto.trace.v1.Span;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Receives spans as a collector does: OTLP, protobuf over HTTP. */
final class OtlpReceiver implements AutoCloseable {
  private final Vertx vertx = Vertx.vertx();
  private final List<Span> spans = new CopyOnWriteArrayList<>();
  private final HttpServer server;
  private volatile @Nullable Handler<HttpServerRequest> trouble;

  OtlpReceiver() throws Exception {
    this(0);
  }

  OtlpReceiver(int port) throws Exception {
    server =
        vertx
            .createHttpServer(
                new HttpServerOptions()
                    .setHost("127.0.0.1")
                    .setPort(port)
                    .setDecompressionSupported(true))
            .requestHandler(this::receive)
            .listen()
            .toCompletionStage()
            .toCompletableFuture()
            .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  /** Has something else become of requests; null has it receive them again. */
  void trouble(@Nullable Handler<HttpServerRequest> other) {
    trouble = other;
  }

  private void receive(HttpServerRequest request) {
    Handler<HttpServerRequest> other = trouble;
    if (other != null) {
      other.handle(request);
      return;
    }
    request
        .body()
        .onSuccess(
            body -> {
              try {
                add(ExportTraceServiceRequest.parseFrom(body.getBytes()));
                request.response().putHeader("Content-Type", "application/x-protobuf").end();
              } catch (InvalidProtocolBufferException e) {
                request.response().setStatusCode(400).end(e.getMessage());
              }
            });
  }

  private void add(ExportTraceServiceRequest request) {
    for (ResourceSpans resource : request.getResourceSpansList()) {
      for (ScopeSpans scope : resource.getScopeSpansList()) {
        spans.addAll(scope.getSpansList());
      }
    }
  }

  String endpoint() {
    return "http://127.0.0.1:" + port();
  }

  int port() {
    return server.actualPort();
  }

  /** The spans of a trace so far. */
  List<Span> trace(String traceId) {
    ByteString id = bytes(traceId);
    return spans.stream().filter(span -> span.getTraceId().equals(id)).toList();
  }

  /** Those of a trace that have this name. */
  List<Span> named(String name, String traceId) {
    return trace(traceId).stream().filter(span -> span.getName().equals(name)).toList();
  }

  /** Those of a trace that a server made for the whole request. */
  List<Span> servers(String traceId) {
    return trace(traceId).stream()
        .filter(span -> span.getKind() == Span.SpanKind.SPAN_KIND_SERVER)
        .toList();
  }

  List<Span> all() {
    return List.copyOf(spans);
  }

  static ByteString bytes(String hex) {
    return ByteString.copyFrom(HexFormat.of().parseHex(hex));
  }

  /** An attribute's value as text; empty when it has none. */
  static String attribute(Span span, String name) {
    for (KeyValue attribute : span.getAttributesList()) {
      if (attribute.getKey().equals(name)) {
        return text(attribute.getValue());
      }
    }
    return "";
  }

  /** All attributes whose names begin so, as text. */
  static Map<String, String> attributes(Span span, String prefix) {
    Map<String, String> found = new TreeMap<>();
    for (KeyValue attribute : span.getAttributesList()) {
      if (attribute.getKey().startsWith(prefix)) {
        found.put(attribute.getKey(), text(attribute.getValue()));
      }
    }
    return found;
  }

  private static String text(AnyValue value) {
    return switch (value.getValueCase()) {
      case STRING_VALUE -> value.getStringValue();
      case INT_VALUE -> Long.toString(value.getIntValue());
      case DOUBLE_VALUE -> Double.toString(value.getDoubleValue());
      case BOOL_VALUE -> Boolean.toString(value.getBoolValue());
      case ARRAY_VALUE ->
          value.getArrayValue().getValuesList().stream()
              .map(OtlpReceiver::text)
              .toList()
              .toString();
      default -> value.toString();
    };
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}
