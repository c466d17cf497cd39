/**
 * TLS towards clients: what the configuration names, read and checked as a whole before anything
 * begins, and the handler that each connection of a listener gets. Read by whoever starts or
 * reloads; installed on the event loop of the connection.
 */
@NullMarked
package dev.switchboard.gateway.tls;

import org.jspecify.annotations.NullMarked;
