package dev.switchboard.gateway.store;

import dev.switchboard.gateway.flight.StoredFlight;
import java.util.List;

/**
 * Requests of interest that were found in the store, the newest first.
 *
 * @param next where what follows begins; 0 when there is no more
 */
public record StoredRequests(List<StoredFlight> flights, long next) {
  static final StoredRequests NONE = new StoredRequests(List.of(), 0);

  public StoredRequests {
    flights = List.copyOf(flights);
  }
}
