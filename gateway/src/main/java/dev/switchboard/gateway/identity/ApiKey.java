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
 */
public record ApiKey(
    String id,
    String name,
    String tenant,
    Caller.Role role,
    String sha256,
    long createdMs,
    @Nullable Long expiresMs) {}
