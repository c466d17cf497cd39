package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.upstream.UpstreamAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what replicas are asked and when, and what their answers and their silence mean: their
 * state at every poll, and a canary while they warm up and when they were idle for long. One
 * question at a time per replica.
 *
 * <p>Plain: who asks, the time and the answers come in. On one thread.
 */
public final class HealthChecks {
  private static final Logger LOG = LoggerFactory.getLogger(HealthChecks.class);

  /** A worker's canary itself gives up after this long. */
  private static final long CANARY_NANOS = 2_000_000_000L;

  /** A turn that comes later than this was late, and what was late here is nobody's silence. */
  private static final long LATE_NANOS = 200_000_000;

  /** A cause that changes from try to try is told this often. */
  static final long TELL_AGAIN_NANOS = 10_000_000_000L;

  /** What a replica can be asked. */
  public enum Question {
    /** A token through every rank. */
    CANARY,
    /** How it is. */
    STATE
  }

  /** What came of a question that was not answered well. */
  public enum Failure {
    /** Nothing came in time. */
    SILENCE,
    /** What came was not what was asked for. */
    BAD_ANSWER,
    /** Nobody listens there, or it says that it does not serve the model. */
    CERTAIN
  }

  /** Asks, and tells {@link #proven}, {@link #reported} or {@link #failed} what came of it. */
  @FunctionalInterface
  public interface Asker {
    void ask(Replica replica, UpstreamAddress address, Question question);
  }

  private static final class Watch {
    boolean asking;
    int failures;

    /** When the first was asked of the questions in a row that it did not answer well. */
    long failingSinceNanos;

    long provenNanos;
    long askedNanos;

    /** Since when the time until it is polled again counts; 0 before the first time. */
    long polledNanos;

    /** When the first was asked of the questions in a row to which nothing came. */
    long owingSinceNanos;

    long patienceNanos;
    long silentSinceNanos;

    /** When the log was told last why it is not ready. */
    long toldNanos;

    /** Its requests were asked to go elsewhere. */
    boolean left;

    /** How long it has owed an answer and said nothing; 0 for one that owes none. */
    long quietNanos(Replica replica, long now) {
      return owingSinceNanos == 0 ? 0 : now - Math.max(replica.heardNanos(), owingSinceNanos);
    }

    void postpone(long nanos) {
      askedNanos += nanos;
      owingSinceNanos += owingSinceNanos == 0 ? 0 : nanos;
    }
  }

  /** Replicas that are polled at the same moment. */
  private static final int FEW = 32;

  private final Fleet fleet;
  private final Asker asker;
  private final Map<String, Watch> watches = new HashMap<>();

  /** So many were polled for the first time. */
  private int polled;

  private long lastNanos;

  public HealthChecks(Fleet fleet, Asker asker) {
    this.fleet = fleet;
    this.asker = asker;
  }

  /** How often {@link #turn} is to be called: warming replicas are looked at ten times a second. */
  public long turnMs() {
    return Math.min(fleet.config().statePollMs(), 100);
  }

  /** Asks what is due. */
  public void turn(long nowNanos) {
    long late = lastNanos == 0 ? 0 : Math.max(0, nowNanos - lastNanos - LATE_NANOS);
    lastNanos = nowNanos;
    List<Replica> replicas = fleet.replicas();
    if (watches.size() > replicas.size()) {
      watches.keySet().retainAll(replicas.stream().map(Replica::id).toList());
    }
    for (Replica replica : replicas) {
      Watch watch = watch(replica);
      watch.postpone(late);
      UpstreamAddress address = replica.address();
      boolean poll = due(watch, nowNanos);
      if (address != null && !watch.asking) {
        look(replica, address, watch, poll, nowNanos);
      } else if (address != null) {
        listen(replica, watch, nowNanos);
      }
    }
  }

  /**
   * Whether it is its turn to be polled. Each is polled at once. Of many each has its own moment
   * from then on: hundreds of answers at the same one would hold up all else that this thread does.
   */
  private boolean due(Watch watch, long nowNanos) {
    if (nowNanos - watch.polledNanos < everyNanos()) {
      return false;
    }
    boolean first = watch.polledNanos == 0;
    long turns = spreadNanos() / turnNanos() + 1;
    watch.polledNanos = first ? nowNanos - polled++ % turns * turnNanos() : nowNanos;
    return true;
  }

  private long everyNanos() {
    return fleet.config().statePollMs() * 1_000_000;
  }

  private long turnNanos() {
    return turnMs() * 1_000_000;
  }

  /** How far apart their moments are; a few have the same, and fall silent together. */
  private long spreadNanos() {
    return fleet.replicas().size() <= FEW ? 0 : everyNanos() - turnNanos();
  }

  private Watch watch(Replica replica) {
    return watches.computeIfAbsent(replica.id(), id -> new Watch());
  }

  private void look(Replica replica, UpstreamAddress address, Watch watch, boolean poll, long now) {
    switch (replica.state()) {
      case WARMING -> ask(replica, address, watch, Question.CANARY, now);
      case READY, STANDBY -> {
        boolean idle =
            replica.inFlight() == 0
                && now - Math.max(watch.provenNanos, replica.lastUsedNanos())
                    > fleet.config().canaryIdleMs() * 1_000_000;
        if (poll) {
          boolean canary = idle && replica.worker();
          ask(replica, address, watch, canary ? Question.CANARY : Question.STATE, now);
        }
      }
      case CORDONED, DRAINING, EJECTED, DRAINED -> {
        if (poll) {
          ask(replica, address, watch, Question.STATE, now);
        }
      }
      case STARTING, RESTARTING, FAILED, STOPPED -> {}
    }
  }

  private void ask(
      Replica replica, UpstreamAddress address, Watch watch, Question question, long now) {
    watch.asking = true;
    watch.askedNanos = now;
    if (watch.owingSinceNanos == 0) {
      watch.owingSinceNanos = now;
    }
    watch.patienceNanos =
        fleet.config().unresponsiveMs() * 1_000_000
            + (question == Question.CANARY ? CANARY_NANOS : 0);
    asker.ask(replica, address, question);
  }

  /** It passed the canary. */
  public void proven(Replica replica, long nowNanos) {
    Watch watch = answered(replica, nowNanos);
    watch.provenNanos = nowNanos;
    fleet.proven(replica);
  }

  /** It said how it is. */
  public void reported(Replica replica, ReplicaReport report, long nowNanos) {
    replica.report(report);
    answers(replica, nowNanos);
  }

  /** It answered, and said nothing of its load. */
  public void answers(Replica replica, long nowNanos) {
    Watch _ = answered(replica, nowNanos);
    if (replica.circuit().mayReturn(nowNanos)) {
      replica.tryTransition(ReplicaState.EJECTED, ReplicaState.WARMING, "answers again");
    }
  }

  private Watch answered(Replica replica, long nowNanos) {
    Watch watch = watch(replica);
    watch.asking = false;
    watch.failures = 0;
    watch.owingSinceNanos = 0;
    watch.silentSinceNanos = 0;
    watch.left = false;
    replica.answers();
    replica.heard(nowNanos);
    return watch;
  }

  /**
   * It did not answer what it was asked, or badly. A replica where nobody listens is gone, one that
   * fails a canary computes nothing, and one without the model cannot serve it; one that is slow to
   * say how it is, or says it badly, may be so with all others, and then stays as long as half of
   * its model's would be out.
   *
   * @param reason made when the question has ended: what cannot be said must not end the asking
   */
  public void failed(Replica replica, Question question, Failure failure, Supplier<String> reason) {
    Watch watch = watch(replica);
    watch.asking = false;
    if (watch.failures++ == 0) {
      watch.failingSinceNanos = watch.askedNanos;
    }
    if (failure != Failure.SILENCE) {
      watch.owingSinceNanos = 0;
    }
    String why = reason.get();
    LOG.debug(
        "probe_failed replica={} failures={} reason=\"{}\"", replica.id(), watch.failures, why);
    tell(replica, watch, why);
    if (watch.failures >= fleet.config().ejectAfter()) {
      if (failure == Failure.CERTAIN || question == Question.CANARY) {
        replica.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, why);
      } else if (replica.state() == ReplicaState.READY) {
        fleet.outlierEjection().ejectOneOfHalf(replica, why, lastNanos);
      }
      replica.tryTransition(ReplicaState.STANDBY, ReplicaState.EJECTED, why);
      if (saysNothing(replica, watch)) {
        replica.askToLeave(ServedRequest.Leave.SILENT);
      }
    }
  }

  /** One that is not ready says why it stays so; in the log not more often than anybody reads. */
  private void tell(Replica replica, Watch watch, String why) {
    boolean news = replica.fails(why);
    if (news && (watch.toldNanos == 0 || lastNanos - watch.toldNanos >= TELL_AGAIN_NANOS)) {
      watch.toldNanos = lastNanos;
      LOG.warn("replica_not_ready replica={} reason=\"{}\"", replica.id(), why);
    }
    if (news) {
      fleet.notReady(replica, why);
    }
  }

  /**
   * Whether a foreign server says nothing to anybody, so that requests wait there in vain. Where
   * more than half of a model's replicas fail at once, it is rather this machine.
   */
  private boolean saysNothing(Replica silent, Watch own) {
    if (silent.worker() || silent.heardNanos() > own.failingSinceNanos) {
      return false;
    }
    int all = 0;
    int failing = 0;
    for (Replica replica : fleet.replicas()) {
      if (replica.model().equals(silent.model())) {
        all++;
        failing += watch(replica).failures > 0 ? 1 : 0;
      }
    }
    return 2 * failing <= all;
  }

  /**
   * A worker that was asked and says nothing, to nobody: streams from it count as signs of life, so
   * a busy one is not taken for a stopped one.
   */
  private void listen(Replica replica, Watch watch, long now) {
    long quiet = watch.quietNanos(replica, now);
    if (!replica.worker() || quiet < watch.patienceNanos) {
      return;
    }
    if (watch.silentSinceNanos == 0) {
      watch.silentSinceNanos = now - quiet;
    }
    if (!watch.left && mayLeave(replica, watch, now)) {
      watch.left = true;
      silent(replica);
    }
    if (replica.local()
        && fleet.config().hungRestartMs() > 0
        && now - watch.silentSinceNanos >= fleet.config().hungRestartMs() * 1_000_000) {
      LOG.warn("worker_hung replica={} silent_ms={}", replica.id(), fleet.config().hungRestartMs());
      watch.silentSinceNanos = now;
      fleet.kill(replica);
    }
  }

  private boolean mayLeave(Replica silent, Watch own, long now) {
    int all = 0;
    int quiet = 0;
    int out = 0;
    for (Replica replica : fleet.replicas()) {
      if (replica.model().equals(silent.model()) && (replica == silent || !replica.leaving())) {
        Watch watch = watch(replica);
        all++;
        out += replica == silent || replica.serves() ? 0 : 1;
        boolean silentNow =
            watch.silentSinceNanos != 0
                || watch.quietNanos(replica, now) >= watch.patienceNanos / 2 - spreadNanos();
        quiet += replica.worker() && silentNow && replica.address() != null ? 1 : 0;
      }
    }
    long silentNanos = now - own.silentSinceNanos;
    return UnresponsiveCheck.leave(all, quiet, out, silentNanos, own.patienceNanos);
  }

  private void silent(Replica replica) {
    String why = "it says nothing for " + fleet.config().unresponsiveMs() + " ms";
    for (ReplicaState state :
        new ReplicaState[] {ReplicaState.READY, ReplicaState.STANDBY, ReplicaState.CORDONED}) {
      replica.tryTransition(state, ReplicaState.EJECTED, why);
    }
    replica.askToLeave(ServedRequest.Leave.SILENT);
  }
}
