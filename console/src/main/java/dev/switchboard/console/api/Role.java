package dev.switchboard.console.api;

import java.util.Locale;

/** What somebody may do; each role may all that the one before it may. */
public enum Role {
  VIEWER,
  OPERATOR,
  ADMIN;

  /** Whether it may what the other may. */
  public boolean includes(Role other) {
    return compareTo(other) >= 0;
  }

  /** As the admin API writes it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Reads a role as the admin API writes it. */
  public static Role parse(String word) {
    for (Role role : values()) {
      if (role.word().equals(word)) {
        return role;
      }
    }
    throw new IllegalArgumentException("no such role: " + word);
  }
}
