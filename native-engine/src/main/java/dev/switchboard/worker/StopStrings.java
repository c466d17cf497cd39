package dev.switchboard.worker;

import java.util.List;

/**
 * Cuts a text that arrives piece by piece before the first stop string in it.
 *
 * <p>Text is released as soon as no stop string can begin in it. What may still become one is held
 * back: never more than the longest stop string less one character. Where several stop strings
 * match, the one that is complete first wins, and of those the longest, so the answer does not
 * depend on how the text was split into tokens.
 */
final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean matched;

  StopStrings(List<String> stops) {
    this.stops = List.copyOf(stops);
  }

  /** Takes the next piece and returns the text that is now decided; nothing once matched. */
  String next(String piece) {
    if (matched) {
      return "";
    }
    if (stops.isEmpty()) {
      return piece;
    }
    held.append(piece);
    int cut = firstMatch();
    matched = cut >= 0;
    return release(matched ? cut : held.length() - undecided());
  }

  /** The text held back, when no more will come. */
  String finish() {
    return matched ? "" : release(held.length());
  }

  boolean matched() {
    return matched;
  }

  private String release(int length) {
    String text = held.substring(0, length);
    held.delete(0, length);
    return text;
  }

  private int firstMatch() {
    int start = -1;
    int end = Integer.MAX_VALUE;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && (at + stop.length() < end || (at + stop.length() == end && at < start))) {
        start = at;
        end = at + stop.length();
      }
    }
    return start;
  }

  /** Length of the longest end of the held text that begins a stop string. */
  private int undecided() {
    int longest = 0;
    for (String stop : stops) {
      int length = Math.min(stop.length() - 1, held.length());
      while (length > longest && !beginsStop(stop, length)) {
        length--;
      }
      longest = Math.max(longest, length);
    }
    return longest;
  }

  private boolean beginsStop(String stop, int length) {
    int from = held.length() - length;
    for (int i = 0; i < length; i++) {
      if (held.charAt(from + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
