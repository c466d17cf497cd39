package dev.switchboard.gateway.flight;

/** What became of a request whose first token was late. */
public enum HedgeResult {
  /** The second replica answered first, or was left alone by a first one that broke. */
  WON("won"),
  /** The first replica answered first. */
  LOST("lost"),
  /** The second replica broke. */
  BROKEN("broken"),
  /** The request ended before either had answered. */
  ABANDONED("abandoned"),
  /** It had no second replica: the retry budget had none left. */
  NO_BUDGET("no_budget"),
  /** Nobody could take it. */
  NO_REPLICA("no_replica"),
  /** The others had enough to do. */
  OVERLOADED("overloaded"),
  /** A replica was being emptied. */
  DRAINING("draining");

  private final String label;

  HedgeResult(String label) {
    this.label = label;
  }

  /** Value of the {@code result} label. */
  public String label() {
    return label;
  }
}
