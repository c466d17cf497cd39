package dev.switchboard.console.tenants;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A tenant: its limits where it has some, and what it used in the last day.
 *
 * @param version for If-Match; null where no limits are set
 * @param tokens prompt and output tokens of each of the last 24 hours, oldest first
 * @param now null where the gateway does not tell it
 */
public record TenantRow(
    String name,
    @Nullable String version,
    Map<Limit, Double> limits,
    long keys,
    long requests,
    long promptTokens,
    long cachedTokens,
    long outputTokens,
    List<Long> tokens,
    @Nullable Now now) {

  /** Copies the collections. */
  public TenantRow {
    limits = Map.copyOf(limits);
    tokens = List.copyOf(tokens);
  }

  /**
   * What it uses now.
   *
   * @param uses those that have a limit, the nearest to it first
   */
  public record Now(long atOnce, List<Use> uses) {
    /** Copies the list. */
    public Now {
      uses = List.copyOf(uses);
    }
  }

  /** A limit and how much of it is used. */
  public record Use(String title, double used, double limit) {
    public double share() {
      return limit > 0 ? used / limit : 0;
    }
  }

  public double limit(Limit limit) {
    return limits.getOrDefault(limit, limit.unset());
  }

  public boolean limited() {
    return version != null;
  }
}
