package dev.switchboard.gateway.http;

import dev.switchboard.framing.OwnNames;
import dev.switchboard.openai.ApiError;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps web pages of other sites from a listener that asks for no key: a browser on this machine
 * sends what any page tells it to. A page whose own name was made to point here (DNS rebinding)
 * comes with that name in {@code Host}; any other one with its site in {@code Origin}, or, where a
 * browser sends none, as for a picture, with {@code Sec-Fetch-Site}. Clients that are no browsers
 * send neither.
 */
public final class SiteGuard {
  private final String section;
  private final boolean secure;
  private final OwnNames configured;
  private final OwnNames hosts;

  /**
   * @param section of the configuration, for complaints
   * @param bind the listener's address
   * @param names further ones that {@code Host} may have
   * @param secure whether the listener speaks TLS
   */
  public SiteGuard(String section, String bind, List<String> names, boolean secure) {
    this.section = section;
    this.secure = secure;
    this.configured = OwnNames.of(names);
    this.hosts = OwnNames.ofLoopback(bind, names);
  }

  /**
   * Why a listener on loopback does not answer under the name in {@code Host}; null when it does.
   */
  public @Nullable ApiError host(HttpServerRequest request) {
    return hosts.has(request.authority())
        ? null
        : new ApiError(
            421,
            "invalid_request_error",
            "unknown_host",
            "Host",
            "This listener does not go by that name; " + section + ".hosts may allow it.");
  }

  /** Why a page of the request's origin may not ask; null when it may, or no page asks. */
  public @Nullable ApiError origin(HttpServerRequest request) {
    String origin = request.getHeader("Origin");
    boolean foreign =
        origin == null
            ? "cross-site".equalsIgnoreCase(request.getHeader("Sec-Fetch-Site"))
            : !allowed(origin, request);
    return foreign
        ? new ApiError(
            403,
            "permission_error",
            "origin_not_allowed",
            origin == null ? "Sec-Fetch-Site" : "Origin",
            "Web pages of other sites may not call this listener.")
        : null;
  }

  /** Only the listener's own; under a name of the configuration a proxy may speak TLS for it. */
  private boolean allowed(String origin, HttpServerRequest request) {
    String host = request.getHeader("Host");
    boolean proxied = !secure && configured.has(request.authority());
    return origin.equalsIgnoreCase((secure ? "https://" : "http://") + host)
        || (proxied && origin.equalsIgnoreCase("https://" + host));
  }
}
