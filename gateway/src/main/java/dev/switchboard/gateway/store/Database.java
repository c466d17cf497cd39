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
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;

/**
 * The one connection to the database, opened anew when it broke. Used by the store's thread only.
 */
final class Database implements AutoCloseable {
  /** The newest migration among the resources of this package. */
  static final String SCHEMA_VERSION = "2";

  private static final String CONNECTION_TROUBLE = "08";
  private static final String CONSTRAINT = "23";
  private static final int VALID_SECONDS = 2;

  private final StoreConfig config;
  private @Nullable Connection connection;
  private boolean migrated;

  /** What is done within one transaction. */
  @FunctionalInterface
  interface Work<T> {
    T run(Connection connection) throws SQLException;
  }

  Database(StoreConfig config) {
    this.config = config;
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
      close();
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
    }
    Connection opened = DriverManager.getConnection(url(), properties);
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

  private String url() {
    // H2's own shutdown hook would close the file while the last usage is still to be written; and
    // what it would trace to a file is told by exceptions.
    return config.embedded()
        ? config.url() + ";DB_CLOSE_ON_EXIT=FALSE;TRACE_LEVEL_FILE=0"
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
