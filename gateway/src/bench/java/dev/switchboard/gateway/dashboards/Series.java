package dev.switchboard.gateway.dashboards;

/**
 * One line of a panel.
 *
 * @param alone it is a line over a stack and no part of it
 * @param bound the {@code le} of a histogram's bucket; NaN for anything else
 * @param values one for each point of the window; NaN where there is none
 */
@SuppressWarnings("ArrayRecordComponent") // as long as the window, and read only
record Series(String label, boolean alone, double bound, double[] values) {

  /** The newest value; NaN where there never was any. */
  double last() {
    for (int i = values.length - 1; i >= 0; i--) {
      if (!Double.isNaN(values[i])) {
        return values[i];
      }
    }
    return Double.NaN;
  }

  double sum() {
    double sum = 0;
    for (double value : values) {
      sum += Double.isNaN(value) ? 0 : value;
    }
    return sum;
  }

  /** Whether it is 0 wherever it is. */
  boolean isNothing() {
    for (double value : values) {
      if (value != 0 && !Double.isNaN(value)) {
        return false;
      }
    }
    return true;
  }
}
