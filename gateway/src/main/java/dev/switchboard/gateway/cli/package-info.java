/**
 * What operators ask a running gateway from a terminal: {@code ./switchboard status}, {@code top},
 * {@code models}, {@code keys}, {@code why}, {@code drain}, {@code reload}, {@code diagnostics} and
 * {@code chat}. A process of its own, which the launcher starts; it knows the gateway by its HTTP
 * APIs only.
 */
@NullMarked
package dev.switchboard.gateway.cli;

import org.jspecify.annotations.NullMarked;
