package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.flight.NanoClock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs drains against real replicas; on the fleet's thread. */
final class DrainDriver {

  private record Running(Drain drain, Runnable whenEmpty) {}

  private final NanoClock clock;
  private final Map<Replica, Running> running = new LinkedHashMap<>();

  DrainDriver(NanoClock clock) {
    this.clock = clock;
  }

  /**
   * Empties a replica that takes no more work.
   *
   * @param whenEmpty run once it is
   */
  void begin(Replica replica, Drain drain, Runnable whenEmpty) {
    running.put(replica, new Running(drain, whenEmpty));
    tick();
  }

  boolean idle() {
    return running.isEmpty();
  }

  /** Does what is due; a replica that left its state by another way is no longer emptied. */
  void tick() {
    for (Map.Entry<Replica, Running> entry : List.copyOf(running.entrySet())) {
      Replica replica = entry.getKey();
      Running one = entry.getValue();
      if (replica.state() != ReplicaState.DRAINING || replica.drain() != one.drain()) {
        running.remove(replica);
      } else {
        step(replica, one);
      }
    }
  }

  private void step(Replica replica, Running one) {
    switch (one.drain().next(replica.inFlight(), clock.epochNanos())) {
      case WAIT -> {}
      case ASK -> replica.askToLeave(ServedRequest.Leave.DRAINED);
      case DONE -> {
        running.remove(replica);
        if (replica.tryTransition(ReplicaState.DRAINING, ReplicaState.DRAINED, "empty")) {
          one.whenEmpty().run();
        }
      }
    }
  }
}
