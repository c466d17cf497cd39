package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.flight.Story.Phase;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;

/**
 * What made a request miss an objective, by where its time went.
 *
 * <p>The time that an objective measures is summed by cause. The largest sum but for the request's
 * own work is to blame where the request would have been in time without it; else what took most of
 * the time is, be it its own prompt. A collective wait is a straggler's whether its rank was named
 * or not: the others of its stage waited for it.
 */
final class SloBlame {
  private static final double NANOS_PER_MS = 1e6;

  private final long[] sums = new long[SloCause.values().length];
  private final Objective objective;

  private SloBlame(Objective objective) {
    this.objective = objective;
  }

  /**
   * What is to blame.
   *
   * @param objective that the request missed
   */
  static SloCause of(Objective objective, FlightRecord record, Story story, Slo slo) {
    return switch (objective) {
      case TTFT -> byTime(objective, story, slo.ttftMs() * NANOS_PER_MS);
      case TPOT -> byTime(objective, story, slo.tpotMs() * NANOS_PER_MS * tokens(record));
      case DEADLINE -> byTime(objective, story, slo.deadlineMs() * NANOS_PER_MS);
      case AVAILABILITY ->
          switch (record.outcome()) {
            case SHED -> SloCause.QUEUE;
            case DEADLINE -> byTime(Objective.DEADLINE, story, slo.deadlineMs() * NANOS_PER_MS);
            default -> lost(record) ? SloCause.MIGRATION : SloCause.FAILURE;
          };
    };
  }

  /** Whether a replica was lost that had begun with it. */
  private static boolean lost(FlightRecord record) {
    return record.outcome() == Outcome.UPSTREAM_BROKEN
        && (record.moves() > 0 || record.waits().lostNanos() != 0);
  }

  /** After the first. */
  private static long tokens(FlightRecord record) {
    return Math.max(record.usage().completionTokens(), record.contentEvents()) - 1L;
  }

  private static SloCause byTime(Objective objective, Story story, double targetNanos) {
    SloBlame blame = new SloBlame(objective);
    story.forEach(blame::add);
    return blame.guilty(targetNanos);
  }

  private void add(Phase phase, long nanos) {
    if (measured(phase)) {
      sums[place(cause(phase))] += nanos;
    }
  }

  private boolean measured(Phase phase) {
    return switch (objective) {
      case TTFT -> !afterFirstToken(phase);
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

  private static SloCause cause(Phase phase) {
    return switch (phase) {
      case QUEUE, WORKER_QUEUE, REPLICA_WAIT -> SloCause.QUEUE;
      case TOKENIZE, PREFILL_COMPUTE, PREFILL_TRANSFER, PREFILL_SAMPLE -> SloCause.PREFILL;
      case DECODE_COMPUTE, DECODE_TRANSFER, DECODE_SAMPLE -> SloCause.DECODE;
      case PREFILL_WAIT, DECODE_WAIT, DECODE_NEIGHBOUR_PREFILL -> SloCause.NEIGHBOURS;
      case PREFILL_COLLECTIVE_WAIT, DECODE_COLLECTIVE_WAIT -> SloCause.STRAGGLER;
      case PREFILL_OFF_CPU, DECODE_OFF_CPU, GATEWAY_LATE -> SloCause.MACHINE;
      case ACCEPT, CLIENT_STALL, CLIENT_FLUSH -> SloCause.CLIENT;
      case RETRY, MIGRATION -> SloCause.MIGRATION;
      case SOCKET,
          TLS,
          PARSE,
          ROUTE,
          CONNECT,
          SEND,
          UPSTREAM_FIRST,
          UPSTREAM_REST,
          DETOKENIZE_FLUSH,
          UNEXPLAINED ->
          SloCause.OTHER;
    };
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
    return whole - sums[place(disturbance)] <= targetNanos ? disturbance : most;
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
