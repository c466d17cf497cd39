package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.stream.Collectors;

/**
 * Reads the configuration: the defaults as a tree, the file laid over it, the command line's
 * settings over that, then mapped onto the records, whose constructors check the ranges. An unknown
 * key or a value out of range fails with its path.
 */
final class ConfigReader {
  private static final long MAX_FILE_BYTES = 1 << 20;
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  private static final ObjectMapper YAML =
      JsonMapper.builder(new YAMLFactory())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private ConfigReader() {}

  /** A configuration as a tree. */
  static ObjectNode tree(GatewayConfig config) {
    return JSON.valueToTree(config);
  }

  /** The defaults as a tree that files and flags are laid over. */
  static ObjectNode defaults() {
    return tree(GatewayConfig.DEFAULTS);
  }

  /** Lays a file over the tree. */
  static void overlay(ObjectNode tree, Path file) {
    try {
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw new IllegalArgumentException(file + " is larger than " + MAX_FILE_BYTES + " bytes");
      }
      overlay(tree, Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("there is no file " + file, e);
    } catch (AccessDeniedException e) {
      throw new IllegalArgumentException("may not read " + file, e);
    } catch (MalformedInputException e) {
      throw new IllegalArgumentException(file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new IllegalArgumentException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  static void overlay(ObjectNode tree, String yaml) {
    try {
      JsonNode read = YAML.readTree(yaml);
      if (read instanceof ObjectNode object) {
        merge(tree, object);
      } else if (read != null && !read.isMissingNode() && !read.isNull()) {
        throw new IllegalArgumentException("the configuration must be a map of keys");
      }
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not valid YAML: " + e.getOriginalMessage(), e);
    }
  }

  private static void merge(ObjectNode base, ObjectNode over) {
    for (var entry : over.properties()) {
      if (base.get(entry.getKey()) instanceof ObjectNode inner
          && entry.getValue() instanceof ObjectNode value) {
        merge(inner, value);
      } else {
        base.set(entry.getKey(), entry.getValue());
      }
    }
  }

  /**
   * The configuration a tree holds.
   *
   * @throws IllegalArgumentException naming the key
   */
  static GatewayConfig read(ObjectNode tree) {
    try {
      return JSON.treeToValue(tree, GatewayConfig.class).checked();
    } catch (JsonMappingException e) {
      throw new IllegalArgumentException(path(e) + ": " + reason(e, tree), e);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e.getOriginalMessage(), e);
    }
  }

  private static String reason(JsonMappingException e, JsonNode tree) {
    if (e instanceof UnrecognizedPropertyException) {
      return "unknown key";
    }
    Throwable cause = e.getCause();
    if (e instanceof ValueInstantiationException && cause != null) {
      return String.valueOf(cause.getMessage());
    }
    JsonNode given = tree;
    for (JsonMappingException.Reference part : e.getPath()) {
      given =
          part.getFieldName() != null
              ? given.path(part.getFieldName())
              : given.path(part.getIndex());
    }
    return "must be " + expected(e) + ", not " + given;
  }

  private static String expected(JsonMappingException e) {
    Class<?> type =
        e instanceof MismatchedInputException mismatch
            ? mismatch.getTargetType()
            : e.getCause() instanceof InputCoercionException coercion
                ? coercion.getTargetType()
                : null;
    if (type == null) {
      return "another value";
    }
    if (type == double.class) {
      return "a number";
    }
    if (type.isPrimitive() || type == Integer.class) {
      return "a whole number" + (type == long.class ? "" : " of at most " + Integer.MAX_VALUE);
    }
    if (Collection.class.isAssignableFrom(type)) {
      return "a list";
    }
    return type.isRecord() ? "a map of keys" : type == URI.class ? "a URL" : "text";
  }

  private static String path(JsonMappingException e) {
    return e.getPath().stream()
        .map(part -> part.getFieldName() != null ? part.getFieldName() : "" + part.getIndex())
        .collect(Collectors.joining("."));
  }
}
