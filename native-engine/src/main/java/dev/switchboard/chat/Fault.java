package dev.switchboard.chat;

/** An error on the way; becomes a {@link ChatTemplate.TemplateException} that names the line. */
final class Fault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  Fault(String message) {
    super(message, null, false, false);
  }
}
