package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.identity.UsageMeter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The store in an embedded file. */
class H2StoreIT extends StoreContract {
  @TempDir private Path folder;

  @Override
  StoreConfig config() {
    return StoreConfig.DEFAULTS.under(folder);
  }

  @Test
  void theFileIsForItsOwnerOnly() throws Exception {
    assertEquals(
        "rwx------",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("store"))));
  }

  @Test
  void aSecondGatewayOnTheSameFileDoesNotStart() throws Exception {
    Process second =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Opener.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(second.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertEquals(3, second.waitFor(), said);
    assertTrue(said.contains("already in use"), said);
  }

  /** Another process that opens the store in a folder. */
  static final class Opener {
    private Opener() {}

    public static void main(String[] arguments) {
      StoreConfig config = StoreConfig.DEFAULTS.under(Path.of(arguments[0]));
      try (Store store = Store.start(config, new UsageMeter(), () -> 0)) {
        Snapshot _ = store.ready().join();
      } catch (CompletionException e) {
        System.out.println(e.getCause());
        System.exit(3);
      }
    }
  }

  @Test
  void theSchemasVersionIsThatOfTheNewestMigration() {
    int next = Integer.parseInt(Database.SCHEMA_VERSION) + 1;

    assertEquals(1, migrations(next - 1));
    assertEquals(0, migrations(next));
  }

  private static int migrations(int version) {
    Path sources =
        Path.of(System.getProperty("switchboard.home", ".."))
            .resolve("gateway/src/main/resources/dev/switchboard/gateway/store");
    String[] names = sources.toFile().list((at, name) -> name.startsWith("V" + version + "__"));
    return names == null ? -1 : names.length;
  }
}
