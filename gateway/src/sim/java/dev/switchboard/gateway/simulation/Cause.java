package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import java.util.EnumSet;
import java.util.Set;

/**
 * What makes a request late, in the order in which one adds to another: what a worker does counts
 * before what the gateway and the client do meanwhile.
 */
enum Cause {
  /** Its connection is accepted late, and the handshake takes long. */
  LATE_CONNECTION(Phase.SOCKET, Phase.TLS),
  LONG_QUEUE(Phase.QUEUE),
  /** They die while it waits in the queue, and nobody can take it until a replica is back. */
  ALL_REPLICAS_DEAD(Phase.REPLICA_WAIT),
  /** A server that tells no timeline takes long. */
  UPSTREAM_SLOW(Phase.UPSTREAM_FIRST, Phase.UPSTREAM_REST),
  /** Its replica hangs, and another one goes on. */
  MIGRATION(Phase.MIGRATION),
  /** Its prompt is not in the cache. */
  COLD_PREFIX(Phase.PREFILL_COMPUTE),
  NEIGHBOURS_PREFILL(Phase.DECODE_NEIGHBOUR_PREFILL),
  /** The other ranks wait for it. */
  SLOW_RANK(Phase.PREFILL_COLLECTIVE_WAIT, Phase.DECODE_COLLECTIVE_WAIT),
  /** Ranks lose their cores now and then. */
  HOST_CONTENTION(Phase.PREFILL_OFF_CPU, Phase.DECODE_OFF_CPU),
  /** Its process stands still. */
  STOPPED_WORKER(Phase.PREFILL_OFF_CPU, Phase.DECODE_OFF_CPU),
  GATEWAY_FROZEN(Phase.GATEWAY_LATE),
  SLOW_READER(Phase.CLIENT_STALL, Phase.CLIENT_FLUSH);

  private final Phase first;
  private final Phase second;

  Cause(Phase only) {
    this(only, only);
  }

  Cause(Phase first, Phase second) {
    this.first = first;
    this.second = second;
  }

  Set<Phase> phases() {
    return EnumSet.of(first, second);
  }

  /** Whether it happens inside of an engine. */
  boolean ofEngine() {
    return compareTo(COLD_PREFIX) >= 0 && compareTo(STOPPED_WORKER) <= 0;
  }
}
