package dev.switchboard.gateway.routing;

/**
 * What a replica has to do at a moment.
 *
 * @param waiting requests that have no token yet
 * @param waitingTokens of their prompts, those that it has to compute
 * @param running requests that it generates for
 */
public record Load(double waiting, double waitingTokens, double running) {
  public static final Load NONE = new Load(0, 0, 0);

  /** Requests in all. */
  public double requests() {
    return waiting + running;
  }
}
