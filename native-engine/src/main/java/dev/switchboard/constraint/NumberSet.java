package dev.switchboard.constraint;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Numbers that one schema describes.
 *
 * @param least null for no bound
 * @param most null for no bound
 * @param steps of which they are multiples
 * @param values one of which they are; null for any
 */
record NumberSet(
    @Nullable Bound least,
    @Nullable Bound most,
    List<BigDecimal> steps,
    @Nullable List<BigDecimal> values) {

  /**
   * One side of a range.
   *
   * @param open whether the bound itself is outside
   */
  record Bound(BigDecimal value, boolean open) {}

  /** Whether any bound or list says something. */
  boolean isAny() {
    return least == null && most == null && values == null;
  }

  boolean has(BigDecimal number) {
    return (least == null || number.compareTo(least.value) >= (least.open ? 1 : 0))
        && (most == null || number.compareTo(most.value) <= (most.open ? -1 : 0))
        && (values == null || values.stream().anyMatch(v -> v.compareTo(number) == 0))
        && steps.stream().allMatch(step -> number.remainder(step).signum() == 0);
  }

  /** All numbers that it compares with. */
  List<BigDecimal> compared() {
    List<BigDecimal> all = new ArrayList<>(values == null ? List.of() : values);
    if (least != null) {
      all.add(least.value);
    }
    if (most != null) {
      all.add(most.value);
    }
    return all;
  }

  /** Digits behind the point that its numbers have at most; -1 where nothing says. */
  int places() {
    return steps.stream().mapToInt(NumberSet::places).min().orElse(-1);
  }

  /** Digits behind the point, without zeros at the end. */
  static int places(BigDecimal number) {
    return Math.max(0, number.stripTrailingZeros().scale());
  }
}
