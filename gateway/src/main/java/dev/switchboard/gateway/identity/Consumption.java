package dev.switchboard.gateway.identity;

/**
 * What a tenant used within an hour.
 *
 * @param hourMs beginning of the hour, epoch milliseconds
 * @param requests that ended, whatever way they ended
 * @param promptTokens read, those found in a cache included
 * @param cachedTokens of them found in a cache
 * @param outputTokens generated
 */
public record Consumption(
    String tenant,
    long hourMs,
    long requests,
    long promptTokens,
    long cachedTokens,
    long outputTokens) {}
