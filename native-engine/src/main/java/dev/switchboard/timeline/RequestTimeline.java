package dev.switchboard.timeline;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One generation, from the worker's accept to its last token.
 *
 * @param requestId the {@code X-Request-Id} the request came with
 * @param choice index among the request's {@code n} choices
 * @param receivedNanos the request's head had arrived
 * @param tokenizedNanos its prompt was rendered and tokenized, and it entered the engine's queue
 * @param scheduledNanos the first step that computes it was planned; 0 when it never was
 * @param firstTokenNanos its first token came out; 0 when none did
 * @param finishedNanos its last token came out, or it failed or was cancelled
 * @param preemptions how often its KV blocks were taken back and recomputed
 * @param prefill steps up to the first token; null when none ran
 * @param decode steps after it; null when none ran
 * @param steps every step it took part in; empty unless full detail was asked for
 */
public record RequestTimeline(
    String requestId,
    int choice,
    long receivedNanos,
    long tokenizedNanos,
    long scheduledNanos,
    long firstTokenNanos,
    long finishedNanos,
    int preemptions,
    @Nullable Phase prefill,
    @Nullable Phase decode,
    List<Step> steps) {

  public RequestTimeline {
    steps = List.copyOf(steps);
  }

  /** The same with other steps told of it. */
  public RequestTimeline withSteps(List<Step> told) {
    return new RequestTimeline(
        requestId,
        choice,
        receivedNanos,
        tokenizedNanos,
        scheduledNanos,
        firstTokenNanos,
        finishedNanos,
        preemptions,
        prefill,
        decode,
        told);
  }

  /**
   * A run of steps.
   *
   * @param tokens of this request, computed in the phase (prompt tokens, or generated ones)
   * @param cachedTokens prompt tokens taken from the prefix cache; 0 for decode
   * @param recomputedTokens others that it had computed before, and lost when it was preempted
   * @param steps how many engine steps (chunks, for prefill)
   * @param waitNanos time in which none of them was at work in any stage: from being scheduled (or,
   *     for decode, the first token) to the first one, between one and the next, from one stage to
   *     the next, and after the last. Planning, handing over, other requests' steps, and waiting
   *     after a preemption
   * @param critical what the phase waited for while one was at work
   * @param slowest the longest of them
   * @param lanes per stage and rank, ordered by stage, then rank
   */
  public record Phase(
      long startNanos,
      long endNanos,
      int tokens,
      int cachedTokens,
      int recomputedTokens,
      int steps,
      long waitNanos,
      Critical critical,
      @Nullable Step slowest,
      List<Lane> lanes) {
    public Phase {
      lanes = List.copyOf(lanes);
    }
  }

  /**
   * What the rank did that was done last, in each stage and step: who that is changes from step to
   * step, so lanes, which are sums, cannot tell it.
   *
   * @param computeNanos kernels, as far as they are the request's own and no rank was behind
   * @param collectiveWaitNanos ranks of a stage waiting for each other: for one to begin, and for
   *     the one that was behind with computing
   * @param transferNanos sending and copying
   * @param offCpuNanos it had work and no core, or the ranks it waited for had none
   * @param neighbourPrefillNanos by which its decode steps were longer than usual because prompts
   *     of other requests were computed in them
   */
  public record Critical(
      long computeNanos,
      long collectiveWaitNanos,
      long transferNanos,
      long sampleNanos,
      long offCpuNanos,
      long neighbourPrefillNanos) {
    public static final Critical NONE = new Critical(0, 0, 0, 0, 0, 0);
  }

  /**
   * One rank of one stage over a phase or a step. The times of a step are shared by every request
   * of its batch.
   *
   * @param startNanos when its first step began there, and endNanos when its last one ended
   * @param computeNanos kernels, in processor time
   * @param allReduceWaitNanos waiting for the other ranks of the stage
   * @param receiveWaitNanos waiting for the previous stage
   * @param offCpuNanos its threads had work and no core: the machine's doing, not the rank's
   * @param stragglerSteps steps in which this rank made its stage's other ranks wait longest, over
   *     the collectives to which it came last
   * @param bytes weights and KV read, activations moved
   * @param lateNanos how long the stage's other ranks waited for this one, where it came last to a
   *     collective: the spread of their arrivals, over all collectives
   * @param longestLateNanos the longest of these spreads, which was at {@code latestAt}
   */
  public record Lane(
      int stage,
      int rank,
      long startNanos,
      long endNanos,
      long computeNanos,
      long allReduceWaitNanos,
      long receiveWaitNanos,
      long sendNanos,
      long sampleNanos,
      long copyNanos,
      long offCpuNanos,
      int steps,
      int stragglerSteps,
      long bytes,
      long lateNanos,
      long longestLateNanos,
      Collective latestAt) {}

  /**
   * When the JVM called the engine for a step, and had its answers; 0 where a worker does not say.
   *
   * @param submitNanos it called {@code sb_submit}
   * @param submittedNanos that came back
   * @param awaitedNanos {@code sb_await} came back with the step
   */
  public record Calls(long submitNanos, long submittedNanos, long awaitedNanos) {
    public static final Calls NONE = new Calls(0, 0, 0);

    /** The same by a clock that is ahead by so much. */
    public Calls plus(long nanos) {
      return new Calls(submitNanos + nanos, submittedNanos + nanos, awaitedNanos + nanos);
    }
  }

  /**
   * One engine step.
   *
   * @param submitNanos the engine had its plan; startNanos its first rank began; endNanos its last
   *     one was done
   * @param calls of the JVM into the engine
   * @param requestTokens this request's tokens in it
   * @param batchTokens and batchRequests: what else ran in it, this request included
   * @param members numbers of the attempts of the same gateway that ran in it, this one included
   */
  public record Step(
      long step,
      long submitNanos,
      long startNanos,
      long endNanos,
      Calls calls,
      int requestTokens,
      int batchTokens,
      int batchRequests,
      List<Long> members,
      List<Lane> lanes) {
    /** No more of them are named. */
    public static final int MOST_MEMBERS = 64;

    public Step {
      members = List.copyOf(members);
      lanes = List.copyOf(lanes);
    }

    /** The same, but for who else was in it. */
    public Step withoutMembers() {
      return new Step(
          step,
          submitNanos,
          startNanos,
          endNanos,
          calls,
          requestTokens,
          batchTokens,
          batchRequests,
          List.of(),
          lanes);
    }
  }
}
