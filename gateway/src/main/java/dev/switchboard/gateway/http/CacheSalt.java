package dev.switchboard.gateway.http;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the prefix caches of our workers apart by caller: prompts of different callers are never
 * compared, so nobody can time whether another one sent the same text.
 *
 * <p>A caller is who sends the same bearer token. It may divide its own space further by a salt of
 * its own, and cannot reach another one's: both go through a keyed hash, each with its length. The
 * key is the process's own, so that what a worker sees says nothing of a token. Safe on any thread.
 */
public final class CacheSalt {
  static final String HEADER = "X-Switchboard-Cache-Salt";

  private static final String ALGORITHM = "HmacSHA256";
  private static final String SCHEME = "Bearer ";

  private volatile SecretKeySpec key;

  /**
   * @param key random bytes
   */
  public CacheSalt(byte[] key) {
    this.key = new SecretKeySpec(key, ALGORITHM);
  }

  /** Goes by another key from now on: the one of gateways that share what they know of prompts. */
  public void adopt(byte[] other) {
    key = new SecretKeySpec(other, ALGORITHM);
  }

  /**
   * The salt for a request; null for the space that is shared by all who send neither.
   *
   * @param authorization the header's value
   * @param own the salt that the client sent
   */
  @Nullable String of(@Nullable String authorization, @Nullable String own) {
    String token = token(authorization);
    if (token.isEmpty() && (own == null || own.isEmpty())) {
      return null;
    }
    String salt = own == null ? "" : own;
    String text = token.length() + ":" + token + salt;
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(key);
      byte[] digest = mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
      return Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("every JVM has " + ALGORITHM, e);
    }
  }

  private static String token(@Nullable String authorization) {
    if (authorization == null
        || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return "";
    }
    return authorization.substring(SCHEME.length()).strip();
  }
}
