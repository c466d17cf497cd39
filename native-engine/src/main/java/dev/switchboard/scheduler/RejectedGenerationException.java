package dev.switchboard.scheduler;

/** A generation the engine will not queue. */
public final class RejectedGenerationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why. */
  public enum Reason {
    /** prompt + maxTokens is longer than the model's context or the whole KV pool. */
    TOO_LONG,
    /** The waiting queue is at its bound. */
    QUEUE_FULL,
    /** The engine is shut down or lost. */
    UNAVAILABLE
  }

  private final Reason reason;

  public RejectedGenerationException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
