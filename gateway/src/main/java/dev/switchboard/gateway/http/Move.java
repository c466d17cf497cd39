package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.Replay;
import io.vertx.core.buffer.Buffer;

/** A stream between two replicas: from the cut until the client gets more. */
final class Move {
  private final MoveCause cause;
  private final String from;
  private final long lostNanos;
  private final long cutNanos;
  private final Replay replay;
  private EventRelay.Break how;
  private long resumedNanos;

  /**
   * @param lostNanos when the replica last sent something, where it was lost; else {@code cutNanos}
   * @param replay what the client has of the answer
   */
  Move(
      MoveCause cause,
      String from,
      long lostNanos,
      long cutNanos,
      Replay replay,
      EventRelay.Break how) {
    this.cause = cause;
    this.from = from;
    this.lostNanos = lostNanos;
    this.cutNanos = cutNanos;
    this.replay = replay;
    this.how = how;
  }

  MoveCause cause() {
    return cause;
  }

  /** The replica that was given up. */
  String from() {
    return from;
  }

  long lostNanos() {
    return lostNanos;
  }

  long cutNanos() {
    return cutNanos;
  }

  /** What goes before the request to whoever goes on with the answer. */
  Buffer answered() {
    return replay.toBuffer();
  }

  /** What the client is told if nobody goes on; of a move that was tried twice the last. */
  EventRelay.Break how() {
    return how;
  }

  void brokeAgain(EventRelay.Break again) {
    how = again;
  }

  void resumed(long nanos) {
    resumedNanos = nanos;
  }

  FlightRecord.Move record() {
    return new FlightRecord.Move(cause.label(), lostNanos, cutNanos, resumedNanos);
  }
}
