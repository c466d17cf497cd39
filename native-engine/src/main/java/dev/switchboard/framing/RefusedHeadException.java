package dev.switchboard.framing;

/** Why a message is refused, in words for its sender. */
public final class RefusedHeadException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  RefusedHeadException(String message) {
    super(message);
  }
}
