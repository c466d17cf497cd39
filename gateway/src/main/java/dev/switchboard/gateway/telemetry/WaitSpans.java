package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.gateway.flight.Waits;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Makes a span of each time that a request waited for what no attempt of it did. Those of an event
 * loop that did not run are all told, though what they overlap of a worker's time cost nothing.
 */
record WaitSpans(Tracer tracer, Context above, FlightRecord record) {
  /**
   * Shorter waits for a client to take the end of its answer are every answer's, and may end after
   * the agent's SERVER span, which hears first that all is sent.
   */
  private static final long LEAST_FLUSH_NANOS = 10_000_000;

  void tell() {
    Waits waits = record.waits();
    each("switchboard.replica_wait", waits.replica());
    each("switchboard.gateway_late", untilWritten(waits.loop()));
    each("switchboard.unread", waits.unread());
    each("switchboard.client_stall", record.stalls());
    migrations(waits);
    flush();
  }

  /** What comes after the answer's last byte may end after the agent's SERVER span too. */
  private List<Interval> untilWritten(List<Interval> times) {
    long written = record.at(Mark.WRITTEN);
    return written == 0
        ? times
        : times.stream()
            .filter(time -> time.startNanos() < written)
            .map(time -> new Interval(time.startNanos(), Math.min(time.endNanos(), written)))
            .toList();
  }

  private void migrations(Waits waits) {
    for (FlightRecord.Attempt attempt : record.attempts()) {
      FlightRecord.Move move = attempt.move();
      if (move != null && move.resumedNanos() != 0) {
        Span span = span("switchboard.migration", move.lostNanos());
        span.setAttribute("switchboard.cause", move.cause());
        span.setAttribute("switchboard.replica", attempt.replica());
        end(span, move.resumedNanos());
      }
    }
    if (waits.lostNanos() != 0) {
      end(span("switchboard.migration", waits.lostNanos()), record.at(Mark.ENDED));
    }
  }

  private void flush() {
    long written = record.at(Mark.WRITTEN);
    long ended = record.at(Mark.ENDED);
    if (written != 0 && ended - written >= LEAST_FLUSH_NANOS) {
      end(span("switchboard.client_flush", written), ended);
    }
  }

  private void each(String name, List<Interval> times) {
    for (Interval time : times) {
      end(span(name, time.startNanos()), time.endNanos());
    }
  }

  private Span span(String name, long startNanos) {
    return tracer
        .spanBuilder(name)
        .setParent(above)
        .setStartTimestamp(startNanos, TimeUnit.NANOSECONDS)
        .startSpan();
  }

  private static void end(Span span, long nanos) {
    span.end(nanos, TimeUnit.NANOSECONDS);
  }
}
