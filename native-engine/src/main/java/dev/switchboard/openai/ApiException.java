package dev.switchboard.openai;

/** Carries an {@link ApiError} to whoever answers the request. */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient ApiError error;

  public ApiException(ApiError error) {
    // Bad requests are cheap to make, so refusing one must be cheap too: no stack trace.
    super(error.message(), null, false, false);
    this.error = error;
  }

  public ApiError error() {
    return error;
  }
}
