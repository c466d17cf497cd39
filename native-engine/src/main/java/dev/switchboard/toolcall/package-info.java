/**
 * Finds the function calls that a model writes into its text, in the format its chat template
 * taught it. Called by the worker's event loop, one parser for each choice.
 */
@NullMarked
package dev.switchboard.toolcall;

import org.jspecify.annotations.NullMarked;
