package dev.switchboard.gateway.admission;

import java.util.Locale;
import java.util.Map;

/** The {@code x-ratelimit-*} headers of an answer, as OpenAI writes them. */
public final class RateLimitHeaders {
  private RateLimitHeaders() {}

  /**
   * Adds those of one limit, where there is one.
   *
   * @param what {@code requests} or {@code tokens}
   * @param limit a minute; 0 for none
   * @param nanosUntilFull until all of it is there again
   */
  public static void put(
      Map<String, String> headers, String what, int limit, long remaining, long nanosUntilFull) {
    if (limit > 0) {
      headers.put("x-ratelimit-limit-" + what, Integer.toString(limit));
      headers.put("x-ratelimit-remaining-" + what, Long.toString(remaining));
      headers.put("x-ratelimit-reset-" + what, duration(nanosUntilFull));
    }
  }

  /** {@code 17ms}, {@code 1.5s} or {@code 6m0s}. */
  static String duration(long nanos) {
    long millis = Math.ceilDiv(nanos, 1_000_000L);
    if (millis < 1000) {
      return millis + "ms";
    }
    long minutes = millis / 60_000;
    double seconds = millis % 60_000 / 1000.0;
    String text =
        seconds == Math.rint(seconds)
            ? Long.toString((long) seconds)
            : String.format(Locale.ROOT, "%.3f", seconds).replaceAll("0+$", "");
    return minutes == 0 ? text + "s" : minutes + "m" + text + "s";
  }
}
