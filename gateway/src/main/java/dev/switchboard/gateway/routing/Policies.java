package dev.switchboard.gateway.routing;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/** The policies by their names. */
public final class Policies {
  private static final Map<String, Supplier<RoutingPolicy>> BY_NAME =
      new TreeMap<>(
          Map.of(
              SloPolicy.NAME, SloPolicy::new,
              LeastLoaded.NAME, LeastLoaded::new,
              PrefixAffinity.NAME, PrefixAffinity::new,
              PowerOfTwo.NAME, PowerOfTwo::new,
              RoundRobin.NAME, RoundRobin::new,
              Weighted.NAME, Weighted::new));

  private Policies() {}

  /**
   * The policy of a name.
   *
   * @throws IllegalArgumentException when there is none
   */
  public static RoutingPolicy of(String name) {
    Supplier<RoutingPolicy> policy = BY_NAME.get(name);
    if (policy == null) {
      throw new IllegalArgumentException(
          "policy must be one of " + String.join(", ", BY_NAME.keySet()) + ", not " + name);
    }
    return policy.get();
  }
}
