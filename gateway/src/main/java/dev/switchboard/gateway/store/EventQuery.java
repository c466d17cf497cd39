package dev.switchboard.gateway.store;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which events are wanted.
 *
 * @param fromMs at this moment or after it
 * @param toMs before this one
 * @param types empty for all
 * @param before only those that come behind this one in the answer; null for its beginning
 */
public record EventQuery(
    long fromMs, long toMs, Set<String> types, @Nullable Place before, int limit) {

  /** Where an event stands: newer ones first, and of one moment those with higher ids. */
  public record Place(long atMs, long id) {}

  public EventQuery {
    types = Set.copyOf(types);
  }
}
