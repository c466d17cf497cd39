/** The view of all gateways, models and replicas. */
@NullMarked
package dev.switchboard.console.fleet;

import org.jspecify.annotations.NullMarked;
