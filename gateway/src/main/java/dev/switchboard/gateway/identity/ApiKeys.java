package dev.switchboard.gateway.identity;

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

  private record Known(byte[] hash, Caller caller) {}

  private final List<Known> known;

  public ApiKeys(AuthConfig config) {
    this.known =
        config.keys().stream()
            .map(
                key ->
                    new Known(
                        HexFormat.of().parseHex(key.sha256()),
                        new Caller(Caller.ANYBODY.tenant(), key.name(), Caller.Role.ADMIN)))
            .toList();
  }

  /** Whether requests need a key. */
  public boolean required() {
    return !known.isEmpty();
  }

  /**
   * Who it is; null when no known key was sent.
   *
   * @param authorization the header's value; null when it is absent
   */
  public @Nullable Caller caller(@Nullable String authorization) {
    if (!required()) {
      return Caller.ANYBODY;
    }
    if (authorization == null
        || authorization.length() > SCHEME.length() + MAX_KEY_CHARS
        || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return null;
    }
    byte[] hash = sha256(authorization.substring(SCHEME.length()).strip());
    Caller caller = null;
    for (Known key : known) {
      if (MessageDigest.isEqual(key.hash(), hash)) {
        caller = key.caller();
      }
    }
    return caller;
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }
}
