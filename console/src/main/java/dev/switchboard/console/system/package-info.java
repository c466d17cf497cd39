/** The view of versions, telemetry and configuration. */
@NullMarked
package dev.switchboard.console.system;

import org.jspecify.annotations.NullMarked;
