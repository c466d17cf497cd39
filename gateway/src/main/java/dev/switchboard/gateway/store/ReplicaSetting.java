package dev.switchboard.gateway.store;

import org.jspecify.annotations.Nullable;

/**
 * What operators set at a replica, other than its configuration says.
 *
 * @param replica a name that it has after a restart too
 * @param cordoned whether it is to take no new requests
 * @param weight its share of new work; null where that is the configured one
 * @param configuredWeight when the weight was set
 */
public record ReplicaSetting(
    String replica, boolean cordoned, @Nullable Double weight, double configuredWeight) {}
