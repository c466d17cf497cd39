package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.NanoClock;
import java.util.LinkedHashMap;
import java.util.Map;

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
final class DeadlyClients {
  static final int MOST = 1024;
  static final int DEATHS = 4;

  private static final int LEAST_SECONDS = 60;
  private static final int MOST_SECONDS = 600;
  private static final long SECOND_NANOS = 1_000_000_000L;
  private static final long WINDOW_NANOS = 600 * SECOND_NANOS;

  /**
   * Whose requests to which model.
   *
   * @param name of the key, or the address of whoever needs none
   */
  record Client(String model, String tenant, String name) {}

  /**
   * @param deaths one after the other, none of them longer ago from the next than the window
   */
  private record Suspect(int deaths, long lastNanos, long untilNanos) {}

  private final NanoClock clock;
  private final Map<Client, Suspect> suspects = new LinkedHashMap<>();
  private volatile int count;

  DeadlyClients(NanoClock clock) {
    this.clock = clock;
  }

  /** Seconds until a request of this client is tried again; 0 where it is tried now. */
  int heldSeconds(Client client) {
    if (count == 0) {
      return 0;
    }
    synchronized (suspects) {
      Suspect found = suspects.get(client);
      return found == null ? 0 : secondsUntil(found.untilNanos);
    }
  }

  /**
   * A worker died of which the client had the only request.
   *
   * @return seconds for which it is held; 0 where it is not yet
   */
  int died(Client client) {
    long now = clock.epochNanos();
    synchronized (suspects) {
      suspects.values().removeIf(old -> forgotten(old, now));
      Suspect before = suspects.remove(client);
      int deaths = before == null ? 1 : before.deaths + 1;
      long until = now + seconds(deaths) * SECOND_NANOS;
      suspects.put(client, new Suspect(deaths, now, until));
      if (suspects.size() > MOST) {
        suspects.remove(suspects.keySet().iterator().next());
      }
      count = suspects.size();
      return secondsUntil(until);
    }
  }

  /** What was held may go on with what it was held for: the window begins when the hold ends. */
  private static boolean forgotten(Suspect old, long now) {
    return now - Math.max(old.lastNanos, old.untilNanos) > WINDOW_NANOS;
  }

  private static int seconds(int deaths) {
    return deaths < DEATHS
        ? 0
        : Math.min(MOST_SECONDS, LEAST_SECONDS << Math.min(deaths - DEATHS, 4));
  }

  private int secondsUntil(long nanos) {
    return (int) Math.max(0, Math.ceilDiv(nanos - clock.epochNanos(), SECOND_NANOS));
  }
}
