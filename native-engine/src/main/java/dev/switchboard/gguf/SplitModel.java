package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model whose tensors lie in several files: {@code name-00001-of-00003.gguf} and so on.
 *
 * <p>The first part has the model's metadata; each says its number from 0 ({@code split.no}), how
 * many there are ({@code split.count}) and how many tensors they have together ({@code
 * split.tensors.count}). The other parts are looked for beside the first and nowhere else, under
 * the only names they can have, so a file cannot make us read another path. Each is checked as a
 * file by itself, and then against the first.
 */
final class SplitModel {
  private static final Pattern PART_NAME =
      Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf", Pattern.DOTALL);

  private static final int MAX_PARTS = 1024;
  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";
  private static final String ALIGNMENT = "general.alignment";

  private final Path first;
  private final String prefix;
  private final GgufMetadata metadata;
  private final int count;
  private final int tensorCount;

  /** Reads a part's file, with no more tensors than this. */
  @FunctionalInterface
  interface Reader {
    GgufPart read(Path file, int mostTensors);
  }

  private SplitModel(Path first, GgufMetadata metadata, int count, GgufLimits limits) {
    this.first = first;
    this.metadata = metadata;
    this.count = count;
    this.tensorCount = metadata.integer(TENSORS, 1, limits.tensors());
    int number = metadata.integer(NUMBER, 0, count - 1);
    if (number != 0) {
      throw refused(first, "is part " + (number + 1) + " of " + count + ": give the first one");
    }
    Matcher name = PART_NAME.matcher(fileName(first));
    if (!name.matches() || !fileName(first).equals(name(name.group(1), 1, count))) {
      throw refused(
          first,
          "is the first of " + count + " parts, and its name must end in " + name("", 1, count));
    }
    this.prefix = name.group(1);
  }

  /**
   * All tensors of a model whose first file was read: its own, unless it says that there are more
   * files.
   *
   * @throws GgufException naming the part that is missing or wrong
   */
  static Map<String, GgufTensor> tensors(
      Path path, GgufPart first, GgufLimits limits, Reader reader) {
    int count = first.metadata().integer(COUNT, 0, MAX_PARTS, 1);
    if (count <= 1) {
      return first.tensors();
    }
    return new SplitModel(path, first.metadata(), count, limits).join(first, reader);
  }

  /** The file's name without its part's number and {@code .gguf}. */
  static String modelName(String fileName) {
    Matcher name = PART_NAME.matcher(fileName);
    if (name.matches()) {
      return name.group(1);
    }
    boolean gguf = fileName.toLowerCase(Locale.ROOT).endsWith(".gguf");
    return gguf ? fileName.substring(0, fileName.length() - ".gguf".length()) : fileName;
  }

  private Map<String, GgufTensor> join(GgufPart firstPart, Reader reader) {
    Map<String, GgufTensor> all = new LinkedHashMap<>();
    add(all, first, firstPart);
    requireTensors(all.size() <= tensorCount, all.size());
    for (int number = 1; number < count; number++) {
      Path file = first.resolveSibling(name(prefix, number + 1, count));
      GgufPart part = read(reader, file, tensorCount - all.size());
      check(file, number, part.metadata());
      add(all, file, part);
    }
    requireTensors(all.size() == tensorCount, all.size());
    return Collections.unmodifiableMap(all);
  }

  private void requireTensors(boolean right, int found) {
    if (!right) {
      throw refused(
          first, "says that " + TENSORS + " is " + tensorCount + ", but there are " + found);
    }
  }

  private static GgufPart read(Reader reader, Path file, int mostTensors) {
    try {
      return reader.read(file, mostTensors);
    } catch (GgufException wrong) {
      String text = wrong.getMessage().substring(wrong.reason().word().length() + 2);
      throw new GgufException(wrong.reason(), "part " + quote(fileName(file)) + ": " + text, wrong);
    }
  }

  private void check(Path file, int number, GgufMetadata part) {
    requireSame(file, part, NUMBER, number);
    requireSame(file, part, COUNT, count);
    requireSame(file, part, TENSORS, tensorCount);
    for (String key : part.keys()) {
      boolean own = key.equals(NUMBER) || key.equals(ALIGNMENT);
      if (!own && !part.sameValue(key, metadata)) {
        throw refused(file, "gives " + quote(key) + " another value than the first part");
      }
    }
  }

  private static void requireSame(Path file, GgufMetadata part, String key, int wanted) {
    int found = part.integer(key, 0, Integer.MAX_VALUE, -1);
    if (found != wanted) {
      String says = found < 0 ? "has no " + key : "says that " + key + " is " + found;
      throw refused(file, says + ", where it must be " + wanted);
    }
  }

  private static void add(Map<String, GgufTensor> all, Path file, GgufPart part) {
    for (GgufTensor tensor : part.tensors().values()) {
      if (all.put(tensor.name(), tensor) != null) {
        throw new GgufException(
            Reason.DUPLICATE_TENSOR,
            "part "
                + quote(fileName(file))
                + ": "
                + quote(tensor.name())
                + " is in an earlier part already");
      }
    }
  }

  private static String name(String prefix, int number, int count) {
    return "%s-%05d-of-%05d.gguf".formatted(prefix, number, count);
  }

  private static String fileName(Path file) {
    return String.valueOf(file.getFileName());
  }

  private static GgufException refused(Path file, String complaint) {
    return new GgufException(Reason.BAD_PART, quote(fileName(file)) + " " + complaint);
  }
}
