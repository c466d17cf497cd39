/**
 * The client of the gateways' admin API; all that the console knows of a gateway comes through
 * here.
 */
@NullMarked
package dev.switchboard.console.api;

import org.jspecify.annotations.NullMarked;
