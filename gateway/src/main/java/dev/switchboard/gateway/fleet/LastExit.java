package dev.switchboard.gateway.fleet;

import org.jspecify.annotations.Nullable;

/**
 * How a worker's process ended when nobody had asked it to.
 *
 * @param reason a stable word, such as {@code no_driver}; null where it said none
 * @param message for people
 * @param atMs Unix epoch milliseconds
 */
public record LastExit(
    WorkerExit cause, int status, @Nullable String reason, String message, long atMs) {}
