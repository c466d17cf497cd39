package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.slo.Slo;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A tenant's limits as the configuration says them.
 *
 * @param name a tenant; {@code *} stands for every one that has no entry of its own; what is null
 *     is not limited, and a weight of one
 */
public record TenantConfig(
    String name,
    @Nullable Double weight,
    @Nullable Integer requestsPerMinute,
    @Nullable Integer tokensPerMinute,
    @Nullable Integer maxConcurrency,
    @Nullable Integer maxPriority) {
  private static final String OTHERS = "*";

  public TenantConfig {
    Objects.requireNonNull(name, "name is missing");
    if (!name.matches("[A-Za-z0-9._-]{1,64}|\\*")) {
      throw new IllegalArgumentException("name may hold letters, digits and . _ - only, or be *");
    }
    // Checked here, so that the start fails with the key's name.
    Objects.requireNonNull(
        limit(weight, requestsPerMinute, tokensPerMinute, maxConcurrency, maxPriority), "limit");
  }

  private TenantLimits.Limit limit() {
    return limit(weight, requestsPerMinute, tokensPerMinute, maxConcurrency, maxPriority);
  }

  private static TenantLimits.Limit limit(
      @Nullable Double weight,
      @Nullable Integer requests,
      @Nullable Integer tokens,
      @Nullable Integer concurrency,
      @Nullable Integer priority) {
    return new TenantLimits.Limit(
        weight == null ? 1 : weight,
        orNone(requests),
        orNone(tokens),
        orNone(concurrency),
        priority == null ? Slo.MAX_PRIORITY : priority);
  }

  private static int orNone(@Nullable Integer limit) {
    return limit == null ? 0 : limit;
  }

  /**
   * The limits of a list of tenants.
   *
   * @throws IllegalArgumentException when two have one name
   */
  public static TenantLimits limits(List<TenantConfig> tenants) {
    Map<String, TenantLimits.Limit> limits = new HashMap<>();
    for (TenantConfig tenant : tenants) {
      if (limits.put(tenant.name(), tenant.limit()) != null) {
        throw new IllegalArgumentException("tenants: two are called " + tenant.name());
      }
    }
    TenantLimits.Limit others = limits.getOrDefault(OTHERS, TenantLimits.Limit.NONE);
    return name -> limits.getOrDefault(name, others);
  }
}
