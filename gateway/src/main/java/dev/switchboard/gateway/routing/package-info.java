/**
 * Chooses the replica of a request. Pure: a snapshot, the request and the time come in, a decision
 * with its whole candidate table goes out; no clock, no I/O, no Vert.x. Called on the event loop
 * that owns the request; everything here is immutable.
 */
@NullMarked
package dev.switchboard.gateway.routing;

import org.jspecify.annotations.NullMarked;
