package dev.switchboard.scheduler;

import dev.switchboard.executor.StepResult;
import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the ranks did in one step: a row of numbers per lane, filled from the timeline ring and
 * shared by every request of the step. Reused.
 */
final class StepTrace {
  static final int START = 0;
  static final int END = 1;
  static final int COMPUTE = 2;
  static final int ALL_REDUCE = 3;
  static final int RECEIVE = 4;
  static final int SEND = 5;
  static final int SAMPLE = 6;
  static final int COPY = 7;
  static final int OFF_CPU = 8;
  static final int BYTES = 9;
  static final int STEPS = 10;
  static final int STRAGGLER = 11;
  static final int LATE = 12;
  static final int LATE_OFF_CPU = 13;

  /** Those before it add up over steps; of these the longest is kept, with its collective. */
  static final int LONGEST_LATE = 14;

  static final int LATE_AT = 15;
  static final int FIELDS = 16;

  static final int CRITICAL_COMPUTE = 0;
  static final int CRITICAL_COLLECTIVE = 1;
  static final int CRITICAL_TRANSFER = 2;
  static final int CRITICAL_SAMPLE = 3;
  static final int CRITICAL_OFF_CPU = 4;
  static final int CRITICAL = 5;

  /** A parked thread takes so long to run again on a machine that has cores to spare. */
  private static final long WAKE_NANOS = 200_000;

  /** No rank of the stage has a record. */
  static final long NONE = Long.MIN_VALUE;

  private final int stages;
  private final int ranks;
  private final StepRoom room;
  private final long[] values;

  /** The same before they were cut to the step's own time. */
  private final long[] whole;

  private final long[] receiveEnd;

  /** When it first waited for the others of its stage, and when they first waited for it. */
  private final long[] waitStart;

  private final long[] lateStart;

  /** What the step waited for in all stages: computing, collectives, moving data and sampling. */
  private final long[] critical = new long[CRITICAL];

  private long step;
  private long submitNanos;
  private long startNanos;
  private long endNanos;
  private long submitCallNanos;
  private long submitReturnNanos;
  private long awaitReturnNanos;
  private int batchTokens;
  private int batchRequests;
  private int promptTokens;
  private long neighbourNanos;
  private long gapOffCpuNanos;

  /** Of the attempts in it, the first of these many. */
  private final long[] gateways = new long[Step.MOST_MEMBERS];

  private final long[] numbers = new long[Step.MOST_MEMBERS];
  private int members;
  private @Nullable List<Long> named;
  private long namedGateway;

  /** What requests in it keep of it, by the clock that one asked by. */
  private List<Lane> told = List.of();

  private Calls toldCalls = Calls.NONE;
  private long toldOffset;
  private boolean isTold;

  StepTrace(int stages, int ranks) {
    this(stages, ranks, StepRoom.endless());
  }

  StepTrace(int stages, int ranks, StepRoom room) {
    this.stages = stages;
    this.ranks = ranks;
    this.room = room;
    values = new long[stages * ranks * FIELDS];
    whole = new long[values.length];
    receiveEnd = new long[stages * ranks];
    waitStart = new long[stages * ranks];
    lateStart = new long[stages * ranks];
  }

  /** Begins a step. */
  void reset(long newStep, int tokens, int requests) {
    step = newStep;
    batchTokens = tokens;
    batchRequests = requests;
    members = 0;
    named = null;
    isTold = false;
    promptTokens = 0;
    neighbourNanos = 0;
    gapOffCpuNanos = 0;
    Arrays.fill(values, 0);
    Arrays.fill(receiveEnd, 0);
    Arrays.fill(waitStart, Long.MAX_VALUE);
    Arrays.fill(lateStart, Long.MAX_VALUE);
  }

  void record(int stage, int rank, Kind kind, long start, long end, long busy, long bytes) {
    int lane = stage * ranks + rank;
    int base = lane * FIELDS;
    if (kind == Kind.OFF_CPU || kind == Kind.LATE_OFF_CPU) {
      // Their times are those of other kinds.
      values[base + field(kind)] += busy;
      return;
    }
    if (kind == Kind.RECEIVE_WAIT) {
      receiveEnd[lane] = end;
    } else {
      boolean first = values[base + STEPS] == 0;
      values[base + START] = first ? start : Math.min(values[base + START], start);
      values[base + END] = first ? end : Math.max(values[base + END], end);
      values[base + STEPS] = 1;
    }
    if (kind == Kind.ALL_REDUCE_WAIT) {
      waitStart[lane] = Math.min(waitStart[lane], start);
    }
    values[base + field(kind)] += busy;
    values[base + BYTES] += bytes;
  }

  /** The others of its stage waited for a rank; that is no time of its own. */
  void late(int stage, int rank, long start, long nanos, long longestNanos, int piece) {
    int lane = stage * ranks + rank;
    int base = lane * FIELDS;
    lateStart[lane] = Math.min(lateStart[lane], start);
    values[base + LATE] += nanos;
    keepLongest(values, base, longestNanos, piece);
  }

  static void keepLongest(long[] values, int base, long nanos, long piece) {
    if (nanos > values[base + LONGEST_LATE]) {
      values[base + LONGEST_LATE] = nanos;
      values[base + LATE_AT] = piece;
    }
  }

  private static int field(Kind kind) {
    return switch (kind) {
      case COMPUTE -> COMPUTE;
      case ALL_REDUCE_WAIT -> ALL_REDUCE;
      case RECEIVE_WAIT -> RECEIVE;
      case SEND -> SEND;
      case SAMPLE -> SAMPLE;
      case COPY -> COPY;
      case LATE -> LATE;
      case OFF_CPU -> OFF_CPU;
      case LATE_OFF_CPU -> LATE_OFF_CPU;
    };
  }

  /**
   * Ends the step: its lanes are cut to its own time, so that what began in an earlier step's
   * shadow counts only as far as it delayed this one, and each stage's straggler is found. The step
   * begins when its first rank does; another one that was sooner waits for that at the first
   * collective.
   */
  void finish(StepResult result) {
    finish(result.submitNanos(), result.startNanos(), result.endNanos());
  }

  void finish(long submit, long start, long end) {
    submitNanos = submit;
    startNanos = start;
    endNanos = Math.max(start, end);
    System.arraycopy(values, 0, whole, 0, values.length);
    for (int lane = 0; lane < stages * ranks; lane++) {
      cut(lane);
    }
    Arrays.fill(critical, 0);
    for (int stage = 0; stage < stages; stage++) {
      addCritical(stage);
      if (ranks > 1) {
        markStraggler(stage);
      }
    }
    addLateEnd();
  }

  /** Who hands on what the last rank has done may have no core for it. */
  private void addLateEnd() {
    long done = stageEnd(stages - 1);
    if (done != NONE && endNanos - done > WAKE_NANOS) {
      critical[CRITICAL_OFF_CPU] += endNanos - done;
    }
  }

  /**
   * Of the rank that is done last. Until it begins, those that have begun are bound to wait; it had
   * no core where that took longer than waking up does. Where it came last to a collective, the
   * others waited for it; where another one did, it waited. Both are the wait of ranks for each
   * other, so a slow rank is told the same whoever is done last.
   */
  private void addCritical(int stage) {
    int last = -1;
    for (int base = first(stage); base < first(stage + 1); base += FIELDS) {
      if (values[base + STEPS] > 0 && (last < 0 || values[base + END] > values[last + END])) {
        last = base;
      }
    }
    if (last >= 0) {
      long begun = values[last + START] - stageStart(stage);
      long lateStart = begun > WAKE_NANOS ? begun : 0;
      long waited = values[last + ALL_REDUCE] + begun - lateStart;
      long forCores = Math.min(waited, othersOffCpu(stage, last));
      long behind =
          Math.clamp(values[last + LATE] - values[last + LATE_OFF_CPU], 0, values[last + COMPUTE]);
      critical[CRITICAL_COMPUTE] += values[last + COMPUTE] - behind;
      critical[CRITICAL_COLLECTIVE] += waited - forCores + behind;
      critical[CRITICAL_OFF_CPU] += values[last + OFF_CPU] + forCores + lateStart;
      critical[CRITICAL_TRANSFER] += values[last + SEND] + values[last + COPY];
      critical[CRITICAL_SAMPLE] += values[last + SAMPLE];
    }
  }

  /** How long the stage waited for ranks but this one that had no core when they were to arrive. */
  private long othersOffCpu(int stage, int lane) {
    long sum = 0;
    for (int base = first(stage); base < first(stage + 1); base += FIELDS) {
      sum += base == lane ? 0 : values[base + LATE_OFF_CPU];
    }
    return sum;
  }

  private void cut(int lane) {
    int base = lane * FIELDS;
    if (values[base + STEPS] == 0) {
      return;
    }
    cutEarly(lane);
    values[base + START] = Math.clamp(values[base + START], startNanos, endNanos);
    values[base + END] = Math.clamp(values[base + END], values[base + START], endNanos);
    long mostWait = Math.max(0, receiveEnd[lane] - startNanos);
    values[base + RECEIVE] = Math.min(values[base + RECEIVE], mostWait);
  }

  /**
   * Takes out what it did before the step began, and how long others waited for it then. Of what it
   * did but wait only the length is known: what it lost for want of a core goes first, since it is
   * by such losses that ranks begin far apart.
   */
  private void cutEarly(int lane) {
    int base = lane * FIELDS;
    long before = Math.max(0, startNanos - values[base + START]);
    before -= take(base + ALL_REDUCE, Math.clamp(startNanos - waitStart[lane], 0, before));
    before -= take(base + OFF_CPU, before);
    take(base + COMPUTE, before);
    long waitedFor = Math.max(0, startNanos - lateStart[lane]);
    take(base + LATE, waitedFor);
    take(base + LATE_OFF_CPU, waitedFor);
    values[base + LONGEST_LATE] = Math.min(values[base + LONGEST_LATE], values[base + LATE]);
  }

  private long take(int place, long nanos) {
    long taken = Math.min(values[place], nanos);
    values[place] -= taken;
    return taken;
  }

  /**
   * The one that the others waited for longest, over the collectives to which it came last. What
   * each waited in the whole step would not tell: ranks that are late by turns wait alike.
   */
  private void markStraggler(int stage) {
    int straggler = -1;
    long most = 0;
    for (int base = first(stage); base < first(stage + 1); base += FIELDS) {
      if (values[base + LATE] > most) {
        most = values[base + LATE];
        straggler = base;
      } else if (values[base + LATE] == most) {
        straggler = -1;
      }
    }
    if (straggler >= 0) {
      values[straggler + STRAGGLER] = 1;
    }
  }

  /** The engine was given the step. */
  void submitted(long callNanos, long returnNanos) {
    submitCallNanos = callNanos;
    submitReturnNanos = returnNanos;
  }

  /** The engine gave it back. */
  void awaited(long returnNanos) {
    awaitReturnNanos = returnNanos;
  }

  Calls calls() {
    return new Calls(submitCallNanos, submitReturnNanos, awaitReturnNanos);
  }

  long step() {
    return step;
  }

  long submitNanos() {
    return submitNanos;
  }

  long startNanos() {
    return startNanos;
  }

  long endNanos() {
    return endNanos;
  }

  /** Adds what the step waited for, {@link #CRITICAL} numbers. */
  void addCritical(long[] sums) {
    for (int i = 0; i < CRITICAL; i++) {
      sums[i] += critical[i];
    }
  }

  /** So many of its tokens are of prompts. */
  void promptTokens(int tokens) {
    promptTokens = tokens;
  }

  int promptTokens() {
    return promptTokens;
  }

  /** What it computed, in the processor time of the ranks that were done last. */
  long computeNanos() {
    return critical[CRITICAL_COMPUTE];
  }

  /** By so much the prompts in it made it longer. */
  void neighbours(long nanos) {
    neighbourNanos = nanos;
  }

  long neighbourNanos() {
    return neighbourNanos;
  }

  /** Between it and the step before, the engine had work and no core for so long. */
  void gapOffCpu(long nanos) {
    gapOffCpuNanos = nanos;
  }

  long gapOffCpuNanos() {
    return gapOffCpuNanos;
  }

  int batchTokens() {
    return batchTokens;
  }

  int batchRequests() {
    return batchRequests;
  }

  /** An attempt of a gateway was in it; one of several choices comes several times. */
  void member(AttemptId attempt) {
    for (int i = 0; i < members; i++) {
      if (numbers[i] == attempt.number() && gateways[i] == attempt.gateway()) {
        return;
      }
    }
    if (members < Step.MOST_MEMBERS) {
      gateways[members] = attempt.gateway();
      numbers[members++] = attempt.number();
    }
  }

  /** The numbers of a gateway's attempts in it; one list for those of one gateway, as a rule. */
  List<Long> members(long gateway) {
    if (named == null || namedGateway != gateway) {
      List<Long> found = new ArrayList<>(members);
      for (int i = 0; i < members; i++) {
        if (gateways[i] == gateway) {
          found.add(numbers[i]);
        }
      }
      named = List.copyOf(found);
      namedGateway = gateway;
    }
    return named;
  }

  /** Of the lists that have it. */
  StepRoom room() {
    return room;
  }

  /** What it takes there for each request in it. */
  long listedBytes() {
    return StepRoom.bytes(stages * ranks, members, batchRequests);
  }

  int stages() {
    return stages;
  }

  int ranks() {
    return ranks;
  }

  /** When the stage's first rank began to work on the step; {@link #NONE} without records. */
  long stageStart(int stage) {
    long start = NONE;
    for (int base = first(stage); base < first(stage + 1); base += FIELDS) {
      if (values[base + STEPS] > 0) {
        start = start == NONE ? values[base + START] : Math.min(start, values[base + START]);
      }
    }
    return start;
  }

  /** When the stage's last rank was done with the step; {@link #NONE} without records. */
  long stageEnd(int stage) {
    long end = NONE;
    for (int base = first(stage); base < first(stage + 1); base += FIELDS) {
      if (values[base + STEPS] > 0) {
        end = Math.max(end, values[base + END]);
      }
    }
    return end;
  }

  private int first(int stage) {
    return stage * ranks * FIELDS;
  }

  /** The lanes' numbers, FIELDS per lane. */
  long[] values() {
    return values;
  }

  /**
   * The same, of all that the ranks did for the step. What is cut is of the ranks that began before
   * the step did, by the first rank's clock, so only whole times of ranks compare.
   */
  long[] whole() {
    return whole;
  }

  /** The lanes that took part, with epoch times: one list for all requests in it. */
  List<Lane> lanes(long epochOffset) {
    tell(epochOffset);
    return told;
  }

  /** The JVM's calls, likewise. */
  Calls calls(long epochOffset) {
    tell(epochOffset);
    return toldCalls;
  }

  private void tell(long epochOffset) {
    if (!isTold || toldOffset != epochOffset) {
      told = List.copyOf(lanes(values, ranks, epochOffset));
      toldCalls = calls().plus(epochOffset);
      toldOffset = epochOffset;
      isTold = true;
    }
  }

  /** The lanes that took part, with epoch times. */
  static List<Lane> lanes(long[] values, int ranks, long epochOffset) {
    List<Lane> lanes = new ArrayList<>(values.length / FIELDS);
    for (int base = 0; base < values.length; base += FIELDS) {
      if (values[base + STEPS] > 0) {
        lanes.add(lane(values, base, ranks, epochOffset));
      }
    }
    return lanes;
  }

  private static Lane lane(long[] values, int base, int ranks, long epochOffset) {
    int index = base / FIELDS;
    return new Lane(
        index / ranks,
        index % ranks,
        values[base + START] + epochOffset,
        values[base + END] + epochOffset,
        values[base + COMPUTE],
        values[base + ALL_REDUCE],
        values[base + RECEIVE],
        values[base + SEND],
        values[base + SAMPLE],
        values[base + COPY],
        values[base + OFF_CPU],
        (int) values[base + STEPS],
        (int) values[base + STRAGGLER],
        values[base + BYTES],
        values[base + LATE],
        values[base + LONGEST_LATE],
        Collective.of((int) values[base + LATE_AT]));
  }
}
