package dev.switchboard.console.live;

import java.util.Map;

/** One line of a scrape. */
record Sample(String name, Map<String, String> labels, double value) {
  String label(String key) {
    return labels.getOrDefault(key, "");
  }
}
