package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.FlightRecord;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A request that has not ended, at a moment.
 *
 * @param record as it would be if it ended now
 * @param replica where it is, or was last; null before it had one
 * @param tokens of its answer that its client has, as far as that is known
 */
public record RunningRequest(
    FlightRecord record, Phase phase, @Nullable String replica, int tokens) {

  /** What it waits for. */
  public enum Phase {
    /** The rest of its body. */
    RECEIVING,
    /** Admission. */
    QUEUED,
    /** A replica that can take it. */
    ROUTING,
    /** A connection to its replica. */
    CONNECTING,
    /** The first token of its stream: it waits at its replica, or its prompt is computed there. */
    PREFILL,
    /** An answer that is no stream. */
    ANSWERING,
    /** Its next token, or its client. */
    STREAMING,
    /** Another replica that goes on with its stream. */
    MOVING,
    /** Its client, which has not taken the end of the answer. */
    FLUSHING;

    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
