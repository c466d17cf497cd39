/**
 * What waits for a time to come, beside the clocks that tell the time: production waits with
 * Vert.x, tests by hand. Worker and gateway take {@link dev.switchboard.timers.Timers} and know no
 * other timers; what fires does so on the event loop that asked for it.
 */
@NullMarked
package dev.switchboard.timers;

import org.jspecify.annotations.NullMarked;
