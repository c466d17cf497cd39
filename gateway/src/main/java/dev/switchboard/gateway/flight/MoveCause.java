package dev.switchboard.gateway.flight;

/** Why a stream had to go on at another replica. */
public enum MoveCause {
  /** The replica's process ended. */
  DIED("died"),
  /** Its connection broke, or its answer made no sense. */
  BROKEN("broken"),
  /** It lives and says nothing. */
  SILENT("silent"),
  /** It said that it failed. */
  FAILED("failed"),
  /** It is drained. */
  DRAINED("drained");

  private final String label;

  MoveCause(String label) {
    this.label = label;
  }

  /** Value of the {@code cause} label. */
  public String label() {
    return label;
  }

  /** Whether something broke; else somebody wanted it. */
  public boolean fault() {
    return this != DRAINED;
  }
}
