package dev.switchboard.gateway.fleet;

import java.net.URI;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * One model of a server that is known by URL, as the configuration wants it, or as it was found.
 *
 * @param spec of which it is one model
 * @param access with its key read
 * @param pod that runs there, of one that was found; else null
 * @param standby it takes requests only in the place of others of its model
 * @param orders what is wanted of it
 */
record Server(
    UpstreamSpec spec,
    String model,
    UpstreamAccess access,
    DiscoveredServer.@Nullable Pod pod,
    boolean standby,
    DiscoveredServer.Orders orders) {

  /** One that the configuration names. */
  Server(UpstreamSpec spec, String model, UpstreamAccess access) {
    this(spec, model, access, null, false, DiscoveredServer.SERVE);
  }

  /** What makes it another replica when it changes: what is learned of one says nothing then. */
  record Place(URI url, @Nullable Path socket, boolean worker, String model, @Nullable String pod) {
    /** The same for the same place, in any version of this program. */
    String name() {
      if (pod != null) {
        return "pod " + pod + " port " + url.getPort();
      }
      return (worker ? "worker at " : "server at ") + url + (socket == null ? "" : " by " + socket);
    }
  }

  Place place() {
    return new Place(
        spec.url(), spec.socket(), access.worker(), model, pod == null ? null : pod.uid());
  }

  double weight() {
    Double weight = spec.weight();
    return weight == null ? 1 : weight;
  }
}
