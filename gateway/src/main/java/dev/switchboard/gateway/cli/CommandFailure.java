package dev.switchboard.gateway.cli;

/** Why a command did not do what it was asked to; its message is for people. */
final class CommandFailure extends RuntimeException {
  static final int FAILED = 1;
  static final int NOTHING_RUNS = 3;

  private static final long serialVersionUID = 1;

  private final int status;

  CommandFailure(int status, String message) {
    super(message);
    this.status = status;
  }

  /** The process's exit status. */
  int status() {
    return status;
  }
}
