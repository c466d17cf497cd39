package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Story;
import java.util.Locale;

/**
 * Where the time went so far, as the {@code Server-Timing} header and as JSON. On a stream the
 * header goes out with the first token, so it says what happened until then; on a whole answer it
 * tells all.
 */
final class ServerTiming {
  private ServerTiming() {}

  static String of(Flight flight) {
    StringBuilder text = new StringBuilder();
    FlightRecord record = soFar(flight);
    Story.of(record)
        .totals()
        .forEach(
            (phase, nanos) ->
                text.append(phase.label()).append(";dur=").append(millis(nanos)).append(", "));
    return text.append("total;dur=").append(millis(record.wallNanos())).toString();
  }

  static String json(Flight flight) {
    StringBuilder text = new StringBuilder("{\"time_ms\":{");
    FlightRecord record = soFar(flight);
    Story.of(record)
        .totals()
        .forEach(
            (phase, nanos) ->
                text.append('"')
                    .append(phase.label())
                    .append("\":")
                    .append(millis(nanos))
                    .append(','));
    return text.append("\"total\":").append(millis(record.wallNanos())).append("}}").toString();
  }

  private static FlightRecord soFar(Flight flight) {
    return flight.snapshot(Outcome.OK, 0, null);
  }

  private static String millis(long nanos) {
    return String.format(Locale.ROOT, "%.3f", nanos / 1e6);
  }
}
