/** The frame of all views and the components that they share. */
@NullMarked
package dev.switchboard.console.ui;

import org.jspecify.annotations.NullMarked;
