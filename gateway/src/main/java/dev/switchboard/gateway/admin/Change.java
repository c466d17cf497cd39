package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;

/**
 * What an action did.
 *
 * @param status of the answer
 * @param answer its body
 * @param before what it changed, for the audit log; null where there was nothing
 * @param after what became of it; null where nothing is left. Never holds a secret
 */
record Change(int status, JsonNode answer, @Nullable JsonNode before, @Nullable JsonNode after) {
  static Change of(JsonNode answer, @Nullable JsonNode before, @Nullable JsonNode after) {
    return new Change(200, answer, before, after);
  }
}
