package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;

/**
 * Clients whose requests end workers: whatever they send to that model next is not tried for a
 * while. {@link PoisonRequests} holds equal requests only, which one that changes a byte each time
 * passes.
 *
 * <p>Evidence is the death of a local worker that had said nothing yet to the one request that it
 * had, also where its client left meanwhile. Who shares a worker with others when it dies may be
 * innocent, so that counts for nobody. With the fourth death within ten minutes the client is held
 * for a minute, and twice as long with each one after that, up to ten minutes.
 *
 * <p>A client is an API key; without keys, an address. Bounded to those of the last deaths. Safe on
 * any thread; while nobody is suspected, asking costs one volatile read.
 */
final class ClientQuarantine {
  static final int MOST = 1024;
  static final int DEATHS = 4;

  private static final int LEAST_SECONDS = 60;
  private static final int MOST_SECONDS = 600;

  /** What was held may go on with what it was held for: this begins when the hold ends. */
  private static final int WINDOW_SECONDS = 600;

  /**
   * Whose requests to which model.
   *
   * @param name of the key, or the address of whoever needs none
   */
  record Client(String model, String tenant, String name) {}

  private final Quarantine<Client> suspects;

  ClientQuarantine(NanoClock clock) {
    suspects = new Quarantine<>(clock, MOST, WINDOW_SECONDS);
  }

  /** Seconds until a request of this client is tried again; 0 where it is tried now. */
  int heldSeconds(Client client) {
    return suspects.seconds(client);
  }

  /**
   * A worker died of which the client had the only request.
   *
   * @return seconds for which it is held; 0 where it is not yet
   */
  int died(Client client) {
    return suspects.hold(client, true, ClientQuarantine::seconds);
  }

  private static int seconds(int deaths) {
    return deaths < DEATHS
        ? 0
        : Quarantine.doubled(LEAST_SECONDS, MOST_SECONDS, deaths - DEATHS + 1);
  }
}
