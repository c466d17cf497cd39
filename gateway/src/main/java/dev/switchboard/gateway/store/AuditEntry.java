package dev.switchboard.gateway.store;

import org.jspecify.annotations.Nullable;

/**
 * One action at the admin API.
 *
 * @param id its place in the log; 0 before it is written
 * @param entry unique, so that a write that is tried again is not kept twice
 * @param atMs epoch milliseconds
 * @param actor name of the API key, {@code local} on a loopback listener without keys
 * @param source address that it came from
 * @param action method and route
 * @param target what the route's parameters name
 * @param status HTTP status of the answer
 * @param code of the error; null when it was done
 * @param before JSON of what was changed; null where there was nothing
 * @param after JSON of what it was changed to; null where nothing is left
 * @param why what whoever did it said of that
 */
public record AuditEntry(
    long id,
    String entry,
    long atMs,
    String actor,
    String role,
    String source,
    String action,
    String target,
    int status,
    @Nullable String code,
    @Nullable String before,
    @Nullable String after,
    Why why) {
  /** Of {@code before} and {@code after} no more is kept. */
  public static final int MOST_JSON_CHARS = 65_536;

  /**
   * What was said of an action.
   *
   * @param reason for people; null for none
   * @param onBehalfOf whom the holder of the key acted for, as it says; null for itself
   */
  public record Why(@Nullable String reason, @Nullable String onBehalfOf) {
    public static final Why UNSAID = new Why(null, null);
  }
}
