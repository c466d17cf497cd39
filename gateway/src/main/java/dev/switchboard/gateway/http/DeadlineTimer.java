package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import java.util.function.Consumer;

/**
 * The one timer of a request. Within a phase its deadline only moves away, with every token, so the
 * timer looks again when it fires; a phase whose deadline is nearer arms it anew. On the event loop
 * that owns the request.
 */
final class DeadlineTimer {
  /** What a request waits for. */
  enum Phase {
    /** A place: admission has it queued, and watches how long. */
    QUEUE,
    /** A connection to the replica: a free one of the pool, or a new one. */
    CONNECTION,
    /** A stream's first content, or the whole of an answer that is none. */
    ANSWER,
    /** A stream's next content. */
    NEXT_TOKEN,
    /** A replica that goes on with a stream whose own broke. */
    MOVE,
    /** The client's reading. */
    CLIENT,
    /** Anything, after the deadline that the request itself set. */
    DEADLINE
  }

  private final Timers timers;
  private final DeadlinesConfig limits;
  private final Flight flight;
  private final Consumer<Phase> missed;

  private final int moveMs;

  private long requestDeadline = Long.MAX_VALUE;
  private boolean connecting;
  private long movingSince;

  /** Since when no replica has the stream that moves, but for the time that one had it. */
  private long nobodySince;

  /** Since when a replica has the stream that moves; 0 while none has. */
  private long takenSince;

  private long flushingSince;
  private Timer timer = Timer.NONE;
  private long armedUntil = Long.MAX_VALUE;
  private boolean cancelled;

  /**
   * @param moveMs how long a stream may wait for a replica that takes it to go on with it
   * @param missed hears, once, whose deadline has passed
   */
  DeadlineTimer(
      Timers timers, DeadlinesConfig limits, int moveMs, Flight flight, Consumer<Phase> missed) {
    this.timers = timers;
    this.limits = limits;
    this.moveMs = moveMs;
    this.flight = flight;
    this.missed = missed;
  }

  /** The request's own deadline, from any phase until its answer only has to be flushed. */
  void request(long nanos) {
    requestDeadline = nanos;
    moved();
  }

  /** An attempt begins to wait for its connection, or no longer does. */
  void connecting(boolean value) {
    connecting = value;
    moved();
  }

  /** A stream waits for another replica since then; 0 when it no longer does. */
  void moving(long sinceNanos) {
    movingSince = sinceNanos;
    nobodySince = sinceNanos;
    takenSince = 0;
    moved();
  }

  /** A replica has the stream that moves, and says nothing yet: it may wait for a place there. */
  void taken() {
    takenSince = flight.now();
  }

  /** The replica that had the stream that moves does not go on with it after all. */
  void left() {
    if (takenSince != 0) {
      nobodySince += flight.now() - takenSince;
      takenSince = 0;
      moved();
    }
  }

  /** The rest of the answer waits for the client from now on; said again when it took a part. */
  void flushing() {
    flushingSince = flight.now();
    moved();
  }

  /** The request entered a phase whose deadline may be nearer than the one it waits for. */
  void moved() {
    if (!cancelled && next() < armedUntil) {
      timer.cancel();
      arm();
    }
  }

  void cancel() {
    cancelled = true;
    timer.cancel();
  }

  private void arm() {
    armedUntil = next();
    if (armedUntil == Long.MAX_VALUE) {
      return;
    }
    long waitMs = Math.max(1, (armedUntil - flight.now()) / 1_000_000 + 1);
    timer = timers.after(waitMs, this::look);
  }

  private void look() {
    if (cancelled) {
      return;
    }
    if (flight.now() < next()) {
      arm();
    } else {
      armedUntil = Long.MAX_VALUE;
      missed.accept(late() ? Phase.DEADLINE : phase());
    }
  }

  private Phase phase() {
    if (flushingSince != 0 || flight.stalledSince() != 0) {
      return Phase.CLIENT;
    }
    if (flight.at(Mark.ADMITTED) == 0) {
      return Phase.QUEUE;
    }
    if (movingSince != 0) {
      return Phase.MOVE;
    }
    if (connecting) {
      return Phase.CONNECTION;
    }
    return !flight.stream() || flight.at(Mark.FIRST_TOKEN) == 0 ? Phase.ANSWER : Phase.NEXT_TOKEN;
  }

  private boolean late() {
    return flushingSince == 0 && flight.now() >= requestDeadline;
  }

  private long next() {
    long phase = phaseEnd();
    return flushingSince == 0 ? Math.min(phase, requestDeadline) : phase;
  }

  private long phaseEnd() {
    long admitted = flight.at(Mark.ADMITTED);
    return switch (phase()) {
      case QUEUE, DEADLINE -> Long.MAX_VALUE;
      case CLIENT -> after(Math.max(flushingSince, flight.stalledSince()), limits.writeStallMs());
      case CONNECTION -> after(admitted, Math.min(limits.firstTokenMs(), answerMs()));
      case MOVE -> moveEnd();
      case ANSWER -> after(admitted, answerMs());
      case NEXT_TOKEN -> after(flight.lastProgressNanos(), limits.interTokenMs());
    };
  }

  /**
   * With a replica it may take as long as a first token: where half of a fleet is lost, it waits
   * there until another stream ends.
   */
  private long moveEnd() {
    int mostMs = Math.max(moveMs, Math.max(limits.interTokenMs(), limits.firstTokenMs()));
    long most = after(movingSince, mostMs);
    return takenSince != 0 ? most : Math.min(most, after(nobodySince, moveMs));
  }

  private int answerMs() {
    return flight.stream() ? limits.firstTokenMs() : limits.answerMs();
  }

  private static long after(long nanos, int millis) {
    return nanos + millis * 1_000_000L;
  }
}
