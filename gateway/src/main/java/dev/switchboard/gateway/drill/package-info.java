/**
 * Breaks a replica on purpose, for a bounded time, so that people can see what the gateway makes of
 * it before it happens by itself. The admin API asks; the configuration must allow it.
 */
@NullMarked
package dev.switchboard.gateway.drill;

import org.jspecify.annotations.NullMarked;
