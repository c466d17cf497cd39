/** The view of one replica, and what can be done with it. */
@NullMarked
package dev.switchboard.console.replica;

import org.jspecify.annotations.NullMarked;
