package dev.switchboard.descriptors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The limit of this process ({@code RLIMIT_NOFILE}), and what of it is in use.
 *
 * @param limit {@code Integer.MAX_VALUE} where there is none, or it cannot be read
 * @param open at the moment of asking; 0 where that cannot be read
 */
public record OpenFiles(int limit, int open) {
  private static final Path LIMITS = Path.of("/proc/self/limits");
  private static final Path OPEN = Path.of("/proc/self/fd");
  private static final Pattern SOFT = Pattern.compile("Max open files +(\\d+) .*");

  /** Those of this process; the JVM has raised its soft limit to the hard one at its start. */
  public static OpenFiles now() {
    try (Stream<Path> open = Files.list(OPEN)) {
      return new OpenFiles(limit(Files.readAllLines(LIMITS)), (int) open.count());
    } catch (IOException unknown) {
      return new OpenFiles(Integer.MAX_VALUE, 0);
    }
  }

  static int limit(List<String> limits) {
    for (String line : limits) {
      Matcher matcher = SOFT.matcher(line);
      if (matcher.matches()) {
        long limit = Long.parseLong(matcher.group(1));
        return (int) Math.min(limit, Integer.MAX_VALUE);
      }
    }
    return Integer.MAX_VALUE;
  }

  /** How many more may be opened while so many are kept for others; may be negative. */
  public int room(int reserve) {
    return limit - open - reserve;
  }
}
