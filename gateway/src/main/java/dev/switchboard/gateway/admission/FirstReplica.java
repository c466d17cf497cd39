package dev.switchboard.gateway.admission;

/**
 * How requests wait for the first replica of a model that has none, because somebody starts one
 * when they come.
 *
 * @param requests at most
 * @param bytes of their bodies
 * @param waitNanos that one of them waits at most
 * @param startNanos that a replica is expected to take until it is ready
 */
public record FirstReplica(int requests, long bytes, long waitNanos, long startNanos) {}
