/**
 * What happens in the fleet, as a stream of events for whoever watches: a bounded memory of the
 * last ones, and listeners that read it at their own speed. Anybody tells, on any thread and
 * without waiting; each listener is on the event loop of its connection.
 */
@NullMarked
package dev.switchboard.gateway.events;

import org.jspecify.annotations.NullMarked;
