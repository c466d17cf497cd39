package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.explain.BlameShares;
import dev.switchboard.gateway.explain.Culprit;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;
import java.util.List;

/**
 * What made a request miss an objective, by where its time went.
 *
 * <p>The time that an objective measures is summed by cause, by the same {@link BlameShares} that
 * explain a request. The largest sum but for the request's own work, a prompt that was in no cache
 * left out of that, is to blame where the request would have been in time without it; else what
 * took most of the time is, be it its own prompt.
 */
public final class SloBlame {
  private static final double NANOS_PER_MS = 1e6;

  private final long[] sums = new long[SloCause.values().length];
  private final Objective objective;

  /** What computing a prompt took that was in no cache; part of the cause's sum. */
  private long cold;

  /** In which a stream that had begun waited for a replica that goes on with it. */
  private final long interrupted;

  /** Its client got all at once: its first token is its last one. */
  private final boolean whole;

  private SloBlame(Objective objective, FlightRecord record) {
    this.objective = objective;
    this.whole = !record.stream();
    this.interrupted = interrupted(record);
  }

  private static long interrupted(FlightRecord record) {
    long first = record.at(Mark.FIRST_TOKEN);
    return first == 0
        ? 0
        : record.waits().replica().stream()
            .filter(wait -> wait.startNanos() >= first)
            .mapToLong(wait -> wait.endNanos() - wait.startNanos())
            .sum();
  }

  /**
   * What is to blame.
   *
   * @param objective that the request missed
   * @param waitedFor ranks that its workers had named as stragglers, as {@code stage.rank}
   */
  public static SloCause of(
      Objective objective,
      FlightRecord record,
      PhaseBreakdown breakdown,
      Slo slo,
      List<String> waitedFor) {
    if (objective == Objective.AVAILABILITY && record.outcome() != Outcome.DEADLINE) {
      if (record.outcome() == Outcome.SHED) {
        return SloCause.QUEUE;
      }
      return lost(record) ? SloCause.MIGRATION : SloCause.FAILURE;
    }
    SloBlame blame = new SloBlame(objective, record);
    BlameShares.each(record, breakdown, waitedFor, blame::add);
    return blame.guilty(NANOS_PER_MS * targetMs(objective, record, slo));
  }

  private static double targetMs(Objective objective, FlightRecord record, Slo slo) {
    return switch (objective) {
      case TTFT -> slo.ttftMs();
      case TPOT -> slo.tpotMs() * tokens(record);
      case DEADLINE, AVAILABILITY -> slo.deadlineMs();
    };
  }

  /** Whether a replica was lost that had begun with it. */
  private static boolean lost(FlightRecord record) {
    return record.outcome() == Outcome.UPSTREAM_BROKEN
        && (record.moves() > 0 || record.waits().lostNanos() != 0);
  }

  /** After the first. */
  static long tokens(FlightRecord record) {
    return Math.max(record.usage().completionTokens(), record.contentEvents()) - 1L;
  }

  private void add(Phase phase, Culprit culprit, long nanos) {
    if (phase == Phase.REPLICA_WAIT) {
      waited(nanos);
    } else if (measured(phase)) {
      sums[place(cause(culprit, phase))] += nanos;
      cold += culprit == Culprit.COLD_PREFIX ? nanos : 0;
    }
  }

  /** For a first replica, or for another one. */
  private void waited(long nanos) {
    long again = Math.min(nanos, interrupted);
    sums[place(SloCause.QUEUE)] += objective == Objective.TPOT ? 0 : nanos - again;
    sums[place(SloCause.MIGRATION)] += objective == Objective.TTFT ? 0 : again;
  }

  private boolean measured(Phase phase) {
    return switch (objective) {
      case TTFT -> !afterFirstToken(phase) || (whole && phase.label().startsWith("decode_"));
      case TPOT -> afterFirstToken(phase) || phase == Phase.GATEWAY_LATE;
      case DEADLINE, AVAILABILITY -> true;
    };
  }

  private static boolean afterFirstToken(Phase phase) {
    return switch (phase) {
      case DECODE_COMPUTE,
          DECODE_NEIGHBOUR_PREFILL,
          DECODE_COLLECTIVE_WAIT,
          DECODE_TRANSFER,
          DECODE_SAMPLE,
          DECODE_OFF_CPU,
          DECODE_WAIT,
          UPSTREAM_REST,
          MIGRATION,
          DETOKENIZE_FLUSH,
          CLIENT_STALL,
          CLIENT_FLUSH ->
          true;
      case SOCKET,
          TLS,
          ACCEPT,
          PARSE,
          QUEUE,
          ROUTE,
          RETRY,
          REPLICA_WAIT,
          CONNECT,
          SEND,
          TOKENIZE,
          WORKER_QUEUE,
          PREFILL_COMPUTE,
          PREFILL_COLLECTIVE_WAIT,
          PREFILL_TRANSFER,
          PREFILL_SAMPLE,
          PREFILL_OFF_CPU,
          PREFILL_WAIT,
          UPSTREAM_FIRST,
          GATEWAY_LATE,
          UNEXPLAINED ->
          false;
    };
  }

  private static SloCause cause(Culprit culprit, Phase phase) {
    return switch (culprit) {
      case LONG_QUEUE, NO_REPLICA -> SloCause.QUEUE;
      case NEIGHBOURS_PREFILL, PREEMPTION -> SloCause.NEIGHBOURS;
      case SLOW_RANK -> SloCause.STRAGGLER;
      case HOST_CONTENTION, STOPPED_WORKER, GATEWAY_LATE -> SloCause.MACHINE;
      case SLOW_BODY, SLOW_READER, LATE_CONNECTION -> SloCause.CLIENT;
      case RETRY, MIGRATION -> SloCause.MIGRATION;
      case COLD_PREFIX -> SloCause.PREFILL;
      case SLOW_UPSTREAM -> SloCause.OTHER;
      case OWN_WORK -> ownWork(phase);
    };
  }

  private static SloCause ownWork(Phase phase) {
    String label = phase.label();
    if (phase == Phase.TOKENIZE || label.startsWith("prefill_")) {
      return SloCause.PREFILL;
    }
    return label.startsWith("decode_") ? SloCause.DECODE : SloCause.OTHER;
  }

  private SloCause guilty(double targetNanos) {
    long whole = 0;
    SloCause most = SloCause.OTHER;
    SloCause disturbance = SloCause.OTHER;
    for (SloCause cause : SloCause.values()) {
      long sum = sums[place(cause)];
      whole += sum;
      most = sum > sums[place(most)] ? cause : most;
      boolean larger = disturbance == SloCause.OTHER || sum > sums[place(disturbance)];
      disturbance = disturbs(cause) && larger ? cause : disturbance;
    }
    long disturbed = sums[place(disturbance)];
    if (cold > disturbed || (disturbance == SloCause.OTHER && cold > 0)) {
      disturbance = SloCause.PREFILL;
      disturbed = cold;
    }
    return whole - disturbed <= targetNanos ? disturbance : most;
  }

  private static boolean disturbs(SloCause cause) {
    return switch (cause) {
      case QUEUE, NEIGHBOURS, STRAGGLER, MACHINE, CLIENT, MIGRATION, FAILURE -> true;
      case PREFILL, DECODE, OTHER -> false;
    };
  }

  @SuppressWarnings("EnumOrdinal") // Places in an array of one request.
  private static int place(SloCause cause) {
    return cause.ordinal();
  }
}
