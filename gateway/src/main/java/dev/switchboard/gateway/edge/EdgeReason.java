package dev.switchboard.gateway.edge;

/** Why a local model serves in the place of one in a region. */
public enum EdgeReason {
  /** First tokens, or whole answers, came too late. */
  LATE("late"),
  /** It could not be reached, broke or failed. */
  UNREACHABLE("unreachable"),
  /** The tokens of this hour are used up. */
  BUDGET("budget");

  private final String label;

  EdgeReason(String label) {
    this.label = label;
  }

  /** Its name in headers, traces and metrics. */
  public String label() {
    return label;
  }
}
