package dev.switchboard.framing;

import org.jspecify.annotations.Nullable;

/** What a body is said to be. */
public final class MediaType {
  private MediaType() {}

  /** Names of types are of any case, and parameters may follow (RFC 9110, section 8.3.1). */
  public static boolean isJson(@Nullable String type) {
    int end = type == null ? -1 : type.indexOf(';');
    String name = type == null || end < 0 ? type : type.substring(0, end);
    return name != null && name.strip().equalsIgnoreCase("application/json");
  }
}
