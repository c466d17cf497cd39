package dev.switchboard.gateway.fleet;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The last lines that a worker of this gateway wrote, over its restarts: the reason of an end is in
 * the lines before it. Bounded by lines and by characters. Safe on any thread.
 */
public final class LogTail {
  public static final int MOST_LINES = 500;

  private static final int MOST_LINE_CHARS = 2000;
  private static final int MOST_CHARS = 256 << 10;

  private final Deque<String> lines = new ArrayDeque<>();
  private int chars;

  synchronized void add(String line) {
    String kept = line.length() <= MOST_LINE_CHARS ? line : line.substring(0, MOST_LINE_CHARS);
    lines.addLast(kept);
    chars += kept.length();
    while (lines.size() > MOST_LINES || chars > MOST_CHARS) {
      chars -= lines.removeFirst().length();
    }
  }

  /** At most so many, oldest first. */
  public synchronized List<String> last(int most) {
    return new ArrayList<>(lines).subList(Math.max(0, lines.size() - most), lines.size());
  }
}
