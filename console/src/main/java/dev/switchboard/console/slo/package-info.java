/** Service classes: objectives, error budgets, what was missed and why. */
@NullMarked
package dev.switchboard.console.slo;

import org.jspecify.annotations.NullMarked;
