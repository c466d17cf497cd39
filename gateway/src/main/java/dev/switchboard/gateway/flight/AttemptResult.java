package dev.switchboard.gateway.flight;

/** What became of an attempt at a replica. */
public enum AttemptResult {
  /** It answered. */
  SERVED("served"),
  /** It broke, or was too slow. */
  FAILED("failed"),
  /** It answered 429: it has enough to do. */
  SHED("shed"),
  /** Its stream went on at another replica, through no fault of its own. */
  MOVED("moved"),
  /** Another replica, which had the request too, answered first. */
  OUTRUN("outrun"),
  /** Given up through no fault of its own: the client left, or no connection was free. */
  ABANDONED("abandoned");

  private final String label;

  AttemptResult(String label) {
    this.label = label;
  }

  /** Value of the {@code result} label. */
  public String label() {
    return label;
  }
}
