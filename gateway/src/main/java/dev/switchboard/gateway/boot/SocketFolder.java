package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder with the sockets of this gateway's workers. A process that is killed cannot remove its
 * own, so each start removes those of the dead: a folder belongs to a process as long as that holds
 * the lock of a file in it, which the kernel releases at its end. Ids of processes would not tell,
 * since containers that share a folder have their own. A folder without that file is left alone.
 */
final class SocketFolder {
  private static final Logger LOG = LoggerFactory.getLogger(SocketFolder.class);
  private static final String PREFIX = "switchboard-";
  private static final String ALIVE = "alive";

  /** Never closed, and never looked into: the locks end with the process, or with any close. */
  private static final Map<Path, FileChannel> HELD = new ConcurrentHashMap<>();

  private SocketFolder() {}

  /** Makes one for this process, and removes those of processes that have ended. */
  static Path make(Path parent) throws IOException {
    removeDead(parent);
    Path folder = Files.createTempDirectory(parent, PREFIX);
    Path alive = folder.resolve(ALIVE);
    // Nobody sees the file before it is locked.
    Path unlocked = folder.resolve(ALIVE + ".new");
    FileChannel channel =
        FileChannel.open(unlocked, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    FileLock _ = channel.lock();
    Files.move(unlocked, alive, StandardCopyOption.ATOMIC_MOVE);
    HELD.put(folder, channel);
    folder.toFile().deleteOnExit();
    alive.toFile().deleteOnExit();
    return folder;
  }

  private static void removeDead(Path parent) throws IOException {
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path folder : folders) {
        try {
          if (dead(folder)) {
            remove(folder);
            LOG.info("socket_folder_removed path={}", folder);
          }
        } catch (IOException e) {
          // Another user's, or another start removes it at this moment.
          LOG.debug("socket_folder_left path={}", folder, e);
        }
      }
    }
  }

  private static boolean dead(Path folder) throws IOException {
    Path alive = folder.resolve(ALIVE);
    if (HELD.containsKey(folder)
        || !Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
        || !Files.isRegularFile(alive, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (FileChannel channel =
            FileChannel.open(alive, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        FileLock lock = channel.tryLock()) {
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  /** The mark goes last: a removal that is cut short is taken up again. */
  private static void remove(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (!file.endsWith(ALIVE)) {
          Files.deleteIfExists(file);
        }
      }
    }
    Files.deleteIfExists(folder.resolve(ALIVE));
    Files.deleteIfExists(folder);
  }
}
