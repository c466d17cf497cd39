package dev.switchboard.console.live;

import dev.switchboard.console.api.ApiFailure;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a path answered when it was last read.
 *
 * @param asked when
 * @param answer what was told last; null where nothing was told yet, or the gateway says that there
 *     is no such thing
 * @param why the answer is not of then; null where it is
 */
public record Shared(Instant asked, @Nullable JsonNode answer, @Nullable ApiFailure why) {
  private static final int OF_THE_SERVER = 500;
  static final Shared NOTHING_YET = new Shared(Instant.EPOCH, null, null);

  Shared asking(Instant now) {
    return new Shared(now, answer, why);
  }

  /** Nothing was told this time: what cannot be told at the moment is what it was before. */
  Shared after(Shared before) {
    ApiFailure failed = why;
    boolean refused =
        failed != null
            && failed.kind() == ApiFailure.Kind.REFUSED
            && failed.status() < OF_THE_SERVER;
    return refused ? this : new Shared(asked, before.answer, failed);
  }

  /** Why the answer is not of then, in a sentence; null where it is. */
  public @Nullable String failure() {
    ApiFailure failed = why;
    return failed == null ? null : failed.sentence();
  }

  /** Whether the gateway said something, be it that it cannot answer. */
  public boolean heard() {
    ApiFailure failed = why;
    return failed == null || failed.kind() == ApiFailure.Kind.REFUSED;
  }
}
