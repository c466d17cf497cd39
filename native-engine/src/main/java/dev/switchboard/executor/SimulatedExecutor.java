package dev.switchboard.executor;

import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.timeline.Collective;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An executor whose model is arithmetic: a latency model for the time, a hash for the tokens.
 *
 * <p>A token depends on all tokens before it, its position and the seed, and on nothing else; but
 * the tokens before it are read through the plan's block table out of a simulated KV memory that
 * earlier steps wrote. So a wrong block table, a block given away too early or a stale prefix shows
 * as a wrong token or as {@code internal}, just as it would show, less clearly, in a real model. It
 * also refuses what the native library refuses: a row twice in a step, too few blocks, a row begun
 * while in flight, a block written while another row's unfinished step uses it.
 *
 * <p>Timing follows a pipeline: a stage works on one step at a time, in order, and a step whose
 * rows wait for a sampled token starts after the step that samples it. Results, timeline records
 * and faults have the shape of the native ones.
 *
 * <p>A token under a mask is drawn when the mask is known; a step that needs it must be submitted
 * after that, which is stricter than the native library.
 */
public final class SimulatedExecutor implements Executor {
  private static final int NEVER_WRITTEN = -1;
  private static final int SHARED = -1;
  private static final Collective MEETING = new Collective(Collective.Kind.OUTPUT, 0);

  private final ExecutorConfig config;
  private final ExecutorInfo info;
  private final LatencyModel latency;
  private final SimulatedTime time;
  private final StepResult result;
  private final Row[] rows;
  private final int[] kvTokens;
  private final int[] kvPositions;
  private final long[] blockStep;
  private final int[] blockRow;
  private final Masks masks;
  private final ArrayDeque<Pending> pending = new ArrayDeque<>();
  private final long[] stageFreeNanos;
  private final long[] finishedStep;
  private final long[] finishedNanos;
  private final List<Fault> faults = new ArrayList<>();
  private final List<LaneRecord> records = new ArrayList<>();
  private SimulatedMachine machine = SimulatedMachine.QUIET;
  private volatile long lastStep;
  private volatile boolean closed;

  public SimulatedExecutor(
      ExecutorConfig config, int context, int vocab, LatencyModel latency, SimulatedTime time) {
    this.config = config;
    this.latency = latency;
    this.time = time;
    long kvBytes = 8L * config.kvBlocks() * config.kvBlockTokens();
    info =
        new ExecutorInfo(
            config.maxRows(),
            config.kvBlocks(),
            config.kvBlockTokens(),
            config.maxStepTokens(),
            config.maxStepOutputs(),
            config.maxInFlight(),
            config.stages(),
            config.ranks(),
            context,
            vocab,
            0,
            new ExecutorInfo.Memory(0, kvBytes, 0, 0),
            "simulated");
    result = new StepResult(config.maxStepOutputs(), 0);
    rows = new Row[config.maxRows()];
    Arrays.setAll(rows, i -> new Row());
    kvTokens = new int[config.kvBlocks() * config.kvBlockTokens()];
    kvPositions = new int[kvTokens.length];
    Arrays.fill(kvPositions, NEVER_WRITTEN);
    blockStep = new long[config.kvBlocks()];
    blockRow = new int[config.kvBlocks()];
    masks = new Masks(info.maskSlots(), vocab);
    stageFreeNanos = new long[config.stages()];
    finishedStep = new long[info.lanes()];
    finishedNanos = new long[info.lanes()];
  }

  @Override
  public ExecutorInfo info() {
    return info;
  }

  /** It runs on this machine from now on. */
  public void on(SimulatedMachine newMachine) {
    machine = newMachine;
  }

  // ---- rows and steps ------------------------------------------------------------------------

  @Override
  public void begin(
      int row, Sampling sampling, int[] history, int historyTokens, int promptTokens) {
    require(row >= 0 && row < rows.length, "row");
    require(rows[row].lastStep <= awaitedStep(), "row is in an unfinished step");
    require(historyTokens <= history.length && promptTokens <= historyTokens, "n_history");
    rows[row].seed = sampling.temperature() == 0 ? 0 : sampling.seed();
    rows[row].lastStep = 0;
    rows[row].sampledNanos = 0;
    rows[row].waitsForMask = false;
  }

  private long awaitedStep() {
    Pending oldest = pending.peekFirst();
    return oldest == null ? lastStep : oldest.step - 1;
  }

  @Override
  public void submit(StepPlan plan) {
    require(plan.step() > lastStep, "step must increase");
    require(plan.entries() > 0, "n_entries");
    require(plan.tokenTotal() <= config.maxStepTokens(), "n_tokens");
    require(plan.outputTotal() <= config.maxStepOutputs(), "n_outputs");
    if (pending.size() >= config.maxInFlight()) {
      throw new ExecutorException(Status.BUSY, "max_in_flight steps are submitted");
    }
    long now = time.nanos();
    Pending step = new Pending(plan, now);
    Fault failing = faultAt(plan.step(), Fault.Kind.FAIL, Fault.Kind.OUT_OF_MEMORY);
    long ready = now;
    long attended = 0;
    for (int entry = 0, token = 0, output = 0; entry < plan.entries(); entry++) {
      ready = Math.max(ready, checkEntry(plan, entry, token));
      attended += attendedBy(plan, entry);
      computeEntry(plan, entry, token, output, step, failing != null);
      token += plan.tokenCount(entry);
      output += plan.outputCount(entry);
    }
    schedule(step, ready, latency.nanos(plan.tokenTotal(), attended));
    if (failing != null) {
      step.failure = failing;
    }
    for (int entry = 0; entry < plan.entries(); entry++) {
      rows[plan.row(entry)].sampledNanos = step.endNanos;
    }
    lastStep = plan.step();
    pending.addLast(step);
  }

  private static long attendedBy(StepPlan plan, int entry) {
    long tokens = plan.tokenCount(entry);
    return tokens * plan.position(entry) + tokens * (tokens + 1) / 2;
  }

  /** Refuses a broken entry; returns when the tokens it waits for are sampled. */
  private long checkEntry(StepPlan plan, int entry, int firstToken) {
    int row = plan.row(entry);
    require(row >= 0 && row < rows.length, "row");
    require(rows[row].lastStep < plan.step(), "row is twice in a step");
    rows[row].lastStep = plan.step();
    int end = plan.position(entry) + plan.tokenCount(entry);
    require(plan.tokenCount(entry) > 0 && end <= info.context(), "n_tokens of an entry");
    require(plan.outputCount(entry) <= plan.tokenCount(entry), "n_outputs of an entry");
    require((long) plan.blockCount(entry) * config.kvBlockTokens() >= end, "n_blocks of an entry");
    boolean waits = false;
    for (int i = 0; i < plan.tokenCount(entry); i++) {
      int id = plan.tokens()[firstToken + i];
      require(id >= LAST_SAMPLED && id < info.vocab(), "token");
      require(id != LAST_SAMPLED || !rows[row].waitsForMask, "the row's token has no mask yet");
      waits |= id == LAST_SAMPLED;
    }
    return waits ? rows[row].sampledNanos : 0;
  }

  private void computeEntry(
      StepPlan plan, int entry, int firstToken, int firstOutput, Pending step, boolean fails) {
    Row row = rows[plan.row(entry)];
    int position = plan.position(entry);
    int end = position + plan.tokenCount(entry);
    int outputsFrom = end - plan.outputCount(entry);
    for (int p = position; p < end; p++) {
      int id = plan.tokens()[firstToken + p - position];
      write(plan, entry, p, id == LAST_SAMPLED ? row.sampled : id, fails);
    }
    touch(plan, entry);
    if (fails) {
      return;
    }
    long state = 0;
    for (int p = 0; p < end; p++) {
      state = mix(state ^ read(plan, entry, p));
      if (p >= outputsFrom) {
        int output = firstOutput + p - outputsFrom;
        emit(state, row, p, plan, output, step);
      }
    }
  }

  /** Remembers who uses the entry's blocks until this step is awaited. */
  private void touch(StepPlan plan, int entry) {
    for (int i = 0; i < plan.blockCount(entry); i++) {
      int block = plan.blocks()[plan.blockOffset(entry) + i];
      boolean isShared = blockStep[block] > awaitedStep() && blockRow[block] != plan.row(entry);
      blockRow[block] = isShared ? SHARED : plan.row(entry);
      blockStep[block] = plan.step();
    }
  }

  private void emit(long state, Row row, int position, StepPlan plan, int output, Pending step) {
    long drawn = mix(state ^ mix(row.seed + position));
    int target = plan.targets()[output];
    int token = target == SAMPLE ? (int) Math.floorMod(drawn, (long) info.vocab()) : target;
    step.tokens[output] = token;
    step.states[output] = state;
    if (target == SAMPLE) {
      row.sampled = token;
    }
    if (plan.masks()[output] != NO_MASK) {
      require(target == SAMPLE, "nothing is sampled under the mask");
      masks.await(plan.masks()[output], row, step, output);
    }
  }

  @Override
  public void mask(int slot, long step, long[] allowed) {
    require(slot >= 0 && slot < info.maskSlots(), "slot");
    masks.ready(slot, step, allowed);
  }

  private void write(StepPlan plan, int entry, int position, int token, boolean fails) {
    int block = block(plan, entry, position);
    boolean isUsed = blockStep[block] > awaitedStep() && blockRow[block] != plan.row(entry);
    require(!isUsed, "block belongs to another row of an unfinished step");
    int slot = block * config.kvBlockTokens() + position % config.kvBlockTokens();
    kvTokens[slot] = token;
    kvPositions[slot] = fails ? NEVER_WRITTEN : position;
  }

  private int read(StepPlan plan, int entry, int position) {
    int block = block(plan, entry, position);
    int slot = block * config.kvBlockTokens() + position % config.kvBlockTokens();
    if (kvPositions[slot] != position && !dependsOnFailure(plan)) {
      throw new ExecutorException(
          Status.INTERNAL, "row " + plan.row(entry) + " reads unwritten position " + position);
    }
    return kvTokens[slot];
  }

  /** A step planned while a failing one runs may read what that one did not write. */
  private boolean dependsOnFailure(StepPlan plan) {
    for (Pending step : pending) {
      if (step.failure != null && step.step < plan.step()) {
        return true;
      }
    }
    return false;
  }

  private int block(StepPlan plan, int entry, int position) {
    int block = plan.blocks()[plan.blockOffset(entry) + position / config.kvBlockTokens()];
    require(block >= 0 && block < config.kvBlocks(), "block");
    return block;
  }

  private static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  // ---- time ----------------------------------------------------------------------------------

  private void schedule(Pending step, long readyNanos, long totalNanos) {
    long at = readyNanos;
    long perStage = Math.max(1, totalNanos / config.stages());
    for (int stage = 0; stage < config.stages(); stage++) {
      long start = Math.max(at, stageFreeNanos[stage]);
      long slowest = 0;
      for (int rank = 0; rank < config.ranks(); rank++) {
        int lane = stage * config.ranks() + rank;
        step.busyNanos[lane] = busy(step, stage, rank, start, perStage);
        slowest = Math.max(slowest, step.busyNanos[lane]);
      }
      if (stage == 0) {
        step.startNanos = start;
      }
      step.stageStart[stage] = start;
      at = start > Long.MAX_VALUE - slowest ? Long.MAX_VALUE : start + slowest;
      step.stageEnd[stage] = at;
      stageFreeNanos[stage] = at;
    }
    step.endNanos = at;
  }

  private long jitter(long step, int stage, int rank, long nanos) {
    if (latency.jitter() == 0) {
      return 0;
    }
    long drawn = mix(mix(latency.seed() ^ step) + stage * 64L + rank);
    return (long) (nanos * latency.jitter() * ((drawn >>> 11) * 0x1p-53));
  }

  /** From the start to the end of a rank's work, and how much of that it has no core. */
  private long busy(Pending step, int stage, int rank, long start, long nanos) {
    long work = work(step.step, stage, rank, nanos);
    if (work == Long.MAX_VALUE) {
      return work;
    }
    work += machine.slowedNanos(stage, rank, start, work);
    long lost = machine.lostNanos(stage, rank, start, work);
    step.lostNanos[stage * config.ranks() + rank] = lost;
    return work + lost;
  }

  private long work(long step, int stage, int rank, long nanos) {
    long busy = nanos + jitter(step, stage, rank, nanos);
    for (Fault fault : activeFaults(step, stage, rank)) {
      switch (fault.kind()) {
        case DELAY -> busy += fault.amount();
        case SLOW -> busy += nanos * fault.amount() / 100;
        case HANG -> {
          return Long.MAX_VALUE;
        }
        case NONE, FAIL, OUT_OF_MEMORY -> {}
      }
    }
    return busy;
  }

  @Override
  public @Nullable StepResult await(long timeoutNanos) {
    Pending step = pending.peekFirst();
    require(step != null, "no step is in flight");
    Pending oldest = Objects.requireNonNull(step);
    long deadline = time.nanos() + timeoutNanos;
    long hangNanos = config.hangTimeoutMs() * 1_000_000L;
    long lost = hangNanos == 0 ? Long.MAX_VALUE : oldest.startNanos + hangNanos;
    time.waitUntil(Math.min(deadline, Math.min(oldest.readyNanos(), lost)));
    if (oldest.readyNanos() > time.nanos()) {
      if (time.nanos() >= lost) {
        throw new ExecutorException(
            Status.HUNG, "step " + oldest.step + " ran over " + config.hangTimeoutMs() + " ms");
      }
      return null;
    }
    pending.removeFirst();
    finish(oldest);
    return result;
  }

  private void finish(Pending step) {
    result.times(step.step, step.submitNanos, step.startNanos, step.endNanos);
    Fault failure = step.failure;
    if (failure == null) {
      result.succeeded(step.tokens.length);
      for (int output = 0; output < step.tokens.length; output++) {
        fill(output, step);
      }
    } else {
      boolean memory = failure.kind() == Fault.Kind.OUT_OF_MEMORY;
      result.failed(
          memory ? Status.OUT_OF_MEMORY : Status.STEP_FAILED,
          "injected fault in step " + step.step,
          Math.max(0, failure.stage()),
          Math.max(0, failure.rank()));
    }
    if (step.recorded) {
      record(step);
    }
  }

  private void fill(int output, Pending step) {
    result.tokens()[output] = step.tokens[output];
    result.logprobs()[output] = -(float) (step.states[output] >>> 40) / (1 << 21);
    for (int i = 0; i < MAX_TOP_LOGPROBS; i++) {
      int at = output * MAX_TOP_LOGPROBS + i;
      result.topTokens()[at] =
          (int) Math.floorMod(step.tokens[output] + (long) i, (long) info.vocab());
      result.topLogprobs()[at] = result.logprobs()[output] - i;
    }
  }

  // ---- timeline, heartbeats, faults ----------------------------------------------------------

  private void record(Pending step) {
    for (int lane = 0; lane < info.lanes(); lane++) {
      int stage = lane / config.ranks();
      long start = step.stageStart[stage];
      long end = step.stageEnd[stage];
      long busy = step.busyNanos[lane];
      long lost = step.lostNanos[lane];
      boolean last = stage == config.stages() - 1;
      long sample = last ? (busy - lost) / 20 : 0;
      add(step, lane, Kind.COMPUTE, start, start + busy - sample, busy - lost - sample);
      if (lost > 0) {
        add(step, lane, Kind.OFF_CPU, start, start, lost);
      }
      if (last) {
        add(step, lane, Kind.SAMPLE, start + busy - sample, start + busy, sample);
      }
      if (config.ranks() > 1) {
        add(step, lane, Kind.ALL_REDUCE_WAIT, start, end, end - start - busy);
        late(step, lane);
      }
      if (stage > 0) {
        long wait = step.stageStart[stage] - step.startNanos;
        add(step, lane, Kind.RECEIVE_WAIT, step.startNanos, start, wait);
      }
      finishedStep[lane] = step.step;
      finishedNanos[lane] = end;
    }
  }

  /** The ranks of a stage meet once in a step, when they have computed. */
  private void late(Pending step, int lane) {
    int first = lane - lane % config.ranks();
    long least = Long.MAX_VALUE;
    for (int other = first; other < first + config.ranks(); other++) {
      if (step.busyNanos[other] > step.busyNanos[lane]) {
        return;
      }
      least = Math.min(least, step.busyNanos[other]);
    }
    long start = step.stageStart[lane / config.ranks()];
    long spread = step.busyNanos[lane] - least;
    if (spread > 0) {
      add(step, lane, Kind.LATE, start + least, start + step.busyNanos[lane], spread);
      add(step, lane, Kind.LATE_OFF_CPU, start, start, Math.min(spread, step.lostNanos[lane]));
    }
  }

  private void add(Pending step, int lane, Kind kind, long start, long end, long busy) {
    records.add(new LaneRecord(step.step, lane, kind, start, end, busy, step.planTokens));
  }

  @Override
  public void drainTimeline(TimelineSink sink) {
    for (LaneRecord r : records) {
      int stage = r.lane / config.ranks();
      int rank = r.lane % config.ranks();
      long bytes = r.kind == Kind.COMPUTE ? r.busyNanos : 0;
      sink.record(
          r.step,
          stage,
          rank,
          r.kind,
          r.startNanos,
          r.endNanos,
          r.busyNanos,
          bytes,
          r.tokens,
          r.busyNanos,
          MEETING.piece());
    }
    records.clear();
  }

  @Override
  public List<LaneHeartbeat> heartbeats() {
    List<LaneHeartbeat> beats = new ArrayList<>();
    Pending oldest = pending.peekFirst();
    for (int lane = 0; lane < info.lanes(); lane++) {
      int stage = lane / config.ranks();
      beats.add(
          new LaneHeartbeat(
              stage,
              lane % config.ranks(),
              finishedStep[lane],
              finishedNanos[lane],
              oldest == null ? 0 : oldest.step,
              oldest == null ? 0 : oldest.startNanos));
    }
    return beats;
  }

  @Override
  public void inject(Fault fault) {
    if (!config.allowFaultInjection()) {
      throw new ExecutorException(Status.UNSUPPORTED, "fault injection is not allowed");
    }
    synchronized (faults) {
      if (fault.kind() == Fault.Kind.NONE) {
        faults.removeIf(f -> f.stage() == fault.stage() && f.rank() == fault.rank());
      } else {
        long first = fault.firstStep() == 0 ? lastStep + 1 : fault.firstStep();
        faults.add(
            new Fault(
                fault.kind(), fault.stage(), fault.rank(), first, fault.steps(), fault.amount()));
      }
    }
  }

  private List<Fault> activeFaults(long step, int stage, int rank) {
    synchronized (faults) {
      return faults.isEmpty()
          ? List.of()
          : faults.stream().filter(f -> isActive(f, step, stage, rank)).toList();
    }
  }

  private static boolean isActive(Fault fault, long step, int stage, int rank) {
    boolean place =
        (fault.stage() < 0 || stage < 0 || fault.stage() == stage)
            && (fault.rank() < 0 || rank < 0 || fault.rank() == rank);
    boolean begun = step >= fault.firstStep();
    return place && begun && (fault.steps() == 0 || step < fault.firstStep() + fault.steps());
  }

  private @Nullable Fault faultAt(long step, Fault.Kind first, Fault.Kind second) {
    for (Fault fault : activeFaults(step, -1, -1)) {
      if (fault.kind() == first || fault.kind() == second) {
        return fault;
      }
    }
    return null;
  }

  @Override
  public void close() {
    closed = true;
    pending.clear();
  }

  private void require(boolean condition, String what) {
    if (closed) {
      throw new ExecutorException(Status.SHUTDOWN, "closed");
    }
    if (!condition) {
      throw new ExecutorException(Status.INVALID_ARGUMENT, what);
    }
  }

  /** A live sequence. */
  private static final class Row {
    private long seed;
    private long lastStep;
    private long sampledNanos;
    private int sampled;
    private boolean waitsForMask;
  }

  /** Masks by slot, and the outputs that wait for them. */
  private final class Masks {
    private final long[][] allowed;
    private final long[] readyFor;
    private final @Nullable MaskedOutput[] waiting;

    Masks(int slots, int vocab) {
      allowed = new long[slots][Math.ceilDiv(vocab, Long.SIZE)];
      readyFor = new long[slots];
      waiting = new MaskedOutput[slots];
    }

    void await(int slot, Row row, Pending step, int output) {
      require(waiting[slot] == null, "the mask slot is in an unfinished step");
      waiting[slot] = new MaskedOutput(row, step, output);
      row.waitsForMask = true;
      step.masksMissing++;
      if (readyFor[slot] == step.step) {
        resolve(slot);
      }
    }

    void ready(int slot, long step, long[] bits) {
      MaskedOutput output = waiting[slot];
      require(output == null || output.step.step == step, "the slot is in an unfinished step");
      System.arraycopy(bits, 0, allowed[slot], 0, allowed[slot].length);
      readyFor[slot] = step;
      if (output != null) {
        resolve(slot);
      }
    }

    /** Takes the first allowed token from the drawn one on. */
    private void resolve(int slot) {
      MaskedOutput masked = Objects.requireNonNull(waiting[slot]);
      waiting[slot] = null;
      int token = masked.step.tokens[masked.output];
      for (int tries = 0; tries < info.vocab() && !allows(slot, token); tries++) {
        token = (token + 1) % info.vocab();
      }
      masked.step.tokens[masked.output] = token;
      masked.step.masksMissing--;
      masked.row.sampled = token;
      masked.row.waitsForMask = false;
    }

    private boolean allows(int slot, int token) {
      return (allowed[slot][token / Long.SIZE] >>> token & 1) != 0;
    }
  }

  private record MaskedOutput(Row row, Pending step, int output) {}

  private record LaneRecord(
      long step, int lane, Kind kind, long startNanos, long endNanos, long busyNanos, int tokens) {}

  /** A submitted step: its answers are known at once, its end is in the future. */
  private final class Pending {
    private final long step;
    private final boolean recorded;
    private final long submitNanos;
    private final int planTokens;
    private final int[] tokens;
    private final long[] states;
    private final long[] stageStart = new long[config.stages()];
    private final long[] stageEnd = new long[config.stages()];
    private final long[] busyNanos = new long[info.lanes()];
    private final long[] lostNanos = new long[info.lanes()];
    private long startNanos;
    private long endNanos;
    private int masksMissing;
    private @Nullable Fault failure;

    Pending(StepPlan plan, long now) {
      step = plan.step();
      recorded = plan.isRecorded();
      submitNanos = now;
      planTokens = plan.tokenTotal();
      tokens = new int[plan.outputTotal()];
      states = new long[plan.outputTotal()];
    }

    /** When it has ended; never while a mask is missing. */
    private long readyNanos() {
      return masksMissing > 0 ? Long.MAX_VALUE : endNanos;
    }
  }
}
