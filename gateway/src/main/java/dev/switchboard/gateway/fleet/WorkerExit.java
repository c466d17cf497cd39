package dev.switchboard.gateway.fleet;

/**
 * How a worker's process ended, as its exit status says it, and what follows: one that would end
 * the same way is not started again, and one that ran out of memory waits longer before it takes it
 * again. Statuses of the worker itself, of its JVM, and those of a signal, which are 128 and its
 * number.
 */
public enum WorkerExit {
  ENDED("ended as it was told to", Next.RESTART),
  NOT_STARTED("its JVM did not start", Next.RESTART),
  WRONG_COMMAND("its command line is wrong", Next.NOTHING),
  OUT_OF_MEMORY("it ran out of memory", Next.RESTART_LATER),
  CANNOT_LISTEN("its address cannot be listened on", Next.RESTART),
  ENGINE_LOST("its engine was lost", Next.RESTART),
  MODEL_REFUSED("the model cannot be served", Next.NOTHING),
  DEVICE_LOST("a device failed, and its engine was lost with it", Next.RESTART),
  KILLED(
      "it was killed (signal 9), which the kernel does when memory runs out: ./switchboard doctor"
          + " counts what is free",
      Next.RESTART),
  CRASHED("native code crashed", Next.RESTART),
  OTHER("it ended unexpectedly", Next.RESTART);

  /** What follows. */
  enum Next {
    RESTART,
    RESTART_LATER,
    NOTHING
  }

  private static final int SIGNAL = 128;

  private final String words;
  private final Next next;

  WorkerExit(String words, Next next) {
    this.words = words;
    this.next = next;
  }

  static WorkerExit of(int status) {
    return switch (status) {
      case 0 -> ENDED;
      case 1 -> NOT_STARTED;
      case 2 -> WRONG_COMMAND;
      // The JVM's own under ExitOnOutOfMemoryError as well.
      case 3 -> OUT_OF_MEMORY;
      case 4 -> CANNOT_LISTEN;
      case 5 -> ENGINE_LOST;
      case 6 -> MODEL_REFUSED;
      case 7 -> DEVICE_LOST;
      // Illegal instruction, abort (the JVM's end after any of these), bus error, arithmetic,
      // segment.
      case SIGNAL + 4, SIGNAL + 6, SIGNAL + 7, SIGNAL + 8, SIGNAL + 11 -> CRASHED;
      case SIGNAL + 9 -> KILLED;
      default -> OTHER;
    };
  }

  /** For people. */
  String words() {
    return words;
  }

  /** A bounded value for metrics and logs. */
  public String label() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }

  Next next() {
    return next;
  }

  /** The status of a gateway that ends because it can serve nothing for this. */
  int gatewayStatus() {
    return switch (this) {
      case WRONG_COMMAND -> 2;
      case OUT_OF_MEMORY -> 3;
      case ENGINE_LOST -> 5;
      case MODEL_REFUSED -> 6;
      case DEVICE_LOST -> 7;
      case ENDED, NOT_STARTED, CANNOT_LISTEN, KILLED, CRASHED, OTHER -> 1;
    };
  }
}
