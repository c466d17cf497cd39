package dev.switchboard.gateway.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.UUID;

/**
 * Whether a database's file that is not there yet has room. It is looked at before anything is
 * started, since a database tells it only when workers already load their models.
 */
public final class StoreRoom {
  /** About what an empty database takes. */
  static final int NEW_BYTES = 64 << 10;

  private StoreRoom() {}

  /**
   * Writes as much as a new database takes and deletes it again. A file that is there is left to
   * the database, which may read it on a full disk.
   *
   * @throws IllegalStateException when the disk is full
   */
  public static void check(StoreConfig config) {
    Path file = config.file();
    if (file == null || new StoreFile(file).there()) {
      return;
    }
    Path folder = existing(file);
    try {
      write(folder.resolve("room-" + UUID.randomUUID()));
    } catch (IOException e) {
      if (Database.kind(e) == StoreException.Kind.FULL) {
        throw new IllegalStateException(
            "the store (store.url) cannot be opened: the disk of the database is full: "
                + folder
                + ": "
                + e.getMessage(),
            e);
      }
      // What else is wrong the database says better.
    }
  }

  /** The innermost folder above a file that is there already, on the disk of those to be made. */
  private static Path existing(Path file) {
    Path at = file;
    for (Path up = file.getParent(); up != null; up = up.getParent()) {
      at = up;
      if (Files.isDirectory(up)) {
        break;
      }
    }
    return at;
  }

  private static void write(Path probe) throws IOException {
    try (FileChannel channel =
        FileChannel.open(probe, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))) {
      ByteBuffer bytes = ByteBuffer.allocate(NEW_BYTES);
      while (bytes.hasRemaining()) {
        int _ = channel.write(bytes);
      }
      channel.force(true);
    } finally {
      Files.deleteIfExists(probe);
    }
  }
}
