package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Worker processes that are shell scripts. */
final class WorkerScript {
  private WorkerScript() {}

  /** Exits with status 1 some times, then says that a server is its own. */
  static Path of(Path folder, int failures, URI server) throws IOException {
    return executable(
        folder.resolve("worker"),
        """
        #!/bin/sh
        n=$(cat COUNT 2>/dev/null || echo 0)
        echo $((n + 1)) >COUNT
        [ "$n" -lt FAILURES ] && exit 1
        echo '{"event":"listening","port":PORT}'
        echo '{"event":"ready"}'
        exec cat
        """
            .replace("COUNT", folder.resolve("count").toString())
            .replace("FAILURES", Integer.toString(failures))
            .replace("PORT", Integer.toString(server.getPort())));
  }

  static Path executable(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    return file;
  }
}
