package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An open GGUF file, version 2 or 3, little-endian: mapped into memory, its structure checked. A
 * model that is split over several files is one of these, too: opened by its first part, with the
 * tensors of all.
 *
 * <p>Opening reads the header, the metadata and the tensor table, in time and memory bounded by the
 * bytes they really have, and fails with a {@link GgufException} for anything wrong. Tensor data is
 * not touched. Safe on any thread; after {@link #close} no tensor or array may be used. The file
 * must not shrink while it is open, as for any mapped file.
 */
public final class GgufFile implements AutoCloseable {
  private final Path path;
  private final @Nullable Arena arena;
  private final GgufMetadata metadata;
  private final Map<String, GgufTensor> tensors;

  private GgufFile(
      Path path, @Nullable Arena arena, GgufMetadata metadata, Map<String, GgufTensor> tensors) {
    this.path = path;
    this.arena = arena;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  public static GgufFile open(Path path) {
    return open(path, GgufLimits.DEFAULT);
  }

  /**
   * Maps and checks a file, and the other parts of a model that it is the first of.
   *
   * @throws GgufException for anything wrong with it, reading it included
   */
  public static GgufFile open(Path path, GgufLimits limits) {
    Arena arena = Arena.ofShared();
    try {
      GgufPart first = read(path, arena, limits);
      Map<String, GgufTensor> tensors =
          SplitModel.tensors(
              path, first, limits, (part, most) -> read(part, arena, limits.withTensors(most)));
      return new GgufFile(path, arena, first.metadata(), tensors);
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  private static GgufPart read(Path path, Arena arena, GgufLimits limits) {
    if (!Files.isRegularFile(path)) {
      throw new GgufException(Reason.IO, quote(path.toString()) + " is not a file");
    }
    try {
      return GgufPart.read(map(path, arena), limits);
    } catch (IOException e) {
      throw new GgufException(
          Reason.IO, quote(path.toString()) + " cannot be read: " + e.getMessage(), e);
    } catch (InternalError e) { // how the JVM reports a fault in a mapped file
      throw new GgufException(Reason.IO, quote(path.toString()) + " changed while it was read", e);
    }
  }

  /** Checks a whole model that is already in memory, which stays the caller's. */
  static GgufFile of(Path path, MemorySegment file, GgufLimits limits) {
    GgufPart only = GgufPart.read(file.asReadOnly(), limits);
    Map<String, GgufTensor> tensors =
        SplitModel.tensors(
            path,
            only,
            limits,
            (part, most) -> {
              throw new GgufException(Reason.IO, "it is not in memory");
            });
    return new GgufFile(path, null, only.metadata(), tensors);
  }

  private static MemorySegment map(Path path, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }

  public Path path() {
    return path;
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** All tensors, in the order of the files and in them. */
  public Collection<GgufTensor> tensors() {
    return tensors.values();
  }

  public @Nullable GgufTensor tensor(String name) {
    return tensors.get(name);
  }

  /** Unmaps all files: using its tensors or arrays afterwards is an IllegalStateException. */
  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
