package dev.switchboard.fetch;

import org.jspecify.annotations.Nullable;

/** Why there is no model file. The message is for whoever reads the init container's log. */
public final class FetchException extends Exception {
  private static final long serialVersionUID = 1;

  /** What to do about it. */
  public enum Reason {
    /** The server does not give it: the address, the token or the redirect is wrong. */
    REFUSED,
    /** The server did not answer, or broke off, as often as was allowed. */
    UNREACHABLE,
    /** The content is not that of the SHA-256 sum. */
    WRONG_CONTENT,
    /** The volume is too small. */
    NO_SPACE,
    /** The folder cannot be written. */
    CANNOT_WRITE
  }

  private final Reason reason;

  FetchException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  FetchException(Reason reason, String message) {
    this(reason, message, null);
  }

  public Reason reason() {
    return reason;
  }
}
