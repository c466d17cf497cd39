package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The file as a kill -9 leaves it, opened again, life after life. What H2 loses of it depends on
 * its release: 2.5.252 goes on from an older state once the file's freed parts are written anew.
 */
class H2RecoveryIT {
  private static final int LIVES = 20;
  private static final int ROWS = 8;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void whatWasWrittenIsThereAfterEveryKill(long seed) throws Exception {
    Random random = new Random(seed);
    Map<Integer, Integer> written = new TreeMap<>();
    for (int life = 0; life < LIVES; life++) {
      try (Database database = new Database(config(life), 1, life > 0)) {
        if (life == 0) {
          database.write(
              connection -> run(connection, "CREATE TABLE t (id INT PRIMARY KEY, v INT)"));
        }
        assertEquals(written, database.read(H2RecoveryIT::rows), "life " + life);
        for (int change = random.nextInt(6); change >= 0; change--) {
          change(database, random, written);
        }
        Files.createDirectories(folder(life + 1));
        Files.copy(file(life), file(life + 1));
        assertThrows(
            StoreException.class,
            () -> database.read(connection -> run(connection, "SHUTDOWN IMMEDIATELY")));
      }
    }
  }

  private static void change(Database database, Random random, Map<Integer, Integer> written) {
    int id = random.nextInt(ROWS);
    int value = random.nextInt();
    if (random.nextInt(3) == 0) {
      written.remove(id);
      database.write(connection -> run(connection, "DELETE FROM t WHERE id = " + id));
    } else {
      written.put(id, value);
      database.write(
          connection -> run(connection, "MERGE INTO t VALUES (" + id + ", " + value + ")"));
    }
  }

  private static int run(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  private static Map<Integer, Integer> rows(Connection connection) throws SQLException {
    Map<Integer, Integer> rows = new TreeMap<>();
    try (PreparedStatement query = connection.prepareStatement("SELECT id, v FROM t");
        ResultSet found = query.executeQuery()) {
      while (found.next()) {
        rows.put(found.getInt(1), found.getInt(2));
      }
    }
    return rows;
  }

  /** Freed parts are written anew at once, not after 45 s. */
  private StoreConfig config(int life) {
    return new StoreConfig(
        "jdbc:h2:file:" + folder(life).resolve("gateway") + ";RETENTION_TIME=0",
        "sa",
        "",
        1000,
        1,
        35,
        StoreConfig.Requests.DEFAULTS);
  }

  private Path folder(int life) {
    return folder.resolve("life" + life);
  }

  private Path file(int life) {
    return folder(life).resolve("gateway.mv.db");
  }
}
