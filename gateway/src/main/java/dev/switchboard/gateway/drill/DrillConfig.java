package dev.switchboard.gateway.drill;

/**
 * Whether replicas may be broken on purpose.
 *
 * @param enabled lets operators do so, and has local workers take faults
 * @param maxMs the longest that a drill, or the wait for its replica's return, may last
 */
public record DrillConfig(boolean enabled, int maxMs) {
  public static final DrillConfig DEFAULTS = new DrillConfig(false, 300_000);

  public DrillConfig {
    if (maxMs < 100 || maxMs > 3_600_000) {
      throw new IllegalArgumentException("max-ms must be 100 to 3600000, not " + maxMs);
    }
  }
}
