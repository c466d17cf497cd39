package dev.switchboard.kv;

import java.security.SecureRandom;

/**
 * The secret of the prefix hash. Drawn once per process, so that nobody outside can construct two
 * prefixes with the same hash.
 */
public record PrefixKey(long k0, long k1) {

  public static PrefixKey random() {
    SecureRandom random = new SecureRandom();
    return new PrefixKey(random.nextLong(), random.nextLong());
  }
}
