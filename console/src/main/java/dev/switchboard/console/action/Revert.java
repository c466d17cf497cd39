package dev.switchboard.console.action;

import dev.switchboard.console.api.ApiFailure;
import tools.jackson.databind.JsonNode;

/** Makes the change that takes another one back. */
@FunctionalInterface
public interface Revert {
  /**
   * As things are now, when somebody asks for it.
   *
   * @param answer what the gateway said to the change that is taken back
   * @throws ApiFailure where what it was made of cannot be read any more
   */
  Change change(JsonNode answer) throws ApiFailure;
}
