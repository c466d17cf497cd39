package dev.switchboard.tokenizer;

import java.util.Arrays;

/**
 * The printable characters byte-level BPE spells bytes with: a byte that is a visible Latin-1
 * character stands for itself, the others take the characters from U+0100 on, in order.
 */
public final class ByteAlphabet {
  private static final char[] LETTERS = new char[256];
  private static final int[] BYTES = new int[0x200];
  private static final byte[][] SPELLED = new byte[256][];

  static {
    Arrays.fill(BYTES, -1);
    int next = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean visible = (value >= '!' && value <= '~') || (value >= 0xA1 && value != 0xAD);
      LETTERS[value] = (char) (visible ? value : next++);
      BYTES[LETTERS[value]] = value;
      byte[] spelled = new byte[4];
      SPELLED[value] = Arrays.copyOf(spelled, Utf8Text.put(LETTERS[value], spelled, 0));
    }
  }

  private ByteAlphabet() {}

  /** The letter of a byte in UTF-8: one or two bytes, not to be changed. */
  public static byte[] spelled(int value) {
    return SPELLED[value];
  }

  /** The byte a letter stands for, or -1. */
  static int value(int codePoint) {
    return codePoint < BYTES.length ? BYTES[codePoint] : -1;
  }
}
