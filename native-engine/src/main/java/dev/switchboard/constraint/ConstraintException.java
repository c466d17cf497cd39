package dev.switchboard.constraint;

/** A constraint that cannot be compiled: it is wrong, or asks for what is not enforced here. */
public final class ConstraintException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String path;
  private final String complaint;

  /**
   * @param path where in the source, such as {@code properties.name.pattern}; empty for all of it
   * @param complaint what is wrong there, a sentence without its subject and its full stop
   */
  ConstraintException(String path, String complaint) {
    // Bad constraints are cheap to send, so refusing one must be cheap too: no stack trace.
    super(path.isEmpty() ? complaint : path + " " + complaint, null, false, false);
    this.path = path;
    this.complaint = complaint;
  }

  public String path() {
    return path;
  }

  public String complaint() {
    return complaint;
  }
}
