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
 * An open GGUF file, version 2 or 3, little-endian: mapped into memory, its structure checked.
 *
 * <p>Opening reads the header, the metadata and the tensor table, in time and memory bounded by the
 * bytes they really have, and fails with a {@link GgufException} for anything wrong. Tensor data is
 * not touched. Safe on any thread; after {@link #close} no tensor or array may be used. The file
 * must not shrink while it is open, as for any mapped file.
 */
public final class GgufFile implements AutoCloseable {
  private static final int MAGIC = 0x46554747;
  private static final int OLDEST_VERSION = 2;
  private static final int NEWEST_VERSION = 3;
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MIN_ALIGNMENT = 8;
  private static final int MAX_ALIGNMENT = 1 << 16;

  private final Path path;
  private final @Nullable Arena arena;
  private final GgufMetadata metadata;
  private final Map<String, GgufTensor> tensors;

  private GgufFile(Path path, @Nullable Arena arena, MemorySegment file, GgufLimits limits) {
    this.path = path;
    this.arena = arena;
    GgufCursor cursor = new GgufCursor(file, limits);
    checkHeader(cursor);
    int tensorCount = cursor.readCount("tensor count", limits.tensors());
    int entryCount = cursor.readCount("metadata count", limits.metadataEntries());
    this.metadata = new MetadataReader(file, cursor, limits).read(entryCount);
    this.tensors = new TensorTable(file, cursor, limits).read(tensorCount, alignment(metadata));
  }

  public static GgufFile open(Path path) {
    return open(path, GgufLimits.DEFAULT);
  }

  /**
   * Maps and checks a file.
   *
   * @throws GgufException for anything wrong with it, reading it included
   */
  public static GgufFile open(Path path, GgufLimits limits) {
    if (!Files.isRegularFile(path)) {
      throw new GgufException(Reason.IO, quote(path.toString()) + " is not a file");
    }
    Arena arena = Arena.ofShared();
    try {
      return new GgufFile(path, arena, map(path, arena), limits);
    } catch (IOException e) {
      arena.close();
      throw new GgufException(
          Reason.IO, quote(path.toString()) + " cannot be read: " + e.getMessage(), e);
    } catch (InternalError e) { // how the JVM reports a fault in a mapped file
      arena.close();
      throw new GgufException(Reason.IO, quote(path.toString()) + " changed while it was read", e);
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  /** Checks a file that is already in memory, which stays the caller's. */
  static GgufFile of(Path path, MemorySegment file, GgufLimits limits) {
    return new GgufFile(path, null, file.asReadOnly(), limits);
  }

  private static MemorySegment map(Path path, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }

  private static void checkHeader(GgufCursor cursor) {
    if (cursor.remaining() < Integer.BYTES || cursor.readInt("magic") != MAGIC) {
      throw new GgufException(Reason.NOT_GGUF, "the file does not start with GGUF");
    }
    int version = cursor.readInt("version");
    if (Integer.reverseBytes(version) >= 1 && Integer.reverseBytes(version) <= NEWEST_VERSION) {
      throw new GgufException(Reason.BIG_ENDIAN, "big-endian files are not supported");
    }
    if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
      throw new GgufException(
          Reason.UNSUPPORTED_VERSION,
          "version "
              + Integer.toUnsignedString(version)
              + " is not "
              + OLDEST_VERSION
              + " or "
              + NEWEST_VERSION);
    }
  }

  private static int alignment(GgufMetadata metadata) {
    String key = "general.alignment";
    int alignment = metadata.integer(key, 0, Integer.MAX_VALUE, DEFAULT_ALIGNMENT);
    if (Integer.bitCount(alignment) != 1
        || alignment < MIN_ALIGNMENT
        || alignment > MAX_ALIGNMENT) {
      throw new GgufException(
          Reason.BAD_ALIGNMENT,
          quote(key)
              + " is "
              + alignment
              + ", not a power of two from "
              + MIN_ALIGNMENT
              + " to "
              + MAX_ALIGNMENT);
    }
    return alignment;
  }

  public Path path() {
    return path;
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** All tensors, in file order. */
  public Collection<GgufTensor> tensors() {
    return tensors.values();
  }

  public @Nullable GgufTensor tensor(String name) {
    return tensors.get(name);
  }

  /** Unmaps the file: using its tensors or arrays afterwards is an IllegalStateException. */
  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
