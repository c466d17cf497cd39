/** Replicas that are broken on purpose, and what came of it. */
@NullMarked
package dev.switchboard.console.drills;

import org.jspecify.annotations.NullMarked;
