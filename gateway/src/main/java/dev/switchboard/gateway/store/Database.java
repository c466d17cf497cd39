package dev.switchboard.gateway.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one connection to the database, opened anew when it broke. An embedded file that other
 * gateways want too is opened by turns ({@link FileTurns}). Used by the store's thread only.
 */
final class Database implements AutoCloseable {
  /** The newest migration among the resources of this package. */
  static final String SCHEMA_VERSION = "4";

  private static final String CONNECTION_TROUBLE = "08";
  private static final String CONSTRAINT = "23";
  private static final int VALID_SECONDS = 2;

  /** H2's word for a file that another process has open. */
  private static final String ALREADY_OPEN = "90020";

  /** Another gateway's turn takes some milliseconds, unless it migrates. */
  static final int TURN_TRIES = 2000;

  private static final int TURN_WAIT_MS = 5;

  private static final Logger LOG = LoggerFactory.getLogger(Database.class);

  private final StoreConfig config;
  private final int turnTries;
  private @Nullable Connection connection;
  private @Nullable FileTurns turns;
  private boolean migrated;

  /** What is done within one transaction. */
  @FunctionalInterface
  interface Work<T> {
    T run(Connection connection) throws SQLException;
  }

  /**
   * @param turnTries how often a file is tried that somebody else has open
   */
  Database(StoreConfig config, int turnTries) {
    this.config = config;
    this.turnTries = turnTries;
  }

  /**
   * Runs the work in a transaction.
   *
   * @throws StoreException when the database cannot be reached or refuses the change
   */
  <T> T transact(Work<T> work) {
    Connection open = connection;
    try {
      if (open == null) {
        open = connect();
        connection = open;
      }
      T result = work.run(open);
      open.commit();
      return result;
    } catch (SQLException e) {
      throw failed(open, e);
    } catch (RuntimeException e) {
      rollback(open);
      throw e;
    }
  }

  private StoreException failed(@Nullable Connection open, SQLException cause) {
    String state = cause.getSQLState() == null ? "" : cause.getSQLState();
    boolean usable = !state.startsWith(CONNECTION_TROUBLE) && rollback(open);
    if (!usable) {
      disconnect();
      return new StoreException(
          StoreException.Kind.UNAVAILABLE,
          "the database cannot be reached: " + cause.getMessage(),
          cause);
    }
    if (state.startsWith(CONSTRAINT)) {
      return new StoreException(StoreException.Kind.CONFLICT, "it exists already", cause);
    }
    return new StoreException(
        StoreException.Kind.UNAVAILABLE, "the database failed: " + cause.getMessage(), cause);
  }

  /** Whether the connection can be used further. */
  private static boolean rollback(@Nullable Connection open) {
    try {
      if (open == null) {
        return false;
      }
      open.rollback();
      return open.isValid(VALID_SECONDS);
    } catch (SQLException e) {
      return false;
    }
  }

  private Connection connect() throws SQLException {
    Properties properties = properties();
    if (config.embedded()) {
      protectFolder();
      beginTurn();
    }
    Connection opened = opened(properties);
    try {
      if (!migrated) {
        migrate(opened, properties);
        migrated = true;
      }
      opened.setAutoCommit(false);
      return opened;
    } catch (SQLException | RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Waits until no other gateway has the file open. */
  private void beginTurn() {
    Path file = config.file();
    if (file == null) {
      return;
    }
    try {
      FileTurns mine = turns == null ? new FileTurns(file) : turns;
      turns = mine;
      for (int tries = 1; !mine.begin(); tries++) {
        if (tries >= turnTries) {
          mine.pass();
          throw new StoreException(
              StoreException.Kind.UNAVAILABLE, "another gateway keeps " + file + " open");
        }
        pause();
      }
    } catch (IOException e) {
      throw new StoreException(
          StoreException.Kind.UNAVAILABLE, "cannot share " + file + ": " + e.getMessage(), e);
    }
  }

  /** Opens it; a program that knows nothing of turns may still have it. */
  private Connection opened(Properties properties) throws SQLException {
    for (int tries = 1; ; tries++) {
      try {
        return DriverManager.getConnection(url(), properties);
      } catch (SQLException e) {
        if (!ALREADY_OPEN.equals(e.getSQLState()) || tries >= turnTries / 10) {
          throw e;
        }
        pause();
      }
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(TURN_WAIT_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StoreException(StoreException.Kind.UNAVAILABLE, "interrupted", e);
    }
  }

  /** A piece of work is done: whoever waits for the file may have it. */
  void rest() {
    FileTurns mine = turns;
    try {
      if (mine != null && mine.wanted()) {
        disconnect();
        mine.pass();
      }
    } catch (IOException e) {
      LOG.warn("store_turn_not_passed", e);
    }
  }

  private String url() {
    // H2's own shutdown hook would close the file while the last usage is still to be written; what
    // it would trace to a file is told by exceptions; and compacting at each end of a turn would
    // take longer than the turn, while it also compacts as it goes.
    return config.embedded()
        ? config.url() + ";DB_CLOSE_ON_EXIT=FALSE;TRACE_LEVEL_FILE=0;MAX_COMPACT_TIME=0"
        : config.url();
  }

  private Properties properties() {
    Properties properties = new Properties();
    properties.setProperty("user", config.user());
    properties.setProperty("password", password());
    if (!config.embedded()) {
      properties.setProperty("ApplicationName", "switchboard");
      properties.setProperty("connectTimeout", "2");
      properties.setProperty("socketTimeout", "5");
    }
    return properties;
  }

  private String password() {
    if (config.passwordFile().isEmpty()) {
      return "";
    }
    try {
      return Files.readString(Path.of(config.passwordFile())).lines().findFirst().orElse("");
    } catch (IOException e) {
      throw new StoreException(
          StoreException.Kind.UNAVAILABLE, "cannot read " + config.passwordFile(), e);
    }
  }

  /** The file holds who may do what: nobody else reads it. */
  private void protectFolder() {
    Path folder = config.folder();
    if (folder == null || Files.exists(folder)) {
      return;
    }
    try {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException e) {
      throw new StoreException(StoreException.Kind.UNAVAILABLE, "cannot make " + folder, e);
    }
  }

  /** Flyway is loaded only for a database that is older than this program. */
  private void migrate(Connection opened, Properties properties) throws SQLException {
    if (SCHEMA_VERSION.equals(schemaVersion(opened))) {
      return;
    }
    try {
      Flyway.configure(Database.class.getClassLoader())
          .dataSource(url(), config.user(), properties.getProperty("password"))
          .locations("classpath:dev/switchboard/gateway/store")
          .validateMigrationNaming(true)
          .load()
          .migrate();
    } catch (FlywayException e) {
      throw new StoreException(
          StoreException.Kind.UNAVAILABLE, "cannot migrate: " + e.getMessage(), e);
    }
  }

  private static @Nullable String schemaVersion(Connection opened) throws SQLException {
    try (PreparedStatement query =
            opened.prepareStatement(
                "SELECT \"version\" FROM \"flyway_schema_history\" WHERE \"success\""
                    + " ORDER BY \"installed_rank\" DESC");
        ResultSet rows = query.executeQuery()) {
      return rows.next() ? rows.getString(1) : null;
    } catch (SQLException noSuchTable) {
      if (String.valueOf(noSuchTable.getSQLState()).startsWith("42")) {
        return null;
      }
      throw noSuchTable;
    }
  }

  @Override
  public void close() {
    disconnect();
    FileTurns mine = turns;
    turns = null;
    try {
      if (mine != null) {
        mine.close();
      }
    } catch (IOException e) {
      // The kernel lets go of the place with the process.
      turns = null;
    }
  }

  private void disconnect() {
    Connection open = connection;
    connection = null;
    try {
      if (open != null) {
        open.close();
      }
    } catch (SQLException e) {
      // It was broken, or the server has gone: there is nothing left to close.
      connection = null;
    }
  }
}
