package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.http.SiteGuard;
import dev.switchboard.gateway.identity.ApiKeys;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.openai.ApiError;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/**
 * Who may use the admin listener. On loopback whoever is on this machine, until there is a key of
 * role {@code admin}, and by a name of this machine: a web page whose own name was made to point
 * here (DNS rebinding) comes with that name in {@code Host}, one of another site with its {@code
 * Origin}. Elsewhere whoever has an API key; a browser sends none on its own. What a caller's role
 * allows is looked at per route.
 */
final class AdminGuard {
  private final boolean loopback;
  private final SiteGuard sites;
  private final ApiKeys keys;

  /**
   * @param loopback whether its address is reached from this machine only
   */
  AdminGuard(boolean loopback, SiteGuard sites, ApiKeys keys) {
    this.loopback = loopback;
    this.sites = sites;
    this.keys = keys;
  }

  /** What becomes of a request at the door. */
  sealed interface Look {}

  record LetIn(Caller caller) implements Look {}

  /** It does not go by a name of this listener, or comes from a web page of another site. */
  record Refused(ApiError error) implements Look {}

  /**
   * It takes a key that is valid.
   *
   * @param holder whose key was sent, which has expired; null where nobody knows
   */
  record Denied(ApiError error, @Nullable Caller holder) implements Look {}

  Look look(HttpServerRequest request) {
    ApiError foreign = loopback ? foreign(request) : null;
    if (foreign != null) {
      return new Refused(foreign);
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

  private @Nullable ApiError foreign(HttpServerRequest request) {
    ApiError host = sites.host(request);
    return host == null && !keys.requiredForAdmin() ? sites.origin(request) : host;
  }
}
