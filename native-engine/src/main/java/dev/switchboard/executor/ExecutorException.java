package dev.switchboard.executor;

import java.util.Locale;

/** A refused call or a lost executor: a status and the executor's text for it. */
public final class ExecutorException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong; numbered by the ABI. */
  public enum Status {
    OK,
    /** A field is out of range; the text names it. Nothing changed. */
    INVALID_ARGUMENT,
    /** Valid, but this build or CPU cannot do it. */
    UNSUPPORTED,
    /** Planned memory could not be taken. */
    OUT_OF_MEMORY,
    /** The most steps are in flight already. */
    BUSY,
    TIMEOUT,
    /** The step failed on some rank; the executor goes on. */
    STEP_FAILED,
    /** A rank did not finish within the hang deadline; the executor is lost. */
    HUNG,
    SHUTDOWN,
    /** A broken invariant; the executor is lost. */
    INTERNAL,
    /** A rank's device failed; the executor is lost. */
    DEVICE_LOST;

    private static final Status[] VALUES = values();

    static Status of(int code) {
      return code >= 0 && code < VALUES.length ? VALUES[code] : INTERNAL;
    }
  }

  private final Status status;
  private final String text;
  private final int stage;
  private final int rank;

  public ExecutorException(Status status, String text) {
    this(status, text, -1, -1);
  }

  /** With the place it happened at. */
  public ExecutorException(Status status, String text, int stage, int rank) {
    super(status.name().toLowerCase(Locale.ROOT) + ": " + text);
    this.status = status;
    this.text = text;
    this.stage = stage;
    this.rank = rank;
  }

  /** Where it happened, or -1. */
  public int stage() {
    return stage;
  }

  /** Where it happened, or -1. */
  public int rank() {
    return rank;
  }

  /** The executor's words, without the status. */
  public String text() {
    return text;
  }

  public Status status() {
    return status;
  }
}
