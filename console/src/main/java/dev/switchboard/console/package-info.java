/** The console's process: options, start and stop. */
@NullMarked
package dev.switchboard.console;

import org.jspecify.annotations.NullMarked;
