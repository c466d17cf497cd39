package dev.switchboard.console.action;

import dev.switchboard.console.api.ApiFailure;
import tools.jackson.databind.JsonNode;

/** Makes a change again of what is there now, since somebody else changed it meanwhile. */
@FunctionalInterface
public interface Remake {
  /**
   * The same change, with what it comes to now and how that is taken back.
   *
   * @param now what the gateway has; missing where it has nothing
   * @throws ApiFailure where it cannot be made any more
   */
  Change change(JsonNode now) throws ApiFailure;
}
