package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What somebody may have meant by a key that there is not: other words for keys, keys that are
 * spelled alike, and the same key elsewhere. The words stand in {@code config-guesses.yaml}.
 */
final class ConfigHints {
  /**
   * What was meant.
   *
   * @param path where it belongs, relative to the map that it stands in or from the root; null
   *     where there is no such key
   * @param root whether the path begins at the root
   * @param advice for people
   */
  record Meant(@Nullable String path, boolean root, String advice) {}

  private static final KebabCaseStrategy KEBAB = new KebabCaseStrategy();
  private static final JsonNode FILE = file();
  private static final JsonNode WORDS = FILE.path("words");
  private static final JsonNode ABSENT = FILE.path("absent");
  private static final JsonNode EXAMPLES = FILE.path("examples");
  private static final int MOST_LISTED = 30;

  private ConfigHints() {}

  private static JsonNode file() {
    try (InputStream file = ConfigHints.class.getResourceAsStream("config-guesses.yaml")) {
      return new ObjectMapper(new YAMLFactory()).readTree(Objects.requireNonNull(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A path without the numbers of items. */
  static String generic(String path) {
    return path.replaceAll("\\[\\d+]", "[]");
  }

  /** A key as all are spelled; the admin API has underscores, which are taken as well. */
  static String spelled(String key) {
    return key.replace('_', '-');
  }

  /** A good value of a key; null where none is known. */
  static @Nullable JsonNode example(String path) {
    JsonNode example = EXAMPLES.get(generic(path));
    return example;
  }

  /** Every path that has words, notes or an example. */
  static List<String> paths() {
    List<String> paths = new ArrayList<>();
    WORDS.fieldNames().forEachRemaining(paths::add);
    EXAMPLES.fieldNames().forEachRemaining(paths::add);
    return paths;
  }

  /**
   * What was meant.
   *
   * @param map path of the map that it stands in; empty for the root
   * @param siblings keys that this map may have
   * @param plain whether its value is neither a map nor a list
   */
  static Meant meant(String map, String key, Collection<String> siblings, boolean plain) {
    String leaf = KEBAB.translate(key.replace('-', '_').replace(' ', '_'));
    leaf = spelled(leaf).toLowerCase(Locale.ROOT);
    String prefix = generic(map).isEmpty() ? "" : generic(map) + ".";
    JsonNode note = ABSENT.get(prefix + leaf);
    if (note != null) {
      return new Meant(null, false, note.asText());
    }
    String moved = map.isEmpty() ? words("/" + leaf) : null;
    String near = near(prefix, leaf, siblings);
    if (near != null && !(plain && moved != null)) {
      return new Meant(near, false, "did you mean " + near + "?");
    }
    if (moved != null) {
      return new Meant(moved, true, "did you mean " + moved + "?");
    }
    List<String> elsewhere = elsewhere(leaf);
    if (elsewhere.size() == 1 && !elsewhere.getFirst().contains("[")) {
      return new Meant(elsewhere.getFirst(), true, "did you mean " + elsewhere.getFirst() + "?");
    }
    return new Meant(
        null,
        false,
        elsewhere.isEmpty()
            ? "known here are " + listed(siblings)
            : "there is " + String.join(" and ", elsewhere));
  }

  private static String listed(Collection<String> siblings) {
    return String.join(", ", siblings.stream().limit(MOST_LISTED).toList());
  }

  private static @Nullable String near(String prefix, String leaf, Collection<String> siblings) {
    if (siblings.contains(leaf)) {
      return leaf;
    }
    for (String sibling : siblings) {
      if (has(prefix + sibling, leaf)) {
        return sibling;
      }
    }
    String unit =
        siblings.stream()
            .filter(each -> each.startsWith(leaf + "-"))
            .min(Comparator.comparingInt(String::length))
            .orElse(null);
    return unit != null ? unit : alike(leaf, siblings);
  }

  private static @Nullable String alike(String leaf, Collection<String> siblings) {
    String best = null;
    int least = Math.max(1, leaf.length() / 3) + 1;
    for (String sibling : siblings) {
      int distance = distance(leaf, sibling);
      if (distance < least) {
        least = distance;
        best = sibling;
      }
    }
    return best;
  }

  private static boolean has(String path, String word) {
    for (JsonNode each : WORDS.path(path)) {
      if (each.asText().equals(word)) {
        return true;
      }
    }
    return false;
  }

  /** The path that has a word. */
  private static @Nullable String words(String word) {
    for (var entry : WORDS.properties()) {
      if (has(entry.getKey(), word)) {
        return entry.getKey();
      }
    }
    return null;
  }

  private static List<String> elsewhere(String leaf) {
    return ConfigReference.keys().stream()
        .map(ConfigReference.Key::path)
        .filter(path -> path.endsWith("." + leaf))
        .limit(3)
        .toList();
  }

  /** How many letters must be changed, left out or put in. */
  static int distance(String one, String other) {
    int[] last = new int[other.length() + 1];
    for (int j = 0; j <= other.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= one.length(); i++) {
      int[] next = new int[other.length() + 1];
      next[0] = i;
      for (int j = 1; j <= other.length(); j++) {
        int change = last[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
        next[j] = Math.min(change, Math.min(last[j], next[j - 1]) + 1);
      }
      last = next;
    }
    return last[other.length()];
  }
}
