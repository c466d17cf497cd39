package dev.switchboard.console.tenants;

/** What a tenant may be held to, as the admin API names it. */
public enum Limit {
  REQUESTS_PER_MINUTE("requests_per_minute", "Requests per minute", 0, 0, 1e9),
  TOKENS_PER_MINUTE("tokens_per_minute", "Tokens per minute", 0, 0, 1e9),
  CONCURRENCY("max_concurrency", "Requests at once", 0, 0, 1e6),
  TOKENS_PER_DAY("tokens_per_day", "Tokens per day", 0, 0, 1e12),
  TOKENS_PER_MONTH("tokens_per_month", "Tokens per month", 0, 0, 1e12),
  WEIGHT("weight", "Weight", 1, 0.01, 1000),
  MAX_PRIORITY("max_priority", "Highest priority", 100, -100, 100),
  TRACE_CONTENT("trace_content_bytes", "Bytes of content in traces", 0, 0, 65536);

  private final String field;
  private final String title;
  private final double unset;
  private final double least;
  private final double most;

  Limit(String field, String title, double unset, double least, double most) {
    this.field = field;
    this.title = title;
    this.unset = unset;
    this.least = least;
    this.most = most;
  }

  public String field() {
    return field;
  }

  public String title() {
    return title;
  }

  /** What holds where nothing is set. */
  public double unset() {
    return unset;
  }

  public double least() {
    return least;
  }

  public double most() {
    return most;
  }

  /** Whether 0 means that there is no limit. */
  public boolean zeroIsNone() {
    return unset == 0 && this != TRACE_CONTENT;
  }
}
