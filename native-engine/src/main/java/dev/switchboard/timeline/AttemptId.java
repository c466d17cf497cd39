package dev.switchboard.timeline;

import java.util.Collection;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of a gateway at a worker, told apart from every other of the gateway's life. By it
 * both count the same requests: what clients call theirs may come twice.
 *
 * @param gateway the epoch nanosecond in which the gateway began, which no two share
 * @param number never used twice by the gateway
 */
public record AttemptId(long gateway, long number) {
  public static final String HEADER = "X-Switchboard-Attempt";

  private static final HexFormat HEX = HexFormat.of();
  private static final int DIGITS = 16;

  /** Reads what {@link #toString} writes; null for anything else. */
  public static @Nullable AttemptId of(@Nullable String text) {
    if (text == null || text.length() != 2 * DIGITS + 1 || text.charAt(DIGITS) != '-') {
      return null;
    }
    try {
      return new AttemptId(number(text.substring(0, DIGITS)), number(text.substring(DIGITS + 1)));
    } catch (IllegalArgumentException notHex) {
      return null;
    }
  }

  /** A number of exactly sixteen hexadecimal digits. */
  public static long number(String digits) {
    if (digits.length() != DIGITS) {
      throw new IllegalArgumentException("not of sixteen digits");
    }
    return HexFormat.fromHexDigitsToLong(digits);
  }

  /** A number as sixteen hexadecimal digits. */
  public static String digits(long number) {
    return HEX.toHexDigits(number);
  }

  /**
   * Two sides with the same attempts have the same digest, in whatever order they name them. Not
   * for adversaries: it only saves asking for the list.
   */
  public static long digest(Collection<Long> numbers) {
    long digest = 0;
    for (long number : numbers) {
      digest ^= mixed(number);
    }
    return digest;
  }

  /** The finaliser of SplitMix64: neighbours share no bits, so few of them cancel each other. */
  private static long mixed(long number) {
    long mixed = number + 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ (mixed >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }

  @Override
  public String toString() {
    return digits(gateway) + "-" + digits(number);
  }
}
