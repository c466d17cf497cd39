package dev.switchboard.scheduler;

import java.util.function.LongSupplier;

/**
 * What made a step later or longer than those who decode in it would have: prompts of others that
 * were computed with it, and an engine thread that had work and no core between two steps. Confined
 * to the engine's thread.
 */
final class StepCosts {
  /** Steps that the usual cost of decoding looks back on. */
  private static final int MEMORY = 16;

  /** Waking a thread up takes some time on any machine. */
  private static final long LEAST_GAP_NANOS = 1_000_000;

  private final LongSupplier processorNanos;

  /** Of a step without prompts, in processor time; 0 while there was none. */
  private double usualNanos;

  private long plannedFrom;
  private long planned;
  private long lastEnd;
  private boolean waited = true;

  /**
   * @param processorNanos processor time of the engine's thread; always 0 where nobody knows
   */
  StepCosts(LongSupplier processorNanos) {
    this.processorNanos = processorNanos;
  }

  /** A step was given to the executor. */
  void submitted() {
    planned = processorNanos.getAsLong() - plannedFrom;
  }

  /** There was nothing to do, or what is needed for the next step was not there. */
  void waits() {
    waited = true;
  }

  /** A step came back and its trace is finished. */
  void step(StepTrace trace) {
    if (trace.promptTokens() > 0) {
      trace.neighbours(extra(trace));
    } else if (trace.computeNanos() > 0) {
      usualNanos += (trace.computeNanos() - usualNanos) / (usualNanos == 0 ? 1 : MEMORY);
    }
    gap(trace);
    lastEnd = trace.endNanos();
    plannedFrom = processorNanos.getAsLong();
    waited = false;
  }

  /** Where nothing was decoded alone yet, its tokens share the step alike. */
  private long extra(StepTrace trace) {
    long compute = trace.computeNanos();
    return usualNanos == 0
        ? compute * trace.promptTokens() / Math.max(1, trace.batchTokens())
        : Math.max(0, compute - (long) usualNanos);
  }

  private void gap(StepTrace trace) {
    long offCpu = trace.startNanos() - lastEnd - Math.max(0, planned);
    if (!waited && plannedFrom > 0 && offCpu > LEAST_GAP_NANOS) {
      trace.gapOffCpu(offCpu);
    }
  }
}
