package dev.switchboard.gateway.fleet;

import java.util.EnumSet;
import java.util.Set;

/**
 * The life of a replica.
 *
 * <pre>
 *   STARTING ──▶ WARMING ──▶ READY ──▶ DRAINING ──▶ DRAINED
 *      ▲            ▲          │          │            │
 *      │            └─ EJECTED ◀          └── resume ──┴──▶ WARMING
 *   RESTARTING ◀── (process exit, from any state that has a process)
 *      └──▶ FAILED ── the longest wait, or resume ──▶ STARTING
 *   any ──▶ STOPPED
 * </pre>
 */
public enum ReplicaState {
  /** Its process starts and loads the model; a foreign server was not reached yet. */
  STARTING,
  /** It answers; every rank still has to pass the canary. */
  WARMING,
  /** Every rank answered the canary: it takes requests. */
  READY,
  /** It stopped answering health checks; it must pass the canary again. */
  EJECTED,
  /** No new requests; those it has go on. */
  DRAINING,
  /** Drained and empty. */
  DRAINED,
  /** Its process exited and waits to be started again. */
  RESTARTING,
  /**
   * It exits too often and is tried again after the longest wait only; or it cannot be started as
   * it is, and waits for an operator.
   */
  FAILED,
  /** The gateway stopped it. */
  STOPPED;

  /** Whether one edge leads from this state to that one. */
  public boolean mayBecome(ReplicaState state) {
    return next().contains(state);
  }

  private Set<ReplicaState> next() {
    return switch (this) {
      case STARTING -> EnumSet.of(WARMING, RESTARTING, STOPPED);
      case WARMING -> EnumSet.of(READY, EJECTED, DRAINING, RESTARTING, STOPPED);
      case READY -> EnumSet.of(EJECTED, DRAINING, RESTARTING, STOPPED);
      case EJECTED -> EnumSet.of(WARMING, DRAINING, RESTARTING, STOPPED);
      case DRAINING -> EnumSet.of(DRAINED, WARMING, RESTARTING, STOPPED);
      case DRAINED -> EnumSet.of(WARMING, RESTARTING, STOPPED);
      case RESTARTING -> EnumSet.of(STARTING, FAILED, STOPPED);
      case FAILED -> EnumSet.of(STARTING, STOPPED);
      case STOPPED -> EnumSet.noneOf(ReplicaState.class);
    };
  }

  /** Whether it answers HTTP, or should. */
  public boolean listening() {
    return switch (this) {
      case WARMING, READY, EJECTED, DRAINING, DRAINED -> true;
      case STARTING, RESTARTING, FAILED, STOPPED -> false;
    };
  }
}
