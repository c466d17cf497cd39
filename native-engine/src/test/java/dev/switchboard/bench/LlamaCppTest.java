package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With scripts in place of the peer's programs, which print what those print. */
class LlamaCppTest {
  @TempDir private Path folder;

  @Test
  void speedsAreReadFromItsJson() throws IOException {
    script("llama-bench", "echo \"[{\\\"avg_ts\\\": $4.5, \\\"samples_ns\\\": [1]}]\"");
    script(
        "llama-batched-bench",
        "echo noise; echo '{\"pl\": 1, \"speed_tg\": 10.5}'; echo '{\"pl\": 4, \"speed_tg\": 30}'");
    LlamaCpp peer = LlamaCpp.at(folder.resolve("llama-bench"), 3);
    Path model = folder.resolve("m.gguf");

    assertEquals(3.5, peer.prefill(model, 512));
    assertEquals(3.5, peer.decode(model, 64));
    assertArrayEquals(new double[] {10.5, 30}, peer.decode(model, new int[] {1, 4}, 32, 64));
  }

  @Test
  void aRunThatFailsOrSaysLessIsAnErrorThatNamesIt() throws IOException {
    script("llama-bench", "exit 3");
    script("llama-batched-bench", "echo '{\"speed_tg\": 10.5}'");
    LlamaCpp peer = LlamaCpp.at(folder.resolve("llama-bench"), 1);
    Path model = folder.resolve("m.gguf");

    IOException failed = assertThrows(IOException.class, () -> peer.prefill(model, 8));
    IOException fewer =
        assertThrows(IOException.class, () -> peer.decode(model, new int[] {1, 2}, 8, 8));

    assertTrue(failed.toString().contains("llama-bench"), failed::toString);
    assertTrue(fewer.toString().contains("gave 1 results"), fewer::toString);
  }

  private void script(String name, String body) throws IOException {
    Path file = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + body + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }
}
