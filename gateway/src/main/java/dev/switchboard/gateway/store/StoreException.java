package dev.switchboard.gateway.store;

import java.util.Locale;

/** The store cannot do what was asked. */
public final class StoreException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong. */
  public enum Kind {
    /** The database cannot be reached; nothing, or nothing that is known of, was changed. */
    UNAVAILABLE,
    /** Its disk takes no more; likewise. */
    FULL,
    /** Its file is gone, is another one, or the keys that were in it are; likewise. */
    MISSING,
    /** The change contradicts what is there, such as a second key of one name. */
    CONFLICT,
    /** The database is well, but takes no such value; it would not take it another time either. */
    REFUSED,
    /** Other gateways hold rows that the work needs, and went on doing so; nothing was changed. */
    BUSY;

    /** Whether the database itself is in trouble, not only what was asked of it. */
    boolean outage() {
      return this == UNAVAILABLE || this == FULL || this == MISSING;
    }

    /** As it is told to callers. */
    public String code() {
      return switch (this) {
        case CONFLICT -> "already_exists";
        case BUSY -> UNAVAILABLE.code();
        default -> "store_" + name().toLowerCase(Locale.ROOT);
      };
    }
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
