package dev.switchboard.worker;

/** A model that cannot be served here. */
final class ModelLoadException extends Exception {
  private static final long serialVersionUID = 1L;

  /** The reason of what may fit another time: the process is worth another start. */
  static final String OUT_OF_MEMORY = "out-of-memory";

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
