package dev.switchboard.gateway.autoscaling;

import java.util.HashMap;
import java.util.Map;

/** Sums what gateways count, so that one that comes, goes or starts anew makes no jump. */
final class OfferedTokens {
  private final Map<String, Double> last = new HashMap<>();
  private double total;

  /** Takes the counts of those that are there now. */
  double sum(Map<String, ModelLoad> gateways) {
    last.keySet().retainAll(gateways.keySet());
    gateways.forEach(
        (gateway, load) -> {
          Double before = last.put(gateway, load.offeredTokens());
          total += before == null ? 0 : Math.max(0, load.offeredTokens() - before);
        });
    return total;
  }
}
