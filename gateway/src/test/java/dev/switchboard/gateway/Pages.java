package dev.switchboard.gateway;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The pages in Markdown of this repository, as tests read them. */
public final class Pages {
  public static final Path HOME =
      Path.of(System.getProperty("switchboard.home", "..")).toAbsolutePath().normalize();

  private static final Set<String> LEFT_OUT =
      Set.of("target", "build", "node_modules", ".git", ".switchboard", "dashboards-now");
  private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");
  private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} (.+)$");
  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");

  private Pages() {}

  /**
   * A fenced block.
   *
   * @param info what stands behind the fence, the language first
   */
  public record Block(String info, String text) {}

  /**
   * A page.
   *
   * @param name its path in the repository
   * @param prose its text without fenced blocks
   */
  public record Page(String name, String text, String prose, List<Block> blocks) {
    public long lines() {
      return text.lines().count();
    }

    public boolean under(String folder) {
      return name.startsWith(folder + "/");
    }

    /** Of links: all that stands between the parentheses. */
    public Stream<String> links() {
      return LINK.matcher(CODE.matcher(prose).replaceAll("code"))
          .results()
          .map(one -> one.group(1));
    }

    /** What stands between single backticks. */
    public Stream<String> code() {
      return CODE.matcher(prose).results().map(one -> one.group(1));
    }

    /** The anchors of its headings, as GitHub makes them. */
    public Set<String> anchors() {
      Set<String> anchors = new HashSet<>();
      Map<String, Integer> seen = new HashMap<>();
      HEADING
          .matcher(prose)
          .results()
          .map(one -> anchor(one.group(1)))
          .forEach(
              anchor -> {
                int before = seen.merge(anchor, 1, Integer::sum) - 1;
                anchors.add(before == 0 ? anchor : anchor + "-" + before);
              });
      return anchors;
    }
  }

  static String anchor(String heading) {
    String text = heading.replaceAll("\\[([^]]*)]\\([^)]*\\)", "$1").replaceAll("[`*]", "");
    return text.toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N}\\p{M}_ -]", "")
        .replace(' ', '-');
  }

  public static List<Page> all() {
    List<Page> pages = new ArrayList<>();
    walk(".md", file -> pages.add(page(file)));
    return pages;
  }

  private static Page page(Path file) {
    String text = read(file);
    StringBuilder prose = new StringBuilder();
    List<Block> blocks = new ArrayList<>();
    StringBuilder block = null;
    String info = "";
    for (String line : text.lines().toList()) {
      if (line.startsWith("```") && block == null) {
        block = new StringBuilder();
        info = line.substring(3).strip();
      } else if (line.startsWith("```")) {
        blocks.add(new Block(info, block.toString()));
        block = null;
      } else {
        (block == null ? prose : block).append(line).append('\n');
      }
    }
    return new Page(HOME.relativize(file).toString(), text, prose.toString(), List.copyOf(blocks));
  }

  /** Files of the repository with this end of their name, but for what builds make. */
  public static void walk(String end, Consumer<Path> found) {
    try {
      Files.walkFileTree(
          HOME,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
              return LEFT_OUT.contains(folder.getFileName().toString())
                  ? FileVisitResult.SKIP_SUBTREE
                  : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              if (file.toString().endsWith(end) && attributes.isRegularFile()) {
                found.accept(file);
              }
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static Stream<MatchResult> matches(String expression, String text) {
    return Pattern.compile(expression).matcher(text).results();
  }
}
