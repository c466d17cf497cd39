package dev.switchboard.gateway.admission;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The {@code x-ratelimit-*} headers of an answer, as OpenAI writes them. */
public final class RateLimitHeaders {
  private static final String LIMIT = "x-ratelimit-limit-";
  private static final String REMAINING = "x-ratelimit-remaining-";
  private static final String RESET = "x-ratelimit-reset-";
  private static final String CONCURRENCY = "concurrency";

  private RateLimitHeaders() {}

  /** Every name of a header that is written here. */
  public static Set<String> names() {
    Set<String> names = new TreeSet<>(Set.of(LIMIT + CONCURRENCY, REMAINING + CONCURRENCY));
    for (String what : List.of("requests", "tokens")) {
      names.addAll(List.of(LIMIT + what, REMAINING + what, RESET + what));
    }
    return names;
  }

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
      headers.put(LIMIT + what, Integer.toString(limit));
      headers.put(REMAINING + what, Long.toString(remaining));
      headers.put(RESET + what, duration(nanosUntilFull));
    }
  }

  /**
   * Adds those of the limit of requests at once, where there is one. When one of them ends nobody
   * knows, so there is no reset.
   *
   * @param limit 0 for none
   * @param used of it
   */
  public static void concurrency(Map<String, String> headers, int limit, long used) {
    if (limit > 0) {
      headers.put(LIMIT + CONCURRENCY, Integer.toString(limit));
      headers.put(REMAINING + CONCURRENCY, Long.toString(Math.max(0, limit - used)));
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
