package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.type.LogicalType;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads bodies and query parameters strictly: an unknown field, a field or parameter given twice, a
 * value of another type or a null within a list or map is refused, and the complaint names it.
 */
final class JsonInput {
  private static final int MOST_DEPTH = 16;
  private static final int MOST_STRING_CHARS = 4096;
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .withCoercionConfig(
              LogicalType.Textual,
              text ->
                  text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
          .defaultSetterInfo(JsonSetter.Value.forContentNulls(Nulls.FAIL))
          .build();

  static {
    JSON.getFactory()
        .setStreamReadConstraints(
            StreamReadConstraints.builder()
                .maxNestingDepth(MOST_DEPTH)
                .maxStringLength(MOST_STRING_CHARS)
                .maxNumberLength(32)
                .build());
  }

  private static final byte[] NOTHING = "{}".getBytes(StandardCharsets.US_ASCII);

  private JsonInput() {}

  /**
   * The record that a body holds.
   *
   * @throws ApiException naming the field
   */
  static <T> T read(byte[] body, Class<T> type) {
    try {
      T read = JSON.readValue(body, type);
      if (read == null) {
        throw new ApiException(ApiError.malformed("The body must be a JSON object."));
      }
      return read;
    } catch (JsonMappingException e) {
      throw new ApiException(invalid(e));
    } catch (JsonProcessingException e) {
      throw new ApiException(ApiError.malformed("The body is not valid JSON."));
    } catch (IOException e) {
      throw new ApiException(ApiError.malformed("The body is not UTF-8."));
    }
  }

  /** The same of a body that may be missing, which is an empty object then. */
  static <T> T readIfAny(byte[] body, Class<T> type) {
    return read(body.length == 0 ? NOTHING : body, type);
  }

  private static ApiError invalid(JsonMappingException e) {
    String path =
        e.getPath().stream()
            .map(part -> part.getFieldName() != null ? part.getFieldName() : "" + part.getIndex())
            .collect(Collectors.joining("."));
    Throwable cause = e.getCause();
    if (e instanceof ValueInstantiationException && cause != null) {
      String message = String.valueOf(cause.getMessage());
      String field = message.split(" ", 2)[0];
      return ApiError.invalid(path.isEmpty() ? field : path, message + ".");
    }
    if (path.isEmpty()) {
      return ApiError.malformed("The body must be one JSON object.");
    }
    String complaint =
        e instanceof UnrecognizedPropertyException
            ? "is not a field of this request"
            : "has a value of the wrong type or size";
    return ApiError.invalid(path, path + " " + complaint + ".");
  }

  /** A whole number of the query. */
  static int number(RoutingContext context, String name, int low, int high, int otherwise) {
    return (int) number(context, name, (long) low, (long) high, (long) otherwise);
  }

  static long number(RoutingContext context, String name, long low, long high, long otherwise) {
    String text = query(context, name);
    if (text == null) {
      return otherwise;
    }
    long value = text.matches("[0-9]{1,18}") ? Long.parseLong(text) : -1;
    if (value < low || value > high) {
      throw refused(name, "must be " + low + " to " + high);
    }
    return value;
  }

  /**
   * A parameter of the query that is {@code true} or {@code false}; false where it is not given.
   */
  static boolean flag(RoutingContext context, String name) {
    String text = query(context, name);
    if (text == null || text.equals("false")) {
      return false;
    }
    if (text.equals("true")) {
      return true;
    }
    throw refused(name, "must be true or false");
  }

  /** A moment of the query, such as {@code 2026-11-25T00:00:00Z}, in epoch milliseconds. */
  static long moment(RoutingContext context, String name, long otherwise) {
    String text = query(context, name);
    if (text == null) {
      return otherwise;
    }
    try {
      return Instant.parse(text).toEpochMilli();
    } catch (DateTimeException | ArithmeticException e) {
      throw refused(name, "must be a time such as 2026-11-25T00:00:00Z");
    }
  }

  /**
   * Refuses parameters of the query that nobody reads: a filter that was mistyped would let
   * everything through.
   */
  static void only(RoutingContext context, Set<String> known) {
    for (String name : context.queryParams().names()) {
      if (!known.contains(name)) {
        throw refused(
            name.length() <= 64 ? name : "a parameter",
            known.isEmpty()
                ? "is no parameter here; there is none"
                : "is no parameter here; there are " + String.join(", ", new TreeSet<>(known)));
      }
    }
  }

  /** A parameter of the route. */
  static String path(RoutingContext context, String name) {
    return Objects.requireNonNull(context.pathParam(name), "the route names it");
  }

  static @Nullable String query(RoutingContext context, String name) {
    List<String> given = context.queryParam(name);
    if (given.size() > 1) {
      throw refused(name, "is given more than once");
    }
    return given.isEmpty() ? null : given.getFirst();
  }

  /** What a record complained about when it was made; its first word is the field. */
  static ApiException refused(IllegalArgumentException cause) {
    String[] message = String.valueOf(cause.getMessage()).split(":? ", 2);
    return refused(message[0].replace('-', '_'), message.length > 1 ? message[1] : "is wrong");
  }

  static ApiException refused(String field, String complaint) {
    return new ApiException(ApiError.invalid(field, field + " " + complaint + "."));
  }
}
