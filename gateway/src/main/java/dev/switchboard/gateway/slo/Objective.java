package dev.switchboard.gateway.slo;

/** What a service class promises of a request. */
public enum Objective {
  /** It is answered. */
  AVAILABILITY("availability"),
  /** The first token of an answer comes in time. */
  TTFT("ttft"),
  /** So do the tokens after it, in the mean. */
  TPOT("tpot"),
  /** The answer ends before its deadline. */
  DEADLINE("deadline");

  private final String label;

  Objective(String label) {
    this.label = label;
  }

  /** Value of the {@code objective} label. */
  public String label() {
    return label;
  }
}
