/**
 * Where one HTTP message ends and the next begins, told in one way only: what worker and gateway
 * install in place of Netty's lenient decoders, on every listener and on connections to replicas.
 * Also how the headers are read by which both know whom a message is for and what it holds. On the
 * event loop of the connection.
 */
@NullMarked
package dev.switchboard.framing;

import org.jspecify.annotations.NullMarked;
