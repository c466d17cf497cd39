package dev.switchboard.gateway.store;

import org.jspecify.annotations.Nullable;

/**
 * Hours that are asked for.
 *
 * @param fromMs and toMs: they begin within
 * @param model null for all, as the class
 */
public record SloQuery(
    long fromMs,
    long toMs,
    @Nullable String model,
    @Nullable String sloClass,
    int limit,
    int offset) {}
