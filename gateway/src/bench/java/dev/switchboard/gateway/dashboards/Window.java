package dev.switchboard.gateway.dashboards;

/**
 * A time that is looked at, in points that are equally far apart.
 *
 * @param from epoch seconds of the first point
 * @param points how many there are
 * @param step seconds between two of them
 */
public record Window(long from, int points, int step) {
  private static final int MOST_POINTS = 90;

  /** The seconds up to a moment, in as few points as a picture can show. */
  public static Window until(long end, long seconds, int scrapeSeconds) {
    long step = Math.max(scrapeSeconds, Math.ceilDiv(seconds, MOST_POINTS));
    int points = (int) Math.max(2, seconds / step + 1);
    return new Window(end - (points - 1) * step, points, (int) step);
  }

  long to() {
    return from + seconds();
  }

  long seconds() {
    return (points - 1L) * step;
  }
}
