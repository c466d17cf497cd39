/**
 * What tests of every module have in common: how they wait for real threads, sockets and processes,
 * and time, event loops and HTTP that are moved by hand. Each module compiles it beside its own
 * tests.
 */
@NullMarked
package dev.switchboard.testing;

import org.jspecify.annotations.NullMarked;
