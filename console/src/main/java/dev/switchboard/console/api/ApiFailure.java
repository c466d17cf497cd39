package dev.switchboard.console.api;

import org.jspecify.annotations.Nullable;

/** Why a call of the admin API brought nothing. */
public final class ApiFailure extends Exception {
  private static final long serialVersionUID = 1;

  /** Where it failed. */
  public enum Kind {
    /** No connection: the gateway heard nothing. */
    UNREACHABLE,
    /** The connection broke before the answer was there; the gateway may have done it. */
    BROKEN,
    /** No answer in time. */
    TIMEOUT,
    /** The gateway answered with an error. */
    REFUSED,
    /** The answer is larger than the console takes, or not what it should be. */
    MALFORMED
  }

  private final Kind kind;
  private final int status;
  private final @Nullable String code;
  private final @Nullable String field;

  private ApiFailure(
      Kind kind, int status, @Nullable String code, @Nullable String field, String message) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.field = field;
  }

  /** One that has no answer of the gateway. */
  public static ApiFailure of(Kind kind, String message) {
    return new ApiFailure(kind, 0, null, null, message);
  }

  static ApiFailure refused(
      int status, @Nullable String code, @Nullable String field, String message) {
    return new ApiFailure(Kind.REFUSED, status, code, field, message);
  }

  public Kind kind() {
    return kind;
  }

  /** The status of the gateway's answer, 0 where there is none. */
  public int status() {
    return status;
  }

  /** The gateway's word for it. */
  public @Nullable String code() {
    return code;
  }

  /** Which field or parameter is wrong. */
  public @Nullable String field() {
    return field;
  }

  /** In a sentence, with the field and the code where the gateway named them. */
  public String sentence() {
    String text = field == null ? getMessage() : field + ": " + getMessage();
    return code == null ? String.valueOf(text) : text + " (" + code + ")";
  }
}
