package dev.switchboard.golden;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Templates and vocabularies of published models. They belong to others and are not in the tree:
 * they are read where they lie beside the checkout, in {@code shared/golden}, or where a property
 * says.
 */
public final class Published {
  private static final Path BESIDE = Path.of("../../shared/golden");

  private Published() {}

  /**
   * Files of a folder that end so, in order; none where there is no such folder beside the
   * checkout. A folder that a property names must be there.
   */
  public static List<Path> files(String property, String name, String suffix) {
    String named = System.getProperty(property);
    Path folder = named == null ? BESIDE.resolve(name) : Path.of(named);
    if (named == null && !Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Says how much of it a test has read, since it passes without any. */
  public static void ran(int count, String what) {
    System.out.println(
        "published: " + count + " " + what + (count == 0 ? ", for want of " + BESIDE : ""));
  }
}
