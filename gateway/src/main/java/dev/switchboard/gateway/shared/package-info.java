/**
 * Limits that several gateways hold together, in a Valkey or Redis that {@code shared.url} names.
 * Called on the event loop that owns the request. Without it, or while it is away, each gateway
 * holds the limits alone.
 */
@NullMarked
package dev.switchboard.gateway.shared;

import org.jspecify.annotations.NullMarked;
