package dev.switchboard.worker;

/** A model that cannot be served here. */
final class ModelLoadException extends Exception {
  private static final long serialVersionUID = 1L;

  /** The reason of what may fit another time: the process is worth another start. */
  static final String OUT_OF_MEMORY = "out-of-memory";

  /** The reason where the engine was lost in the warm-up; the message is why. */
  static final String ENGINE_LOST = "engine-lost";

  /** The reason where the warm-up did not come to its end, or a step of it failed. */
  static final String WARM_UP_FAILED = "warm-up-failed";

  private final String reason;

  /**
   * @param reason a stable word, such as {@code unsupported_architecture}
   */
  ModelLoadException(String reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  ModelLoadException(String reason, String message) {
    super(message);
    this.reason = reason;
  }

  String reason() {
    return reason;
  }
}
