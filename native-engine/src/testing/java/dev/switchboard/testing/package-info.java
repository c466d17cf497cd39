/**
 * What tests of every module that wait for real threads, sockets and processes have in common. Each
 * module compiles it beside its own tests.
 */
@NullMarked
package dev.switchboard.testing;

import org.jspecify.annotations.NullMarked;
