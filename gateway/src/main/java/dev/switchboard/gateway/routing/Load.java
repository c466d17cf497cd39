package dev.switchboard.gateway.routing;

import org.jspecify.annotations.Nullable;

/**
 * What a replica has to do at a moment.
 *
 * @param waiting requests that have no token yet
 * @param waitingTokens of their prompts, those that it has to compute
 * @param running requests that it generates for
 */
public record Load(double waiting, double waitingTokens, double running) {
  public static final Load NONE = new Load(0, 0, 0);

  /** Both together; null where nothing waits or runs then. */
  @Nullable Load with(Load more) {
    double requests = requests() + more.requests();
    return requests <= 0
        ? null
        : new Load(
            waiting + more.waiting, waitingTokens + more.waitingTokens, running + more.running);
  }

  /** Requests in all. */
  public double requests() {
    return waiting + running;
  }
}
