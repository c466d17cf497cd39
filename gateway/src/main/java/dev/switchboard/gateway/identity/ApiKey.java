package dev.switchboard.gateway.identity;

import org.jspecify.annotations.Nullable;

/**
 * A key that was made here; its text is known to its holder only.
 *
 * @param id to revoke it by
 * @param name unique, for people
 * @param tenant whose limits and usage count
 * @param sha256 64 hexadecimal digits
 * @param createdMs epoch milliseconds
 * @param expiresMs epoch milliseconds from which on it is refused; null for never
 * @param facts what else is known of it
 */
public record ApiKey(
    String id,
    String name,
    String tenant,
    Caller.Role role,
    String sha256,
    long createdMs,
    @Nullable Long expiresMs,
    Facts facts) {

  /** The same with another end. */
  public ApiKey until(@Nullable Long endsMs) {
    return new ApiKey(id, name, tenant, role, sha256, createdMs, endsMs, facts);
  }

  /** Whether it is refused. */
  public boolean ended(long nowMs) {
    return expiresMs != null && expiresMs <= nowMs;
  }

  /**
   * Beside what a key opens.
   *
   * @param beginning its first characters; null where nobody kept them
   * @param createdBy name of the key that made it; null where nobody kept that
   * @param mayDelegate its holder may say for whom it acts at the admin API
   */
  public record Facts(@Nullable String beginning, @Nullable String createdBy, boolean mayDelegate) {
    public static final Facts NONE = new Facts(null, null, false);
  }
}
