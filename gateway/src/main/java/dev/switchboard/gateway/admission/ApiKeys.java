package dev.switchboard.gateway.admission;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks {@code Authorization: Bearer} against the hashed keys. Every key is compared, each in
 * constant time, so the time taken tells nothing of which one came close. Safe on any thread.
 */
public final class ApiKeys {
  private static final String SCHEME = "Bearer ";
  private static final int MAX_KEY_CHARS = 512;

  private final List<byte[]> hashes;

  public ApiKeys(AuthConfig config) {
    this.hashes = config.keys().stream().map(key -> HexFormat.of().parseHex(key.sha256())).toList();
  }

  /** Whether requests need a key. */
  public boolean required() {
    return !hashes.isEmpty();
  }

  /**
   * @param authorization the header's value; null when it is absent
   */
  public boolean admits(@Nullable String authorization) {
    if (!required()) {
      return true;
    }
    if (authorization == null
        || authorization.length() > SCHEME.length() + MAX_KEY_CHARS
        || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return false;
    }
    byte[] hash = sha256(authorization.substring(SCHEME.length()).strip());
    boolean known = false;
    for (byte[] key : hashes) {
      known |= MessageDigest.isEqual(key, hash);
    }
    return known;
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }
}
