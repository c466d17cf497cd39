package dev.switchboard.gateway.slo;

/** What made a request miss an objective. */
public enum SloCause {
  /** It waited for a place, at the gateway or at the worker, or was refused for load. */
  QUEUE("queue"),
  /** Its own prompt took that long. */
  PREFILL("prefill"),
  /** Its own tokens took that long. */
  DECODE("decode"),
  /** Other requests of its batch: their prompts and their steps. */
  NEIGHBOURS("neighbours"),
  /** Ranks of a stage waited for one of them. */
  STRAGGLER("straggler"),
  /** Something had work and no core: a rank, or an event loop. */
  MACHINE("machine"),
  /** Its client sent or read slowly. */
  CLIENT("client"),
  /** Its replica was lost, and it began or went on at another one, or nowhere. */
  MIGRATION("migration"),
  /** A replica or the gateway failed, or there was none that could take it. */
  FAILURE("failure"),
  /** A server that does not tell, its connection, or what nothing explains. */
  OTHER("other");

  private final String label;

  SloCause(String label) {
    this.label = label;
  }

  /** Value of the {@code cause} label. */
  public String label() {
    return label;
  }
}
