package dev.switchboard.gateway.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * Turns at an embedded database's file, which one process at a time can have open.
 *
 * <p>A gateway keeps its turn, with the database open, until another one waits; then it closes it
 * after the piece of work that it is at. A turn is the lock of one byte of a file beside the
 * database; who waits holds a second byte, by which the others see that, and without which no turn
 * begins: so two gateways alternate, however fast one of them comes again. The kernel lets go of
 * the bytes whatever way a process ends, so nothing stale can stay behind.
 *
 * <p>Used by the store's thread only. Stores of one process share its turn.
 */
final class FileLease implements AutoCloseable {
  private static final int TURN = 0;
  private static final int NEXT = 1;

  private final FileChannel channel;
  private @Nullable FileLock turn;
  private @Nullable FileLock next;

  /**
   * @param database its path, without H2's suffix
   */
  FileLease(Path database) throws IOException {
    channel =
        FileChannel.open(
            database.resolveSibling(database.getFileName() + ".turns"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
  }

  /**
   * Tries to begin a turn, or goes on with one; who is refused asks again soon, or {@link #pass}es.
   *
   * @return whether it may open the database
   */
  boolean begin() throws IOException {
    if (turn != null) {
      return true;
    }
    try {
      next = next == null ? channel.tryLock(NEXT, 1, false) : next;
      turn = next == null ? null : channel.tryLock(TURN, 1, false);
    } catch (OverlappingFileLockException e) {
      // Another store of this process has it open, and H2 opens it twice there.
      next = released(next);
      return true;
    }
    if (turn != null) {
      next = released(next);
    }
    return turn != null;
  }

  /** Whether somebody waits for a turn. */
  boolean wanted() throws IOException {
    try (FileLock free = channel.tryLock(NEXT, 1, false)) {
      return free == null;
    } catch (OverlappingFileLockException e) {
      return true;
    }
  }

  /** Ends the turn, or the wait for one; the database is closed. */
  void pass() throws IOException {
    turn = released(turn);
    next = released(next);
  }

  private static @Nullable FileLock released(@Nullable FileLock lock) throws IOException {
    if (lock != null) {
      lock.release();
    }
    return null;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
