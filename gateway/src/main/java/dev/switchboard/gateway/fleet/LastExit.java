package dev.switchboard.gateway.fleet;

/**
 * How a worker's process ended when nobody had asked it to.
 *
 * @param message for people
 * @param atMs Unix epoch milliseconds
 */
public record LastExit(WorkerExit cause, int status, String message, long atMs) {}
