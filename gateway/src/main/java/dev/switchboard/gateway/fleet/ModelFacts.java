package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What a worker says of the model that it has loaded.
 *
 * @param context longest sequence that it serves, tokens
 * @param fingerprint changes when the model, the engine or a setting that shapes answers changes
 * @param loadedMs when it was loaded, Unix epoch milliseconds
 */
public record ModelFacts(
    String architecture,
    long parameters,
    String quantisation,
    int context,
    String fingerprint,
    long loadedMs) {

  /** Reads a worker's event {@code ready}. */
  static ModelFacts of(JsonNode ready, long nowMs) {
    return new ModelFacts(
        ready.path("architecture").asText(),
        ready.path("parameters").asLong(),
        ready.path("quantisation").asText(),
        ready.path("context").asInt(),
        ready.path("fingerprint").asText(),
        nowMs);
  }
}
