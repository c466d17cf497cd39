package dev.switchboard.gateway.fleet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What tells a model's files from those that had the same names before, without reading gigabytes:
 * their sizes, times and numbers. Equal marks are of the same files.
 *
 * @param parts of a model split over several files each, in order; empty where there is no file
 */
record ModelFiles(List<Part> parts) {
  private static final Pattern SPLIT = Pattern.compile("(.*-)00001(-of-[0-9]{5}\\.gguf)");

  /**
   * One file.
   *
   * @param inode as the file system tells it; null where it does not
   */
  record Part(long bytes, FileTime modified, @Nullable Object inode) {}

  ModelFiles {
    parts = List.copyOf(parts);
  }

  /** Those that lie there now; of a split model the parts up to the first that is missing. */
  static ModelFiles of(Path first) {
    List<Part> parts = new ArrayList<>();
    Matcher split = SPLIT.matcher(String.valueOf(first.getFileName()));
    Part part = part(first);
    while (part != null) {
      parts.add(part);
      part =
          split.matches()
              ? part(
                  first.resolveSibling(
                      split.group(1) + "%05d".formatted(parts.size() + 1) + split.group(2)))
              : null;
    }
    return new ModelFiles(parts);
  }

  private static @Nullable Part part(Path file) {
    try {
      BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
      return new Part(found.size(), found.lastModifiedTime(), found.fileKey());
    } catch (IOException e) {
      return null;
    }
  }
}
