package dev.switchboard.gateway.identity;

/**
 * Who sent a request.
 *
 * @param tenant whose limits and share count
 * @param key name of the API key, for people
 * @param role what it may do
 */
public record Caller(String tenant, String key, Role role) {
  /** Whoever calls where no key is needed. */
  public static final Caller ANYBODY = new Caller("default", "none", Role.APP);

  /** What a caller may do; each may do what those before it may, but that only APP infers. */
  public enum Role {
    /** Calls models. */
    APP,
    /** Reads the admin API. */
    VIEWER,
    /** Drains, restarts and weighs replicas. */
    OPERATOR,
    /** Manages keys, tenants and configuration. */
    ADMIN
  }
}
