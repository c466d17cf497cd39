package dev.switchboard.framing;

/** There is not exactly one valid {@code Host}. */
public final class RefusedHostException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  RefusedHostException() {
    super("A request must have exactly one valid Host header.");
  }
}
