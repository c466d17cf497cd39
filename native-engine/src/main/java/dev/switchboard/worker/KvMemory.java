package dev.switchboard.worker;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How large the KV pool is: an amount of memory, or of tokens. As text {@code 512MiB}, {@code 2GiB}
 * or {@code 16384tokens}; a bare number is MiB.
 */
sealed interface KvMemory {
  /** Memory. */
  record Bytes(long bytes) implements KvMemory {}

  /** Tokens, whatever they take. */
  record Tokens(long tokens) implements KvMemory {}

  /**
   * @throws IllegalArgumentException when it is none of these
   */
  static KvMemory parse(String text) {
    Matcher matcher = Pattern.compile("([1-9]\\d{0,11})(MiB|GiB|tokens)?").matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is not an amount such as 512MiB, 2GiB or 16384tokens");
    }
    long amount = Long.parseLong(matcher.group(1));
    String unit = matcher.group(2) == null ? "MiB" : matcher.group(2);
    return switch (unit) {
      case "GiB" -> new Bytes(bytes(amount, 30));
      case "tokens" -> new Tokens(amount);
      default -> new Bytes(bytes(amount, 20));
    };
  }

  private static long bytes(long amount, int unitBits) {
    if (amount > Long.MAX_VALUE >> unitBits) {
      throw new IllegalArgumentException(
          amount + " times 2^" + unitBits + " bytes are more than can be addressed");
    }
    return amount << unitBits;
  }
}
