package dev.switchboard.gateway.flight;

/**
 * How a request ended: the one taxonomy of HTTP status, metric label and log.
 *
 * <table>
 * <caption>Statuses and their meaning</caption>
 * <tr><td>400</td><td>malformed or out of bounds; the field is named</td></tr>
 * <tr><td>401, 403</td><td>no valid key; this key may not</td></tr>
 * <tr><td>404, 405</td><td>unknown model or path; unknown method</td></tr>
 * <tr><td>408</td><td>the body did not arrive in time</td></tr>
 * <tr><td>410</td><td>an operator cancelled it</td></tr>
 * <tr><td>413, 414, 415, 431</td><td>body, URI, content encoding, headers</td></tr>
 * <tr><td>429</td><td>shed for load</td></tr>
 * <tr><td>499</td><td>the client left (never sent)</td></tr>
 * <tr><td>502</td><td>the upstream broke and retries were spent</td></tr>
 * <tr><td>503</td><td>nothing can serve this model now</td></tr>
 * <tr><td>504</td><td>a deadline was not met; the body says where the time went</td></tr>
 * </table>
 */
public enum Outcome {
  OK(200, "ok"),
  INVALID_REQUEST(400, "invalid_request"),
  UNAUTHORIZED(401, "unauthorized"),
  FORBIDDEN(403, "forbidden"),
  NOT_FOUND(404, "not_found"),
  METHOD_NOT_ALLOWED(405, "method_not_allowed"),
  REQUEST_TIMEOUT(408, "request_timeout"),
  BODY_TOO_LARGE(413, "body_too_large"),
  URI_TOO_LONG(414, "uri_too_long"),
  UNSUPPORTED_ENCODING(415, "unsupported_encoding"),
  HEADERS_TOO_LARGE(431, "headers_too_large"),
  SHED(429, "shed"),
  CANCELLED(410, "cancelled"),
  CLIENT_GONE(499, "client_gone"),
  INTERNAL(500, "internal"),
  UPSTREAM_BROKEN(502, "upstream_broken"),
  UNAVAILABLE(503, "unavailable"),
  DEADLINE(504, "deadline");

  private static final Outcome[] ALL = values();

  private final int status;
  private final String label;

  Outcome(int status, String label) {
    this.status = status;
    this.label = label;
  }

  /** HTTP status of an answer with this outcome. */
  public int status() {
    return status;
  }

  /** Value of the {@code outcome} label. */
  public String label() {
    return label;
  }

  /** Whether the gateway or what stands behind it is to blame. */
  public boolean serverSide() {
    return status >= 500;
  }

  /** The outcome that stands for a status an upstream answered with. */
  public static Outcome ofStatus(int status) {
    for (Outcome outcome : ALL) {
      // A server that answers 410 cancelled nothing here.
      if (outcome.status == status && outcome != CANCELLED) {
        return outcome;
      }
    }
    return status < 400 ? OK : status < 500 ? INVALID_REQUEST : UPSTREAM_BROKEN;
  }
}
