package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restarts of many workers, one such at a time: those that an operator wants, and those of workers
 * whose engine the configuration made another one. Who is to be replaced, and for whose sake the
 * present one is, is guarded by the fleet's lock.
 */
public final class Restarts {
  private static final Logger LOG = LoggerFactory.getLogger(Restarts.class);

  private final Fleet fleet;
  private final NanoClock clock;
  private final Set<Replica> outdated = new LinkedHashSet<>();

  /** The restart that is under way is for the sake of another configuration. */
  private boolean replacing;

  private volatile @Nullable RollingRestart rolling;

  Restarts(Fleet fleet, NanoClock clock) {
    this.fleet = fleet;
    this.clock = clock;
  }

  /**
   * Restarts all workers, or those of one model, one after another.
   *
   * @return null while another such restart is under way
   */
  public @Nullable RollingRestart all(@Nullable String model, long graceMs) {
    synchronized (fleet) {
      RollingRestart before = rolling;
      if (before != null && !before.report().done()) {
        return null;
      }
      replacing = false;
      return begin(
          fleet.replicas().stream()
              .filter(replica -> replica.local() && !replica.leaving())
              .filter(replica -> model == null || replica.model().equals(model))
              .toList(),
          graceMs);
    }
  }

  private RollingRestart begin(List<Replica> chosen, long graceMs) {
    RollingRestart begun =
        new RollingRestart(
            chosen, graceMs, fleet.config().restartLimitMs(), fleet.commands()::restart, clock);
    rolling = begun;
    return begun;
  }

  /** The last restart of many; null when there was none. */
  public @Nullable RollingRestart last() {
    return rolling;
  }

  /**
   * Lets a worker run otherwise, from its next start on. Under the fleet's lock.
   *
   * @return whether it is to be restarted for that
   */
  boolean reconfigure(LocalWorker worker, LocalWorker.Place place, WorkersConfig config) {
    boolean another = !place.engine().equals(worker.engine());
    worker.reconfigure(place, config);
    if (!another || !worker.outdated()) {
      return false;
    }
    outdated.add(worker.replica());
    // Whatever becomes of a restart that is under way says nothing of this engine.
    replacing = false;
    return true;
  }

  /**
   * Restarts the workers of another engine, when no other such restart is under way. Under the
   * fleet's lock.
   */
  void replaceNext() {
    RollingRestart last = rolling;
    if (outdated.isEmpty() || (last != null && !last.report().done())) {
      return;
    }
    if (replacing && last != null && last.report().failed()) {
      // What one worker could not start with would stop the others as well.
      LOG.warn("workers_not_replaced replicas={}", outdated.stream().map(Replica::id).toList());
      outdated.clear();
    }
    outdated.removeIf(replica -> !isOutdated(replica));
    List<Replica> next = outdated.stream().filter(Restarts::mayBeReplaced).toList();
    replacing = !next.isEmpty();
    if (replacing) {
      next.forEach(outdated::remove);
      begin(next, fleet.config().drainGraceMs());
    }
  }

  /** What starts anew by itself, or when an operator wants it, starts with the other engine. */
  private boolean isOutdated(Replica replica) {
    LocalWorker worker = fleet.worker(replica);
    ReplicaState state = replica.state();
    return worker != null
        && worker.outdated()
        && !replica.leaving()
        && state != ReplicaState.RESTARTING
        && state != ReplicaState.STOPPED;
  }

  /** Others are waited for. */
  private static boolean mayBeReplaced(Replica replica) {
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, CORDONED, EJECTED, DRAINED, FAILED -> true;
      case STARTING, DRAINING, RESTARTING, STOPPED -> false;
    };
  }

  /** Goes on with the one that is under way; on the fleet's thread, without its lock. */
  void tick() {
    RollingRestart running = rolling;
    if (running != null) {
      running.tick();
    }
  }
}
