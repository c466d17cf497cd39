package dev.switchboard.bench;

import java.util.Locale;

/**
 * A number that was measured and how far it can be trusted: 95 of 100 such measurements would give
 * something from low to high. Both are not a number where too little was measured to say.
 */
public record Interval(double value, double low, double high) {
  /** Whether there is more than the number. */
  public boolean isKnown() {
    return !Double.isNaN(low);
  }

  /** With the other sign: the gain that a cost is, and the other way round. */
  public Interval negated() {
    return new Interval(-value, -high, -low);
  }

  /**
   * As {@code 0.3 (0.1 to 0.5)}.
   *
   * @param format of each number
   */
  public String text(String format) {
    String number = String.format(Locale.ROOT, format, value);
    return isKnown()
        ? number + String.format(Locale.ROOT, " (" + format + " to " + format + ")", low, high)
        : number;
  }
}
