package dev.switchboard.gateway.models;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;

/**
 * What one worker of a model would take.
 *
 * @param deviceBytes of the first three, what would lie in devices' memory
 * @param kvTokens that its KV pool would hold
 * @param availableBytes what the machine, or the process's control groups, had to give
 * @param refusal why it could not start now, or null; the KV pool is the least one then
 */
public record MemoryNeed(
    long weightBytes,
    long kvBytes,
    long scratchBytes,
    long jvmBytes,
    long deviceBytes,
    long kvTokens,
    long availableBytes,
    @Nullable String refusal) {

  static MemoryNeed of(JsonNode planned) {
    return new MemoryNeed(
        planned.path("weight_bytes").asLong(),
        planned.path("kv_bytes").asLong(),
        planned.path("scratch_bytes").asLong(),
        planned.path("jvm_bytes").asLong(),
        planned.path("device_bytes").asLong(),
        planned.path("kv_tokens").asLong(),
        planned.path("available_bytes").asLong(),
        planned.path("refusal").textValue());
  }

  /** All that it would take of the host's memory. */
  public long bytes() {
    return weightBytes + kvBytes + scratchBytes + jvmBytes - deviceBytes;
  }
}
