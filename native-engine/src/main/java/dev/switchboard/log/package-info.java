/**
 * The lines of the log of gateway and workers, which look the same so that one rule reads both:
 * text for people, or one JSON object a line. On the thread that logs.
 */
@NullMarked
package dev.switchboard.log;

import org.jspecify.annotations.NullMarked;
