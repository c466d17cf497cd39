package dev.switchboard.gateway.routing;

import java.util.Map;

/**
 * A prompt, and what replicas have computed of it before.
 *
 * @param tokens estimated
 * @param known tokens of its beginning, by replica
 */
public record Prompt(int tokens, Map<String, Integer> known) {
  public Prompt {
    known = Map.copyOf(known);
  }

  /** One that nobody knows. */
  public static Prompt of(int tokens) {
    return new Prompt(tokens, Map.of());
  }

  /** Tokens that are to be computed where most of it is known. */
  public int uncached() {
    int most = 0;
    for (int there : known.values()) {
      most = Math.max(most, there);
    }
    return Math.max(1, tokens - most);
  }

  /** Tokens that are expected in a replica's cache, as far as it is to be trusted. */
  double cachedAt(ReplicaView replica) {
    return Math.min(known.getOrDefault(replica.id(), 0), tokens) * replica.own().prefixTrust();
  }

  /** Tokens that a replica has to compute. */
  double computedAt(ReplicaView replica) {
    return Math.max(1, tokens - cachedAt(replica));
  }
}
