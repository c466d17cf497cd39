package dev.switchboard.gateway.fleet;

import java.util.EnumSet;
import java.util.Set;

/**
 * The life of a replica.
 *
 * <pre>
 *   STARTING ──▶ WARMING ──▶ READY ◀──▶ CORDONED
 *      ▲          ▲ │ ▲        │ ▲         │
 *      │          │ │ └EJECTED◀┤ └STANDBY◀─┼── WARMING, while enough others are READY
 *      │          │ │          ▼           ▼
 *      │          │ └──────▶ DRAINING ◀────┘
 *      │          └─ resume ── │ ▲
 *      │                       ▼ └── STANDBY, EJECTED
 *      ├── restart ───────── DRAINED ── stop ──▶ STOPPED ── resume ──▶ STARTING
 *   RESTARTING ◀── (process exit, from any state that has a process)
 *      └──▶ FAILED ── the longest wait, or resume ──▶ STARTING
 *   WARMING ──▶ DRAINED, where an operator drained it before its process was another one
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
  /** As good as ready, but held back until another one of its model is lost or drained. */
  STANDBY,
  /** An operator lets it take no new requests; those it has go on. */
  CORDONED,
  /** It stopped answering, or failed too often; it must pass the canary again. */
  EJECTED,
  /** It is being emptied: no new requests, and those it has end or go elsewhere. */
  DRAINING,
  /** Drained and empty, alive. */
  DRAINED,
  /** Its process exited and waits to be started again. */
  RESTARTING,
  /**
   * It exits too often and is tried again after the longest wait only; or it cannot be started as
   * it is, and waits for an operator.
   */
  FAILED,
  /** Its process was stopped: by an operator, or because the gateway stops. */
  STOPPED;

  /** Whether one edge leads from this state to that one. */
  public boolean mayBecome(ReplicaState state) {
    return next().contains(state);
  }

  private Set<ReplicaState> next() {
    return switch (this) {
      case STARTING -> EnumSet.of(WARMING, RESTARTING, STOPPED);
      case WARMING ->
          EnumSet.of(READY, STANDBY, CORDONED, EJECTED, DRAINING, DRAINED, RESTARTING, STOPPED);
      case READY -> EnumSet.of(CORDONED, EJECTED, DRAINING, RESTARTING, STOPPED);
      case STANDBY -> EnumSet.of(READY, CORDONED, EJECTED, DRAINING, RESTARTING, STOPPED);
      case CORDONED -> EnumSet.of(READY, EJECTED, DRAINING, RESTARTING, STOPPED);
      case EJECTED -> EnumSet.of(WARMING, DRAINING, RESTARTING, STOPPED);
      case DRAINING -> EnumSet.of(DRAINED, WARMING, RESTARTING, STOPPED);
      case DRAINED -> EnumSet.of(WARMING, RESTARTING, STOPPED);
      case RESTARTING -> EnumSet.of(STARTING, FAILED, STOPPED);
      case FAILED -> EnumSet.of(STARTING, STOPPED);
      case STOPPED -> EnumSet.of(STARTING);
    };
  }

  /** Whether it becomes ready by itself, if all goes well. */
  public boolean returns() {
    return switch (this) {
      case STARTING, WARMING, STANDBY, EJECTED, RESTARTING -> true;
      case READY, CORDONED, DRAINING, DRAINED, FAILED, STOPPED -> false;
    };
  }

  /** Whether it answers HTTP, or should. */
  public boolean listening() {
    return switch (this) {
      case WARMING, READY, STANDBY, CORDONED, EJECTED, DRAINING, DRAINED -> true;
      case STARTING, RESTARTING, FAILED, STOPPED -> false;
    };
  }
}
