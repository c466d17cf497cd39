package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
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

  /** Each would write its own users over those of the other. */
  @Test
  void aSecondOneOfAStateFolderSaysSoAndEndsAsLongAsTheFirstOneIsThere(@TempDir Path folder)
      throws Exception {
    String nobody = "http://127.0.0.1:9";
    try (ConsoleProcess first = ConsoleProcess.start(folder, nobody)) {
      assertThrows(IOException.class, () -> ConsoleProcess.start(folder, nobody).close());
      String state = folder.resolve("state").toString();
      String said = ConsoleProcess.fails("--port", "0", "--state", state);
      assertTrue(said.contains("--state: another console uses " + state), said);
      assertEquals(0, first.end());
    }

    try (ConsoleProcess next = ConsoleProcess.start(folder, nobody)) {
      assertEquals(0, next.end());
    }
  }
}
