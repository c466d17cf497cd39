package dev.switchboard.console.action;

import dev.switchboard.console.api.Role;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A change that a person may ask for.
 *
 * @param title as its button says, such as "Drain w0"
 * @param needs the least role that may ask for it
 * @param path of the admin API
 * @param version of what is changed, for If-Match; null where there is none
 * @param effects what is expected to come of it, a sentence each
 * @param risky whether requests or people feel it
 */
public record Change(
    String title,
    Role needs,
    String method,
    String path,
    @Nullable JsonNode body,
    @Nullable String version,
    List<String> effects,
    boolean risky) {

  /** Copies the list. */
  public Change {
    effects = List.copyOf(effects);
  }
}
