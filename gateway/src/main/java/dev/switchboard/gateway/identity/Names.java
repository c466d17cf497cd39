package dev.switchboard.gateway.identity;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What keys and tenants may be called. */
final class Names {
  private Names() {}

  /**
   * @param key what holds the name, for the complaint
   */
  static String checked(String key, @Nullable String name) {
    Objects.requireNonNull(name, key + " is missing");
    if (!name.matches("[A-Za-z0-9._-]{1,64}")) {
      throw new IllegalArgumentException(key + " may hold letters, digits and . _ - only");
    }
    return name;
  }
}
