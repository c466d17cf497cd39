/**
 * Chooses the replica of a request. The choice is pure: a snapshot, the request and the time come
 * in, a decision with its whole candidate table goes out; no clock, no I/O, no Vert.x. Called on
 * the event loop that owns the request. What was learned of a replica is kept in its {@link
 * dev.switchboard.gateway.routing.Workload}, which several event loops share, and enters a snapshot
 * as an immutable copy.
 */
@NullMarked
package dev.switchboard.gateway.routing;

import org.jspecify.annotations.NullMarked;
