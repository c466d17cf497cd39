package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  /** The defaults as a tree that files and flags are laid over. */
  static ObjectNode defaults() {
    return JSON.valueToTree(GatewayConfig.DEFAULTS);
  }

  /** Lays a file over the tree. */
  static void overlay(ObjectNode tree, Path file) {
    try {
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw new IllegalArgumentException(file + " is larger than " + MAX_FILE_BYTES + " bytes");
      }
      overlay(tree, Files.readString(file));
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
      throw new IllegalArgumentException(path(e) + ": " + reason(e), e);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e.getOriginalMessage(), e);
    }
  }

  private static String reason(JsonMappingException e) {
    if (e instanceof com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException) {
      return "unknown key";
    }
    Throwable cause = e.getCause();
    return cause instanceof IllegalArgumentException
        ? String.valueOf(cause.getMessage())
        : e.getOriginalMessage();
  }

  private static String path(JsonMappingException e) {
    return e.getPath().stream()
        .map(part -> part.getFieldName() != null ? part.getFieldName() : "" + part.getIndex())
        .collect(Collectors.joining("."));
  }
}
