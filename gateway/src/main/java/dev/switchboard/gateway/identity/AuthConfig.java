package dev.switchboard.gateway.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
   * @param keyFile where the text was read that this is the sum of; null where the sum was given
   * @param tenant whose limits and usage count
   * @param role what it may do
   * @param delegate its holder may say for whom it acts at the admin API
   */
  public record Key(
      String name,
      String sha256,
      @Nullable Path keyFile,
      String tenant,
      Caller.Role role,
      boolean delegate) {
    private static final long MAX_BYTES = 4096;

    /** One whose holder acts for itself. */
    public Key(String name, String sha256, String tenant, Caller.Role role) {
      this(name, sha256, tenant, role, false);
    }

    public Key(String name, String sha256, String tenant, Caller.Role role, boolean delegate) {
      this(name, sha256, null, tenant, role, delegate);
    }

    public Key {
      Names.checked("name", name);
      Names.checked("tenant", tenant);
      Objects.requireNonNull(sha256, "sha256 or key-file is missing");
      if (!sha256.matches("[0-9a-fA-F]{64}")) {
        throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits");
      }
    }

    @JsonCreator
    static Key of(
        @JsonProperty("name") String name,
        @JsonProperty("sha256") @Nullable String sha256,
        @JsonProperty("key-file") @Nullable Path keyFile,
        @JsonProperty("tenant") @Nullable String tenant,
        @JsonProperty("role") @Nullable String role,
        @JsonProperty("delegate") @Nullable Boolean delegate) {
      if (sha256 == null == (keyFile == null)) {
        throw new IllegalArgumentException("sha256 and key-file: give one of them");
      }
      return new Key(
          name,
          keyFile == null ? Objects.requireNonNull(sha256) : sum(keyFile),
          keyFile,
          tenant == null ? Caller.DEFAULT_TENANT : tenant,
          role == null ? Caller.Role.APP : Caller.Role.of(role),
          delegate != null && delegate);
    }

    private static String sum(Path file) {
      String text;
      try {
        if (Files.size(file) > MAX_BYTES) {
          throw new IllegalArgumentException("key-file: " + file + " is too large");
        }
        text = Files.readString(file).strip();
      } catch (IOException e) {
        throw new IllegalArgumentException("key-file: cannot read " + file, e);
      }
      if (!text.matches("[\\x21-\\x7e]{16,512}")) {
        throw new IllegalArgumentException(
            "key-file: " + file + " must hold one key of 16 to 512 visible ASCII characters");
      }
      return HexFormat.of().formatHex(KeySecret.sha256(text));
    }
  }
}
