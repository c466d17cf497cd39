package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a finished request got what its service class promises. What its client spoilt, or what a
 * limit of its tenant refused, says nothing about the service.
 */
public final class SloCheck {
  /** The answer to one question. */
  public enum Kept {
    MET,
    MISSED,
    /** The request had no such objective, or cannot tell. */
    NONE
  }

  private SloCheck() {}

  static Kept of(Objective objective, FlightRecord record, Slo slo) {
    return switch (objective) {
      case AVAILABILITY -> availability(record);
      case TTFT -> firstToken(record, slo);
      case TPOT -> within(record, record.tpotNanos(), slo.tpotMs());
      case DEADLINE ->
          record.outcome() == Outcome.DEADLINE && slo.deadlineMs() > 0
              ? Kept.MISSED
              : within(record, record.wallNanos(), slo.deadlineMs());
    };
  }

  /** What a finished request missed of that, in the order of {@link Objective}. */
  public static List<Objective> missed(FlightRecord record) {
    return Arrays.stream(Objective.values())
        .filter(each -> of(each, record, record.slo()) == Kept.MISSED)
        .toList();
  }

  /**
   * How much later than its target a request was that missed it: to the first token, to the last
   * one at the target's pace, or to its end. 0 where it was not answered.
   */
  static long lateMicros(Objective objective, FlightRecord record, Slo slo) {
    double lateNanos =
        switch (objective) {
          case AVAILABILITY -> 0;
          case TTFT -> waited(record) - slo.ttftMs() * 1e6;
          case TPOT -> (record.tpotNanos() - slo.tpotMs() * 1e6) * SloBlame.tokens(record);
          case DEADLINE -> record.wallNanos() - slo.deadlineMs() * 1e6;
        };
    return Math.max(0, (long) lateNanos / 1000);
  }

  private static Kept availability(FlightRecord record) {
    return switch (record.outcome()) {
      case OK -> Kept.MET;
      case INTERNAL, UPSTREAM_BROKEN, UNAVAILABLE, DEADLINE -> Kept.MISSED;
      case SHED -> overload(record.failure()) ? Kept.MISSED : Kept.NONE;
      case INVALID_REQUEST,
          UNAUTHORIZED,
          FORBIDDEN,
          NOT_FOUND,
          METHOD_NOT_ALLOWED,
          REQUEST_TIMEOUT,
          BODY_TOO_LARGE,
          URI_TOO_LONG,
          UNSUPPORTED_ENCODING,
          HEADERS_TOO_LARGE,
          CANCELLED,
          CLIENT_GONE ->
          Kept.NONE;
    };
  }

  /** Whether it was refused because of load, and not for a limit of its tenant. */
  public static boolean shedForLoad(FlightRecord record) {
    return record.outcome() == Outcome.SHED && overload(record.failure());
  }

  /** A 429 of a replica has no failure of the gateway's own. */
  private static boolean overload(@Nullable Failure failure) {
    return failure == null || "overloaded".equals(failure.error().code());
  }

  /**
   * Also of a client that left: whoever gives up behind the target was not served in time, and
   * would else be missing from what an overload is told by.
   */
  private static Kept firstToken(FlightRecord record, Slo slo) {
    if (record.outcome() != Outcome.CLIENT_GONE || slo.ttftMs() <= 0) {
      return within(record, record.ttftNanos(), slo.ttftMs());
    }
    if (waited(record) > slo.ttftMs() * 1e6) {
      return Kept.MISSED;
    }
    return record.ttftNanos() < 0 ? Kept.NONE : Kept.MET;
  }

  /** For the first token, or in vain. */
  private static long waited(FlightRecord record) {
    return record.ttftNanos() < 0 ? record.wallNanos() : record.ttftNanos();
  }

  private static Kept within(FlightRecord record, long nanos, double targetMs) {
    if (record.outcome() != Outcome.OK || nanos < 0 || targetMs <= 0) {
      return Kept.NONE;
    }
    return nanos <= targetMs * 1e6 ? Kept.MET : Kept.MISSED;
  }
}
