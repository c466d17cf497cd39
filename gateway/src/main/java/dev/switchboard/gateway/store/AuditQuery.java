package dev.switchboard.gateway.store;

import org.jspecify.annotations.Nullable;

/**
 * Which audit entries are wanted; null is any.
 *
 * @param action what it begins with, or a route in it
 * @param status HTTP status; 0 for any
 * @param fromMs at this moment or after it
 * @param toMs before this one
 * @param beforeId only those with a smaller id
 */
public record AuditQuery(
    @Nullable String actor,
    @Nullable String action,
    @Nullable String target,
    int status,
    long fromMs,
    long toMs,
    long beforeId,
    int limit) {

  /** The newest of all. */
  public static AuditQuery newest(int limit, long beforeId) {
    return new AuditQuery(null, null, null, 0, Long.MIN_VALUE, Long.MAX_VALUE, beforeId, limit);
  }
}
