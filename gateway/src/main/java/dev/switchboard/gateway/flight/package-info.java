/**
 * What is known of one request: the marks its event loop sets while it runs ({@link
 * dev.switchboard.gateway.flight.Flight}), the record that stays of it, the partition of its wall
 * time and the bounded recorder of recent records. A flight belongs to one event loop; records are
 * immutable and the recorder is safe on any thread.
 */
@NullMarked
package dev.switchboard.gateway.flight;

import org.jspecify.annotations.NullMarked;
