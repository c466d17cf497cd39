package dev.switchboard.gateway.fleet;

/**
 * What an operator wants a replica to be until a resume, whatever becomes of its process meanwhile.
 */
enum StandingOrder {
  SERVE,
  /** Empty, and alive; its process may be another one. */
  DRAINED,
  /** Without a process, as soon as it is empty or its process ends. */
  STOPPED
}
