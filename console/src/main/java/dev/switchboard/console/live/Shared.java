package dev.switchboard.console.live;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a path answered when it was last read.
 *
 * @param asked when
 * @param answer null where it failed, or was not read yet
 * @param failure why it failed; null where it did not
 */
public record Shared(Instant asked, @Nullable JsonNode answer, @Nullable String failure) {
  static final Shared NOTHING_YET = new Shared(Instant.EPOCH, null, null);

  Shared asking(Instant now) {
    return new Shared(now, answer, failure);
  }
}
