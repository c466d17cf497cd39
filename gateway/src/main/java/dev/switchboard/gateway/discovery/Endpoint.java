package dev.switchboard.gateway.discovery;

import dev.switchboard.gateway.fleet.DiscoveredServer.Pod;

/**
 * One port of one pod, as the orchestrator knows it.
 *
 * @param host address, of IPv6 without brackets
 * @param pod that is there
 * @param ready it is to get new requests
 * @param serving it answers, though it may be about to end
 * @param terminating it ends
 */
public record Endpoint(
    String host, int port, Pod pod, boolean ready, boolean serving, boolean terminating) {

  /** The same for as long as it is the same pod's. */
  String key() {
    return pod.uid() + " " + port;
  }
}
