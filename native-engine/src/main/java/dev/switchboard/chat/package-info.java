/**
 * Renders a model's own chat template. A small Jinja renderer, sandboxed by construction: it knows
 * only the values it is given, has no reflection, and stops at limits of steps, output and depth.
 * Immutable and safe on any thread.
 */
@NullMarked
package dev.switchboard.chat;

import org.jspecify.annotations.NullMarked;
