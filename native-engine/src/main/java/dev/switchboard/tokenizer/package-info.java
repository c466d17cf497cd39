/**
 * Text to token ids and back, for the tokenizers GGUF files carry: SentencePiece (SPM), byte-level
 * BPE and WordPiece. Built from a file's metadata; immutable afterwards and safe on any thread, but
 * for the streaming {@code Detokenizer}.
 */
@NullMarked
package dev.switchboard.tokenizer;

import org.jspecify.annotations.NullMarked;
