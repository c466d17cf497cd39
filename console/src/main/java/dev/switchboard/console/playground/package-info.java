/** Requests by hand at a gateway's public API, with the times of their tokens. */
@NullMarked
package dev.switchboard.console.playground;

import org.jspecify.annotations.NullMarked;
