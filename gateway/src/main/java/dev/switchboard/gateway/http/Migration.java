package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.Replay;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What lets a stream go on at another worker: the tokens that its client has, who failed it, and
 * the move that is under way.
 */
final class Migration {
  private static final Logger LOG = LoggerFactory.getLogger(Migration.class);

  /** One that had enough to do is asked again so much later, while the stream waits. */
  private static final long BUSY_NANOS = 250_000_000;

  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final DeadlineTimer deadline;
  private final Replay replay;
  private List<Attempt> failed = List.of();

  /** Until when those are left out that only had enough to do. */
  private Map<Attempt, Long> busy = Map.of();

  private @Nullable Move move;

  /** Of the worker that the client's tokens are from, while the stream is between two. */
  private String fingerprint = "";

  /** How often the stream had to move because something broke. */
  private int faults;

  private boolean moved;

  Migration(Call call, DeadlineTimer deadline) {
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.deadline = deadline;
    this.replay = new Replay(gateway.migration().maxTokens());
  }

  /** What the client has of the answer. */
  Replay replay() {
    return replay;
  }

  /** While the stream is between two replicas; else null. */
  @Nullable Move move() {
    return move;
  }

  /** Whether another worker could go on with the stream of this one. */
  boolean may(Attempt current, MoveCause cause) {
    boolean another = move != null || !cause.fault() || faults < gateway.migration().attempts();
    return call.replays() && another && current.replica().worker() && replay.complete();
  }

  /** The stream is cut, or whoever was to go on with it broke too. */
  void cut(Attempt from, MoveCause cause, EventRelay.Break how) {
    if (failed.isEmpty()) {
      failed = new ArrayList<>();
    }
    failed.add(from);
    Move begun = move;
    if (begun == null) {
      begun = begin(from, cause, how);
      move = begun;
      fingerprint = from.fingerprint();
      faults += cause.fault() ? 1 : 0;
      deadline.moving(begun.cutNanos());
    } else {
      begun.brokeAgain(how);
      deadline.left();
    }
  }

  /** What a replica did since its last bytes is lost with it; one that is drained was at work. */
  private Move begin(Attempt from, MoveCause cause, EventRelay.Break how) {
    long now = flight.now();
    long heard = Math.max(flight.lastProgressNanos(), from.startNanos());
    Move begun =
        new Move(
            cause,
            from.replica().id(),
            cause.fault() ? Math.min(heard, now) : now,
            now,
            replay,
            how);
    flight.lost(begun.lostNanos());
    return begun;
  }

  /** It was to go on with the stream, and has enough to do. */
  void busy(Attempt current) {
    if (busy.isEmpty()) {
      busy = new HashMap<>();
    }
    busy.put(current, flight.now() + BUSY_NANOS);
  }

  /**
   * Foreign servers cannot go on; what failed can once its process is another one, and what had
   * enough to do a while later. Workers whose answers depend on something else go on only where no
   * other one does.
   *
   * @param leaving what the stream would leave, while it does not yet; else null
   */
  void exclude(ReplicaChoice choice, @Nullable Attempt leaving) {
    choice.excludeNobody();
    for (Attempt attempt : failed) {
      boolean out = flight.now() < busy.getOrDefault(attempt, Long.MAX_VALUE);
      if (out && attempt.sameProcess()) {
        choice.exclude(attempt.replica().id());
      }
    }
    Attempt current = move == null ? leaving : null;
    String told = current == null ? fingerprint : current.fingerprint();
    Set<String> others = new HashSet<>();
    for (Replica replica : gateway.fleet().replicas()) {
      if (!replica.worker()) {
        choice.exclude(replica.id());
      } else if (replica.model().equals(flight.model()) && differ(told, replica.fingerprint())) {
        others.add(replica.id());
      }
    }
    choice.avoid(others, current == null ? null : current.replica().id());
  }

  /** Where one of them does not say, nothing is known. */
  private static boolean differ(String one, String other) {
    return !one.isEmpty() && !other.isEmpty() && !one.equals(other);
  }

  /** The client got more from the replica that goes on. */
  void resumed(Attempt current) {
    Move done = move;
    if (done == null) {
      return;
    }
    if (differ(fingerprint, current.fingerprint())) {
      gateway.metrics().movedInexactly(flight.model());
      LOG.warn(
          "stream_moved_inexactly request={} trace={} from={} fingerprint={} to={} fingerprint={}",
          flight.id(),
          flight.traceId(),
          done.from(),
          fingerprint,
          current.replica().id(),
          current.fingerprint());
    }
    long now = flight.now();
    done.resumed(now);
    flight.lost(0);
    move = null;
    moved = true;
    deadline.moving(0);
    gateway
        .metrics()
        .moved(
            flight.model(), done.cause(), (now - done.cutNanos()) / 1e9, call.trace().exemplar());
    if (done.cause() == MoveCause.DRAINED) {
      gateway.fleet().outlierEjection().resumed(done.from(), now - done.cutNanos());
    }
  }

  /** A stream ended well; the last worker's timeline knows only of what it computed itself. */
  void countTokens() {
    if (moved && !flight.hasUsage()) {
      flight.usage(new Usage(replay.promptTokens(), replay.cachedTokens(), replay.tokens()));
    }
  }

  /** The request is over; nobody goes on with it any more. */
  void end(boolean clientLeft) {
    if (replay.computedAgain() > 0) {
      gateway.metrics().wasted(flight.model(), "moved", replay.computedAgain());
    }
    Move unfinished = move;
    if (unfinished == null) {
      return;
    }
    gateway.metrics().notMoved(flight.model(), unfinished.cause(), clientLeft);
    if (unfinished.cause() == MoveCause.DRAINED) {
      gateway.fleet().outlierEjection().notResumed(unfinished.from(), clientLeft);
    }
  }
}
