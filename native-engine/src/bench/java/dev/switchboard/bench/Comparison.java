package dev.switchboard.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * The same measured without something and with it, in rounds that take turns, and what can be told
 * of the difference.
 *
 * <p>How far a number can be trusted is asked of the rounds themselves: as many are drawn from
 * them, with replacement, a thousand times, and 95 of 100 such draws give something in the interval
 * (the bootstrap's percentiles). Whole rounds are drawn, since what the machine did for a while is
 * in all samples of that while and says something once only. A round without and the one with it
 * are drawn together, so what falls on both does not widen the interval of a change.
 */
public final class Comparison {
  private static final int DRAWS = 1000;
  private static final int TAIL = DRAWS / 40;

  /** The median lies between the least and the most of six in 97 of 100 cases, of five in 94. */
  private static final int FEWEST_ROUNDS = 6;

  private final List<double[]> without = new ArrayList<>();
  private final List<double[]> with = new ArrayList<>();

  /** Adds a round: samples that were taken in the same while. */
  public void add(double[] roundWithout, double[] roundWith) {
    if (roundWithout.length == 0 || roundWith.length == 0) {
      throw new IllegalArgumentException("a round without samples");
    }
    without.add(roundWithout.clone());
    with.add(roundWith.clone());
  }

  public boolean isEmpty() {
    return without.isEmpty();
  }

  /** The samples without it, round by round. */
  public List<double[]> without() {
    return List.copyOf(without);
  }

  /** The samples with it, round by round. */
  public List<double[]> with() {
    return List.copyOf(with);
  }

  /** A percentile of all samples without it. */
  public Interval without(double percent) {
    Sorted sorted = new Sorted(without);
    return interval(times -> sorted.at(percent, times));
  }

  /** A percentile of all samples with it. */
  public Interval with(double percent) {
    Sorted sorted = new Sorted(with);
    return interval(times -> sorted.at(percent, times));
  }

  /** By how many percent a percentile of all samples is higher with it. */
  public Interval change(double percent) {
    Sorted before = new Sorted(without);
    Sorted after = new Sorted(with);
    return interval(times -> percentMore(before.at(percent, times), after.at(percent, times)));
  }

  /**
   * By how many percent a sample is higher with it than the one of the same place without it: the
   * median of all pairs, whose two were taken one right after the other.
   */
  public Interval pairedChange() {
    List<double[]> changes = new ArrayList<>();
    for (int round = 0; round < without.size(); round++) {
      double[] before = without.get(round);
      double[] after = with.get(round);
      double[] each = new double[Math.min(before.length, after.length)];
      Arrays.setAll(each, i -> percentMore(before[i], after[i]));
      changes.add(each);
    }
    Sorted sorted = new Sorted(changes);
    return interval(times -> sorted.at(50, times));
  }

  private static double percentMore(double before, double after) {
    return (after / before - 1) * 100;
  }

  /**
   * @param statistic of how often each round counts
   */
  private Interval interval(ToDoubleFunction<int[]> statistic) {
    int rounds = without.size();
    int[] times = new int[rounds];
    Arrays.fill(times, 1);
    double value = statistic.applyAsDouble(times);
    if (rounds < FEWEST_ROUNDS) {
      return new Interval(value, Double.NaN, Double.NaN);
    }
    Random random = new Random(1);
    double[] drawn = new double[DRAWS];
    for (int draw = 0; draw < DRAWS; draw++) {
      Arrays.fill(times, 0);
      for (int i = 0; i < rounds; i++) {
        times[random.nextInt(rounds)]++;
      }
      drawn[draw] = statistic.applyAsDouble(times);
    }
    Arrays.sort(drawn);
    return new Interval(value, drawn[TAIL], drawn[DRAWS - 1 - TAIL]);
  }

  /** All samples in order, so that a draw, which counts rounds anew, need not sort them again. */
  private static final class Sorted {
    private record Sample(double value, int round) {}

    private final double[] values;
    private final int[] rounds;
    private final int[] sizes;

    Sorted(List<double[]> samples) {
      List<Sample> all = new ArrayList<>();
      for (int round = 0; round < samples.size(); round++) {
        for (double value : samples.get(round)) {
          all.add(new Sample(value, round));
        }
      }
      all.sort(Comparator.comparingDouble(Sample::value));
      values = all.stream().mapToDouble(Sample::value).toArray();
      rounds = all.stream().mapToInt(Sample::round).toArray();
      sizes = samples.stream().mapToInt(each -> each.length).toArray();
    }

    /** The least sample that so many percent of all are not above. */
    double at(double percent, int[] times) {
      long all = 0;
      for (int round = 0; round < sizes.length; round++) {
        all += (long) times[round] * sizes[round];
      }
      long above = all - (long) Math.ceil(all * percent / 100);
      for (int i = values.length - 1; i >= 0; i--) {
        above -= times[rounds[i]];
        if (above < 0) {
          return values[i];
        }
      }
      return Double.NaN;
    }
  }
}
