/** The view of what was changed, by whom and why. */
@NullMarked
package dev.switchboard.console.audit;

import org.jspecify.annotations.NullMarked;
