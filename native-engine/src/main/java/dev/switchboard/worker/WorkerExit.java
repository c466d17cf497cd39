package dev.switchboard.worker;

/**
 * How the process ended, as its exit code says it to whoever started it. The JVM has codes of its
 * own: 1 when it cannot start, such as with a wrong option, 3 under {@code
 * -XX:+ExitOnOutOfMemoryError}, 134 after a crash of native code, and 128 and the signal's number
 * when one ended it.
 */
enum WorkerExit {
  /** A signal, or the parent's end. */
  ENDED(0),
  /** The command line is wrong: another start would end the same way. */
  WRONG_COMMAND(2),
  /** The heap is exhausted, or the model does not fit in what memory there is now. */
  OUT_OF_MEMORY(3),
  /** The address cannot be listened on. */
  CANNOT_LISTEN(4),
  /** A step hung or failed, or the warm-up did. */
  ENGINE_LOST(5),
  /** The model cannot be served: another start would end the same way. */
  MODEL_REFUSED(6),
  /** A device failed, and the engine with it. */
  DEVICE_LOST(7);

  private static final String DEVICE = "device_lost:";

  private final int code;

  WorkerExit(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }

  /**
   * When the engine was lost.
   *
   * @param failure of its health
   */
  static WorkerExit ofLost(String failure) {
    return failure.startsWith(DEVICE) ? DEVICE_LOST : ENGINE_LOST;
  }

  /** When a start failed. */
  static WorkerExit of(ModelLoadException refused) {
    return switch (refused.reason()) {
      case ModelLoadException.OUT_OF_MEMORY -> OUT_OF_MEMORY;
      case ModelLoadException.ENGINE_LOST -> ofLost(String.valueOf(refused.getMessage()));
      case ModelLoadException.WARM_UP_FAILED -> ENGINE_LOST;
      default -> MODEL_REFUSED;
    };
  }
}
