package dev.switchboard.gateway.identity;

import dev.switchboard.gateway.slo.Slo;

/**
 * A group of keys that shares limits, a share and an account of its usage; 0 stands for no limit.
 *
 * @param weight its share under load, relative to the others'
 * @param requestsPerMinute admitted
 * @param tokensPerMinute read and generated
 * @param maxConcurrency requests at once
 * @param tokensPerDay read and generated within a day of UTC
 * @param tokensPerMonth read and generated within a calendar month of UTC
 * @param maxPriority the highest that its requests have, whatever they ask for
 * @param traceContentBytes of a request's text, and of its answer's, that a trace may tell; 0 for
 *     none
 */
public record Tenant(
    String name,
    double weight,
    long requestsPerMinute,
    long tokensPerMinute,
    int maxConcurrency,
    long tokensPerDay,
    long tokensPerMonth,
    int maxPriority,
    int traceContentBytes) {
  private static final long MOST = 1_000_000_000_000L;
  private static final int MOST_CONTENT_BYTES = 65_536;
  private static final long MOST_PER_MINUTE = 1_000_000_000L;

  public Tenant {
    Names.checked("name", name);
    if (!(weight >= 0.01 && weight <= 1000)) {
      throw new IllegalArgumentException("weight must be 0.01 to 1000");
    }
    range("requests_per_minute", requestsPerMinute, MOST_PER_MINUTE);
    range("tokens_per_minute", tokensPerMinute, MOST_PER_MINUTE);
    range("max_concurrency", maxConcurrency, 1_000_000);
    range("tokens_per_day", tokensPerDay, MOST);
    range("tokens_per_month", tokensPerMonth, MOST);
    range("trace_content_bytes", traceContentBytes, MOST_CONTENT_BYTES);
    if (maxPriority < Slo.MIN_PRIORITY || maxPriority > Slo.MAX_PRIORITY) {
      throw new IllegalArgumentException(
          "max_priority must be " + Slo.MIN_PRIORITY + " to " + Slo.MAX_PRIORITY);
    }
  }

  /** One that nobody has limited. */
  public static Tenant unlimited(String name) {
    return new Tenant(name, 1, 0, 0, 0, 0, 0, Slo.MAX_PRIORITY, 0);
  }

  private static void range(String field, long value, long most) {
    if (value < 0 || value > most) {
      throw new IllegalArgumentException(field + " must be 0 to " + most);
    }
  }
}
