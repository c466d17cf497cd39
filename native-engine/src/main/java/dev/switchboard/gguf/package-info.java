/**
 * Reads GGUF files: memory-mapped, parsed with checked arithmetic and explicit limits. Everything
 * an untrusted file can claim is checked here, before memory is taken or native code sees a
 * pointer.
 */
@NullMarked
package dev.switchboard.gguf;

import org.jspecify.annotations.NullMarked;
