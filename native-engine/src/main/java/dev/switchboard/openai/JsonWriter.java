package dev.switchboard.openai;

import org.jspecify.annotations.Nullable;

/**
 * Appends JSON to a string. Only escaping is its business; the caller writes the structure, because
 * a stream's chunks differ in a few bytes and everything around them is a constant.
 */
final class JsonWriter {
  private static final char[] HEX = "0123456789abcdef".toCharArray();

  private final StringBuilder out;

  JsonWriter(int capacity) {
    out = new StringBuilder(capacity);
  }

  JsonWriter raw(String json) {
    out.append(json);
    return this;
  }

  JsonWriter number(long value) {
    out.append(value);
    return this;
  }

  /** A log-probability; JSON has no infinity, and OpenAI writes -9999 for an impossible token. */
  JsonWriter logprob(float value) {
    out.append(Float.isFinite(value) ? value : -9999f);
    return this;
  }

  /** A finite number. */
  JsonWriter real(float value) {
    out.append(value);
    return this;
  }

  JsonWriter nullableString(@Nullable String text) {
    return text == null ? raw("null") : string(text);
  }

  JsonWriter string(String text) {
    out.append('"');
    int clean = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (isPlain(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      out.append(text, clean, i);
      escape(c);
      clean = i + 1;
    }
    out.append(text, clean, text.length()).append('"');
    return this;
  }

  /**
   * Whether a character stands for itself. Beyond what JSON demands, the line separators U+0085,
   * U+2028 and U+2029 are escaped, since some event-stream readers split lines there, and unpaired
   * surrogates, which UTF-8 cannot carry.
   */
  private static boolean isPlain(char c) {
    if (c < 0x7f) {
      return c >= 0x20 && c != '"' && c != '\\';
    }
    return c > 0x9f && c != 0x2028 && c != 0x2029 && !Character.isSurrogate(c);
  }

  private void escape(char c) {
    switch (c) {
      case '"' -> out.append("\\\"");
      case '\\' -> out.append("\\\\");
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      default -> {
        char shown = Character.isSurrogate(c) ? '\ufffd' : c;
        out.append("\\u").append(HEX[shown >> 12]).append(HEX[shown >> 8 & 15]);
        out.append(HEX[shown >> 4 & 15]).append(HEX[shown & 15]);
      }
    }
  }

  /** The member {@code "switchboard"} after others, or nothing. */
  JsonWriter switchboard(@Nullable String json) {
    return json == null ? this : raw(",\"switchboard\":").raw(json);
  }

  @Override
  public String toString() {
    return out.toString();
  }
}
