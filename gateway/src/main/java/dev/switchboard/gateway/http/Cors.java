package dev.switchboard.gateway.http;

import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.Locale;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Lets web pages of named origins call the listener (the Fetch standard's CORS protocol). A browser
 * asks beforehand, without a key, whether a request may be sent: that is answered before keys are
 * asked for. Keys come in {@code Authorization}, which a page sets itself, so answers never allow
 * credentials of the browser's own, and a page that has no key gets nowhere.
 *
 * <p>Where no key is asked for, that would let every page use the models of this machine. So {@code
 * *} holds only while keys are asked for, which keys made and revoked by the admin API change.
 */
final class Cors {
  private static final String METHOD = "Access-Control-Request-Method";
  private static final String HEADERS = "Access-Control-Request-Headers";

  /** A day; browsers cap it lower. */
  private static final String KEPT_SECONDS = "86400";

  private static final int HEADER_CHARS = 2048;
  private static final Pattern NAMES = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z, \\t-]+");

  private final boolean any;
  private final Set<String> origins;
  private final BooleanSupplier keysRequired;

  /**
   * @param keysRequired whether the listener asks for keys now
   */
  Cors(CorsConfig config, BooleanSupplier keysRequired) {
    this.any = config.any();
    this.origins =
        config.named().stream().map(Cors::normal).collect(Collectors.toUnmodifiableSet());
    this.keysRequired = keysRequired;
  }

  /** Whether every page may ask now. */
  private boolean every() {
    return any && keysRequired.getAsBoolean();
  }

  /** Whether every page may ask once there is a key. */
  boolean awaitsKeys() {
    return any && !keysRequired.getAsBoolean();
  }

  /** Scheme and host have no case, and a page leaves out its scheme's own port. */
  private static String normal(String origin) {
    String lower = origin.toLowerCase(Locale.ROOT);
    return lower.startsWith("https://")
        ? lower.replaceFirst(":443$", "")
        : lower.replaceFirst("^(http://.*):80$", "$1");
  }

  /** Whether a page asks whose origin may. */
  boolean allows(HttpServerRequest request) {
    String origin = request.getHeader("Origin");
    return origin != null && (every() || origins.contains(normal(origin)));
  }

  /** Says on the answer, whatever it becomes, that the page may read it. */
  void tell(HttpServerRequest request) {
    HttpServerResponse response = request.response();
    boolean every = every();
    if (!every && !origins.isEmpty()) {
      response.putHeader("Vary", "Origin");
    }
    if (allows(request)) {
      response.putHeader(
          "Access-Control-Allow-Origin", every ? "*" : String.valueOf(request.getHeader("Origin")));
      response.putHeader("Access-Control-Expose-Headers", "*");
    }
  }

  /** Whether it only asks if a page may send another request. */
  boolean isPreflight(HttpServerRequest request) {
    return request.method().equals(HttpMethod.OPTIONS)
        && request.getHeader(METHOD) != null
        && allows(request);
  }

  /** The answer to that: what a listener may not do, it says itself to the request. */
  void answer(HttpServerRequest request) {
    HttpServerResponse response = request.response().setStatusCode(204);
    response.putHeader("Access-Control-Allow-Methods", "GET, HEAD, POST");
    String asked = named(request.getHeader(HEADERS));
    if (asked != null) {
      response.putHeader("Access-Control-Allow-Headers", asked);
    }
    if ("true".equals(request.getHeader("Access-Control-Request-Private-Network"))) {
      response.putHeader("Access-Control-Allow-Private-Network", "true");
    }
    response.putHeader("Access-Control-Max-Age", KEPT_SECONDS);
    response.headers().add("Vary", METHOD + ", " + HEADERS);
    Connections.answer(request, "");
  }

  /** The headers that a page wants to send; null for none, and for what are no names. */
  private static @Nullable String named(@Nullable String headers) {
    return headers != null && headers.length() <= HEADER_CHARS && NAMES.matcher(headers).matches()
        ? headers
        : null;
  }
}
