package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketFolderTest {
  @TempDir private Path parent;

  @Test
  void aStartRemovesFoldersOfTheDeadAndNoOthers() throws Exception {
    Path living = SocketFolder.make(parent);
    Path dead = Files.createDirectory(parent.resolve("switchboard-dead"));
    Files.createFile(dead.resolve("alive"));
    Files.createFile(dead.resolve("w0.sock"));
    Path unmarked = Files.createDirectory(parent.resolve("switchboard-bench"));
    Path linked = Files.createDirectory(parent.resolve("elsewhere"));
    Files.createFile(linked.resolve("alive"));
    Path link = Files.createSymbolicLink(parent.resolve("switchboard-link"), linked);

    Path own = SocketFolder.make(parent);

    assertFalse(Files.exists(dead));
    assertTrue(Files.exists(living.resolve("alive")));
    assertTrue(Files.exists(own.resolve("alive")));
    assertTrue(Files.exists(unmarked));
    assertTrue(Files.exists(link.resolve("alive")));
  }
}
