package dev.switchboard.gateway.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
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
   * @param tenant whose limits and usage count
   * @param role what it may do
   * @param delegate its holder may say for whom it acts at the admin API
   */
  public record Key(String name, String sha256, String tenant, Caller.Role role, boolean delegate) {
    /** One whose holder acts for itself. */
    public Key(String name, String sha256, String tenant, Caller.Role role) {
      this(name, sha256, tenant, role, false);
    }

    public Key {
      Names.checked("name", name);
      Names.checked("tenant", tenant);
      Objects.requireNonNull(sha256, "sha256 is missing");
      if (!sha256.matches("[0-9a-fA-F]{64}")) {
        throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits");
      }
    }

    @JsonCreator
    static Key of(
        @JsonProperty("name") String name,
        @JsonProperty("sha256") String sha256,
        @JsonProperty("tenant") @Nullable String tenant,
        @JsonProperty("role") @Nullable String role,
        @JsonProperty("delegate") @Nullable Boolean delegate) {
      return new Key(
          name,
          sha256,
          tenant == null ? Caller.DEFAULT_TENANT : tenant,
          role == null ? Caller.Role.APP : Caller.Role.of(role),
          delegate != null && delegate);
    }
  }
}
