package dev.switchboard.gateway.store;

/** The store cannot do what was asked. */
public final class StoreException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong. */
  public enum Kind {
    /** The database cannot be reached; nothing, or nothing that is known of, was changed. */
    UNAVAILABLE,
    /** The change contradicts what is there, such as a second key of one name. */
    CONFLICT
  }

  private final Kind kind;

  StoreException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  StoreException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }
}
