package dev.switchboard.console.tenants;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A key, without what opens anything. */
public record KeyRow(
    String id,
    String name,
    String tenant,
    String role,
    String beginning,
    String createdBy,
    boolean delegate,
    String version,
    @Nullable Instant created,
    @Nullable Instant lastUsed,
    @Nullable Instant expires) {

  public boolean isExpired(Instant now) {
    return expires != null && !expires.isAfter(now);
  }
}
