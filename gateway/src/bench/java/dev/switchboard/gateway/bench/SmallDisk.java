package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A file system in memory that is soon full. Only who may mount one has it. */
final class SmallDisk implements AutoCloseable {
  private static final int COMMAND_SECONDS = 10;

  private final Path folder;
  private final Path ballast;

  private SmallDisk(Path folder) {
    this.folder = folder;
    this.ballast = folder.resolve("ballast");
  }

  /** Mounts one of so many bytes; null where that is not allowed. */
  static @Nullable SmallDisk mount(Path folder, int bytes) throws IOException {
    Files.createDirectories(folder);
    String options = "size=" + bytes + ",mode=0700";
    List<String> command =
        List.of("mount", "-t", "tmpfs", "-o", options, "small-disk", folder.toString());
    return run(command) ? new SmallDisk(folder) : null;
  }

  private static boolean run(List<String> command) throws IOException {
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      return process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Takes all that is left but so many bytes. */
  void fill(int restBytes) throws IOException {
    byte[] page = new byte[4096];
    try (OutputStream file = Files.newOutputStream(ballast)) {
      while (folder.toFile().getUsableSpace() > restBytes) {
        file.write(page);
      }
    }
  }

  void empty() throws IOException {
    Files.delete(ballast);
  }

  @Override
  public void close() throws IOException {
    if (!run(List.of("umount", folder.toString()))) {
      throw new IOException("cannot unmount " + folder);
    }
  }
}
