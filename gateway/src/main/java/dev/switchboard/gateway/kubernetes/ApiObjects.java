package dev.switchboard.gateway.kubernetes;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What the API server sends, as far as anybody here reads it; the rest is skipped. */
final class ApiObjects {
  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private ApiObjects() {}

  /** Any object that is watched. */
  interface Watched {
    @Nullable Meta metadata();

    /** How many replicas it may stand for: what is lost with it. */
    default int weight() {
      return 1;
    }
  }

  record Meta(
      @Nullable String name,
      @Nullable String namespace,
      @Nullable String uid,
      @Nullable String resourceVersion,
      @Nullable String deletionTimestamp,
      @Nullable Map<String, String> annotations) {
    String key() {
      return Objects.requireNonNullElse(namespace, "") + "/" + name;
    }
  }

  record ListMeta(
      @Nullable String resourceVersion, @JsonProperty("continue") @Nullable String next) {}

  record Page<T>(@Nullable ListMeta metadata, @Nullable List<T> items) {}

  record Details(@Nullable Integer retryAfterSeconds) {}

  record Status(
      @Nullable Integer code,
      @Nullable String reason,
      @Nullable String message,
      @Nullable Details details) {}

  // ------------------------------------------------------------------ discovery.k8s.io/v1

  record Conditions(
      @Nullable Boolean ready, @Nullable Boolean serving, @Nullable Boolean terminating) {
    static final Conditions NONE = new Conditions(null, null, null);

    /** Unknown is to be taken for ready. */
    boolean isReady() {
      return ready == null || ready;
    }

    boolean isServing() {
      return serving == null ? isReady() : serving;
    }

    boolean isTerminating() {
      return terminating != null && terminating;
    }
  }

  record TargetRef(
      @Nullable String kind,
      @Nullable String namespace,
      @Nullable String name,
      @Nullable String uid) {}

  @JsonDeserialize(using = EndpointReader.class)
  record SliceEndpoint(
      @Nullable List<String> addresses,
      @Nullable Conditions conditions,
      @Nullable TargetRef targetRef,
      @Nullable String nodeName,
      @Nullable String zone) {}

  record SlicePort(@Nullable String name, @Nullable Integer port, @Nullable String protocol) {}

  record Slice(
      @Nullable Meta metadata,
      @Nullable String addressType,
      @Nullable List<SliceEndpoint> endpoints,
      @Nullable List<SlicePort> ports)
      implements Watched {
    @Override
    public int weight() {
      return endpoints == null ? 0 : endpoints.size();
    }
  }

  // ------------------------------------------------------------------ v1

  record PodMeta(@Nullable Meta metadata) implements Watched {}

  record ContainerPort(@Nullable String name, @Nullable Integer containerPort) {}

  record Container(@Nullable List<ContainerPort> ports) {}

  record PodSpec(
      @Nullable String nodeName,
      @Nullable List<Container> containers,
      @Nullable List<Container> initContainers) {}

  record PodCondition(@Nullable String type, @Nullable String status) {}

  record PodStatus(
      @Nullable String phase,
      @JsonProperty("podIP") @Nullable String podIp,
      @Nullable List<PodCondition> conditions) {}

  record Pod(@Nullable Meta metadata, @Nullable PodSpec spec, @Nullable PodStatus status)
      implements Watched {}

  // ------------------------------------------------------------------
  // inference.networking.k8s.io/v1

  record LabelSelector(@Nullable Map<String, String> matchLabels) {}

  record TargetPort(@Nullable Integer number) {}

  record PoolSpec(@Nullable LabelSelector selector, @Nullable List<TargetPort> targetPorts) {}

  record Pool(@Nullable Meta metadata, @Nullable PoolSpec spec) implements Watched {}

  // ------------------------------------------------------------------ reading

  /** One line of a watch. */
  sealed interface Event<T> {}

  /** An object is there, as it is now. */
  record Put<T>(T object) implements Event<T> {}

  /** An object is gone; as it last was. */
  record Delete<T>(T object) implements Event<T> {}

  /** Nothing more happened up to this revision. */
  record Bookmark<T>(String revision) implements Event<T> {}

  /** The watch cannot go on. */
  record Failed<T>(Status status) implements Event<T> {}

  static <T> Page<T> page(byte[] body, Class<T> type) throws IOException {
    JavaType page = JSON.getTypeFactory().constructParametricType(Page.class, type);
    Page<T> read = JSON.readValue(body, page);
    if (read == null || read.metadata() == null || read.metadata().resourceVersion() == null) {
      throw new IOException("a list without a resourceVersion");
    }
    return read;
  }

  /** What a refusal says; nothing where it is no status. */
  static Status status(byte[] body) {
    try {
      Status read = JSON.readValue(body, Status.class);
      return read == null ? new Status(null, null, null, null) : read;
    } catch (IOException e) {
      return new Status(null, null, null, null);
    }
  }

  /** The type comes first in what a server sends, so that the object is read without a copy. */
  static <T extends Watched> Event<T> event(byte[] line, Class<T> type) throws IOException {
    String kind = null;
    JsonNode kept = null;
    try (JsonParser parser = JSON.createParser(line)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("no event");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        if (field.equals("type")) {
          kind = parser.getValueAsString();
        } else if (field.equals("object") && kind != null) {
          return event(kind, parser, type);
        } else if (field.equals("object")) {
          kept = JSON.readTree(parser);
        } else {
          parser.skipChildren();
        }
      }
      if (kind == null || kept == null) {
        throw new IOException("an event without a type or an object");
      }
      try (JsonParser again = JSON.treeAsTokens(kept)) {
        again.nextToken();
        return event(kind, again, type);
      }
    }
  }

  private static <T extends Watched> Event<T> event(String kind, JsonParser object, Class<T> type)
      throws IOException {
    return switch (kind) {
      case "ADDED", "MODIFIED" -> new Put<>(named(JSON.readValue(object, type)));
      case "DELETED" -> new Delete<>(named(JSON.readValue(object, type)));
      case "BOOKMARK" -> new Bookmark<>(revision(JSON.readValue(object, PodMeta.class)));
      case "ERROR" -> new Failed<>(JSON.readValue(object, Status.class));
      default -> throw new IOException("an event of the type " + kind);
    };
  }

  private static <T extends Watched> T named(@Nullable T object) throws IOException {
    if (object == null || object.metadata() == null || object.metadata().name() == null) {
      throw new IOException("an object without a name");
    }
    return object;
  }

  private static String revision(@Nullable PodMeta object) throws IOException {
    Meta meta = object == null ? null : object.metadata();
    if (meta == null || meta.resourceVersion() == null) {
      throw new IOException("a bookmark without a resourceVersion");
    }
    return meta.resourceVersion();
  }
}
