package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.switchboard.gateway.store.AuditEntry;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes down who was denied what, at a bounded rate: whoever is denied may come as often as they
 * like, and from many addresses, and the log lies in the store. Of each kind the first is written
 * at once; how many more came in its minute is one entry when that is over. Only so many kinds have
 * entries in a minute, few of callers whom nobody knows: all others together are one. On the event
 * loop of the admin listener.
 */
final class DeniedRequests {
  /** Kinds of unknown callers that have entries of their own in a minute. */
  static final int MOST_UNKNOWN = 8;

  /** The same of those whose key is known, and who can be called to account. */
  static final int MOST_KNOWN = 128;

  static final long WINDOW_MS = 60_000;

  /**
   * What is counted together.
   *
   * @param actor name of the API key; {@link #NOBODY} where none is known
   * @param role of that key
   * @param source address that it came from
   * @param action method and route
   */
  record Kind(String actor, String role, String source, String action, int status, String code) {}

  /** Who is nobody that is known. */
  static final String NOBODY = "unknown";

  private static final Kind OTHERS = new Kind(NOBODY, "none", "several", "several", 403, "denied");

  private final Consumer<AuditEntry> log;
  private final LongSupplier epochMs;
  private final Map<Kind, Long> more = new LinkedHashMap<>();
  private int unknown;
  private int known;
  private long windowMs = Long.MIN_VALUE;

  DeniedRequests(Consumer<AuditEntry> log, LongSupplier epochMs) {
    this.log = log;
    this.epochMs = epochMs;
  }

  /**
   * One was denied.
   *
   * @param target what the route's parameters name, of the first of its kind
   */
  void denied(Kind kind, String target) {
    tick();
    if (more.containsKey(kind)) {
      more.merge(kind, 1L, Long::sum);
    } else if (hasRoom(kind)) {
      more.put(kind, 0L);
      write(kind, target, null);
    } else {
      more.merge(OTHERS, 1L, Long::sum);
    }
  }

  private boolean hasRoom(Kind kind) {
    return kind.actor().equals(NOBODY) ? unknown++ < MOST_UNKNOWN : known++ < MOST_KNOWN;
  }

  /** Writes what a minute that is over had; call it now and then. */
  void tick() {
    long now = epochMs.getAsLong();
    if (more.isEmpty()) {
      windowMs = now;
    } else if (now - windowMs >= WINDOW_MS) {
      flush();
      windowMs = now;
    }
  }

  /** Writes what is not written yet. */
  void flush() {
    more.forEach(
        (kind, count) -> {
          if (count > 0) {
            write(kind, "", JsonNodeFactory.instance.objectNode().put("denied", count).toString());
          }
        });
    more.clear();
    unknown = 0;
    known = 0;
  }

  private void write(Kind kind, String target, @Nullable String after) {
    log.accept(
        new AuditEntry(
            0,
            UUID.randomUUID().toString(),
            epochMs.getAsLong(),
            kind.actor(),
            kind.role(),
            kind.source(),
            kind.action(),
            target,
            kind.status(),
            kind.code(),
            null,
            after,
            AuditEntry.Why.UNSAID));
  }
}
