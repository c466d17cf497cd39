package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Workers that a gateway does not run, and the secret that they ask for. */
final class FleetSecret {
  private FleetSecret() {}

  static Path file(Path folder) throws IOException {
    return Files.writeString(folder.resolve("secret"), "a-secret-of-the-fleet\n");
  }

  /** The configuration of a gateway that runs two such workers for others. */
  static Path runner(Path folder) throws IOException {
    return Files.writeString(
        folder.resolve("runner.yaml"),
        """
        workers:
          local: 2
          arguments: [--allow-fault-injection, --port, "0", --secret-file, %s]
        """
            .formatted(file(folder)));
  }
}
