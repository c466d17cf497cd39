package dev.switchboard.gateway.routing;

import java.util.Objects;

/**
 * How replicas are chosen.
 *
 * @param policy its name, one that {@link Policies} knows
 * @param prefixEntries blocks of prompts that are remembered for each model, 20 bytes each; 0 for
 *     no prefix affinity
 * @param sessionEntries sessions that are remembered; 0 for none
 */
public record RoutingConfig(String policy, int prefixEntries, int sessionEntries) {
  public static final RoutingConfig DEFAULTS = new RoutingConfig(SloPolicy.NAME, 131_072, 65_536);

  public RoutingConfig {
    Policies.of(Objects.requireNonNull(policy, "policy is missing"));
    if (prefixEntries < 0 || prefixEntries > 16_777_216) {
      throw new IllegalArgumentException("prefix-entries must be 0 to 16777216");
    }
    if (sessionEntries < 0 || sessionEntries > 16_777_216) {
      throw new IllegalArgumentException("session-entries must be 0 to 16777216");
    }
  }
}
