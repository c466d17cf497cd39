package dev.switchboard.scheduler;

import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One request's timeline as it grows: sums per phase and lane, what passed between its steps, and
 * the slowest step of each phase. Its size does not depend on the number of steps, but for the step
 * list, which is kept on demand and bounded: by itself, and by what all that run have together. It
 * is of the first steps without a gap; later ones are only summed.
 */
final class TimelineBuilder {
  /** Most steps listed with full detail. */
  static final int MAX_STEPS = 4096;

  /** So many are listed however little room is left. */
  static final int LEAST_STEPS = 64;

  private final GenerationRequest request;
  private final @Nullable AttemptId attempt;
  private final EpochClock clock;
  private final long queuedNanos;
  private final List<Step> steps = new ArrayList<>(0);
  private boolean listEnded;
  private @Nullable StepRoom room;
  private long listedBytes;
  private @Nullable PhaseSum prefill;
  private @Nullable PhaseSum decode;
  private long scheduledNanos;
  private long firstTokenNanos;
  private int preemptions;
  private int cachedTokens;

  /** Positions below this were computed once. */
  private int reached;

  private boolean scheduled;
  private boolean hasFirstToken;
  private boolean endsInStep;

  TimelineBuilder(
      GenerationRequest request, @Nullable AttemptId attempt, EpochClock clock, long queuedNanos) {
    this.request = request;
    this.attempt = attempt;
    this.clock = clock;
    this.queuedNanos = queuedNanos;
  }

  void scheduled(long nowNanos, int newCachedTokens) {
    if (!scheduled) {
      scheduled = true;
      scheduledNanos = nowNanos;
      cachedTokens = newCachedTokens;
    }
  }

  void preempted() {
    preemptions++;
  }

  /**
   * A step that computed tokens of this request came back.
   *
   * @param end the position after the last of them
   */
  void step(StepTrace trace, int tokens, int end) {
    PhaseSum phase = hasFirstToken ? decode : prefill;
    if (phase == null) {
      phase = new PhaseSum(trace, hasFirstToken, hasFirstToken ? firstTokenNanos : scheduledNanos);
      if (hasFirstToken) {
        decode = phase;
      } else {
        prefill = phase;
      }
    }
    int again = Math.clamp((long) reached - (end - tokens), 0, tokens);
    reached = Math.max(reached, end);
    phase.add(trace, tokens - again, again);
    if (request.stepDetail() && !listEnded) {
      list(trace, tokens);
    }
  }

  private void list(StepTrace trace, int tokens) {
    long bytes = trace.listedBytes();
    boolean isRoom = steps.size() < LEAST_STEPS || trace.room().has(bytes);
    listEnded = steps.size() == MAX_STEPS || !isRoom;
    if (!listEnded) {
      room = trace.room();
      room.hold(bytes);
      listedBytes += bytes;
      steps.add(listed(trace, tokens));
    }
  }

  void firstToken(long nowNanos) {
    if (!hasFirstToken) {
      hasFirstToken = true;
      firstTokenNanos = nowNanos;
      waitsUntil(prefill, nowNanos);
    }
  }

  /** It ends while a step still computes it. */
  void endsInStep() {
    endsInStep = true;
  }

  private static void waitsUntil(@Nullable PhaseSum phase, long nowNanos) {
    if (phase != null) {
      phase.waitsUntil(nowNanos);
    }
  }

  /** At its end: what it lists is no running request's any more. */
  RequestTimeline build(long nowNanos) {
    if (room != null) {
      room.hold(-listedBytes);
      listedBytes = 0;
    }
    if (!endsInStep) {
      waitsUntil(hasFirstToken ? decode : prefill, nowNanos);
    }
    return new RequestTimeline(
        request.requestId(),
        request.choice(),
        request.receivedNanos(),
        clock.toEpoch(queuedNanos),
        scheduled ? clock.toEpoch(scheduledNanos) : 0,
        hasFirstToken ? clock.toEpoch(firstTokenNanos) : 0,
        clock.toEpoch(nowNanos),
        preemptions,
        prefill == null ? null : prefill.build(cachedTokens, clock),
        decode == null ? null : decode.build(0, clock),
        steps);
  }

  private Step listed(StepTrace trace, int tokens) {
    return new Step(
        trace.step(),
        clock.toEpoch(trace.submitNanos()),
        clock.toEpoch(trace.startNanos()),
        clock.toEpoch(trace.endNanos()),
        trace.calls(clock.toEpoch(0)),
        tokens,
        trace.batchTokens(),
        trace.batchRequests(),
        attempt == null ? List.of() : trace.members(attempt.gateway()),
        trace.lanes(clock.toEpoch(0)));
  }

  /** Sums over a phase's steps. */
  private static final class PhaseSum {
    private final int ranks;
    private final boolean decodes;
    private final long[] lanes;
    private final long[] slowestLanes;
    private final long[] critical = new long[StepTrace.CRITICAL];
    private long startNanos = Long.MAX_VALUE;
    private long endNanos = Long.MIN_VALUE;
    private int tokens;
    private int recomputedTokens;
    private int steps;
    private long workedUntil;
    private long waitNanos;
    private long neighbourNanos;
    private long slowestNanos = -1;
    private long slowestStep;
    private long slowestSubmit;
    private long slowestStart;
    private Calls slowestCalls = Calls.NONE;
    private int slowestTokens;
    private int slowestBatchTokens;
    private int slowestBatchRequests;

    PhaseSum(StepTrace shape, boolean decodes, long begunNanos) {
      this.decodes = decodes;
      workedUntil = begunNanos;
      ranks = shape.ranks();
      lanes = new long[shape.values().length];
      slowestLanes = new long[shape.values().length];
    }

    void add(StepTrace trace, int newTokens, int again) {
      startNanos = Math.min(startNanos, trace.startNanos());
      endNanos = Math.max(endNanos, trace.endNanos());
      tokens += newTokens;
      recomputedTokens += again;
      steps++;
      addGaps(trace);
      trace.addCritical(critical);
      addNeighbours(trace);
      long[] values = trace.values();
      for (int base = 0; base < values.length; base += StepTrace.FIELDS) {
        addLane(values, base);
      }
      if (trace.endNanos() - trace.startNanos() > slowestNanos) {
        keepSlowest(trace, newTokens + again);
      }
    }

    /**
     * Adds what passed before the step was at work, and between its stages. Chunks that overlap in
     * different stages may leave a gap that another chunk fills; a reader lets work come first.
     */
    private void addGaps(StepTrace trace) {
      long before = waitNanos;
      waitsUntil(trace.startNanos());
      long offCpu = Math.min(waitNanos - before, trace.gapOffCpuNanos());
      waitNanos -= offCpu;
      critical[StepTrace.CRITICAL_OFF_CPU] += offCpu;
      boolean complete = true;
      for (int stage = 0; stage < trace.stages(); stage++) {
        long end = trace.stageEnd(stage);
        if (end == StepTrace.NONE) {
          complete = false;
        } else {
          waitsUntil(trace.stageStart(stage));
          workedUntil = Math.max(workedUntil, end);
        }
      }
      if (!complete) {
        workedUntil = Math.max(workedUntil, trace.endNanos());
      }
    }

    /** A step computes a request's own prompt, or a token of it and prompts of others. */
    private void addNeighbours(StepTrace trace) {
      if (decodes) {
        long nanos = Math.min(trace.neighbourNanos(), trace.computeNanos());
        critical[StepTrace.CRITICAL_COMPUTE] -= nanos;
        neighbourNanos += nanos;
      }
    }

    void waitsUntil(long nanos) {
      if (nanos > workedUntil) {
        waitNanos += nanos - workedUntil;
        workedUntil = nanos;
      }
    }

    private void addLane(long[] values, int base) {
      if (values[base + StepTrace.STEPS] == 0) {
        return;
      }
      boolean first = lanes[base + StepTrace.STEPS] == 0;
      long start = values[base + StepTrace.START];
      long end = values[base + StepTrace.END];
      lanes[base + StepTrace.START] =
          first ? start : Math.min(lanes[base + StepTrace.START], start);
      lanes[base + StepTrace.END] = first ? end : Math.max(lanes[base + StepTrace.END], end);
      for (int field = StepTrace.COMPUTE; field <= StepTrace.LATE_OFF_CPU; field++) {
        lanes[base + field] += values[base + field];
      }
      StepTrace.keepLongest(
          lanes, base, values[base + StepTrace.LONGEST_LATE], values[base + StepTrace.LATE_AT]);
    }

    private void keepSlowest(StepTrace trace, int stepTokens) {
      slowestNanos = trace.endNanos() - trace.startNanos();
      slowestStep = trace.step();
      slowestSubmit = trace.submitNanos();
      slowestStart = trace.startNanos();
      slowestCalls = trace.calls();
      slowestTokens = stepTokens;
      slowestBatchTokens = trace.batchTokens();
      slowestBatchRequests = trace.batchRequests();
      System.arraycopy(trace.values(), 0, slowestLanes, 0, slowestLanes.length);
    }

    Phase build(int cachedTokens, EpochClock clock) {
      long offset = clock.toEpoch(0);
      Step slowest =
          new Step(
              slowestStep,
              slowestSubmit + offset,
              slowestStart + offset,
              slowestStart + slowestNanos + offset,
              slowestCalls.plus(offset),
              slowestTokens,
              slowestBatchTokens,
              slowestBatchRequests,
              List.of(),
              StepTrace.lanes(slowestLanes, ranks, offset));
      return new Phase(
          startNanos + offset,
          endNanos + offset,
          tokens,
          cachedTokens,
          recomputedTokens,
          steps,
          waitNanos,
          new Critical(
              critical[StepTrace.CRITICAL_COMPUTE],
              critical[StepTrace.CRITICAL_COLLECTIVE],
              critical[StepTrace.CRITICAL_TRANSFER],
              critical[StepTrace.CRITICAL_SAMPLE],
              critical[StepTrace.CRITICAL_OFF_CPU],
              neighbourNanos),
          slowest,
          StepTrace.lanes(lanes, ranks, offset));
    }
  }
}
