package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.identity.ApiKeys;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.openai.ApiError;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.HostAndPort;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who may use the admin listener. On loopback whoever is on this machine, until there is a key of
 * role {@code admin}, and by a name of this machine: a web page whose own name was made to point
 * here (DNS rebinding) comes with that name in {@code Host}. Elsewhere whoever has an API key; a
 * browser sends none on its own. What a caller's role allows is looked at per route.
 */
final class AdminGuard {
  private final boolean loopback;
  private final ApiKeys keys;
  private final Set<String> hosts = new HashSet<>(Set.of("localhost", "127.0.0.1", "::1"));

  /**
   * @param loopback whether {@code bind} is reached from this machine only
   * @param names further ones that {@code Host} may have
   */
  AdminGuard(boolean loopback, String bind, List<String> names, ApiKeys keys) {
    this.loopback = loopback;
    this.keys = keys;
    hosts.add(bind.toLowerCase(Locale.ROOT));
    names.forEach(name -> hosts.add(name.toLowerCase(Locale.ROOT)));
  }

  /** What becomes of a request at the door. */
  sealed interface Look {}

  record LetIn(Caller caller) implements Look {}

  /** It does not go by a name of this listener. */
  record Refused(ApiError error) implements Look {}

  /**
   * It takes a key that is valid.
   *
   * @param holder whose key was sent, which has expired; null where nobody knows
   */
  record Denied(ApiError error, @Nullable Caller holder) implements Look {}

  Look look(HttpServerRequest request) {
    if (loopback && !known(request.authority())) {
      return new Refused(
          new ApiError(
              421,
              "invalid_request_error",
              "unknown_host",
              "Host",
              "This listener does not go by that name; admin.hosts may allow it."));
    }
    String authorization = request.getHeader("Authorization");
    Caller holder = keys.holder(authorization);
    if (holder != null) {
      return new LetIn(holder);
    }
    return loopback && !keys.requiredForAdmin()
        ? new LetIn(Caller.LOCAL)
        : new Denied(
            ApiError.unauthenticated(
                "The admin API needs a valid API key here: Authorization: Bearer KEY"),
            keys.lastHolder(authorization));
  }

  private boolean known(@Nullable HostAndPort authority) {
    if (authority == null) {
      return false;
    }
    String host = authority.host().toLowerCase(Locale.ROOT);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    return hosts.contains(bracketed ? host.substring(1, host.length() - 1) : host);
  }
}
