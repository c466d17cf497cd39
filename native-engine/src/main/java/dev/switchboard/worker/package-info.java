/**
 * One model on one device set behind HTTP: the OpenAI surface and {@code /engine/v1/*}. Event loops
 * parse, tokenize and stream; the engine thread computes.
 */
@NullMarked
package dev.switchboard.worker;

import org.jspecify.annotations.NullMarked;
