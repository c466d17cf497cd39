package dev.switchboard.gateway.http;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A listener's description, {@code openapi.yaml} beside a class. It is turned into JSON when it is
 * asked for the first time, off the event loop. Safe on any thread.
 */
public final class OpenApiDocument {
  private static final ObjectMapper YAML =
      JsonMapper.builder(new YAMLFactory())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private final Class<?> beside;
  private volatile @Nullable String json;

  public OpenApiDocument(Class<?> beside) {
    this.beside = beside;
  }

  /** The document as JSON. */
  public Future<String> json(Vertx vertx) {
    String known = json;
    return known != null
        ? Future.succeededFuture(known)
        : vertx.executeBlocking(this::read, false).map(Objects::requireNonNull);
  }

  private String read() throws IOException {
    try (InputStream yaml = beside.getResourceAsStream("openapi.yaml")) {
      Objects.requireNonNull(yaml, "openapi.yaml is packaged");
      String text = YAML.readTree(yaml).toString();
      json = text;
      return text;
    }
  }
}
