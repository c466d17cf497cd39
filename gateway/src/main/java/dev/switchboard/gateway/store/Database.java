package dev.switchboard.gateway.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.h2.mvstore.MVStoreException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one connection to the database, opened anew when it broke. An embedded file that other
 * gateways want too is opened by turns ({@link FileLease}). Used by the store's thread only.
 */
final class Database implements AutoCloseable {
  /** The newest migration among the resources of this package. */
  static final String SCHEMA_VERSION = "11";

  private static final String CONNECTION_TROUBLE = "08";
  private static final String CONSTRAINT = "23";

  /** A text with a NUL, or longer than its column: the fault of the value, not of the database. */
  private static final String DATA = "22";

  /** PostgreSQL's words for a deadlock, and for rows that changed meanwhile: it undid the work. */
  private static final Set<String> CONTENDED = Set.of("40P01", "40001");

  private static final int CONTENDED_TRIES = 4;
  private static final int VALID_SECONDS = 2;

  /** H2's word for a file that another process has open. */
  private static final String ALREADY_OPEN = "90020";

  /** Another gateway's turn takes some milliseconds, unless it migrates. */
  static final int TURN_TRIES = 2000;

  private static final int TURN_WAIT_MS = 5;

  private static final int DATABASE_CLOSED = 90098;
  private static final long LITTLE_ROOM = 1 << 20;

  /** PostgreSQL's word for it. */
  private static final String DISK_FULL = "53100";

  /** The kernel's words for ENOSPC, EDQUOT and EFBIG. */
  private static final List<String> FULL =
      List.of("No space left on device", "Disk quota exceeded", "File too large");

  /** The way out, while the gateway runs and at its start. */
  static final String RESTORE =
      "; restore it from a backup, or start once with --accept-new-store to go on without what was"
          + " in it";

  private static final Logger LOG = LoggerFactory.getLogger(Database.class);

  private final StoreConfig config;
  private final int turnTries;
  private final boolean mustExist;
  private final @Nullable StoreFile file;
  private @Nullable Connection connection;
  private @Nullable FileLease turns;
  private boolean migrated;
  private boolean replaced;

  /** What is done within one transaction. */
  @FunctionalInterface
  interface Work<T> {
    T run(Connection connection) throws SQLException;
  }

  /**
   * @param turnTries how often a file is tried that somebody else has open
   * @param mustExist whether a file that is not there was lost, rather than never made
   */
  Database(StoreConfig config, int turnTries, boolean mustExist) {
    this.config = config;
    this.turnTries = turnTries;
    this.mustExist = mustExist;
    Path path = config.file();
    this.file = path == null ? null : new StoreFile(path);
  }

  /**
   * Runs work that only reads in a transaction. It may be run again where other gateways hold what
   * it needs; so may {@link #write}'s.
   *
   * @throws StoreException when the database cannot be reached
   */
  <T> T read(Work<T> work) {
    return transact(work, false);
  }

  /**
   * Runs the work in a transaction. What it changed is on the disk when this returns, not only on
   * its way there.
   *
   * @throws StoreException when the database cannot be reached or refuses the change
   */
  <T> T write(Work<T> work) {
    return transact(work, true);
  }

  private <T> T transact(Work<T> work, boolean writes) {
    for (int tries = 1; ; tries++) {
      try {
        return once(work, writes);
      } catch (StoreException e) {
        if (e.kind() != StoreException.Kind.BUSY || tries >= CONTENDED_TRIES) {
          throw e;
        }
        LOG.debug("store_contended", e);
      }
    }
  }

  private <T> T once(Work<T> work, boolean writes) {
    Connection open = connection;
    try {
      if (open == null) {
        open = connect();
        connection = open;
      }
      T result = work.run(open);
      open.commit();
      if (writes && config.embedded()) {
        force(open);
        look();
      }
      return result;
    } catch (SQLException e) {
      throw failed(open, e);
    } catch (RuntimeException e) {
      if (connection != null) {
        rollback(open);
      }
      throw e;
    }
  }

  /** A commit hands its pages to the kernel; this waits until the disk has them. */
  private static void force(Connection open) throws SQLException {
    try (Statement statement = open.createStatement()) {
      statement.execute("CHECKPOINT SYNC");
    }
  }

  /**
   * Looks whether an embedded database's file still is the one that was opened; where it is not,
   * nothing more is written to it.
   *
   * @throws StoreException when it is not
   */
  void look() {
    StoreFile mine = file;
    Connection open = connection;
    if (mine == null || !migrated) {
      return;
    }
    if (open == null) {
      demand(mine);
      return;
    }
    try {
      String trouble = mine.trouble(() -> believedBytes(open));
      if (trouble != null) {
        abandon(open);
        throw new StoreException(StoreException.Kind.MISSING, trouble + RESTORE);
      }
    } catch (IOException e) {
      throw new StoreException(kind(e), "cannot look at " + mine.path() + ": " + e, e);
    }
  }

  private static long believedBytes(Connection open) throws IOException {
    try (PreparedStatement query =
            open.prepareStatement(
                "SELECT SETTING_VALUE FROM INFORMATION_SCHEMA.SETTINGS"
                    + " WHERE SETTING_NAME = 'info.FILE_SIZE'");
        ResultSet rows = query.executeQuery()) {
      long bytes = rows.next() ? Long.parseLong(rows.getString(1)) : 0;
      open.commit();
      return bytes;
    } catch (SQLException e) {
      throw new IOException(e);
    }
  }

  /** Closes it without the writing that a close does. */
  private void abandon(Connection open) {
    try (Statement statement = open.createStatement()) {
      statement.execute("SHUTDOWN IMMEDIATELY");
    } catch (SQLException e) {
      LOG.debug("store_abandoned", e);
    }
    close();
  }

  /** A file that was there before is not made anew: the new one would know of no key. */
  private void demand(StoreFile mine) {
    if ((mustExist || migrated) && !mine.there()) {
      throw new StoreException(
          StoreException.Kind.MISSING, mine.path() + " is missing or empty" + RESTORE);
    }
  }

  /** Whether so little room is left beside the file that the next write may fail. */
  boolean nearlyFull() {
    return file != null && file.path().toFile().getUsableSpace() < LITTLE_ROOM;
  }

  /** Whether the file is another one than before, since this was last asked. */
  boolean wasReplaced() {
    boolean was = replaced;
    replaced = false;
    return was;
  }

  private StoreException failed(@Nullable Connection open, SQLException cause) {
    String state = cause.getSQLState() == null ? "" : cause.getSQLState();
    boolean usable = !state.startsWith(CONNECTION_TROUBLE) && !broken(cause) && rollback(open);
    if (!usable) {
      disconnect();
      StoreException.Kind kind = kind(cause);
      return new StoreException(
          kind,
          (kind == StoreException.Kind.FULL
                  ? "the disk of the database is full: "
                  : "the database cannot be reached: ")
              + cause.getMessage(),
          cause);
    }
    if (state.startsWith(CONSTRAINT)) {
      return new StoreException(StoreException.Kind.CONFLICT, "it exists already", cause);
    }
    if (CONTENDED.contains(state)) {
      return new StoreException(
          StoreException.Kind.BUSY, "others hold what is needed: " + cause.getMessage(), cause);
    }
    if (state.startsWith(DATA)) {
      return new StoreException(
          StoreException.Kind.REFUSED, "no such value: " + cause.getMessage(), cause);
    }
    return new StoreException(kind(cause), "the database failed: " + cause.getMessage(), cause);
  }

  /** H2 has closed a file that it could not write, and says only at the next use that it has. */
  private static boolean broken(SQLException cause) {
    if (cause.getErrorCode() == DATABASE_CLOSED) {
      return true;
    }
    for (Throwable at = cause; at != null; at = at.getCause()) {
      if (at instanceof IOException || at instanceof MVStoreException) {
        return true;
      }
    }
    return false;
  }

  /** Tells a full disk from other trouble. */
  static StoreException.Kind kind(Throwable cause) {
    for (Throwable at = cause; at != null; at = at.getCause()) {
      String said = String.valueOf(at.getMessage());
      if ((at instanceof SQLException sql && DISK_FULL.equals(sql.getSQLState()))
          || (at instanceof IOException && FULL.stream().anyMatch(said::contains))) {
        return StoreException.Kind.FULL;
      }
    }
    return StoreException.Kind.UNAVAILABLE;
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
    StoreFile mine = file;
    if (mine != null) {
      demand(mine);
      protectFolder();
      beginTurn();
      if (!mine.there()) {
        create(mine, properties);
      }
    }
    Connection opened = opened(properties);
    try {
      boolean another = mine != null && mine.opened();
      if (!migrated || another) {
        migrate(opened, url(), properties);
        if (mine != null) {
          boolean _ = mine.opened();
        }
        migrated = true;
      }
      if (another) {
        replaced = true;
        LOG.warn("store_replaced file={}", config.file());
      }
      opened.setAutoCommit(false);
      return opened;
    } catch (IOException e) {
      opened.close();
      disconnect();
      throw new StoreException(kind(e), "cannot keep the database's file: " + e, e);
    } catch (SQLException | RuntimeException e) {
      opened.close();
      disconnect();
      throw e;
    }
  }

  /**
   * Makes a new file whole or not at all: H2 commits each statement of a migration by itself, and a
   * start that was killed or found no room would leave tables that no later one gets on with.
   */
  private void create(StoreFile mine, Properties properties) throws SQLException {
    StoreFile partial = mine.partial();
    try {
      Files.deleteIfExists(partial.path());
      String url = url(config.url(partial.database()));
      try (Connection fresh = DriverManager.getConnection(url, properties)) {
        migrate(fresh, url, properties);
        force(fresh);
      }
      Files.move(partial.path(), mine.path(), StandardCopyOption.ATOMIC_MOVE);
      StateFolder.force(mine.path().resolveSibling("."));
    } catch (IOException e) {
      throw new StoreException(kind(e), "cannot make " + mine.path() + ": " + e, e);
    } finally {
      remove(partial.path());
    }
  }

  private static void remove(Path partial) {
    try {
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      LOG.warn("store_partial_file_left path={}", partial, e);
    }
  }

  /** Waits until no other gateway has the file open. */
  private void beginTurn() {
    Path path = config.file();
    if (path == null) {
      return;
    }
    try {
      FileLease mine = turns == null ? new FileLease(path) : turns;
      turns = mine;
      for (int tries = 1; !mine.begin(); tries++) {
        if (tries >= turnTries) {
          mine.pass();
          throw new StoreException(
              StoreException.Kind.UNAVAILABLE, "another gateway keeps " + path + " open");
        }
        pause();
      }
    } catch (IOException e) {
      throw new StoreException(kind(e), "cannot share " + path + ": " + e.getMessage(), e);
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
    FileLease mine = turns;
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
    return url(config.url());
  }

  private String url(String configured) {
    // H2's own shutdown hook would close the file while the last usage is still to be written; what
    // it would trace to a file is told by exceptions; and compacting at each end of a turn would
    // take longer than the turn, while it also compacts as it goes. Without a delay of writes a
    // commit that cannot be written fails itself; else a thread of H2's would find out later.
    return config.embedded()
        ? configured + ";DB_CLOSE_ON_EXIT=FALSE;TRACE_LEVEL_FILE=0;MAX_COMPACT_TIME=0;WRITE_DELAY=0"
        : configured;
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
      throw new StoreException(kind(e), "cannot make " + folder + ": " + e.getMessage(), e);
    }
  }

  /** Flyway is loaded only for a database that is older than this program. */
  private void migrate(Connection opened, String url, Properties properties) throws SQLException {
    if (SCHEMA_VERSION.equals(schemaVersion(opened))) {
      return;
    }
    if (config.embedded()) {
      forgetFailed(opened);
    }
    try {
      Flyway.configure(Database.class.getClassLoader())
          .dataSource(url, config.user(), properties.getProperty("password"))
          .locations("classpath:dev/switchboard/gateway/store")
          .validateMigrationNaming(true)
          .load()
          .migrate();
    } catch (FlywayException e) {
      throw new StoreException(kind(e), "cannot migrate: " + e.getMessage(), e);
    }
  }

  /** A migration that was cut short by a full disk is tried again. */
  private static void forgetFailed(Connection opened) throws SQLException {
    if (schemaVersion(opened) != null) {
      try (Statement statement = opened.createStatement()) {
        statement.execute("DELETE FROM \"flyway_schema_history\" WHERE NOT \"success\"");
      }
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
    FileLease mine = turns;
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

  /**
   * Has the next work use a new session where the database is a server: a session stays what it was
   * at its beginning, such as read-only, though the database is well again.
   */
  void beginAnew() {
    if (!config.embedded()) {
      disconnect();
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
    try {
      if (file != null) {
        file.closed();
      }
    } catch (IOException e) {
      LOG.debug("store_file_not_closed", e);
    }
  }
}
