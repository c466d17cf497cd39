/**
 * What one request cost, down to stage and rank: plain records that the scheduler builds, the
 * worker serialises and the gateway turns into spans and the flight recorder's entry. Immutable;
 * safe on any thread.
 *
 * <p>All times are Unix epoch nanoseconds on the worker's clock, anchored once to {@link
 * System#nanoTime()}, so they never step backwards inside one process. Durations are nanoseconds.
 */
@NullMarked
package dev.switchboard.timeline;

import org.jspecify.annotations.NullMarked;
