/**
 * What an answer may look like, as a mask over the vocabulary for each next token. {@code
 * ConstraintCompiler} turns a JSON schema, an expression or a grammar into a {@code Constraint} on
 * whatever thread asks; a {@code Matcher} follows one answer on the engine thread.
 *
 * <p>From text to masks: readers ({@code JsonSchemaReader}, {@code RegexReader}, {@code
 * GrammarReader}) write {@code Expression}s, {@code AutomatonBuilder} makes a pushdown automaton
 * over bytes of them, {@code Configurations} runs it as a lazily built deterministic one, and
 * {@code Masks} walks the vocabulary's trie through that.
 */
@NullMarked
package dev.switchboard.constraint;

import org.jspecify.annotations.NullMarked;
