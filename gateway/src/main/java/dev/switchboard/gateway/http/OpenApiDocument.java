package dev.switchboard.gateway.http;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A listener's description, {@code openapi.yaml} beside a class, with an example of each body and
 * answer from {@code openapi-examples.yaml}, by operation. It is turned into JSON when it is asked
 * for the first time, off the event loop. Safe on any thread.
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
    JsonNode document = resource("openapi.yaml");
    JsonNode examples = resource("openapi-examples.yaml");
    for (JsonNode path : document.path("paths")) {
      for (JsonNode operation : path) {
        JsonNode example = examples.path(operation.path("operationId").asText());
        put(operation.path("requestBody"), example.path("request"));
        for (var response : operation.path("responses").properties()) {
          if (response.getKey().startsWith("2")) {
            JsonNode ofStatus = example.path("answers").path(response.getKey());
            put(response.getValue(), ofStatus.isMissingNode() ? example.path("answer") : ofStatus);
          }
        }
      }
    }
    String text = document.toString();
    json = text;
    return text;
  }

  private static void put(JsonNode described, JsonNode example) {
    if (described.path("content").path("application/json") instanceof ObjectNode content
        && !example.isMissingNode()) {
      content.set("example", example);
    }
  }

  private JsonNode resource(String name) throws IOException {
    try (InputStream yaml = beside.getResourceAsStream(name)) {
      return YAML.readTree(Objects.requireNonNull(yaml, name + " is packaged"));
    }
  }
}
