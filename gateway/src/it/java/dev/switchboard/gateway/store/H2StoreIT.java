package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.testing.Await;
import java.io.BufferedReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
  void twoProcessesOnOneFileTakeTurnsAndLoseNothing() throws Exception {
    Process neighbour = start(Neighbour.class);
    try (BufferedReader told = neighbour.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("open", told.readLine());
      Neighbour.work(store(), meter, "here");
      assertEquals("worked", told.readLine());
      neighbour.getOutputStream().close();

      assertEquals(0, neighbour.waitFor());
      assertEquals(
          2 * Neighbour.PIECES,
          done(store().usage(0, HOUR_MS + 1, null, 9, 0)).getFirst().requests());
      assertEquals(2 * Neighbour.PIECES, store().snapshot().keys().size());
      assertEquals(
          2 * Neighbour.PIECES,
          done(store().audit(AuditQuery.newest(1000, Long.MAX_VALUE))).size());
    }
  }

  @Test
  void whoIsKilledInItsTurnStopsNobody() throws Exception {
    Process neighbour = start(Neighbour.class);
    try (BufferedReader told = neighbour.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("open", told.readLine());
      done(store().create(key("before", null), was -> {}));
      neighbour.destroyForcibly().waitFor();

      done(store().create(key("after", null), was -> {}));
      List<String> names = store().snapshot().keys().stream().map(ApiKey::name).toList();
      assertTrue(names.containsAll(List.of("before", "after")), names::toString);
    }
  }

  @Test
  void whoTakesNoTurnsKeepsTheFileToItself() throws Exception {
    close();
    Process other = start(Selfish.class);
    try (BufferedReader told = other.inputReader(StandardCharsets.UTF_8);
        Database database = new Database(config(), 30, false)) {
      assertEquals("open", told.readLine());
      StoreException refused = assertThrows(StoreException.class, () -> alive(database));

      assertTrue(String.valueOf(refused.getMessage()).contains("already in use"));
      other.getOutputStream().close();
      other.waitFor();
      assertTrue(alive(database));
    } finally {
      other.destroyForcibly();
      open();
    }
  }

  private static boolean alive(Database database) {
    return database.read(connection -> connection.isValid(1));
  }

  private Process start(Class<?> main) throws Exception {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            main.getName(),
            folder.toString())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /** Another gateway's store, in a process of its own. */
  static final class Neighbour {
    static final int PIECES = 40;

    private Neighbour() {}

    public static void main(String[] arguments) throws Exception {
      UsageMeter counted = new UsageMeter();
      StoreConfig config = StoreConfig.DEFAULTS.under(Path.of(arguments[0]));
      try (Store store = Store.start(config, counted, () -> 5 * HOUR_MS)) {
        Snapshot _ = done(store.ready());
        System.out.println("open");
        work(store, counted, "there");
        System.out.println("worked");
        int _ = System.in.read();
      }
    }

    static void work(Store store, UsageMeter counted, String where) {
      for (int i = 0; i < PIECES; i++) {
        counted.add("t", HOUR_MS, 1, 0, 1);
        done(
            store.audit(
                new AuditEntry(
                    0,
                    where + i,
                    i,
                    "a",
                    "admin",
                    "x",
                    "PUT",
                    "/",
                    200,
                    null,
                    null,
                    null,
                    AuditEntry.Why.UNSAID)));
        ApiKey _ = done(store.create(key(where + i, null), was -> {}));
      }
    }
  }

  /** A program that has the file open all the time. */
  static final class Selfish {
    private Selfish() {}

    public static void main(String[] arguments) throws Exception {
      StoreConfig config = StoreConfig.DEFAULTS.under(Path.of(arguments[0]));
      try (Connection _ = DriverManager.getConnection(config.url(), config.user(), "")) {
        System.out.println("open");
        int _ = System.in.read();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"removed", "truncated", "emptied", "overwritten", "replaced", "folder"})
  void aFileThatIsNotTheOneThatWasOpenedIsNoticed(String how, @TempDir Path state)
      throws Exception {
    close();
    reopen(remembering(state, false));
    done(store().create(key("app", null), was -> {}));
    Path file = folder.resolve("store/gateway.mv.db");

    damage(file, how);

    awaitTrouble(StoreException.Kind.MISSING);
    CompletionException refused =
        assertThrows(
            CompletionException.class, () -> store().deleteKey("key-app", was -> {}).join());
    assertEquals(
        StoreException.Kind.MISSING,
        assertInstanceOf(StoreException.class, refused.getCause()).kind());
    assertEquals(List.of(key("app", null)), store().snapshot().keys());
  }

  private void damage(Path file, String how) throws Exception {
    switch (how) {
      case "removed" -> Files.delete(file);
      case "truncated" -> resize(file, Files.size(file) - 4096);
      case "emptied" -> resize(file, 0);
      case "overwritten" -> Files.write(file, new byte[(int) Files.size(file)]);
      case "replaced" ->
          Files.move(
              Files.write(folder.resolve("other"), new byte[0]),
              file,
              StandardCopyOption.REPLACE_EXISTING);
      case "folder" -> Files.move(folder.resolve("store"), folder.resolve("store.old"));
      default -> throw new AssertionError(how);
    }
  }

  private static void resize(Path file, long bytes) throws Exception {
    try (RandomAccessFile resized = new RandomAccessFile(file.toFile(), "rw")) {
      resized.setLength(bytes);
    }
  }

  @Test
  void aFileThatComesBackIsTakenUp(@TempDir Path state) throws Exception {
    close();
    reopen(remembering(state, false));
    done(store().create(key("app", null), was -> {}));
    meter.add("a", HOUR_MS, 1, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 1, 1, 0, 0)), usage("a"));
    Path file = folder.resolve("store/gateway.mv.db");
    Path backup = Files.copy(file, folder.resolve("backup"));
    done(store().create(key("later", null), was -> {}));
    meter.add("a", HOUR_MS, 10, 0, 0);
    assertEquals(2, usage("a").getFirst().requests());
    Files.delete(file);
    awaitTrouble(StoreException.Kind.MISSING);
    meter.add("a", HOUR_MS, 100, 0, 0);

    Files.move(backup, file);

    Await.until("one key", () -> store().snapshot().keys(), keys -> keys.size() == 1);
    assertEquals(List.of(key("app", null)), store().snapshot().keys());
    meter.add("a", HOUR_MS, 1000, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 3, 1101, 0, 0)), usage("a"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"removed", "emptied", "folder"})
  void aStoreThatIsGoneDoesNotOpenAndIsNotMadeAnew(String how, @TempDir Path state)
      throws Exception {
    close();
    reopen(remembering(state, false));
    done(store().create(key("app", null), was -> {}));
    close();
    Path file = folder.resolve("store/gateway.mv.db");
    damage(file, how);

    reopen(remembering(state, false));
    StoreException refused = refused(store());
    boolean madeAnew = Files.exists(file) && Files.size(file) > 0;
    close();
    reopen(remembering(state, true));

    assertEquals(StoreException.Kind.MISSING, refused.kind());
    assertTrue(String.valueOf(refused.getMessage()).contains("--accept-new-store"));
    assertFalse(madeAnew);
    assertEquals(List.of(), done(store().ready()).keys());
  }

  @Test
  void aDatabaseInMemoryInItsPlaceIsAStoreWithoutTheKeys(@TempDir Path state) throws Exception {
    close();
    reopen(remembering(state, false));
    done(store().create(key("app", null), was -> {}));
    close();

    reopen(inMemory(state, false));
    StoreException refused = refused(store());
    close();
    reopen(inMemory(state, true));
    Snapshot accepted = done(store().ready());
    done(store().create(key("other", null), was -> {}));
    close();
    reopen(inMemory(state, false));

    assertEquals(StoreException.Kind.MISSING, refused.kind());
    assertEquals(List.of(), accepted.keys());
    assertEquals(List.of(), done(store().ready()).keys());
  }

  private Store inMemory(Path state, boolean accept) {
    StoreConfig config =
        new StoreConfig(
            "jdbc:h2:mem:in-its-place", "switchboard", "", 50, 400, 35, StoreContract.REQUESTS);
    return Store.start(
        config, new StateFolder(state, accept), meter, new SloMeter(), () -> 5 * HOUR_MS);
  }

  @Test
  void aKilledProcessLosesNothingThatItHasConfirmed() throws Exception {
    Process neighbour = start(Neighbour.class);
    try (BufferedReader told = neighbour.inputReader(StandardCharsets.UTF_8)) {
      close();
      assertEquals("open", told.readLine());
      assertEquals("worked", told.readLine());
      neighbour.destroyForcibly().waitFor();
      open();

      assertEquals(Neighbour.PIECES, store().snapshot().keys().size());
      assertEquals(
          Neighbour.PIECES, done(store().audit(AuditQuery.newest(1000, Long.MAX_VALUE))).size());
    } finally {
      neighbour.destroyForcibly();
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
