package dev.switchboard.gateway.http;

/**
 * How streams go on at another replica.
 *
 * @param attempts moves of one stream after faults, so that a request that kills its worker kills
 *     no third one; 0 turns moving off
 * @param waitMs for a replica that can take it
 * @param maxTokens generated tokens that are remembered of one answer
 */
public record MigrationConfig(int attempts, int waitMs, int maxTokens) {
  public static final MigrationConfig DEFAULTS = new MigrationConfig(2, 10_000, 131_072);

  public MigrationConfig {
    HttpConfig.range("attempts", attempts, 0, 10);
    HttpConfig.range("wait-ms", waitMs, 0, 600_000);
    HttpConfig.range("max-tokens", maxTokens, 1, 10_000_000);
  }
}
