package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FleetSecretTest {
  private static final String SECRET = "sixteen-and-more";

  @TempDir Path folder;

  private static String refusal(Path file) {
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> FleetSecret.of(file, null))
            .getMessage());
  }

  @Test
  void aFileWinsOverTheEnvironment() throws Exception {
    Path file = Files.writeString(folder.resolve("secret"), SECRET + "\n");

    FleetSecret secret = Objects.requireNonNull(FleetSecret.of(file, "another-secret-of-a-fleet"));

    assertTrue(secret.matches("Bearer " + SECRET));
    assertFalse(secret.matches("Bearer another-secret-of-a-fleet"));
    assertFalse(secret.matches(null));
    assertFalse(secret.toString().contains(SECRET));
  }

  @Test
  void thereMayBeNone() {
    assertNull(FleetSecret.of(null, null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "short", "two words of more letters", "sixteen-letters-ä"})
  void whatIsNoSecretIsRefusedByItsName(String text) throws Exception {
    Path file = Files.writeString(folder.resolve("secret"), text);

    assertTrue(refusal(file).startsWith("--secret-file must be one word of 16"), refusal(file));
    String named =
        assertThrows(IllegalArgumentException.class, () -> FleetSecret.of(null, text)).getMessage();
    assertTrue(String.valueOf(named).startsWith("SWITCHBOARD_FLEET_SECRET must be"), named);
  }

  @Test
  void aFileThatIsNotThereOrTooLargeIsNamed() throws Exception {
    Path large = Files.writeString(folder.resolve("large"), "x".repeat(5000));

    assertEquals("--secret-file: " + large + " is too large", refusal(large));
    assertTrue(refusal(folder.resolve("none")).startsWith("--secret-file: cannot read "));
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "127.0.0.9", "::1", "localhost"})
  void loopbackNeedsNoSecret(String bind) {
    assertDoesNotThrow(() -> WorkerGuard.of(bind, null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0", "::", "10.0.0.1", "worker.example", "localhost.example"})
  void anyOtherAddressNeedsOne(String bind) {
    assertThrows(IllegalArgumentException.class, () -> WorkerGuard.of(bind, null));
    assertDoesNotThrow(() -> WorkerGuard.of(bind, FleetSecret.of(null, SECRET)));
  }
}
