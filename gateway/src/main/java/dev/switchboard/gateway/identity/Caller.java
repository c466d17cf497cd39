package dev.switchboard.gateway.identity;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Who sent a request.
 *
 * @param tenant whose limits and share count
 * @param key name of the API key, for people
 * @param role what it may do
 * @param mayDelegate it may say for whom it acts at the admin API
 */
public record Caller(String tenant, String key, Role role, boolean mayDelegate) {
  /** The tenant of keys that name none, and of whoever calls without a key. */
  public static final String DEFAULT_TENANT = "default";

  /** Whoever calls where no key is needed. */
  public static final Caller ANYBODY = new Caller(DEFAULT_TENANT, "none", Role.APP, false);

  /** Whoever calls the admin API from this machine while no key opens it. */
  public static final Caller LOCAL = new Caller(DEFAULT_TENANT, "local", Role.ADMIN, true);

  /** What a caller may do; each may do what those before it may, but that only APP infers. */
  public enum Role {
    /** Calls models. */
    APP,
    /** Reads the admin API. */
    VIEWER,
    /** Drains, restarts, weighs and breaks replicas, sets trace levels. */
    OPERATOR,
    /** Manages keys, tenants and configuration. */
    ADMIN;

    /** Its name in configuration and answers. */
    @JsonValue
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The role of this name.
     *
     * @throws IllegalArgumentException saying which there are
     */
    public static Role of(@Nullable String label) {
      for (Role role : values()) {
        if (role.label().equals(label)) {
          return role;
        }
      }
      throw new IllegalArgumentException("role must be app, viewer, operator or admin");
    }

    /** Whether it may do what this role is needed for at the admin API. */
    public boolean may(Role needed) {
      return this != APP && compareTo(needed) >= 0;
    }
  }
}
