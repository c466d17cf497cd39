package dev.switchboard.gateway.drill;

import dev.switchboard.gateway.drill.Drill.Outcome;
import dev.switchboard.gateway.drill.Drill.Phase;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The drills that run, one at a replica at a time, and the last that did. Each is taken back when
 * its time is over, when somebody says so, and when the gateway stops. Safe on any thread.
 */
public final class Drills {
  private static final Logger LOG = LoggerFactory.getLogger(Drills.class);
  private static final int REMEMBERED = 50;

  /** Told when one began and when it is over; must not block. */
  public interface Listener {
    void started(DrillReport report);

    void ended(DrillReport report);
  }

  private final DrillConfig config;
  private final Faults faults;
  private final NanoClock clock;
  private final Listener listener;
  private final Map<String, Drill> active = new LinkedHashMap<>();
  private final Deque<Drill> last = new ArrayDeque<>();

  /** Of drills that go on, and of those that requests may have met that have not ended. */
  private final List<AffectedRequests> watching = new CopyOnWriteArrayList<>();

  private long made;
  private boolean closed;

  public Drills(DrillConfig config, Faults faults, NanoClock clock, Listener listener) {
    this.config = config;
    this.faults = faults;
    this.clock = clock;
    this.listener = listener;
  }

  /** Whether the configuration allows any. */
  public boolean enabled() {
    return config.enabled();
  }

  /** The longest that one may last. */
  public int maxMs() {
    return config.maxMs();
  }

  // ------------------------------------------------------------------ begin

  /**
   * Breaks a replica.
   *
   * @return how it goes once it is broken; fails with an {@link ApiException} where it cannot be
   * @throws ApiException where it must not
   */
  public CompletionStage<DrillReport> begin(Replica replica, DrillPlan plan) {
    Drill drill;
    CompletableFuture<DrillReport> begun = new CompletableFuture<>();
    synchronized (this) {
      check(replica, plan);
      drill = new Drill("d" + ++made, replica, plan, clock.epochNanos());
      drill.under(begun);
      active.put(replica.id(), drill);
      watching.add(drill.affectedRequests());
    }
    var _ =
        faults
            .strike(replica, plan)
            .handle((done, failure) -> failure == null ? began(drill) : failed(drill, failure))
            .thenCompose(stage -> stage)
            .whenComplete((report, failure) -> settle(begun, report, failure));
    return begun;
  }

  private static <T> void settle(
      CompletableFuture<T> waits, @Nullable T value, @Nullable Throwable failure) {
    if (failure == null) {
      waits.complete(value);
    } else {
      waits.completeExceptionally(cause(failure));
    }
  }

  private void check(Replica replica, DrillPlan plan) {
    if (!config.enabled()) {
      throw new ApiException(
          new ApiError(
              403,
              "permission_error",
              "drills_disabled",
              null,
              "Drills are off here; drills.enabled in the configuration allows them."));
    }
    Drill other = active.get(replica.id());
    if (closed || other != null) {
      throw refused(
          other == null
              ? "The gateway is stopping."
              : "There is a drill at this replica already, " + other.id() + ".");
    }
    if (plan.kind().process() ? !replica.local() : !replica.worker()) {
      throw refused(
          plan.kind().process()
              ? "The replica is no process of this gateway."
              : "The replica is a foreign server, whose engine nobody here can break.");
    }
    if (replica.state() != ReplicaState.READY) {
      throw refused("The replica is " + replica.state() + "; drills are for one that is READY.");
    }
    ReplicaReport report = replica.report();
    within("stage", plan.stage(), report.stages());
    within("rank", plan.rank(), report.ranks());
  }

  /**
   * @param count 0 where it is not known yet
   */
  private static void within(String field, int value, int count) {
    if (count > 0 && value >= count) {
      throw new ApiException(
          ApiError.invalid(field, field + " must be 0 to " + (count - 1) + " at this replica."));
    }
  }

  private static ApiException refused(String message) {
    return new ApiException(wrongState(message));
  }

  static ApiError wrongState(String message) {
    return new ApiError(409, "invalid_request_error", "wrong_state", null, message);
  }

  private CompletionStage<DrillReport> began(Drill drill) {
    boolean stops;
    synchronized (this) {
      if (drill.plan().kind().lasts()) {
        drill.transitionTo(Phase.RUNNING);
      } else {
        drill.healed(clock.epochNanos());
      }
      DrillReport report = drill.report();
      LOG.warn(
          "drill_started drill={} replica={} kind={} duration_ms={}",
          report.id(),
          report.replica(),
          report.plan().kind().label(),
          report.plan().durationMs());
      listener.started(report);
      stops = closed;
    }
    return stops
        ? cut(drill, Outcome.GATEWAY_STOPPED)
        : CompletableFuture.completedFuture(drill.report());
  }

  /** What was perhaps done all the same is taken back. */
  private CompletionStage<DrillReport> failed(Drill drill, Throwable failure) {
    LOG.warn("drill_failed drill={} replica={}", drill.id(), drill.replica().id(), failure);
    return faults
        .heal(drill.replica(), drill.plan())
        .handle(
            (done, ignored) -> {
              synchronized (this) {
                active.remove(drill.replica().id());
                watching.remove(drill.affectedRequests());
              }
              throw new CompletionException(
                  cause(failure) instanceof ApiException refused
                      ? refused
                      : refused("The replica could not be broken: " + message(failure) + "."));
            });
  }

  private static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  private static String message(Throwable failure) {
    return String.valueOf(cause(failure).getMessage());
  }

  // ------------------------------------------------------------------ end

  /** A replica went to another state; called under its monitor. */
  public synchronized void changed(Replica replica, ReplicaState to) {
    Drill drill = active.get(replica.id());
    if (drill != null) {
      drill.changed(to, clock.epochNanos());
    }
  }

  /**
   * A request has ended, at whatever replicas it was. On any thread.
   *
   * @param aheadNanos what its times are ahead of the gateway's clock
   */
  public void ended(FlightRecord record, long aheadNanos) {
    for (AffectedRequests affectedRequests : watching) {
      affectedRequests.ended(record, aheadNanos);
    }
  }

  /** Does what is due; call it every now and then. */
  public void tick() {
    List<Drill> due = new ArrayList<>();
    synchronized (this) {
      long now = clock.epochNanos();
      if (!watching.isEmpty()) {
        watching.removeIf(each -> each.past(now));
      }
      for (Drill drill : List.copyOf(active.values())) {
        drill.look(now);
        if (drill.due(now)) {
          drill.transitionTo(Phase.ENDING);
          due.add(drill);
        } else if (drill.phase() == Phase.RECOVERING) {
          Outcome outcome = drill.settled(config.maxMs(), now);
          if (outcome != null) {
            over(drill, outcome);
          }
        }
      }
    }
    due.forEach(drill -> heal(drill, null));
  }

  /**
   * Ends one before its time.
   *
   * @return how it went, once its replica is as it was; null where there is no such drill
   * @throws ApiException where it is over, or about to be
   */
  public @Nullable CompletionStage<DrillReport> cut(String id) {
    Drill found;
    synchronized (this) {
      found =
          active.values().stream().filter(drill -> drill.id().equals(id)).findFirst().orElse(null);
      if (found == null && last.stream().noneMatch(drill -> drill.id().equals(id))) {
        return null;
      }
      if (found == null || found.phase() == Phase.STARTING || found.phase() == Phase.ENDING) {
        throw refused(found == null ? "The drill is over." : "The drill begins or ends just now.");
      }
    }
    return cut(found, Outcome.CUT_SHORT);
  }

  private CompletionStage<DrillReport> cut(Drill drill, Outcome outcome) {
    synchronized (this) {
      if (drill.phase() != Phase.RUNNING) {
        if (drill.phase() == Phase.RECOVERING) {
          over(drill, outcome);
        }
        return CompletableFuture.completedFuture(drill.report());
      }
      drill.transitionTo(Phase.ENDING);
    }
    return heal(drill, outcome);
  }

  /**
   * @param cut how it ends then; null where the replica's return is waited for
   */
  private CompletionStage<DrillReport> heal(Drill drill, @Nullable Outcome cut) {
    CompletableFuture<DrillReport> healed = new CompletableFuture<>();
    synchronized (this) {
      drill.under(healed);
    }
    CompletionStage<Void> done =
        drill.replaced()
            ? CompletableFuture.completedFuture(null)
            : faults.heal(drill.replica(), drill.plan());
    var _ =
        done.handle((nothing, failure) -> healed(drill, failure, cut))
            .whenComplete((report, failure) -> settle(healed, report, failure));
    return healed;
  }

  private synchronized DrillReport healed(
      Drill drill, @Nullable Throwable failure, @Nullable Outcome cut) {
    if (failure != null) {
      // Guards beside processes and in workers take it back soon.
      LOG.warn("drill_not_healed drill={} replica={}", drill.id(), drill.replica().id(), failure);
      drill.says("it could not be taken back at once: " + message(failure));
    }
    if (cut == null) {
      drill.healed(clock.epochNanos());
    } else {
      over(drill, cut);
    }
    return drill.report();
  }

  private void over(Drill drill, Outcome outcome) {
    drill.ended(outcome, clock.epochNanos());
    active.remove(drill.replica().id());
    DrillReport report = drill.report();
    last.addFirst(drill);
    if (last.size() > REMEMBERED) {
      last.removeLast();
    }
    LOG.warn("drill_ended drill={} replica={} outcome={}", report.id(), report.replica(), outcome);
    listener.ended(report);
  }

  // ------------------------------------------------------------------ all

  /** Those that go on and the last that did, the newest first. */
  public synchronized List<DrillReport> list() {
    List<DrillReport> all = new ArrayList<>(active.size() + last.size());
    active.values().stream().map(Drill::report).forEach(all::addFirst);
    last.stream().map(Drill::report).forEach(all::add);
    return all;
  }

  /** How one goes or went; null where there is no such drill. */
  public @Nullable DrillReport find(String id) {
    return list().stream().filter(drill -> drill.id().equals(id)).findFirst().orElse(null);
  }

  /**
   * Begins none any more, and ends all.
   *
   * @return done when nothing is broken any more
   */
  public CompletableFuture<Void> close() {
    List<Drill> running;
    synchronized (this) {
      closed = true;
      running = List.copyOf(active.values());
    }
    running.forEach(drill -> cut(drill, Outcome.GATEWAY_STOPPED));
    synchronized (this) {
      return CompletableFuture.allOf(
          running.stream().map(Drill::under).toArray(CompletableFuture[]::new));
    }
  }
}
