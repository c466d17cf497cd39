package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.testing.Await;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The store in a real PostgreSQL, which other gateways use too and which can go away. */
class PostgresStoreIT extends StoreContract {
  private static PostgresServer server;

  @BeforeAll
  static void startServer() throws Exception {
    server = new PostgresServer();
  }

  @AfterAll
  static void stopServer() throws Exception {
    server.close();
  }

  @Override
  StoreConfig config() {
    return new StoreConfig(server.url(), "switchboard", "", 50, 400, 35, StoreContract.REQUESTS);
  }

  /** The database is empty before each test. */
  @BeforeEach
  @Override
  void open() {
    try (Connection connection = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = connection.createStatement()) {
      statement.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    } catch (java.sql.SQLException e) {
      throw new AssertionError(e);
    }
    super.open();
  }

  @Test
  void anotherGatewaySeesAChange() throws Exception {
    BlockingQueue<Snapshot> seen = new LinkedBlockingQueue<>();
    try (Store first = opened(new UsageMeter());
        Store second = opened(new UsageMeter())) {
      second.listen(ear(seen, new LinkedBlockingQueue<>())).join();
      assertEquals(0, seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS).keys().size());

      done(first.create(key("app", null), was -> {}));

      assertEquals(
          List.of(key("app", null)), seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS).keys());
    }
  }

  @Test
  void gatewaysThatWriteTheSameHourAddUp() {
    UsageMeter one = new UsageMeter();
    UsageMeter other = new UsageMeter();
    try (Store first = opened(one);
        Store second = opened(other)) {
      for (int i = 0; i < 20; i++) {
        one.add("t", 0, 1, 0, 1);
        other.add("t", 0, 2, 1, 1);
        done(first.usage(0, 1, null, 1, 0));
        done(second.usage(0, 1, null, 1, 0));
      }
    }
    try (Store reader = opened(new UsageMeter())) {
      assertEquals(
          List.of(new Consumption("t", 0, 40, 60, 20, 40)), done(reader.usage(0, 1, null, 5, 0)));
    }
  }

  @Test
  void whileItIsGoneChangesFailAndWhatIsCountedWaits() throws Exception {
    BlockingQueue<Boolean> up = new LinkedBlockingQueue<>();
    UsageMeter counted = new UsageMeter();
    try (Store store = opened(counted)) {
      done(store.create(key("app", null), was -> {}));
      store.listen(ear(new LinkedBlockingQueue<>(), up)).join();
      assertEquals(true, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

      server.end();
      assertEquals(false, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      counted.add("t", 0, 5, 0, 1);
      done(store.audit(entry(1)));
      CompletionException refused =
          assertThrows(
              CompletionException.class, () -> done(store.create(key("late", null), was -> {})));
      assertEquals(
          StoreException.Kind.UNAVAILABLE,
          assertInstanceOf(StoreException.class, refused.getCause()).kind());
      assertEquals(1, store.snapshot().keys().size());
      server.begin();

      assertEquals(true, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals(
          List.of(new Consumption("t", 0, 1, 5, 0, 1)), done(store.usage(0, 1, null, 5, 0)));
      assertEquals(1, done(store.audit(AuditQuery.newest(5, Long.MAX_VALUE))).size());
      assertTrue(done(store.create(key("late", null), was -> {})).name().equals("late"));
    }
  }

  /** PostgreSQL takes no NUL, whoever asks for one. */
  @Test
  void aFilterThatTheDatabaseRefusesIsNoOutage() throws Exception {
    BlockingQueue<Boolean> up = new LinkedBlockingQueue<>();
    store().listen(ear(new LinkedBlockingQueue<>(), up)).join();

    CompletionException refused =
        assertThrows(CompletionException.class, () -> done(store().usage(0, 1, "\0", 1, 0)));

    assertEquals(
        StoreException.Kind.REFUSED,
        assertInstanceOf(StoreException.class, refused.getCause()).kind());
    assertEquals("app", done(store().create(key("app", null), was -> {})).name());
    assertEquals(List.of(true), List.copyOf(up));
  }

  /** As after a fail-over during which the name still led to what is a standby now. */
  @Test
  void aSessionThatBeganReadOnlyIsLeft() throws Exception {
    BlockingQueue<Boolean> up = new LinkedBlockingQueue<>();
    store().listen(ear(new LinkedBlockingQueue<>(), up)).join();
    assertEquals(true, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    try {
      sql("ALTER DATABASE switchboard SET default_transaction_read_only = on");
      sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
              + " WHERE application_name = 'switchboard'");
      meter.add("t", 0, 5, 0, 1);
      assertEquals(false, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      Await.until(
          "the trouble",
          () -> String.valueOf(store().trouble()),
          told -> told.contains("read-only"));
    } finally {
      sql(
          "SET default_transaction_read_only = off",
          "ALTER DATABASE switchboard SET default_transaction_read_only = off");
    }

    assertEquals(true, up.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(
        List.of(new Consumption("t", 0, 1, 5, 0, 1)), done(store().usage(0, 1, null, 5, 0)));
  }

  @Test
  void aDeadlockWithAnotherGatewayIsTriedAgainAndNoOutage() throws Exception {
    meter.add("a", 0, 1, 0, 0);
    meter.add("b", 0, 1, 0, 0);
    assertEquals(2, done(store().usage(0, 1, null, 5, 0)).size());
    BlockingQueue<Boolean> up = new LinkedBlockingQueue<>();
    store().listen(ear(new LinkedBlockingQueue<>(), up)).join();
    try (Connection other = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = other.createStatement()) {
      // Whoever waits so long first is undone: the store.
      statement.execute("SET deadlock_timeout = '60s'");
      other.setAutoCommit(false);
      statement.execute("UPDATE usage_hour SET requests = requests + 1 WHERE tenant = 'b'");
      meter.add("a", 0, 1, 0, 0);
      meter.add("b", 0, 1, 0, 0);
      Await.until("a wait", () -> waiting() > 0);
      statement.execute("UPDATE usage_hour SET requests = requests + 1 WHERE tenant = 'a'");
      other.commit();
    }

    assertEquals(
        List.of(new Consumption("a", 0, 3, 2, 0, 0), new Consumption("b", 0, 3, 2, 0, 0)),
        done(store().usage(0, 1, null, 5, 0)));
    assertEquals(List.of(true), List.copyOf(up));
  }

  /** Sessions that wait for a row. */
  private static int waiting() throws Exception {
    try (Connection connection = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery("SELECT COUNT(*) FROM pg_locks WHERE NOT granted")) {
      assertTrue(rows.next());
      return rows.getInt(1);
    }
  }

  private static void sql(String... texts) throws Exception {
    try (Connection connection = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = connection.createStatement()) {
      for (String text : texts) {
        statement.execute(text);
      }
    }
  }

  private static Store.Listener ear(BlockingQueue<Snapshot> seen, BlockingQueue<Boolean> up) {
    return new Store.Listener() {
      @Override
      public void changed(Snapshot snapshot) {
        seen.add(snapshot);
      }

      @Override
      public void spent(List<Quotas.Spent> spent) {}

      @Override
      public void available(StoreException.@Nullable Kind trouble) {
        up.add(trouble == null);
      }

      @Override
      public void auditLost(int entries) {
        throw new AssertionError("nothing is lost here");
      }
    };
  }
}
