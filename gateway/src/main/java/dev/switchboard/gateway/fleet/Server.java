package dev.switchboard.gateway.fleet;

import java.net.URI;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * One model of a server that is known by URL, as the configuration wants it.
 *
 * @param spec of which it is one model
 * @param access with its key read
 */
record Server(UpstreamSpec spec, String model, UpstreamAccess access) {

  /** What makes it another replica when it changes: what is learned of one says nothing then. */
  record Place(URI url, @Nullable Path socket, boolean worker, String model) {
    /** The same for the same place, in any version of this program. */
    String name() {
      return (worker ? "worker at " : "server at ") + url + (socket == null ? "" : " by " + socket);
    }
  }

  Place place() {
    return new Place(spec.url(), spec.socket(), access.worker(), model);
  }

  double weight() {
    Double weight = spec.weight();
    return weight == null ? 1 : weight;
  }
}
