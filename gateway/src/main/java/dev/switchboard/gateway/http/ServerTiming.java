package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import io.vertx.core.http.HttpServerResponse;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the time went so far, as the {@code Server-Timing} header and as JSON. On a stream the
 * header goes out with the first token, so it says what happened until then; on a whole answer it
 * tells all.
 */
final class ServerTiming {
  private static final Logger LOG = LoggerFactory.getLogger(ServerTiming.class);
  private static final String HEADER = "Server-Timing";

  /** Of the header of an answer of a worker. */
  private static final int USUAL_CHARS = 384;

  /** Used again for each header that a thread writes. */
  private static final ThreadLocal<StringBuilder> TEXT =
      ThreadLocal.withInitial(() -> new StringBuilder(USUAL_CHARS));

  private ServerTiming() {}

  /**
   * Puts the header on a request's answer, whoever writes that: a total alone, until the request
   * has a flight.
   */
  static void tell(HttpServerResponse response, NanoClock clock) {
    long begun = clock.epochNanos();
    tell(
        response,
        () -> null,
        () -> total(new StringBuilder(), clock.epochNanos() - begun).toString());
  }

  /** The same with the phases of a flight. */
  static void tell(HttpServerResponse response, Flight flight) {
    tell(response, flight::traceId, () -> of(flight));
  }

  private static void tell(
      HttpServerResponse response, Supplier<@Nullable String> trace, Supplier<String> times) {
    response.headersEndHandler(
        head -> {
          try {
            response.putHeader(HEADER, times.get());
          } catch (RuntimeException fault) {
            // It is written in the middle of writing the answer, which must not fail with it.
            LOG.error(
                "server_timing_failed request={} trace={}",
                response.headers().get(RequestIds.HEADER),
                trace.get(),
                fault);
          }
        });
  }

  private static String of(Flight flight) {
    StringBuilder text = TEXT.get();
    text.setLength(0);
    FlightRecord record = soFar(flight);
    phases(
        record,
        (phase, nanos) -> millis(text.append(phase.label()).append(";dur="), nanos).append(", "));
    return total(text, record.wallNanos()).toString();
  }

  private static StringBuilder total(StringBuilder text, long nanos) {
    return millis(text.append("total;dur="), nanos);
  }

  /** The {@code switchboard} object of an error. */
  static String json(Flight flight) {
    return "{\"time_ms\":" + times(flight) + "}";
  }

  /** The phases so far, as a JSON object of milliseconds. */
  static String times(Flight flight) {
    StringBuilder text = new StringBuilder("{");
    FlightRecord record = soFar(flight);
    phases(
        record,
        (phase, nanos) ->
            millis(text.append('"').append(phase.label()).append("\":"), nanos).append(','));
    return millis(text.append("\"total\":"), record.wallNanos()).append('}').toString();
  }

  /** Those before the request's own time first; the others sum to the total. */
  private static void phases(FlightRecord record, PhaseBreakdown.Listener to) {
    PhaseBreakdown breakdown = PhaseBreakdown.of(record);
    breakdown.before().forEach(to::took);
    breakdown.forEach(to);
  }

  private static FlightRecord soFar(Flight flight) {
    return flight.snapshot(Outcome.OK, 0, null);
  }

  /** With three decimals; a formatter would take longer than the rest of the header. */
  private static StringBuilder millis(StringBuilder text, long nanos) {
    long micros = (nanos + 500) / 1000;
    text.append(micros / 1000).append('.');
    long decimals = micros % 1000;
    return text.append((char) ('0' + decimals / 100))
        .append((char) ('0' + decimals / 10 % 10))
        .append((char) ('0' + decimals % 10));
  }
}
