package dev.switchboard.gateway.identity;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;

/** Makes the text of new keys, and the hash that is kept of one. */
public final class KeySecret {
  /** So that a scanner of sources and logs can tell what leaked. */
  static final String PREFIX = "sb-";

  private static final String ALPHABET =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

  /** 43 characters of 62 hold 256 bits. */
  private static final int CHARS = 43;

  private KeySecret() {}

  /** A fresh key. */
  public static String fresh(SecureRandom random) {
    StringBuilder text = new StringBuilder(PREFIX);
    for (int i = 0; i < CHARS; i++) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return text.toString();
  }

  /** SHA-256 of a key's text: a key is random, so it needs no salt and no slow hash. */
  public static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }
}
