package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a console's process ends, whoever else is there. */
class ConsoleEndIT {
  /** A pod or a unit that ends so did not fail. */
  @Test
  void whoIsToldToEndEndsWell(@TempDir Path folder) throws Exception {
    try (ConsoleProcess console = ConsoleProcess.start(folder, "http://127.0.0.1:9")) {
      assertEquals(0, console.end());
    }
  }
}
