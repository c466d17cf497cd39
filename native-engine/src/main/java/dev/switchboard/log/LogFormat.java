package dev.switchboard.log;

import java.util.Locale;

/** How lines of the log are written. */
public enum LogFormat {
  /** For people: time, level, source, logger, event and its fields. */
  TEXT,
  /** For machines: a JSON object a line. */
  JSON;

  /** How settings name it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The one of a word.
   *
   * @throws IllegalArgumentException saying which there are
   */
  public static LogFormat of(String word) {
    for (LogFormat each : values()) {
      if (each.word().equals(word)) {
        return each;
      }
    }
    throw new IllegalArgumentException("must be text or json, not " + word);
  }
}
