package dev.switchboard.framing;

/** The version is neither HTTP/1.1 nor HTTP/1.0. */
public final class RefusedVersionException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  RefusedVersionException() {
    super("Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  }
}
