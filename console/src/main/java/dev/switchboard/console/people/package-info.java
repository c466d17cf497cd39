/** The view of who may sign in. */
@NullMarked
package dev.switchboard.console.people;

import org.jspecify.annotations.NullMarked;
