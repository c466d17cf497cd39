/** The embedded server, what it lets through, and its health. */
@NullMarked
package dev.switchboard.console.web;

import org.jspecify.annotations.NullMarked;
