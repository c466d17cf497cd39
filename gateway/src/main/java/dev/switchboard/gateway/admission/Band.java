package dev.switchboard.gateway.admission;

/**
 * A range of priorities that are served alike. Four are enough to keep people before machines and
 * machines before batches, and few enough to reserve a share for each.
 */
public enum Band {
  /** 75 to 100. */
  CRITICAL(0, "critical", 75),
  /** 25 to 74; the class {@code interactive} is here. */
  HIGH(1, "high", 25),
  /** 0 to 24. */
  NORMAL(2, "normal", 0),
  /** Below 0: the first to be shed. */
  SHEDDABLE(3, "sheddable", Integer.MIN_VALUE);

  private static final Band[] ALL = values();

  private final int index;
  private final String label;
  private final int least;

  Band(int index, String label, int least) {
    this.index = index;
    this.label = label;
    this.least = least;
  }

  /** Its place from the highest, from 0. */
  int index() {
    return index;
  }

  /** Value of the {@code band} label. */
  public String label() {
    return label;
  }

  /** The band of a priority. */
  public static Band of(int priority) {
    for (Band band : ALL) {
      if (priority >= band.least) {
        return band;
      }
    }
    return SHEDDABLE;
  }
}
