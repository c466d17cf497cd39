package dev.switchboard.scheduler;

import dev.switchboard.constraint.Matcher;
import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.kv.BlockPool;
import dev.switchboard.kv.PrefixHash;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.GenerationListener.TokenEvent;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;

/**
 * Decides what each step computes. Pure: no clock, no thread, no executor; time comes in with each
 * call and tokens go out through each sequence's listener.
 *
 * <p><b>One rule.</b> A sequence's computed tokens catch up with its wanted tokens, under a token
 * budget per step. Decoding sequences (one token behind) come first, then prompts in the order of
 * priority and arrival, in chunks; then waiting sequences are admitted as far as rows, blocks and
 * budget go. There is no prefill or decode mode.
 *
 * <p><b>Planning ahead.</b> {@code computed} advances when a step is planned, and a token that a
 * step in flight samples is named {@link Executor#LAST_SAMPLED}. So step N+1 is planned while step
 * N runs. The price is one wasted token after a stop token: the sequence ends when step N returns,
 * and what step N+1 computed for it is ignored. With P pipeline stages the decoding sequences take
 * turns in P microbatches, least recently planned first, so that P steps are under way at once.
 *
 * <p><b>Ownership.</b> A sequence's row and blocks are given back only when every step that uses
 * them has returned, whatever ended it. Blocks are published for reuse only when the step that
 * filled them returned well.
 *
 * <p><b>Deadlines.</b> A sequence past its deadline fails before the next step is planned, whether
 * it waits or runs; no step computes it from then on.
 *
 * <p><b>Encoders.</b> A text is computed whole in one step, several texts side by side; its one
 * output is a vector, with which it ends.
 *
 * <p><b>Memory.</b> Admission takes blocks for all tokens known; decoding takes one more at a time.
 * When none is left, the last running sequence by priority and arrival is preempted: it gives up
 * its blocks and waits to be computed again, from the prefix cache as far as that still holds it.
 * For a waiting sequence as many are preempted as make the room, or none: where all of a lower
 * priority together would not make it, they run on. The first sequence can always preempt all
 * others and fits the pool alone, so it always advances; hence everyone does.
 */
final class Scheduler {
  /** Steps a decoding row may be in at once: one running and the next one queued behind it. */
  private static final int DECODE_DEPTH = 2;

  private final ExecutorInfo info;
  private final EngineConfig config;
  private final BlockPool pool;
  private final PrefixHash hash;
  private final TreeSet<Sequence> waiting = new TreeSet<>(Sequence.QUEUE_ORDER);
  private final List<Sequence> running = new ArrayList<>();
  private final List<Sequence> begun = new ArrayList<>();
  private final List<Sequence> turn = new ArrayList<>();
  private final ArrayDeque<PlannedStep> inFlight = new ArrayDeque<>();
  private final ArrayDeque<PlannedStep> spare = new ArrayDeque<>();
  private final int[] freeRows;
  private int freeRowCount;
  private long nextStep = 1;
  private long finishedStep;
  private long blockedReleases = -1;
  private long blockedOrder = -1;
  private int blockedRows;
  private long nextDeadline = Long.MAX_VALUE;
  private long waitingTokens;
  private long promptTokens;
  private long prefixLookupTokens;
  private long prefixHitTokens;
  private long generatedTokens;
  private long preemptions;

  /** Of each block, references of sequences that are asked to give it up; all 0 between calls. */
  private final int[] givenUp;

  /** Whether what was missing for an admission is there now. */
  private boolean preempted;

  private final long[] mask;
  private int masksAwaited;
  private boolean isFindingMasks;
  private PlannedStep current;
  private int budget;
  private int outputBudget;

  Scheduler(ExecutorInfo info, EngineConfig config, BlockPool pool, PrefixHash hash) {
    this.info = info;
    this.config = config;
    this.pool = pool;
    this.hash = hash;
    current = new PlannedStep(info.rows());
    givenUp = new int[pool.total()];
    mask = new long[info.maskWords()];
    freeRows = new int[info.rows()];
    for (int row = info.rows() - 1; row >= 0; row--) {
      freeRows[freeRowCount++] = row;
    }
  }

  // ---- what comes in -------------------------------------------------------------------------

  void add(Sequence sequence, long nowNanos) {
    if (!sequence.isScoringPrompt()) {
      // A prompt of one token has nothing to score, so no step will ever report it.
      reportPromptLogprobs(sequence);
    }
    if (sequence.wantedLength == 1) {
      end(sequence, sequence.lengthReached(), nowNanos);
    } else if (sequence.isCancelRequested()) {
      end(sequence, FinishReason.CANCELLED, nowNanos);
    } else if (sequence.isWholeFromTheStart()) {
      boolean shaped = sequence.matcher != null && sequence.matcher.isFinished();
      end(sequence, shaped ? FinishReason.STOP : sequence.lengthReached(), nowNanos);
    } else {
      enqueue(sequence);
      nextDeadline = Math.min(nextDeadline, sequence.deadlineNanos);
    }
  }

  /** Fails every sequence whose deadline has passed. */
  void expire(long nowNanos) {
    if (nowNanos < nextDeadline) {
      return;
    }
    nextDeadline = Long.MAX_VALUE;
    List<Sequence> all = new ArrayList<>(running);
    all.addAll(waiting);
    for (Sequence sequence : all) {
      if (sequence.deadlineNanos > nowNanos) {
        nextDeadline = Math.min(nextDeadline, sequence.deadlineNanos);
      } else if (sequence.state != Sequence.State.ENDED) {
        dequeue(sequence);
        noteStepsInFlight(sequence);
        fail(sequence, EngineFailure.DEADLINE, nowNanos);
        settle(sequence);
      }
    }
  }

  /** Ends a sequence whose cancellation was requested. */
  void cancel(Sequence sequence, long nowNanos) {
    if (sequence.state == Sequence.State.ENDED) {
      return;
    }
    dequeue(sequence);
    noteStepsInFlight(sequence);
    end(sequence, FinishReason.CANCELLED, nowNanos);
    settle(sequence);
  }

  /** Ends everything; nothing may be planned or applied afterwards. */
  void failAll(EngineFailure failure, long nowNanos) {
    List<Sequence> all = new ArrayList<>(running);
    all.addAll(waiting);
    waiting.clear();
    waitingTokens = 0;
    for (Sequence sequence : all) {
      noteStepsInFlight(sequence);
      fail(sequence, failure, nowNanos);
    }
  }

  // ---- planning ------------------------------------------------------------------------------

  /**
   * Plans the next step.
   *
   * @return false when there is nothing to compute now; the plan is then empty and not a step
   */
  boolean plan(long nowNanos, StepPlan plan) {
    PlannedStep recycled = spare.pollFirst();
    current = recycled == null ? new PlannedStep(info.rows()) : recycled;
    current.reset(nextStep);
    plan.reset(nextStep);
    begun.clear();
    budget = Math.min(config.stepTokens(), info.maxStepTokens());
    outputBudget = info.maxStepOutputs();
    planDecodes(plan, nowNanos);
    planPrompts(plan, nowNanos);
    admit(plan, nowNanos);
    if (current.size() == 0) {
      spare.addFirst(current);
      return false;
    }
    inFlight.addLast(current);
    nextStep++;
    return true;
  }

  /** Sequences of the last plan whose rows must begin before it is submitted. */
  List<Sequence> begun() {
    return begun;
  }

  private void planDecodes(StepPlan plan, long nowNanos) {
    int share = Math.min(Math.min(findTurns(), decodeBudget()), outputBudget);
    if (turn.size() > share) {
      turn.sort((a, b) -> Long.compare(a.lastPlannedStep, b.lastPlannedStep));
    }
    for (int i = 0; i < turn.size() && share > 0; i++) {
      // An earlier entry's need for blocks may have preempted this one.
      Sequence sequence = turn.get(i);
      if (isPlannable(sequence)) {
        share -= take(sequence, 1, plan, nowNanos) ? 1 : 0;
      }
    }
  }

  /** Lists the rows that can decode now; returns how many of them are one microbatch. */
  private int findTurns() {
    turn.clear();
    int decoding = 0;
    for (Sequence sequence : running) {
      if (isPlannable(sequence) && sequence.isDecoding()) {
        decoding++;
        if (sequence.remaining() > 0
            && sequence.inFlight < DECODE_DEPTH
            && !sequence.isFindingMask) {
          turn.add(sequence);
        }
      }
    }
    return Math.ceilDiv(decoding, info.stages());
  }

  /** Where rows outnumber the budget, decoding leaves an eighth to prompts that wait for it. */
  private int decodeBudget() {
    if (budget == 1 || turn.size() < budget) {
      return budget;
    }
    boolean promptsWait = !waiting.isEmpty() && freeRowCount > 0;
    for (Sequence sequence : running) {
      promptsWait |= isPlannable(sequence) && !sequence.isDecoding() && sequence.remaining() > 0;
    }
    return promptsWait ? budget - Math.max(1, budget / 8) : budget;
  }

  private void planPrompts(StepPlan plan, long nowNanos) {
    for (int i = 0; i < running.size() && budget > 0; i++) {
      Sequence sequence = running.get(i);
      if (isPlannable(sequence) && !sequence.isDecoding() && sequence.remaining() > 0) {
        takeChunk(sequence, plan, nowNanos);
      }
    }
  }

  private static boolean isPlannable(Sequence sequence) {
    return sequence.state == Sequence.State.RUNNING && !sequence.isCancelRequested();
  }

  private void takeChunk(Sequence sequence, StepPlan plan, long nowNanos) {
    if (info.encodes()) {
      takeWhole(sequence, plan, nowNanos);
      return;
    }
    int tokens = Math.min(sequence.remaining(), Math.min(config.chunkTokens(), budget));
    if (sequence.isScoringPrompt()) {
      int unscored = Math.max(sequence.computed, sequence.scored) - sequence.computed;
      tokens = Math.min(tokens, unscored + outputBudget);
    } else if (outputBudget == 0 && sequence.samplesAt(sequence.computed + tokens)) {
      tokens--;
    }
    if (tokens > 0) {
      take(sequence, tokens, plan, nowNanos);
    }
  }

  /** An encoder's text waits for a step that has room for all of it; the first of a step fits. */
  private void takeWhole(Sequence sequence, StepPlan plan, long nowNanos) {
    if (sequence.remaining() <= budget && outputBudget > 0) {
      take(sequence, sequence.remaining(), plan, nowNanos);
    }
  }

  /** Plans the sequence's next tokens, if it has or gets the blocks. */
  private boolean take(Sequence sequence, int tokens, StepPlan plan, long nowNanos) {
    int end = sequence.computed + tokens;
    if (!reserve(sequence, blocksFor(end))) {
      return false;
    }
    boolean samples = sequence.samplesAt(end);
    int outputsBefore = plan.outputTotal();
    writeEntry(sequence, end, samples, plan);
    int outputs = plan.outputTotal() - outputsBefore;
    current.add(sequence, end, tokens, outputs);
    if (samples && sequence.matcher != null) {
      int slot = sequence.nextMaskSlot();
      plan.mask(slot);
      current.awaitMask(slot);
      masksAwaited++;
    }
    budget -= tokens;
    outputBudget -= outputs;
    sequence.computed = end;
    sequence.pending += samples ? 1 : 0;
    sequence.inFlight++;
    sequence.lastPlannedStep = plan.step();
    sequence.timeline.scheduled(nowNanos, sequence.cachedTokens);
    return true;
  }

  private static void writeEntry(Sequence sequence, int end, boolean samples, StepPlan plan) {
    int top = sequence.request.topLogprobs();
    boolean scores = sequence.isScoringPrompt();
    plan.entry(sequence.row, sequence.computed, Math.max(0, top), top >= 0 || scores);
    plan.blocks(sequence.blocks, sequence.blockCount);
    for (int position = sequence.computed; position < end; position++) {
      plan.token(position < sequence.known ? sequence.tokens[position] : Executor.LAST_SAMPLED);
    }
    if (scores) {
      int last = Math.min(end, sequence.promptLength - 1);
      for (int p = Math.max(sequence.computed, sequence.scored); p < last; p++) {
        plan.output(sequence.tokens[p + 1]);
      }
    }
    if (samples) {
      plan.output(Executor.SAMPLE);
    }
  }

  // ---- admission -----------------------------------------------------------------------------

  private void admit(StepPlan plan, long nowNanos) {
    while (!waiting.isEmpty() && budget > 0 && outputBudget > 0) {
      Sequence sequence = waiting.first();
      if (sequence.isCancelRequested()) {
        cancel(sequence, nowNanos);
      } else if (isStillBlocked(sequence)) {
        return;
      } else if (admit(sequence)) {
        takeChunk(sequence, plan, nowNanos);
      } else if (!preempted) {
        return;
      }
    }
  }

  /** The head of the queue got no room, and no block or row became free since. */
  private boolean isStillBlocked(Sequence sequence) {
    return sequence.order == blockedOrder
        && pool.releases() == blockedReleases
        && freeRowCount == blockedRows;
  }

  /**
   * Starts a sequence that has room, or makes room for it; {@code preempted} says whether that is
   * there now.
   */
  private boolean admit(Sequence sequence) {
    preempted = false;
    int hits = takePrefix(sequence);
    int missing = blocksFor(sequence.known) - hits;
    if (freeRowCount == 0 || pool.available() < missing + margin(running.size())) {
      int victims = canPreempt() ? victimsFor(sequence, missing) : 0;
      releaseBlocks(sequence);
      blockedOrder = sequence.order;
      blockedReleases = pool.releases();
      blockedRows = freeRowCount;
      preempted = victims > 0 && preempt(victims);
      return false;
    }
    for (int i = 0; i < missing; i++) {
      sequence.addBlock(pool.allocate());
    }
    dequeue(sequence);
    start(sequence, hits * pool.blockTokens());
    return true;
  }

  private void start(Sequence sequence, int hitTokens) {
    if (sequence.lastPlannedStep == 0) {
      sequence.cachedTokens = Math.min(hitTokens, sequence.promptLength);
      sequence.reusedTokens = hitTokens;
      promptTokens += sequence.promptLength;
      prefixLookupTokens += looksUp(sequence) ? sequence.promptLength : 0;
      prefixHitTokens += sequence.cachedTokens;
    }
    sequence.computed = hitTokens;
    sequence.confirmed = hitTokens;
    sequence.row = freeRows[--freeRowCount];
    sequence.state = Sequence.State.RUNNING;
    begun.add(sequence);
    int at = Collections.binarySearch(running, sequence, Sequence.ORDER);
    running.add(-at - 1, sequence);
  }

  /** References the published blocks its tokens begin with; the last token is always computed. */
  private int takePrefix(Sequence sequence) {
    hash.root(sequence.request.cacheSalt());
    sequence.chainHigh = hash.high();
    sequence.chainLow = hash.low();
    int size = pool.blockTokens();
    int most = (sequence.known - 1) / size;
    if (!looksUp(sequence)) {
      most = 0;
    }
    for (int i = 0; i < most; i++) {
      hash.next(sequence.chainHigh, sequence.chainLow, sequence.tokens, i * size, size);
      int block = pool.find(hash.high(), hash.low(), sequence.tokens, i * size);
      if (block < 0) {
        break;
      }
      pool.retain(block);
      sequence.addBlock(block);
      sequence.chainHigh = hash.high();
      sequence.chainLow = hash.low();
    }
    sequence.publishedBlocks = sequence.blockCount;
    return sequence.blockCount;
  }

  /** A prompt that is scored is computed, whatever is known of it. */
  private boolean looksUp(Sequence sequence) {
    return config.prefixCache() && !sequence.isScoringPrompt();
  }

  private int blocksFor(int tokens) {
    return Math.ceilDiv(tokens, pool.blockTokens());
  }

  // ---- preemption ----------------------------------------------------------------------------

  private boolean reserve(Sequence sequence, int blocks) {
    while (sequence.blockCount < blocks) {
      int block = pool.allocate();
      if (block >= 0) {
        sequence.addBlock(block);
      } else if (!preemptAfter(sequence, blocks - sequence.blockCount)) {
        return false;
      }
    }
    return true;
  }

  /** Every running sequence may need a block soon; taking the last ones would preempt at once. */
  private int margin(int others) {
    return Math.min(others, pool.total() / 8);
  }

  /** Nobody is preempted while another one's blocks are on their way back. */
  private boolean canPreempt() {
    for (Sequence other : running) {
      if (other.state != Sequence.State.RUNNING) {
        return false;
      }
    }
    return true;
  }

  /**
   * How many of the last running sequences have to go so that a waiting one has a row and its
   * blocks; 0 where not even all that it goes before would be enough. It goes before those of a
   * lower priority only, or equals would take turns.
   *
   * @param missing blocks, beside those that it holds references to
   */
  private int victimsFor(Sequence sequence, int missing) {
    int room = pool.available();
    int victims = 0;
    for (int i = running.size() - 1; i >= 0; i--) {
      Sequence victim = running.get(i);
      if (victim.request.priority() >= sequence.request.priority()) {
        break;
      }
      room += freedBy(victim);
      victims++;
      if (room >= missing + margin(i)) {
        forgetFreed(victims);
        return victims;
      }
    }
    forgetFreed(victims);
    return 0;
  }

  /**
   * Preempts the fewest of the last running sequences after this one, by priority and arrival, that
   * give it the blocks.
   *
   * @return whether they were freed now; victims with steps in flight free them later
   */
  private boolean preemptAfter(Sequence sequence, int blocks) {
    if (!canPreempt()) {
      return false;
    }
    int room = pool.available();
    int victims = 0;
    for (int i = running.size() - 1; i >= 0 && room < blocks; i--) {
      if (Sequence.ORDER.compare(running.get(i), sequence) <= 0) {
        break;
      }
      room += freedBy(running.get(i));
      victims++;
    }
    forgetFreed(victims);
    return room >= blocks && preempt(victims);
  }

  /** Blocks that nobody uses once this one gives up its own, as those that were asked before. */
  private int freedBy(Sequence victim) {
    int freed = 0;
    for (int i = 0; i < victim.blockCount; i++) {
      int block = victim.blocks[i];
      freed += ++givenUp[block] == pool.references(block) ? 1 : 0;
    }
    return freed;
  }

  private void forgetFreed(int victims) {
    for (int i = running.size() - victims; i < running.size(); i++) {
      Sequence victim = running.get(i);
      for (int k = 0; k < victim.blockCount; k++) {
        givenUp[victim.blocks[k]] = 0;
      }
    }
  }

  /** Preempts the last running sequences; says whether all of them gave back what they had. */
  private boolean preempt(int victims) {
    boolean freed = true;
    int from = running.size() - victims;
    for (int i = running.size() - 1; i >= from; i--) {
      Sequence victim = running.get(i);
      preemptions++;
      victim.timeline.preempted();
      victim.state = Sequence.State.PREEMPTING;
      settle(victim);
      freed &= victim.state == Sequence.State.WAITING;
    }
    return freed;
  }

  // ---- masks ---------------------------------------------------------------------------------

  /** Takes masks of steps in flight. */
  @FunctionalInterface
  interface MaskSink {
    void mask(int slot, long step, long[] allowed);
  }

  /**
   * Hands over every mask that can be known now: those whose token before is, and, as nobody will
   * look at what they sample, those of sequences that have ended. The oldest step in flight never
   * waits for a result, so after this it waits for no mask either but for those that are being
   * found: nothing can deadlock.
   */
  void supplyMasks(MaskSink sink, long nowNanos) {
    isFindingMasks = false;
    if (masksAwaited == 0) {
      return;
    }
    for (PlannedStep step : inFlight) {
      for (int entry = 0; step.awaitsMasks() && entry < step.size(); entry++) {
        int slot = step.awaitedMask(entry);
        if (slot != Executor.NO_MASK && isMaskKnown(step.sequence(entry), step.end(entry))) {
          step.sequence(entry).isFindingMask = !isMaskReady(step.sequence(entry));
          if (step.sequence(entry).isFindingMask) {
            isFindingMasks = true;
            continue;
          }
          writeMask(step.sequence(entry), nowNanos);
          sink.mask(slot, step.step(), mask);
          step.maskKnown(entry);
          masksAwaited--;
        }
      }
    }
  }

  /** Whether masks are being found, so that {@link #supplyMasks} is to be called again soon. */
  boolean isFindingMasks() {
    return isFindingMasks;
  }

  private static boolean isMaskReady(Sequence sequence) {
    Matcher matcher = sequence.matcher;
    return matcher == null || !sequence.isLive() || matcher.isMaskReady();
  }

  private static boolean isMaskKnown(Sequence sequence, int end) {
    return !sequence.isLive() || sequence.known == end;
  }

  private void writeMask(Sequence sequence, long nowNanos) {
    Matcher matcher = sequence.matcher;
    if (matcher == null || !sequence.isLive()) {
      Arrays.fill(mask, -1);
    } else if (!matcher.mask(mask)) {
      Arrays.fill(mask, -1);
      noteStepsInFlight(sequence);
      if (matcher.isComplete()) {
        // A vocabulary without end tokens.
        end(sequence, FinishReason.STOP, nowNanos);
        return;
      }
      fail(sequence, new EngineFailure("constraint_dead_end", matcher.problem(), -1, -1), nowNanos);
    }
  }

  // ---- results -------------------------------------------------------------------------------

  /** Takes the oldest step's result. */
  void apply(StepResult result, StepTrace trace, long nowNanos) {
    PlannedStep step = inFlight.removeFirst();
    if (step.step() != result.step()) {
      throw new IllegalStateException("step " + result.step() + " came before " + step.step());
    }
    finishedStep = step.step();
    step.tellMembers(trace);
    int output = 0;
    for (int entry = 0; entry < step.size(); entry++) {
      Sequence sequence = step.sequence(entry);
      sequence.inFlight--;
      if (sequence.isLive()) {
        applyEntry(sequence, step, entry, output, result, trace, nowNanos);
      }
      settle(sequence);
      output += step.outputs(entry);
    }
    step.reset(0);
    spare.addLast(step);
  }

  private void applyEntry(
      Sequence sequence,
      PlannedStep step,
      int entry,
      int output,
      StepResult result,
      StepTrace trace,
      long nowNanos) {
    sequence.timeline.step(trace, step.tokens(entry), step.end(entry));
    if (sequence.isCancelRequested()) {
      end(sequence, FinishReason.CANCELLED, nowNanos);
    } else if (!result.ok()) {
      fail(sequence, failureOf(result), nowNanos);
    } else if (samplesNothing(step, entry, output, result)) {
      // Before its blocks are published, which may hold what is not finite.
      fail(sequence, EngineFailure.NOT_FINITE, nowNanos);
    } else {
      sequence.confirmed = step.end(entry);
      publishBlocks(sequence);
      int afterScores = score(sequence, output, step.outputs(entry), result);
      if (afterScores < output + step.outputs(entry)) {
        sampled(sequence, afterScores, result, nowNanos);
      } else if (sequence.request.maxTokens() == 0 && !sequence.isScoringPrompt()) {
        end(sequence, sequence.lengthReached(), nowNanos);
      }
    }
  }

  /** What is sampled is an entry's last output; scored ones are tokens that are known. */
  private static boolean samplesNothing(
      PlannedStep step, int entry, int output, StepResult result) {
    int outputs = step.outputs(entry);
    return outputs > 0 && result.token(output + outputs - 1) == StepResult.NOT_FINITE;
  }

  /** Takes the prompt's log-probabilities out of an entry's outputs; returns the first after. */
  private static int score(Sequence sequence, int output, int outputs, StepResult result) {
    int at = output;
    while (sequence.isScoringPrompt() && at < output + outputs) {
      sequence.promptLogprobs[sequence.scored++] = logprobs(sequence, at++, result);
      if (!sequence.isScoringPrompt()) {
        reportPromptLogprobs(sequence);
      }
    }
    return at;
  }

  private static void reportPromptLogprobs(Sequence sequence) {
    if (sequence.request.promptLogprobs()) {
      sequence.listener.promptLogprobs(sequence.promptLogprobs);
    }
  }

  private void sampled(Sequence sequence, int output, StepResult result, long nowNanos) {
    int token = result.token(output);
    sequence.pending--;
    sequence.timeline.firstToken(nowNanos);
    if (info.encodes()) {
      sequence.listener.embedded(result.embedding(output));
      end(sequence, FinishReason.LENGTH, nowNanos);
      return;
    }
    generatedTokens++;
    if (sequence.stopsAt(token)) {
      end(sequence, FinishReason.STOP, nowNanos);
      return;
    }
    Matcher matcher = sequence.matcher;
    if (matcher != null && !matcher.advance(token)) {
      String problem = "token " + token + ": " + matcher.problem();
      fail(sequence, new EngineFailure("internal", problem, -1, -1), nowNanos);
      return;
    }
    int position = sequence.known;
    sequence.append(token);
    TokenLogprobs logprobs =
        sequence.request.topLogprobs() < 0
            ? TokenLogprobs.NONE
            : logprobs(sequence, output, result);
    sequence.listener.token(
        new TokenEvent(token, position, sequence.cachedTokens, sequence.reusedTokens, logprobs));
    if (matcher != null && matcher.isFinished()) {
      end(sequence, FinishReason.STOP, nowNanos);
    } else if (sequence.known == sequence.wantedLength) {
      end(sequence, sequence.lengthReached(), nowNanos);
    }
  }

  private static TokenLogprobs logprobs(Sequence sequence, int output, StepResult result) {
    int count = Math.max(0, sequence.request.topLogprobs());
    int[] topTokens = new int[count];
    float[] topLogprobs = new float[count];
    for (int i = 0; i < count; i++) {
      topTokens[i] = result.topToken(output, i);
      topLogprobs[i] = result.topLogprob(output, i);
    }
    return new TokenLogprobs(result.token(output), result.logprob(output), topTokens, topLogprobs);
  }

  private void publishBlocks(Sequence sequence) {
    int size = pool.blockTokens();
    int full = Math.min(sequence.confirmed, sequence.known) / size;
    while (config.prefixCache() && sequence.publishedBlocks < full) {
      int index = sequence.publishedBlocks++;
      hash.next(sequence.chainHigh, sequence.chainLow, sequence.tokens, index * size, size);
      sequence.chainHigh = hash.high();
      sequence.chainLow = hash.low();
      int block = sequence.blocks[index];
      pool.publish(block, hash.high(), hash.low(), sequence.tokens, index * size);
    }
  }

  // ---- endings -------------------------------------------------------------------------------

  private static EngineFailure failureOf(StepResult result) {
    String kind = result.status() == Status.OUT_OF_MEMORY ? "out_of_memory" : "step_failed";
    return new EngineFailure(kind, result.message(), result.failedStage(), result.failedRank());
  }

  /** What passes after the last result is then no wait: it was in a step that never reported. */
  private static void noteStepsInFlight(Sequence sequence) {
    if (sequence.inFlight > 0) {
      sequence.timeline.endsInStep();
    }
  }

  private void end(Sequence sequence, FinishReason reason, long nowNanos) {
    sequence.state = Sequence.State.ENDED;
    sequence.listener.finished(reason, sequence.timeline.build(nowNanos));
  }

  private void fail(Sequence sequence, EngineFailure failure, long nowNanos) {
    if (sequence.state != Sequence.State.ENDED) {
      sequence.state = Sequence.State.ENDED;
      sequence.listener.failed(failure, sequence.timeline.build(nowNanos));
    }
  }

  /** Gives back row and blocks of a sequence that no longer runs, once no step uses them. */
  private void settle(Sequence sequence) {
    if (sequence.inFlight > 0 || sequence.state == Sequence.State.RUNNING || sequence.row < 0) {
      return;
    }
    releaseBlocks(sequence);
    freeRows[freeRowCount++] = sequence.row;
    sequence.row = -1;
    running.remove(sequence);
    begun.remove(sequence);
    if (sequence.state == Sequence.State.PREEMPTING) {
      sequence.state = Sequence.State.WAITING;
      sequence.computed = 0;
      sequence.confirmed = 0;
      enqueue(sequence);
    }
  }

  private void enqueue(Sequence sequence) {
    if (waiting.add(sequence)) {
      waitingTokens += sequence.known;
    }
  }

  private void dequeue(Sequence sequence) {
    if (waiting.remove(sequence)) {
      waitingTokens -= sequence.known;
    }
  }

  private void releaseBlocks(Sequence sequence) {
    for (int i = sequence.blockCount - 1; i >= 0; i--) {
      pool.release(sequence.blocks[i]);
    }
    sequence.blockCount = 0;
    sequence.publishedBlocks = 0;
  }

  // ---- what is seen from outside -------------------------------------------------------------

  int inFlight() {
    return inFlight.size();
  }

  int waiting() {
    return waiting.size();
  }

  /** Of those that wait. */
  long waitingTokens() {
    return waitingTokens;
  }

  List<Sequence> running() {
    return running;
  }

  boolean isIdle() {
    return inFlight.isEmpty() && running.isEmpty() && waiting.isEmpty();
  }

  EngineLoad load(int inbox) {
    long uncomputed = waitingTokens;
    for (Sequence sequence : running) {
      uncomputed += Math.max(0, sequence.promptLength - sequence.computed);
    }
    return new EngineLoad(
        running.size(),
        waiting.size() + inbox,
        uncomputed,
        pool.free(),
        pool.cached(),
        pool.used(),
        finishedStep,
        generatedTokens,
        promptTokens,
        prefixLookupTokens,
        prefixHitTokens,
        pool.evictions(),
        preemptions);
  }
}
