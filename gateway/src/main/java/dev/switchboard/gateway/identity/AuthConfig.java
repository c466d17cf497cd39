package dev.switchboard.gateway.identity;

import java.util.List;
import java.util.Objects;

/**
 * API keys; without any, requests need none.
 *
 * @param keys each by the SHA-256 of its text, so that the file holds no secret
 */
public record AuthConfig(List<Key> keys) {
  public static final AuthConfig DEFAULTS = new AuthConfig(List.of());

  public AuthConfig {
    keys = List.copyOf(keys);
  }

  /**
   * @param name for people
   * @param sha256 64 hexadecimal digits
   */
  public record Key(String name, String sha256) {
    public Key {
      Objects.requireNonNull(name, "name is missing");
      Objects.requireNonNull(sha256, "sha256 is missing");
      if (!name.matches("[A-Za-z0-9._-]{1,64}")) {
        throw new IllegalArgumentException("name may hold letters, digits and . _ - only");
      }
      if (!sha256.matches("[0-9a-fA-F]{64}")) {
        throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits");
      }
    }
  }
}
