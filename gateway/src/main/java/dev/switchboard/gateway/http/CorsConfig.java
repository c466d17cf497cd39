package dev.switchboard.gateway.http;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Which web pages may call the public listener.
 *
 * @param origins such as {@code https://app.example.com}; {@code *} is every page, while keys are
 *     asked for; empty for none
 */
public record CorsConfig(List<String> origins) {
  public static final CorsConfig NONE = new CorsConfig(List.of());

  private static final String ANY = "*";
  private static final int MOST = 1000;
  private static final Pattern ORIGIN =
      Pattern.compile("(?i)[a-z][a-z0-9+.-]*://(\\[[0-9a-f:.]+]|[a-z0-9._-]+)(:[0-9]{1,5})?");

  public CorsConfig {
    origins = List.copyOf(origins);
    // Not by HttpConfig.range: its defaults need NONE, which is not there yet.
    if (origins.size() > MOST) {
      throw new IllegalArgumentException("origins must be at most " + MOST);
    }
    for (String origin : origins) {
      if (!origin.equals(ANY) && !ORIGIN.matcher(origin).matches()) {
        throw new IllegalArgumentException(
            "origins must be * or like https://app.example.com, without a path, not " + origin);
      }
    }
  }

  /** Whether the pages of every site may call. */
  public boolean any() {
    return origins.contains(ANY);
  }

  /** Those that have a name. */
  List<String> named() {
    return origins.stream().filter(origin -> !origin.equals(ANY)).toList();
  }
}
