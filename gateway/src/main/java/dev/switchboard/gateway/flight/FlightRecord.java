package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.RequestTimeline;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What stays of a request.
 *
 * @param status HTTP status that was sent; 0 when the client left before one was
 * @param marks epoch nanoseconds by the mark's place; 0 for those that were not reached
 * @param decision of the last attempt
 * @param contentEvents pieces of content that arrived; longestGapNanos between two of them
 * @param stalls when the upstream was paused because the client did not read
 * @param waits for what neither its replica nor its client did
 */
public record FlightRecord(
    String id,
    String endpoint,
    String model,
    String tenant,
    Slo slo,
    boolean stream,
    Outcome outcome,
    int status,
    @Nullable Failure failure,
    @Nullable String traceId,
    long[] marks,
    @Nullable Decision decision,
    List<Attempt> attempts,
    RequestParameters parameters,
    Usage usage,
    @Nullable String finishReason,
    AnswerNames names,
    int contentEvents,
    long longestGapNanos,
    List<Interval> stalls,
    Waits waits,
    Engines engines) {

  public FlightRecord {
    marks = marks.clone();
    attempts = List.copyOf(attempts);
    stalls = List.copyOf(stalls);
  }

  /**
   * One try at one replica.
   *
   * @param error why it failed; null for the one that served
   * @param hedge it ran beside another one, whose first token was late
   * @param move where it went on with a stream that another replica had begun; else null
   */
  public record Attempt(
      int number,
      String replica,
      long startNanos,
      long endNanos,
      @Nullable String error,
      boolean hedge,
      @Nullable Move move) {}

  /**
   * How a stream came to another replica.
   *
   * @param cause a stable word
   * @param lostNanos when the replica before it last sent something, where it was lost; else when
   *     it was given up
   * @param cutNanos when the replica before it was given up
   * @param resumedNanos when the client got more; 0 when it never did
   */
  public record Move(String cause, long lostNanos, long cutNanos, long resumedNanos) {}

  /** The name of its SLO class; empty when it failed before that was known. */
  public String sloClass() {
    return slo.name();
  }

  /** The same request with another telling of what engines did. */
  public FlightRecord with(Engines told) {
    return new FlightRecord(
        id,
        endpoint,
        model,
        tenant,
        slo,
        stream,
        outcome,
        status,
        failure,
        traceId,
        marks,
        decision,
        attempts,
        parameters,
        usage,
        finishReason,
        names,
        contentEvents,
        longestGapNanos,
        stalls,
        waits,
        told);
  }

  /** As the worker sent them with its answer, on the worker's clock. */
  public List<RequestTimeline> timelines() {
    return engines.timelines();
  }

  /** Whether the engine's steps are told one by one. */
  public boolean tellsSteps() {
    List<RequestTimeline> told = timelines();
    for (int i = 0; i < told.size(); i++) {
      if (!told.get(i).steps().isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /** Whether it failed by the service's fault, or was later than was wanted of it. */
  public boolean missed() {
    return outcome.serverSide()
        || (outcome == Outcome.OK
            && (late(ttftNanos(), slo.ttftMs()) || late(tpotNanos(), slo.tpotMs())));
  }

  private static boolean late(long nanos, double targetMs) {
    return nanos >= 0 && targetMs > 0 && nanos > targetMs * 1e6;
  }

  /** How often the stream went on at another replica. */
  public int moves() {
    int moves = 0;
    for (int i = 0; i < attempts.size(); i++) {
      Move move = attempts.get(i).move();
      moves += move != null && move.resumedNanos() != 0 ? 1 : 0;
    }
    return moves;
  }

  public record Interval(long startNanos, long endNanos) {}

  /** Epoch nanoseconds of a mark; 0 when it was never reached. */
  public long at(Mark mark) {
    return marks[mark.place()];
  }

  public long wallNanos() {
    return at(Mark.ENDED) - at(Mark.ACCEPTED);
  }

  /** Time to the first content; −1 when none came. */
  public long ttftNanos() {
    return at(Mark.FIRST_TOKEN) == 0 ? -1 : at(Mark.FIRST_TOKEN) - at(Mark.ACCEPTED);
  }

  /** Mean time per output token after the first; −1 where it has none. */
  public long tpotNanos() {
    int tokens = Math.max(usage.completionTokens(), contentEvents);
    if (!stream || tokens < 2 || at(Mark.FIRST_TOKEN) == 0 || at(Mark.UPSTREAM_ENDED) == 0) {
      return -1;
    }
    return (at(Mark.UPSTREAM_ENDED) - at(Mark.FIRST_TOKEN)) / (tokens - 1);
  }

  /** Replica of the last attempt. */
  public @Nullable String replica() {
    return attempts.isEmpty() ? null : attempts.getLast().replica();
  }
}
