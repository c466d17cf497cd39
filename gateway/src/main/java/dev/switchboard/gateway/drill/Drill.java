package dev.switchboard.gateway.drill;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.ReplicaState;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One drill, and what was seen of its replica meanwhile.
 *
 * <pre>
 *   STARTING ──▶ RUNNING ──▶ ENDING ──▶ RECOVERING ──▶ ENDED
 *       └─ not begun           └── cut short ────────────▲
 * </pre>
 *
 * <p>What happens at once, such as a kill, is never RUNNING. Confined to {@link Drills}' lock.
 */
final class Drill {
  enum Phase {
    /** It is being done. */
    STARTING,
    /** The replica is broken. */
    RUNNING,
    /** It is being taken back. */
    ENDING,
    /** Nothing is broken any more; the replica is not ready yet. */
    RECOVERING,
    /** Over. */
    ENDED;

    private boolean mayBecome(Phase next) {
      return switch (this) {
        case STARTING -> next == RUNNING || next == RECOVERING;
        case RUNNING -> next == ENDING;
        case ENDING -> next == RECOVERING || next == ENDED;
        case RECOVERING -> next == ENDED;
        case ENDED -> false;
      };
    }
  }

  /** How it ended. */
  enum Outcome {
    /** The replica is ready, again or still. */
    READY,
    /** It is not, for longer than the drill may last. */
    NOT_READY,
    /** Somebody cut it short. */
    CUT_SHORT,
    /** So did the end of the gateway. */
    GATEWAY_STOPPED
  }

  private static final long UNSEEN = -1;

  private final String id;
  private final Replica replica;
  private final int incarnation;
  private final DrillPlan plan;
  private final long startNanos;
  private final AffectedRequests affectedRequests;
  private Phase phase = Phase.STARTING;
  private @Nullable Outcome outcome;
  private @Nullable String message;
  private CompletableFuture<DrillReport> under = new CompletableFuture<>();
  private long healedNanos;
  private long endNanos;
  private long leftMs = UNSEEN;
  private long backMs = UNSEEN;
  private long namedMs = UNSEEN;

  Drill(String id, Replica replica, DrillPlan plan, long nowNanos) {
    this.id = id;
    this.replica = replica;
    this.incarnation = replica.incarnation();
    this.plan = plan;
    this.startNanos = nowNanos;
    this.affectedRequests = new AffectedRequests(replica.id(), nowNanos);
  }

  Replica replica() {
    return replica;
  }

  /** The requests that meet it; they count themselves. */
  AffectedRequests affectedRequests() {
    return affectedRequests;
  }

  DrillPlan plan() {
    return plan;
  }

  String id() {
    return id;
  }

  Phase phase() {
    return phase;
  }

  void transitionTo(Phase next) {
    if (!phase.mayBecome(next)) {
      throw new IllegalStateException(id + " cannot go from " + phase + " to " + next);
    }
    phase = next;
  }

  /** What is done to the replica now, or was last. */
  CompletableFuture<DrillReport> under() {
    return under;
  }

  void under(CompletableFuture<DrillReport> begun) {
    under = begun;
  }

  /** Nothing is broken from now on. */
  void healed(long nowNanos) {
    transitionTo(Phase.RECOVERING);
    healedNanos = nowNanos;
  }

  void ended(Outcome how, long nowNanos) {
    transitionTo(Phase.ENDED);
    outcome = how;
    endNanos = nowNanos;
    affectedRequests.ends(nowNanos);
  }

  /** Something that whoever looks should know. */
  void says(@Nullable String what) {
    message = what;
  }

  /** Whether it is over its time, or its process is another one than it was done to. */
  boolean due(long nowNanos) {
    return phase == Phase.RUNNING
        && (nowNanos - startNanos >= plan.durationMs() * 1_000_000L || replaced());
  }

  /** Whether another process has taken the place of the one that was broken. */
  boolean replaced() {
    return replica.incarnation() != incarnation;
  }

  /** The replica went to another state: it can be gone and back between two looks. */
  void changed(ReplicaState to, long nowNanos) {
    if (to != ReplicaState.READY) {
      leftMs = leftMs == UNSEEN ? sinceMs(nowNanos) : leftMs;
      backMs = UNSEEN;
    } else if (leftMs != UNSEEN) {
      backMs = sinceMs(nowNanos);
    }
  }

  private long sinceMs(long nowNanos) {
    return (nowNanos - startNanos) / 1_000_000;
  }

  /** Looks at what the replica says of itself. */
  void look(long nowNanos) {
    if (namedMs == UNSEEN && named()) {
      namedMs = sinceMs(nowNanos);
    }
  }

  private boolean named() {
    for (RankReport rank : replica.report().rankReports()) {
      if (rank.straggler() && rank.stage() == plan.stage() && rank.rank() == plan.rank()) {
        return true;
      }
    }
    return false;
  }

  /**
   * How it ends now that nothing is broken any more; null while that is to be waited for. A kill is
   * noticed only when the process is gone.
   */
  @Nullable Outcome settled(long mostMs, long nowNanos) {
    boolean unnoticed = plan.kind() == DrillKind.KILL && !replaced();
    if (replica.state() == ReplicaState.READY && !unnoticed) {
      return Outcome.READY;
    }
    return nowNanos - healedNanos >= mostMs * 1_000_000 ? Outcome.NOT_READY : null;
  }

  DrillReport report() {
    return new DrillReport(
        id,
        replica.id(),
        replica.model(),
        plan,
        phase.name(),
        outcome == null ? null : outcome.name(),
        message,
        startNanos / 1_000_000,
        endNanos == 0 ? null : endNanos / 1_000_000,
        seen(leftMs),
        seen(backMs),
        seen(namedMs),
        affectedRequests.report());
  }

  private static @Nullable Long seen(long millis) {
    return millis == UNSEEN ? null : millis;
  }
}
