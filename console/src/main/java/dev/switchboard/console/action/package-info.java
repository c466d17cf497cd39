/** Changes that a person asks a gateway for: role, effect, reason, outcome. */
@NullMarked
package dev.switchboard.console.action;

import org.jspecify.annotations.NullMarked;
