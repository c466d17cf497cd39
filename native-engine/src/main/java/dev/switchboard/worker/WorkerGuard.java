package dev.switchboard.worker;

import dev.switchboard.framing.MediaType;
import dev.switchboard.framing.OwnNames;
import dev.switchboard.openai.ApiError;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.net.InetAddress;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who may use a worker's port. With a secret, who sends it. Without one the port is on loopback,
 * and whoever is on this machine may, by a name of this machine: a web page whose own name was made
 * to point here (DNS rebinding) comes with that name in {@code Host}. A POST needs {@code
 * Content-Type: application/json} either way, so that no web page can send one unasked. The two
 * probes tell nothing and need nothing.
 *
 * <p>A Unix socket needs no guard: its folder decides who may connect, and no web page can.
 */
final class WorkerGuard {
  private static final Set<String> PROBES = Set.of("/livez", "/readyz");
  private static final Set<String> PROBES_AND_METRICS = Set.of("/livez", "/readyz", "/metrics");

  /** Of a Unix socket. */
  static final WorkerGuard NONE = new WorkerGuard(OwnNames.of(List.of()), null, true, PROBES);

  private final OwnNames hosts;
  private final @Nullable FleetSecret secret;
  private final boolean open;
  private final Set<String> openPaths;

  private WorkerGuard(
      OwnNames hosts, @Nullable FleetSecret secret, boolean open, Set<String> openPaths) {
    this.hosts = hosts;
    this.secret = secret;
    this.open = open;
    this.openPaths = openPaths;
  }

  /**
   * The guard of a port.
   *
   * @param bind address that is listened on
   * @param secret null for none
   * @throws IllegalArgumentException where others reach the address and there is no secret
   */
  static WorkerGuard of(String bind, @Nullable FleetSecret secret) {
    if (secret == null && !loopback(bind)) {
      throw new IllegalArgumentException(
          "--bind "
              + bind
              + " is not loopback: a worker that others reach needs a secret of the fleet,"
              + " --secret-file or "
              + FleetSecret.VARIABLE);
    }
    return new WorkerGuard(OwnNames.ofLoopback(bind, List.of()), secret, false, PROBES);
  }

  /** The same, but that {@code /metrics} is served to whoever reaches the port. */
  WorkerGuard withOpenMetrics() {
    return new WorkerGuard(hosts, secret, open, PROBES_AND_METRICS);
  }

  /** Names are not resolved: what one points to may change. */
  private static boolean loopback(String bind) {
    try {
      return bind.equals("localhost") || InetAddress.ofLiteral(bind).isLoopbackAddress();
    } catch (IllegalArgumentException name) {
      return false;
    }
  }

  /** Why a request is refused; null where it is not. */
  @Nullable ApiError refusal(HttpServerRequest request) {
    if (open || openPaths.contains(request.path())) {
      return null;
    }
    ApiError stranger = secret == null ? unknownHost(request) : withoutSecret(request, secret);
    return stranger == null ? simplePost(request) : stranger;
  }

  private @Nullable ApiError unknownHost(HttpServerRequest request) {
    return hosts.has(request.authority())
        ? null
        : new ApiError(
            421,
            "invalid_request_error",
            "unknown_host",
            "Host",
            "This worker does not go by that name; with a secret it may be asked by any.");
  }

  private static @Nullable ApiError withoutSecret(HttpServerRequest request, FleetSecret secret) {
    List<String> sent = request.headers().getAll("Authorization");
    return sent.size() == 1 && secret.matches(sent.getFirst())
        ? null
        : ApiError.unauthenticated(
            "This worker needs the secret of its fleet: Authorization: Bearer SECRET");
  }

  /** Forms and plain text are what a web page can send to another site without asking it. */
  private static @Nullable ApiError simplePost(HttpServerRequest request) {
    return !request.method().equals(HttpMethod.POST)
            || MediaType.isJson(request.getHeader("Content-Type"))
        ? null
        : ApiError.unsupportedMediaType("Send Content-Type: application/json.");
  }
}
