package dev.switchboard.gateway.models;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The GGUF files under a folder, and no others: a name has no {@code ..}, and a link, of a file, of
 * one of its parts or of a folder on the way, must not lead out of it. Whoever may write there can
 * change a link at any time; who may, and the models that are loaded, are trusted alike.
 */
public final class ModelFolder {
  /** Files and folders that are looked at for one listing. */
  static final int MOST_ENTRIES = 20_000;

  private static final int MOST_DEPTH = 8;
  private static final int MOST_NAME_CHARS = 1024;
  private static final int MOST_PARTS = 1024;
  private static final Pattern PART =
      Pattern.compile("(.*-)([0-9]{5})(-of-([0-9]{5})\\.gguf)", Pattern.CASE_INSENSITIVE);

  private final Path folder;

  public ModelFolder(Path folder) {
    this.folder = folder.normalize();
  }

  /**
   * A model's file.
   *
   * @param name relative to the folder, with {@code /} between its parts
   * @param bytes of all its parts
   * @param parts files that a model is split over
   */
  public record Found(String name, Path path, long bytes, long modifiedMs, int parts) {}

  /**
   * What a folder holds.
   *
   * @param files sorted by name; of a split model the first
   * @param complete whether all of it was looked at
   */
  public record Listing(List<Found> files, boolean complete) {
    public Listing {
      files = List.copyOf(files);
    }
  }

  /** Why a name is no model here. */
  public static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;
    private final boolean missing;

    RefusedException(boolean missing, String message) {
      super(message);
      this.missing = missing;
    }

    /** Whether the name might be one of a file, and there is none. */
    public boolean missing() {
      return missing;
    }
  }

  /**
   * The file of a name.
   *
   * @throws RefusedException when there is none, or the name is none that a file here can have
   */
  public Found find(String name) throws RefusedException {
    if (!plausible(name)) {
      throw new RefusedException(
          false, "must be the name of a GGUF file, relative to model-files.folder, without ..");
    }
    try {
      Found found = look(folder.resolve(name), folder.toRealPath());
      if (found != null) {
        return found;
      }
    } catch (IOException e) {
      throw new RefusedException(true, "is no file that can be read in model-files.folder");
    }
    throw new RefusedException(true, "is no file that can be read in model-files.folder");
  }

  private static boolean plausible(String name) {
    if (name.length() > MOST_NAME_CHARS
        || !name.toLowerCase(Locale.ROOT).endsWith(".gguf")
        || name.chars().anyMatch(Character::isISOControl)) {
      return false;
    }
    for (String part : name.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        return false;
      }
    }
    return true;
  }

  /** What is there; null when it is no file, or lies elsewhere. */
  private @Nullable Found look(Path path, Path root) throws IOException {
    BasicFileAttributes first = inside(path, root);
    if (first == null) {
      return null;
    }
    long bytes = first.size();
    int parts = 1;
    Matcher split = PART.matcher(String.valueOf(path.getFileName()));
    int count = split.matches() ? Integer.parseInt(split.group(4)) : 1;
    for (int part = 2; part <= Math.min(count, MOST_PARTS); part++) {
      Path next = path.resolveSibling(split.group(1) + "%05d".formatted(part) + split.group(3));
      BasicFileAttributes more = Files.exists(next) ? inside(next, root) : null;
      if (more == null) {
        return null;
      }
      bytes += more.size();
      parts++;
    }
    String name = folder.relativize(path).toString();
    return new Found(name, path, bytes, first.lastModifiedTime().toMillis(), parts);
  }

  private static @Nullable BasicFileAttributes inside(Path path, Path root) throws IOException {
    Path real = path.toRealPath();
    if (!real.startsWith(root) || !Files.isReadable(real)) {
      return null;
    }
    BasicFileAttributes found = Files.readAttributes(real, BasicFileAttributes.class);
    return found.isRegularFile() ? found : null;
  }

  /** All models of the folder, bounded. */
  public Listing list() throws IOException {
    Path root = folder.toRealPath();
    List<Found> files = new ArrayList<>();
    boolean[] complete = {true};
    Files.walkFileTree(
        folder, EnumSet.noneOf(FileVisitOption.class), MOST_DEPTH, visitor(root, files, complete));
    files.sort((one, other) -> one.name().compareTo(other.name()));
    return new Listing(Collections.unmodifiableList(files), complete[0]);
  }

  private FileVisitor<Path> visitor(Path root, List<Found> files, boolean[] complete) {
    return new SimpleFileVisitor<>() {
      private int seen;

      @Override
      public FileVisitResult preVisitDirectory(Path visited, BasicFileAttributes attributes) {
        return next();
      }

      @Override
      public FileVisitResult visitFile(Path visited, BasicFileAttributes attributes) {
        if (plausible(folder.relativize(visited).toString()) && !laterPart(visited)) {
          add(visited);
        }
        return next();
      }

      // What cannot be read, or is gone again, is none.
      @Override
      public FileVisitResult visitFileFailed(Path visited, IOException why) {
        return next();
      }

      private void add(Path visited) {
        try {
          Found found = look(visited, root);
          if (found != null) {
            files.add(found);
          }
        } catch (IOException e) {
          complete[0] = false;
        }
      }

      private FileVisitResult next() {
        seen++;
        if (seen >= MOST_ENTRIES) {
          complete[0] = false;
          return FileVisitResult.TERMINATE;
        }
        return FileVisitResult.CONTINUE;
      }
    };
  }

  private static boolean laterPart(Path path) {
    Matcher split = PART.matcher(String.valueOf(path.getFileName()));
    return split.matches() && Integer.parseInt(split.group(2)) != 1;
  }
}
