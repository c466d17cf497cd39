/**
 * How a replica is emptied: what to expect of it, and how it went. Plain Java into which the time
 * comes; the fleet's thread runs it against real replicas, a simulation against its own.
 */
@NullMarked
package dev.switchboard.gateway.drain;

import org.jspecify.annotations.NullMarked;
