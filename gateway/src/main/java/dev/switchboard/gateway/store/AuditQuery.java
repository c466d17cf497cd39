package dev.switchboard.gateway.store;

import org.jspecify.annotations.Nullable;

/**
 * Which audit entries are wanted; null is any.
 *
 * @param action a part of it
 * @param onBehalfOf whom the holder of the key acted for
 * @param reason a part of it, in capitals or not
 * @param status HTTP status; 0 for any
 * @param fromMs at this moment or after it
 * @param toMs before this one
 * @param beforeId only those with a smaller id
 */
public record AuditQuery(
    @Nullable String actor,
    @Nullable String action,
    @Nullable String target,
    @Nullable String onBehalfOf,
    @Nullable String reason,
    int status,
    long fromMs,
    long toMs,
    long beforeId,
    int limit) {

  /** The newest of all. */
  public static AuditQuery newest(int limit, long beforeId) {
    return new AuditQuery(
        null, null, null, null, null, 0, Long.MIN_VALUE, Long.MAX_VALUE, beforeId, limit);
  }
}
