/**
 * The replicas: local workers that the gateway spawns and restarts, and servers it only knows by
 * URL. One platform thread, {@code fleet}, owns processes and restarts; the prober's event loop
 * polls health; event loops that serve requests read an immutable snapshot.
 */
@NullMarked
package dev.switchboard.gateway.fleet;

import org.jspecify.annotations.NullMarked;
