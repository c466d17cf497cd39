package dev.switchboard.gateway.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * How long after the end of a step its tokens were with their clients, over a run: what timers of
 * the engines, their thread, the gateway and the clients add, and what else the machine had to do
 * meanwhile. Delays belong to a moment of the run, since all of these share the machine's cores.
 *
 * <p>The simulator has none of that, so it is told: a step of its own that ends at a moment is as
 * late as the real one that ended next after that moment.
 */
public final class StepDelays {
  /** Nothing is ever late. */
  public static final StepDelays NONE = new StepDelays(List.of());

  private final List<Step> steps;

  /**
   * One step.
   *
   * @param end of it, in seconds of the run
   * @param firstMs from then until the first of its tokens was there
   * @param lastMs likewise of the last one
   */
  public record Step(double end, double firstMs, double lastMs) {
    /** In a circle that begins at a second and is so long. */
    private Step later(double from, double by, double length) {
      return new Step(from + (end - from + by) % length, firstMs, lastMs);
    }
  }

  private static final Step NEVER_LATE = new Step(0, 0, 0);

  private StepDelays(List<Step> steps) {
    this.steps = steps.stream().sorted(Comparator.comparingDouble(Step::end)).toList();
  }

  public boolean isEmpty() {
    return steps.isEmpty();
  }

  /**
   * The same run, with what came after its beginning begun at another moment: what was last follows
   * the beginning. That stays where it is. Code is compiled in it, and the gateway learns from its
   * times what a replica takes.
   *
   * @param from when the beginning is over, in seconds of the run
   */
  public StepDelays turned(SplittableRandom random, double from) {
    double length = steps.isEmpty() ? 0 : steps.getLast().end - from;
    if (length <= 0) {
      return this;
    }
    double by = random.nextDouble(length);
    return new StepDelays(
        steps.stream().map(step -> step.end < from ? step : step.later(from, by, length)).toList());
  }

  /** Of a step that ends at a second of the run. */
  public Step at(double second) {
    int low = 0;
    int high = steps.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (steps.get(middle).end < second) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return steps.isEmpty() ? NEVER_LATE : steps.get(low % steps.size());
  }

  /** By how much first tokens of steps were late that ended in a part of the run. */
  double[] firstMs(double from, double to) {
    return steps.stream()
        .filter(step -> step.end >= from && step.end < to)
        .mapToDouble(Step::firstMs)
        .toArray();
  }

  /** Collects them, token by token. */
  static final class Recorder {
    private final Map<Long, Tokens> steps = new HashMap<>();

    private static final class Tokens {
      private double end;
      private double first = Double.POSITIVE_INFINITY;
      private double last = Double.NEGATIVE_INFINITY;
    }

    /**
     * A token came.
     *
     * @param step which one, of all engines
     * @param end of that step, in seconds of the run
     * @param at when it came
     */
    void token(long step, double end, double at) {
      Tokens tokens = steps.computeIfAbsent(step, first -> new Tokens());
      tokens.end = end;
      tokens.first = Math.min(tokens.first, at);
      tokens.last = Math.max(tokens.last, at);
    }

    StepDelays delays() {
      List<Step> list = new ArrayList<>();
      for (Tokens tokens : steps.values()) {
        double firstMs = 1000 * (tokens.first - tokens.end);
        double lastMs = 1000 * (tokens.last - tokens.end);
        list.add(new Step(tokens.end, firstMs, lastMs));
      }
      return new StepDelays(list);
    }
  }
}
