package dev.switchboard.console;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The folder of users and points, of one console at a time: each writes its users as a whole, so
 * two would undo each other's changes, and whom one removed could go on at the other. The kernel
 * lets go of the lock whatever way a process ends.
 */
final class StateFolder implements AutoCloseable {
  private final Path path;
  private final FileChannel lock;

  private StateFolder(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  /** Makes it where it is not there, and holds it until closed. */
  static StateFolder open(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      Files.createDirectories(
          path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    if (!Files.isWritable(path)) {
      throw new IOException("--state: cannot write to " + path);
    }
    FileChannel lock =
        FileChannel.open(path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (!held(lock)) {
        throw new IOException("--state: another console uses " + path);
      }
      return new StateFolder(path, lock);
    } catch (IOException e) {
      lock.close();
      throw e;
    }
  }

  private static boolean held(FileChannel lock) throws IOException {
    try {
      FileLock held = lock.tryLock();
      return held != null;
    } catch (OverlappingFileLockException _) {
      return false;
    }
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
