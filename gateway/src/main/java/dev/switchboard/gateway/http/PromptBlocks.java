package dev.switchboard.gateway.http;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A prompt as a chain of hashes: one for each whole block of its JSON text, each over all the text
 * up to there. So prompts that begin alike have chains that begin alike.
 *
 * <p>The chain begins with the caller's salt and the tools, which templates put before the
 * messages. The last bytes of the messages are no prefix of a longer conversation, since there the
 * array goes on; they spoil the last block only.
 */
final class PromptBlocks {
  private static final int BLOCK_BYTES = 256;

  /** By the same rough estimate that a prompt's length is taken by. */
  static final int BLOCK_TOKENS = BLOCK_BYTES / 4;

  /** A longer prompt is compared by its first 2 MiB. */
  private static final int MOST_BLOCKS = 8192;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private PromptBlocks() {}

  /**
   * The chain of a body's prompt; empty when it is shorter than a block.
   *
   * @param salt parts callers; null for the space that they share
   */
  static long[] of(byte[] body, BodySpans spans, @Nullable String salt) {
    int count = Math.min(MOST_BLOCKS, (spans.promptTo() - spans.promptFrom()) / BLOCK_BYTES);
    long[] chain = new long[Math.max(0, count)];
    if (chain.length == 0) {
      return chain;
    }
    long hash = 0x9e3779b97f4a7c15L;
    if (salt != null) {
      byte[] bytes = salt.getBytes(StandardCharsets.UTF_8);
      hash = hash(bytes, 0, bytes.length, hash);
    }
    hash = hash(body, spans.toolsFrom(), spans.toolsTo(), hash);
    for (int i = 0; i < chain.length; i++) {
      int from = spans.promptFrom() + i * BLOCK_BYTES;
      hash = hash(body, from, from + BLOCK_BYTES, hash);
      chain[i] = hash;
    }
    return chain;
  }

  /** Eight bytes at a time, each multiplied into all that came before. */
  private static long hash(byte[] bytes, int from, int to, long seed) {
    long hash = seed ^ (to - from);
    int at = from;
    for (; at + Long.BYTES <= to; at += Long.BYTES) {
      hash = mixed(hash ^ (long) LONGS.get(bytes, at));
    }
    for (; at < to; at++) {
      hash = mixed(hash ^ bytes[at]);
    }
    return hash;
  }

  /** Both halves of a wide product, so that every bit of the input reaches every bit. */
  private static long mixed(long value) {
    long factor = 0xa0761d6478bd642fL;
    return Math.unsignedMultiplyHigh(value, factor) ^ (value * factor) ^ Long.rotateLeft(value, 29);
  }
}
