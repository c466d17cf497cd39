package dev.switchboard.gateway.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An embedded database's file, looked at from outside. H2 goes on with a file that was deleted, and
 * writes holes into one that was truncated, without noticing either. Used by the store's thread.
 *
 * <p>Its own channel stays open as long as the database does: a process that closes any channel to
 * a file loses all of its locks on that file, H2's among them.
 */
final class StoreFile {
  private static final int HEADER_BYTES = 4096;
  private static final Pattern CREATED = Pattern.compile("^H:2,.*?created:([0-9a-f]+)");

  /**
   * Which file it is, and which database is in it.
   *
   * @param created when the database was made, as it says itself
   */
  private record Identity(@Nullable Object key, String created) {}

  private record Seen(long bytes, FileTime changed) {}

  /** Tells how many bytes a database believes its file to have. */
  @FunctionalInterface
  interface Believed {
    long bytes() throws IOException;
  }

  private final Path database;
  private final Path path;
  private @Nullable Identity identity;
  private @Nullable Seen seen;
  private @Nullable FileChannel channel;

  /**
   * @param database its path, without H2's suffix
   */
  StoreFile(Path database) {
    this.database = database;
    path = database.resolveSibling(database.getFileName() + ".mv.db");
  }

  Path path() {
    return path;
  }

  /** Its path without H2's suffix. */
  Path database() {
    return database;
  }

  /** Where it is made before it has its name. */
  StoreFile partial() {
    return new StoreFile(database.resolveSibling(database.getFileName() + ".new"));
  }

  /** Whether there is anything to be opened. */
  boolean there() {
    try {
      return Files.size(path) > 0;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * It was opened, and is to be {@link #closed} after the database.
   *
   * @return whether it is another one than was opened before
   */
  boolean opened() throws IOException {
    FileChannel mine = channel == null ? FileChannel.open(path, StandardOpenOption.READ) : channel;
    channel = mine;
    Identity before = identity;
    Identity now = new Identity(attributes().fileKey(), created(mine));
    identity = now;
    seen = null;
    return before != null && !before.equals(now);
  }

  /**
   * Compares it with the one that was opened.
   *
   * @return what is wrong with it; null when nothing is
   */
  @Nullable String trouble(Believed believed) throws IOException {
    Identity mine = identity;
    FileChannel open = channel;
    if (mine == null || open == null) {
      return null;
    }
    try {
      BasicFileAttributes now = attributes();
      Seen state = new Seen(now.size(), now.lastModifiedTime());
      if (mine.key() != null && !mine.key().equals(now.fileKey())) {
        return path + " is another file than the one that was opened";
      }
      if (state.equals(seen)) {
        return null;
      }
      if (!mine.created().equals(created(open))) {
        return path + " was overwritten";
      }
      // In this order: the file may grow in between.
      long bytes = believed.bytes();
      if (Files.size(path) < bytes) {
        return path + " was truncated";
      }
      seen = state;
      return null;
    } catch (NoSuchFileException e) {
      return path + " is gone";
    }
  }

  private BasicFileAttributes attributes() throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class);
  }

  private static String created(FileChannel open) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    int _ = open.read(header, 0);
    String text = new String(header.array(), StandardCharsets.ISO_8859_1);
    Matcher found = CREATED.matcher(text);
    return found.find() ? found.group(1) : "";
  }

  /** The database was closed. */
  void closed() throws IOException {
    FileChannel open = channel;
    channel = null;
    if (open != null) {
      open.close();
    }
  }
}
