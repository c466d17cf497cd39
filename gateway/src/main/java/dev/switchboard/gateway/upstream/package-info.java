/**
 * The client side towards workers and foreign servers: one HTTP/1.1 keep-alive client per event
 * loop, and the budget of retries before the first byte.
 */
@NullMarked
package dev.switchboard.gateway.upstream;

import org.jspecify.annotations.NullMarked;
