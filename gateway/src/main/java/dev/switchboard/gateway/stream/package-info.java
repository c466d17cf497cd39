/**
 * Moves an upstream's answer to the client: server-sent events scanned by bytes, with backpressure
 * both ways, or one whole JSON body. Runs on the event loop that owns the request.
 */
@NullMarked
package dev.switchboard.gateway.stream;

import org.jspecify.annotations.NullMarked;
