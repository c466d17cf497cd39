package dev.switchboard.gateway.boot;

import dev.switchboard.descriptors.OpenFiles;
import dev.switchboard.gateway.fleet.ModelSpec;
import java.util.List;

/**
 * How many connections of clients there may be so that the process's limit of open files is never
 * reached: were it, a gateway could reach no worker, nor an operator the gateway. So something is
 * kept for the admin listener, the replicas and the store, and two connections to replicas for each
 * request that may be in flight: one that serves it, and one of a hedge or a pool.
 *
 * @param perLoop of clients, for each event loop
 * @param inAll the same over all of them
 * @param clamped whether that is less than was configured
 */
record ConnectionRoom(int perLoop, int inAll, boolean clamped) {
  /** Store, logs, sockets that listen, connections that are closed unread. */
  private static final int OTHERS = 128;

  /** Pipes, probes and questions of the admin listener. */
  private static final int PER_REPLICA = 16;

  private static final int PER_REQUEST = 2;
  private static final int LEAST = 16;

  /**
   * @param models that local workers are to serve
   * @throws IllegalStateException when too few are left
   */
  static ConnectionRoom of(
      GatewayConfig config, List<ModelSpec> models, int loops, OpenFiles files) {
    int reserve = OTHERS + config.admin().maxConnections() + PER_REPLICA * replicas(config, models);
    long room = files.room(reserve);
    int inFlight = config.admission().maxInFlight();
    // With fewer clients than requests that may be in flight, each client has one at most.
    long clients = Math.max(room - (long) PER_REQUEST * inFlight, room / (1 + PER_REQUEST));
    int fits = (int) Math.min(Integer.MAX_VALUE, clients / loops);
    if (fits < Math.min(LEAST, config.http().maxConnections())) {
      throw new IllegalStateException(
          String.format(
              "the limit of open files (RLIMIT_NOFILE, ulimit -n) is %d, of which %d are open and"
                  + " %d are kept for the admin listener (admin.max-connections), replicas and the"
                  + " store: it must be at least %d",
              files.limit(),
              files.open(),
              reserve,
              files.open() + reserve + LEAST * loops * (1 + PER_REQUEST)));
    }
    int wanted = config.http().maxConnections();
    int perLoop = Math.min(wanted, fits);
    return new ConnectionRoom(perLoop, Math.multiplyExact(perLoop, loops), fits < wanted);
  }

  private static int replicas(GatewayConfig config, List<ModelSpec> models) {
    int replicas = config.upstreams().size();
    for (ModelSpec model : models) {
      replicas += model.readyWorkers(config.workers()) + model.standbyWorkers();
    }
    return replicas;
  }
}
