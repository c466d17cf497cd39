package dev.switchboard.gateway.models;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;

/**
 * What a model's file holds.
 *
 * @param problem why no worker can serve it; null where one can, and all else is known
 * @param name that it gives itself
 * @param context longest sequence that it was trained for, tokens
 */
public record ModelHeader(
    @Nullable String problem,
    @Nullable String name,
    @Nullable String architecture,
    long parameters,
    @Nullable String quantisation,
    int context) {

  static ModelHeader of(JsonNode read) {
    return read.hasNonNull("problem")
        ? new ModelHeader(read.path("problem").asText(), null, null, 0, null, 0)
        : new ModelHeader(
            null,
            read.path("name").asText(),
            read.path("architecture").asText(),
            read.path("parameters").asLong(),
            read.path("quantisation").asText(),
            read.path("context").asInt());
  }
}
