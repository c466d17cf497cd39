package dev.switchboard.gateway.fleet;

/**
 * How far a worker has come with loading its model.
 *
 * @param expectedReadyMs Unix epoch milliseconds; 0 where nobody knows yet
 */
public record LoadedBytes(long done, long total, long expectedReadyMs) {}
