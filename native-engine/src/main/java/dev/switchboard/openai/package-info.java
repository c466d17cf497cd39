/**
 * The OpenAI types and their bounds, written once and used by worker and gateway. Plain Java
 * without native loading; immutable.
 */
@NullMarked
package dev.switchboard.openai;

import org.jspecify.annotations.NullMarked;
