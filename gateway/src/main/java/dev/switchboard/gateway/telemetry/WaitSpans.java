package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Charges;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import dev.switchboard.gateway.flight.Waits;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Makes a span of each time that a request waited for what no attempt of it did, with the times of
 * its record. How much of it the receipt charges to that phase, each span says: what overlaps a
 * worker's time cost nothing, and what an event loop that did not run held up is charged to that.
 * So the charges of all spans of a phase sum to what the receipt says of it.
 */
final class WaitSpans {
  /**
   * Shorter waits for a client to take the end of its answer are every answer's, and may end after
   * the agent's SERVER span, which hears first that all is sent.
   */
  private static final long LEAST_FLUSH_NANOS = 10_000_000;

  /** Every request passes through the queue, and its body takes a moment to come. */
  private static final long LEAST_WAIT_NANOS = 1_000_000;

  /**
   * A connection that was ready for longer was opened before anybody had something to ask. What it
   * took then held up nobody, and the trace would seem to last since.
   */
  private static final long MOST_IDLE_NANOS = 1_000_000_000;

  private final Tracer tracer;
  private final Context above;
  private final FlightRecord record;
  private final PhaseBreakdown breakdown;

  /** Of all; most requests have none to tell. */
  private @Nullable Charges charges;

  /**
   * @param above the span of the whole request
   */
  WaitSpans(Tracer tracer, Context above, FlightRecord record, PhaseBreakdown breakdown) {
    this.tracer = tracer;
    this.above = above;
    this.record = record;
    this.breakdown = breakdown;
  }

  void tell() {
    Waits waits = record.waits();
    connection(waits);
    received();
    queued();
    each("switchboard.replica_wait", Phase.REPLICA_WAIT, waits.replica());
    each("switchboard.gateway_late", Phase.GATEWAY_LATE, flushes() ? waits.loop() : written(waits));
    each("switchboard.unread", Phase.GATEWAY_LATE, waits.unread());
    each("switchboard.client_stall", Phase.CLIENT_STALL, record.stalls());
    migrations(waits);
    if (flushes()) {
      tell("switchboard.client_flush", Phase.CLIENT_FLUSH, writtenNanos(), record.at(Mark.ENDED));
    }
  }

  /** Both are before the request's own time, and so before the SERVER span. */
  private void connection(Waits waits) {
    long connected = waits.connectedNanos();
    long ready = connected + waits.tlsNanos();
    if (record.at(Mark.ACCEPTED) - ready > MOST_IDLE_NANOS) {
      return;
    }
    if (waits.socketNanos() > 0) {
      before("switchboard.socket", connected - waits.socketNanos(), connected);
    }
    if (waits.tlsNanos() > 0) {
      before("switchboard.tls", connected, ready);
    }
  }

  private void before(String name, long startNanos, long endNanos) {
    end(span(name, startNanos), endNanos - startNanos, endNanos);
  }

  private void received() {
    if (breakdown.nanos(Phase.ACCEPT) >= LEAST_WAIT_NANOS) {
      long received = orElse(record.at(Mark.RECEIVED), writtenNanos());
      tell("switchboard.receive", Phase.ACCEPT, record.at(Mark.ACCEPTED), received);
    }
  }

  private void queued() {
    if (breakdown.nanos(Phase.QUEUE) >= LEAST_WAIT_NANOS) {
      long admitted = orElse(record.at(Mark.ADMITTED), writtenNanos());
      tell("switchboard.queue", Phase.QUEUE, record.at(Mark.PARSED), admitted);
    }
  }

  private boolean flushes() {
    return record.at(Mark.ENDED) - writtenNanos() >= LEAST_FLUSH_NANOS;
  }

  /** What comes after the answer's last byte may end after the agent's SERVER span too. */
  private List<Interval> written(Waits waits) {
    long written = writtenNanos();
    return waits.loop().stream()
        .filter(time -> time.startNanos() < written)
        .map(time -> new Interval(time.startNanos(), Math.min(time.endNanos(), written)))
        .toList();
  }

  /** The end of the answer was written, or there was none. */
  private long writtenNanos() {
    return orElse(record.at(Mark.WRITTEN), record.at(Mark.ENDED));
  }

  private void migrations(Waits waits) {
    for (FlightRecord.Attempt attempt : record.attempts()) {
      FlightRecord.Move move = attempt.move();
      if (move != null && move.resumedNanos() != 0) {
        Span span = span("switchboard.migration", move.lostNanos());
        span.setAttribute("switchboard.cause", move.cause());
        span.setAttribute("switchboard.replica", attempt.replica());
        end(span, Phase.MIGRATION, move.lostNanos(), move.resumedNanos());
      }
    }
    if (waits.lostNanos() != 0) {
      tell("switchboard.migration", Phase.MIGRATION, waits.lostNanos(), writtenNanos());
    }
  }

  private void each(String name, Phase phase, List<Interval> times) {
    for (Interval time : times) {
      tell(name, phase, time.startNanos(), time.endNanos());
    }
  }

  private void tell(String name, Phase phase, long startNanos, long endNanos) {
    end(span(name, startNanos), phase, startNanos, endNanos);
  }

  private Span span(String name, long startNanos) {
    return tracer
        .spanBuilder(name)
        .setParent(above)
        .setStartTimestamp(startNanos, TimeUnit.NANOSECONDS)
        .startSpan();
  }

  private void end(Span span, Phase phase, long startNanos, long endNanos) {
    if (charges == null) {
      charges = PhaseBreakdown.charges(record);
    }
    end(span, charges.take(phase, startNanos, endNanos), endNanos);
  }

  private static void end(Span span, long chargedNanos, long endNanos) {
    span.setAttribute("switchboard.charged_ms", chargedNanos / 1e6);
    span.end(endNanos, TimeUnit.NANOSECONDS);
  }

  private static long orElse(long nanos, long other) {
    return nanos == 0 ? other : nanos;
  }
}
