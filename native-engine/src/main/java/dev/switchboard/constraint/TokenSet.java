package dev.switchboard.constraint;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Tokens: few as a list, many as bits. */
final class TokenSet {
  private final int @Nullable [] few;
  private final long @Nullable [] bits;
  private final int hash;

  private TokenSet(int @Nullable [] few, long @Nullable [] bits) {
    this.few = few;
    this.bits = bits;
    hash = 31 * Arrays.hashCode(few) + Arrays.hashCode(bits);
  }

  static TokenSet of(long[] bits) {
    int count = 0;
    for (long word : bits) {
      count += Long.bitCount(word);
    }
    if (count > bits.length) {
      return new TokenSet(null, bits.clone());
    }
    int[] few = new int[count];
    int at = 0;
    for (int word = 0; word < bits.length; word++) {
      for (long rest = bits[word]; rest != 0; rest &= rest - 1) {
        few[at++] = word * Long.SIZE + Long.numberOfTrailingZeros(rest);
      }
    }
    return new TokenSet(few, null);
  }

  boolean isEmpty() {
    return few != null && few.length == 0;
  }

  boolean has(int token) {
    long[] all = bits;
    return all == null
        ? Arrays.binarySearch(Objects.requireNonNull(few), token) >= 0
        : (all[token / Long.SIZE] >>> token & 1) != 0;
  }

  int bytes() {
    return 32 + (few == null ? 0 : 4 * few.length) + (bits == null ? 0 : 8 * bits.length);
  }

  /** Makes the mask exactly this set. */
  void copyTo(long[] mask) {
    long[] all = bits;
    if (all != null) {
      System.arraycopy(all, 0, mask, 0, mask.length);
    } else {
      Arrays.fill(mask, 0);
      addTo(mask);
    }
  }

  void addTo(long[] mask) {
    int[] listed = few;
    long[] all = bits;
    if (listed != null) {
      for (int token : listed) {
        mask[token / Long.SIZE] |= 1L << token;
      }
    } else if (all != null) {
      for (int word = 0; word < mask.length; word++) {
        mask[word] |= all[word];
      }
    }
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TokenSet set
        && hash == set.hash
        && Arrays.equals(few, set.few)
        && Arrays.equals(bits, set.bits);
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
