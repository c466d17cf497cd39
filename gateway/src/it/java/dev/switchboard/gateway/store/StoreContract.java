package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.WorkerGroup;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.StoredFlight;
import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloFigures;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.slo.SloResult;
import dev.switchboard.testing.Await;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the store promises on every database. */
abstract class StoreContract {
  static final long HOUR_MS = 3_600_000;
  private static final ApiKey.Facts FACTS = new ApiKey.Facts("sb-abc", "root", true);
  private static final long DAY_MS = 24 * HOUR_MS;
  static final StoreConfig.Requests REQUESTS = new StoreConfig.Requests(3, 20, 1 << 20);

  final UsageMeter meter = new UsageMeter();
  private Store store;

  /** Where the database of this test is; empty at first, the same each time within a test. */
  abstract StoreConfig config();

  @BeforeEach
  void open() {
    store = opened(meter);
  }

  @AfterEach
  void close() {
    store.close();
  }

  void reopen(Store another) {
    store = another;
  }

  Store store() {
    return store;
  }

  Store opened(UsageMeter counted) {
    Store started = Store.start(config(), counted, () -> 5 * HOUR_MS);
    Snapshot _ = done(started.ready());
    return started;
  }

  static <T extends @Nullable Object> T done(CompletableFuture<T> future) {
    return future.orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS).join();
  }

  @Test
  void whatWasSaidOfAChangeIsKeptAndFound() {
    AuditEntry.Why why = new AuditEntry.Why("too slow", "alice");
    done(store.audit(audit("first", 1, "w0", 200, AuditEntry.Why.UNSAID)));
    done(store.audit(audit("second", 2, "w1", 409, why)));

    AuditQuery all = AuditQuery.newest(9, Long.MAX_VALUE);
    assertEquals(why, done(store.audit(all)).getFirst().why());
    assertEquals(
        List.of("w0"), targets(new AuditQuery("me", "POST /x", "w0", null, null, 0, 0, 9, 99, 9)));
    assertEquals(
        List.of("w1"), targets(new AuditQuery(null, "/x", null, null, null, 409, 0, 9, 99, 9)));
    assertEquals(
        List.of("w1"), targets(new AuditQuery(null, null, null, null, null, 0, 2, 3, 99, 9)));
    assertEquals(List.of(), targets(new AuditQuery("you", null, null, null, null, 0, 0, 9, 99, 9)));
    assertEquals(
        List.of("w1"), targets(new AuditQuery(null, null, null, "alice", null, 0, 0, 9, 99, 9)));
    assertEquals(
        List.of(), targets(new AuditQuery(null, null, "w0", "alice", null, 0, 0, 9, 99, 9)));
    assertEquals(
        List.of("w1"), targets(new AuditQuery(null, null, null, null, "Too", 0, 0, 9, 99, 9)));
    assertEquals(
        List.of(), targets(new AuditQuery(null, null, null, null, "fast", 0, 0, 9, 99, 9)));
  }

  private List<String> targets(AuditQuery query) {
    return done(store.audit(query)).stream().map(AuditEntry::target).toList();
  }

  private static AuditEntry audit(
      String entry, long atMs, String target, int status, AuditEntry.Why why) {
    return new AuditEntry(
        0, entry, atMs, "me", "admin", "::1", "POST /x", target, status, null, null, null, why);
  }

  @Test
  void aGatewayIsKnownForAnHourAfterItWasHeardLast() throws Exception {
    store.heard(new GatewayCard("gone", 1, "{}"));
    store.heard(new GatewayCard("again", 1, "{}"));
    store.heard(new GatewayCard("again", 2, "{\"a\":1}"));
    store.heard(new GatewayCard("beside", HOUR_MS + 1, "{}"));
    assertEquals(
        Map.of("gone", 1L, "again", 2L, "beside", HOUR_MS + 1), awaitHeard("beside", HOUR_MS + 1));

    store.heard(new GatewayCard("beside", HOUR_MS + 2, "{}"));
    assertEquals(Map.of("again", 2L, "beside", HOUR_MS + 2), awaitHeard("beside", HOUR_MS + 2));
  }

  /** When each gateway was heard, once one was heard then. */
  private Map<String, Long> awaitHeard(String id, long heardMs) {
    return Await.until(
        "word of " + id,
        () ->
            done(store.gateways()).stream()
                .collect(Collectors.toMap(GatewayCard::id, GatewayCard::heardMs)),
        heard -> heard.getOrDefault(id, 0L) == heardMs);
  }

  @Test
  void aKeyThatIsRotatedEndsWhenItIsToldToAndUsesAreKept() {
    ApiKey old = done(store.create(key("app", null), was -> {}));
    ApiKey fresh = key("app-2", null);

    assertEquals(
        new Store.Rotation(old, fresh),
        done(store.rotate(old.id(), 70L, fresh, was -> assertEquals(old, was))));
    assertNull(done(store.rotate("key-none", 70L, key("app-3", null), was -> assertNull(was))));
    store.used(Map.of(fresh.id(), 5L, "key-none", 6L));
    store.used(Map.of(fresh.id(), 4L));

    assertEquals(Map.of(fresh.id(), 5L), done(store.lastUses()));
    assertEquals(
        List.of(key("app", 70L), fresh),
        done(store.usage(0, 1, null, 1, 0).thenApply(any -> store.snapshot().keys())));
    ApiKey _ = done(store.deleteKey(fresh.id(), was -> {}));
    assertEquals(Map.of(), done(store.lastUses()));
  }

  @Test
  void usesOfKeysWaitForADatabaseThatIsAway() throws Exception {
    ApiKey key = done(store.create(key("app", null), was -> {}));
    sql("ALTER TABLE key_use RENAME TO elsewhere");
    store.used(Map.of(key.id(), 7L));
    awaitTrouble(StoreException.Kind.UNAVAILABLE);
    store.used(Map.of(key.id(), 5L));

    sql("ALTER TABLE elsewhere RENAME TO key_use");

    Await.until(
        "the use",
        () -> query("SELECT COALESCE(MAX(last_used_ms), 0) FROM key_use"),
        lastMs -> lastMs == 7);
  }

  @Test
  void successorsHaveTheTimeThatTheirKeyWasMadeFor() {
    ApiKey bounded = done(store.create(key("app", 900L), was -> {}));
    ApiKey unbounded = done(store.create(key("web", null), was -> {}));
    for (ApiKey old : List.of(bounded, unbounded)) {
      for (int i = 2; i < 5; i++) {
        ApiKey fresh = key(old.name() + "-" + i, null);
        Store.Rotation done = done(store.rotate(old.id(), 100L * i, fresh, was -> {}));
        assertEquals(fresh.until(old.expiresMs()), Objects.requireNonNull(done).fresh());
      }
      List<ApiKey> keys = store.snapshot().keys();
      assertTrue(keys.contains(old.until(200L)), keys::toString);
      assertTrue(keys.contains(key(old.name() + "-4", old.expiresMs())), keys::toString);
    }
    CompletableFuture<?> late =
        store.rotate(
            bounded.id(),
            50L,
            key("app-5", null),
            was -> {
              throw new IllegalStateException("changed meanwhile");
            });
    assertThrows(ExecutionException.class, late::get);
    assertTrue(store.snapshot().keys().contains(bounded.until(200L)));
  }

  @Test
  void eventsOfTheLastDayAreToldNewestFirstInPagesAndAfterARestart() {
    for (int i = 0; i < 5; i++) {
      store.keep(event("a", i, 5 * HOUR_MS - 1000 + i, i % 2 == 0 ? "audit" : "drain_started"));
    }
    store.keep(event("b", 9, 5 * HOUR_MS - 998, "audit"));
    store.close();
    store = opened(meter);

    List<StoredEvent> first = done(store.events(events(Set.of(), null, 3)));
    StoredEvent last = first.getLast();
    EventQuery.Place place = new EventQuery.Place(last.atMs(), last.id());
    assertEquals(List.of(4L, 3L, 9L), ids(first));
    assertEquals(List.of(2L, 1L, 0L), ids(done(store.events(events(Set.of(), place, 10)))));
    assertEquals(
        List.of(4L, 9L, 2L, 0L), ids(done(store.events(events(Set.of("audit"), null, 10)))));
    assertEquals(event("b", 9, 5 * HOUR_MS - 998, "audit"), last);
  }

  @Test
  void eventsOfEarlierDaysAreForgotten() {
    store.keep(event("a", 1, 4 * HOUR_MS - DAY_MS, "audit"));
    store.keep(event("a", 2, 6 * HOUR_MS - DAY_MS, "audit"));
    assertEquals(2, done(store.events(events(Set.of(), null, 10))).size());

    store.close();
    store = opened(meter);

    assertEquals(List.of(2L), ids(done(store.events(events(Set.of(), null, 10)))));
  }

  @Test
  void anEventThatTheDatabaseRefusesKeepsNoOtherWaiting() {
    store.keep(event("a", 1, 5 * HOUR_MS - 2, "audit"));
    store.keep(event("a", 2, 5 * HOUR_MS - 1, "x".repeat(40)));
    store.keep(event("a", 3, 5 * HOUR_MS, "audit"));

    assertEquals(List.of(3L, 1L), ids(done(store.events(events(Set.of(), null, 10)))));
  }

  private static EventQuery events(
      Set<String> types, EventQuery.@Nullable Place before, int limit) {
    return new EventQuery(-DAY_MS, 6 * HOUR_MS, types, before, limit);
  }

  private static List<Long> ids(List<StoredEvent> events) {
    return events.stream().map(StoredEvent::id).toList();
  }

  private static StoredEvent event(String gateway, long id, long atMs, String type) {
    return new StoredEvent(gateway, id, atMs, type, "{\"n\":" + id + "}");
  }

  @Test
  void whatWasStoredIsThereAfterARestart() {
    ApiKey key = key("app", 7L);
    Tenant tenant = new Tenant("gold", 2.5, 60, 1000, 8, 100_000, 2_000_000, 50, 512);
    SloClass sloClass = new SloClass("live", 100, 12.5, 900, 70, 0.995, 7);
    RouteSpec route =
        new RouteSpec(
            "org/m:1", List.of(new RouteSpec.Target("m", 0.5)), List.of("n"), null, "weighted");
    done(store.create(key, was -> {}));
    done(store.create(key("second", null), was -> {}));
    done(store.put(tenant, was -> {}));
    done(store.put(sloClass, was -> {}));
    done(store.put(route, was -> {}));
    store.close();

    store = opened(meter);

    Snapshot read = store.snapshot();
    assertEquals(List.of(key, key("second", null)), read.keys());
    assertEquals(List.of(tenant), read.tenants());
    assertEquals(List.of(sloClass), read.classes());
    assertEquals(List.of(route), read.routes());
    assertEquals(5, read.revision());
  }

  @Test
  void aChangeIsInTheSnapshotBeforeItIsConfirmed() {
    done(store.create(key("app", null), was -> {}));
    assertEquals(1, store.snapshot().keys().size());

    assertEquals(key("app", null), done(store.deleteKey("key-app", was -> {})));

    assertEquals(List.of(), store.snapshot().keys());
    assertNull(done(store.deleteKey("key-app", was -> {})));
  }

  /** As on a data folder that is full: the key's own row had room yet. */
  @Test
  void aChangeThatIsOnTheDiskIsConfirmedThoughTheStoreIsLostRightAfterIt(@TempDir Path state)
      throws Exception {
    store.close();
    store = remembering(state, false);
    done(store.ready());
    Path inTheWay = Files.createDirectories(state.resolve("store-has-keys"));
    Path _ = Files.createFile(inTheWay.resolve("file"));

    ApiKey made = done(store.create(key("app", null), was -> {}));

    assertNotNull(store.trouble());
    assertEquals(List.of(made), store.snapshot().keys());
    Files.delete(inTheWay.resolve("file"));
    Files.delete(inTheWay);
    store.close();
    store = remembering(state, false);
    assertEquals(List.of(made), done(store.ready()).keys());
  }

  @Test
  void aSecondKeyOfOneNameIsAConflictAndChangesNothing() {
    done(store.create(key("app", null), was -> {}));
    ApiKey other =
        new ApiKey(
            "key-other", "app", "t", Role.ADMIN, "cd".repeat(32), 1, null, ApiKey.Facts.NONE);

    CompletionException refused =
        assertThrows(CompletionException.class, () -> done(store.create(other, was -> {})));

    StoreException cause = assertInstanceOf(StoreException.class, refused.getCause());
    assertEquals(StoreException.Kind.CONFLICT, cause.kind());
    assertEquals(List.of(key("app", null)), store.snapshot().keys());
    assertEquals(1, store.snapshot().revision());
  }

  @Test
  void usageIsAddedUpOverDrainsRestartsAndGateways() {
    meter.add("a", HOUR_MS, 10, 4, 3);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 1, 10, 4, 3)), usage(null));
    meter.add("a", HOUR_MS + 5, 1, 1, 1);
    meter.add("b", 2 * HOUR_MS, 7, 0, 2);
    store.close();

    store = opened(meter);
    meter.add("a", HOUR_MS, 100, 0, 0);

    assertEquals(List.of(new Consumption("a", HOUR_MS, 3, 111, 5, 4)), usage("a"));
    assertEquals(2, usage(null).size());
    assertEquals(1, done(store.usage(0, 9 * HOUR_MS, null, 5, 1)).size());
    assertEquals(List.of(), done(store.usage(0, HOUR_MS, null, 5, 0)));
  }

  /**
   * As after a restore, or with a server that had not heard all of the one that it stands in for.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE usage_writer SET last_batch = last_batch - 1",
        "UPDATE usage_writer SET last_batch = last_batch + 7",
        "UPDATE usage_writer SET last_batch = 0",
        "DELETE FROM usage_writer"
      })
  void usageGoesOnInADatabaseThatKnowsOfOtherBatches(String change) throws Exception {
    for (int i = 0; i < 3; i++) {
      meter.add("a", HOUR_MS, 10, 0, 0);
      assertEquals(i + 1, usage("a").getFirst().requests());
    }
    sql(change);

    meter.add("a", HOUR_MS, 100, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 4, 130, 0, 0)), usage("a"));

    meter.add("a", HOUR_MS, 1000, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 5, 1130, 0, 0)), usage("a"));
  }

  /** Whose commit was not confirmed is tried again. */
  @Test
  void aBatchThatIsThereAlreadyIsNotAddedTwice() throws Exception {
    meter.add("a", HOUR_MS, 10, 0, 0);
    assertEquals(1, usage("a").getFirst().requests());
    sql("UPDATE usage_writer SET last_batch = last_batch + 1");

    meter.add("a", HOUR_MS, 100, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 1, 10, 0, 0)), usage("a"));

    meter.add("a", HOUR_MS, 1000, 0, 0);
    assertEquals(List.of(new Consumption("a", HOUR_MS, 2, 1010, 0, 0)), usage("a"));
  }

  @Test
  void theAuditLogIsReadFromItsNewestEntry() {
    for (int i = 1; i <= 5; i++) {
      done(store.audit(entry(i)));
    }

    List<AuditEntry> newest = done(store.audit(AuditQuery.newest(2, Long.MAX_VALUE)));
    List<AuditEntry> older = done(store.audit(AuditQuery.newest(10, newest.getLast().id())));

    assertEquals(List.of("5", "4"), newest.stream().map(AuditEntry::target).toList());
    assertEquals(List.of("3", "2", "1"), older.stream().map(AuditEntry::target).toList());
    assertEquals("{}", newest.getFirst().after());
    assertNull(newest.getFirst().before());
  }

  @Test
  void whatIsOlderThanItIsKeptIsForgotten() {
    long day = 24 * HOUR_MS;
    done(store.audit(auditAt("old", day)));
    done(store.audit(auditAt("kept", 2 * day)));
    meter.add("a", day, 1, 0, 1);
    meter.add("a", 2 * day, 1, 0, 1);
    assertEquals(2, done(store.usage(0, 9 * day, "a", 100, 0)).size());
    store.close();

    store = Store.start(config(), meter, () -> 401 * day + day / 2);
    Snapshot _ = done(store.ready());

    assertEquals(
        List.of(new Consumption("a", 2 * day, 1, 1, 0, 1)),
        done(store.usage(0, 9 * day, "a", 100, 0)));
    assertEquals(
        List.of("kept"),
        done(store.audit(AuditQuery.newest(9, Long.MAX_VALUE))).stream()
            .map(AuditEntry::target)
            .toList());
  }

  @Test
  void withoutAnEndEverythingIsKept() {
    StoreConfig own = config();
    done(store.audit(auditAt("old", 1)));
    assertEquals(1, done(store.audit(AuditQuery.newest(9, Long.MAX_VALUE))).size());
    store.close();

    store =
        Store.start(
            new StoreConfig(
                own.url(), own.user(), own.passwordFile(), own.pollMs(), 0, 35, REQUESTS),
            meter,
            () -> 40_000 * 24 * HOUR_MS);
    Snapshot _ = done(store.ready());

    assertEquals(1, done(store.audit(AuditQuery.newest(9, Long.MAX_VALUE))).size());
  }

  private static AuditEntry auditAt(String target, long atMs) {
    return new AuditEntry(
        0,
        target,
        atMs,
        "me",
        "admin",
        "::1",
        "POST /x",
        target,
        200,
        null,
        null,
        null,
        AuditEntry.Why.UNSAID);
  }

  /** Of a gateway whose requests of interest stay for three days. */
  private Store keeping(StateFolder folder, long nowMs) {
    StoreConfig own = config();
    Store keeping =
        Store.start(
            new StoreConfig(
                own.url(), own.user(), own.passwordFile(), own.pollMs(), 400, 35, REQUESTS),
            folder,
            new UsageMeter(),
            new SloMeter(),
            () -> nowMs);
    Snapshot _ = done(keeping.ready());
    return keeping;
  }

  private static StoredFlight flight(String id, String replica, long endedMs, byte... packed) {
    return new StoredFlight(
        id,
        "m\0" + id,
        "live",
        "t",
        "ok",
        200,
        List.of(replica, "w9"),
        endedMs * 1_000_000 - 5,
        endedMs * 1_000_000,
        5,
        true,
        null,
        List.of("0.1"),
        packed);
  }

  private static FlightQuery at(@Nullable String replica, @Nullable String waitedFor, int most) {
    return new FlightQuery(
        null,
        null,
        "t",
        Outcome.OK,
        200,
        replica,
        0,
        true,
        waitedFor,
        null,
        0,
        Long.MAX_VALUE,
        0,
        most);
  }

  private static List<String> ids(StoredRequests found) {
    return found.flights().stream().map(StoredFlight::id).toList();
  }

  @Test
  void requestsOfInterestAreFoundAfterARestartByTheSameGateway(@TempDir Path state)
      throws Exception {
    store.close();
    StateFolder folder = new StateFolder(state, false);
    store = keeping(folder, 10 * DAY_MS);
    store.keep(flight("a", "w0", 10 * DAY_MS, (byte) 1));
    store.keep(flight("b", "w1", 10 * DAY_MS, (byte) 1));
    assertEquals(List.of("b", "a"), ids(done(store.requests(at(null, null, 9), Long.MAX_VALUE))));
    // More is known of one later; it stays where it is.
    store.keep(flight("a", "w0", 10 * DAY_MS, (byte) 2));
    store.close();

    store = keeping(folder, 10 * DAY_MS);
    StoredRequests first = done(store.requests(at(null, "0.1", 1), Long.MAX_VALUE));
    StoredRequests second = done(store.requests(at(null, "0.1", 1), first.next()));

    assertEquals(List.of("b"), ids(first));
    assertEquals(List.of("a"), ids(second));
    assertEquals(2, second.flights().getFirst().packed()[0]);
    assertEquals("m?a", second.flights().getFirst().model());
    assertEquals(List.of("a"), ids(done(store.requests(at("w0", null, 9), Long.MAX_VALUE))));
    assertEquals(List.of(), ids(done(store.requests(at("w", null, 9), Long.MAX_VALUE))));
    assertEquals(List.of(), ids(done(store.requests(at(null, "0.2", 9), Long.MAX_VALUE))));
    assertEquals("b", Objects.requireNonNull(done(store.request("b"))).id());
    assertNull(done(store.request("c")));
    Path other = Files.createDirectory(state.resolve("other"));
    try (Store another = keeping(new StateFolder(other, false), 10 * DAY_MS)) {
      another.keep(flight("c", "w0", 10 * DAY_MS));
      assertEquals(List.of("c"), ids(done(another.requests(at(null, null, 9), Long.MAX_VALUE))));
    }
  }

  @Test
  void noMoreRequestsOfInterestStayThanMay(@TempDir Path state) throws Exception {
    store.close();
    StateFolder folder = new StateFolder(state, false);
    store = keeping(folder, 10 * DAY_MS);
    store.keep(flight("old", "w0", 10 * DAY_MS - 1));
    for (int i = 0; i < 30; i++) {
      store.keep(flight("r" + i, "w0", 10 * DAY_MS));
    }
    int rows = done(store.requests(at(null, null, 99), Long.MAX_VALUE)).flights().size();
    assertTrue(rows >= 20 && rows <= 22, () -> rows + " rows");
    // Of so many bytes that only some have room.
    for (int i = 0; i < 5; i++) {
      store.keep(flight("large" + i, "w0", 10 * DAY_MS, new byte[300_000]));
      assertNotNull(done(store.request("large" + i)));
    }
    List<String> left = ids(done(store.requests(at(null, null, 99), Long.MAX_VALUE)));
    assertTrue(left.size() <= 3, left::toString);
    assertEquals("large4", left.getFirst());
    store.close();

    store = keeping(folder, 14 * DAY_MS);

    assertEquals(List.of(), ids(done(store.requests(at(null, null, 99), Long.MAX_VALUE))));
  }

  @Test
  void textThatLooksLikeSqlIsText() {
    String nasty = "'; DROP TABLE audit; -- \u0000\"$1 %s".replace("\u0000", "");
    done(
        store.audit(
            new AuditEntry(
                0,
                "e",
                1,
                nasty,
                "admin",
                "::1",
                nasty,
                nasty,
                200,
                null,
                nasty,
                nasty,
                AuditEntry.Why.UNSAID)));

    AuditEntry read = done(store.audit(AuditQuery.newest(1, Long.MAX_VALUE))).getFirst();

    assertEquals(nasty, read.actor());
    assertEquals(nasty, read.before());
    assertTrue(done(store.usage(0, 1, nasty, 1, 0)).isEmpty());
  }

  @Test
  void anAuditEntryThatTheDatabaseRefusesKeepsNothingWaiting() {
    BlockingQueue<String> told = new LinkedBlockingQueue<>();
    done(
        store.listen(
            new Listening() {
              @Override
              public void available(StoreException.@Nullable Kind trouble) {
                told.add(trouble == null ? "up" : trouble.code());
              }

              @Override
              public void auditLost(int entries) {
                told.add("lost " + entries);
              }
            }));
    String large = "x".repeat(70_000);
    done(
        store.audit(
            new AuditEntry(
                0,
                "first",
                1,
                "me",
                "admin",
                "::1",
                "y".repeat(200),
                "a\0b",
                200,
                null,
                large,
                large,
                new AuditEntry.Why("\0", large))));
    done(store.audit(audit("e".repeat(40), 2, "unfit", 200, AuditEntry.Why.UNSAID)));
    done(store.audit(audit("last", 3, "c", 200, AuditEntry.Why.UNSAID)));
    meter.add("a", HOUR_MS, 10, 0, 0);

    assertEquals(List.of(new Consumption("a", HOUR_MS, 1, 10, 0, 0)), usage("a"));
    List<AuditEntry> read = done(store.audit(AuditQuery.newest(9, Long.MAX_VALUE)));
    assertEquals(List.of("c", "a?b"), read.stream().map(AuditEntry::target).toList());
    assertEquals("x".repeat(65_536), read.getLast().after());
    assertEquals(new AuditEntry.Why("?", "x".repeat(128)), read.getLast().why());
    assertEquals(List.of("up", "lost 1"), List.copyOf(told));
  }

  @Test
  void keysThatAreGoneWithoutHavingBeenRevokedAreMissed(@TempDir Path state) throws Exception {
    done(store.create(key("app", null), was -> {}));
    store.close();
    store = remembering(state, false);
    Snapshot before = done(store.ready());
    sql("DELETE FROM api_key");
    store.close();

    store = remembering(state, false);
    StoreException refused = refused(store);
    store.close();
    store = remembering(state, true);
    Snapshot accepted = done(store.ready());
    store.close();
    store = remembering(state, false);

    assertEquals(1, before.keys().size());
    assertEquals(StoreException.Kind.MISSING, refused.kind());
    assertTrue(String.valueOf(refused.getMessage()).contains("--accept-new-store"));
    assertEquals(List.of(), accepted.keys());
    assertEquals(List.of(), done(store.ready()).keys());
  }

  @Test
  void anEmptiedStoreIsMissedByWhatIsRememberedOutsideOfIt(@TempDir Path state) throws Exception {
    store.close();
    store = remembering(state, false);
    Snapshot _ = done(store.ready());
    done(store.create(key("app", null), was -> {}));
    sql("DELETE FROM api_key");
    sql("DELETE FROM key_count");
    sql("UPDATE store_revision SET revision = revision + 1");
    awaitTrouble(StoreException.Kind.MISSING);
    List<ApiKey> inForce = store.snapshot().keys();
    store.close();

    store = remembering(state, false);

    assertEquals(List.of(key("app", null)), inForce);
    assertEquals(StoreException.Kind.MISSING, refused(store).kind());
    assertEquals(
        "rw-------",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(state.resolve("store-has-keys"))));
  }

  @Test
  void revokingTheLastKeyLeavesAStoreThatOpens(@TempDir Path state) throws Exception {
    store.close();
    store = remembering(state, false);
    done(store.create(key("app", null), was -> {}));
    assertEquals(key("app", null), done(store.deleteKey("key-app", was -> {})));
    store.close();

    store = remembering(state, false);

    assertEquals(List.of(), done(store.ready()).keys());
    assertFalse(Files.exists(state.resolve("store-has-keys")));
  }

  @Test
  void whatWasSetAtAReplicaIsThisGatewaysAlone(@TempDir Path state, @TempDir Path other)
      throws Exception {
    ReplicaSetting cordoned = new ReplicaSetting("worker of m 0", true, null, 1);
    ReplicaSetting weighed = new ReplicaSetting("server at http://a of m 0", false, 0.25, 2);
    store.close();
    store = remembering(state, false);
    assertEquals(List.of(), done(store.replicas()));
    done(store.put(cordoned));
    done(store.put(weighed));
    store.close();
    store = remembering(other, false);
    assertEquals(List.of(), done(store.replicas()));
    done(store.put(cordoned));
    store.close();

    store = remembering(state, false);

    assertEquals(List.of(weighed, cordoned), done(store.replicas()));
    done(store.put(new ReplicaSetting("worker of m 0", false, null, 1)));
    assertEquals(List.of(weighed), done(store.replicas()));
  }

  @Test
  void aReplicaThatCameBackWithoutTheDatabaseIsKeptUnlessItWasSetSince(@TempDir Path state)
      throws Exception {
    ReplicaSetting first = new ReplicaSetting("worker of m 0", true, null, 1);
    ReplicaSetting second = new ReplicaSetting("worker of m 1", true, null, 1);
    store.close();
    int never = 3_600_000;
    StateFolder folder = new StateFolder(state, false);
    store = Store.start(config(), folder, meter, new SloMeter(), () -> 5 * HOUR_MS, never);
    done(store.put(first));
    done(store.put(second));
    sql("ALTER TABLE replica_setting RENAME TO elsewhere");
    done(store.keep(new ReplicaSetting(first.replica(), false, null, 1)));
    done(store.keep(new ReplicaSetting(second.replica(), false, null, 1)));
    // What is kept while the database is away is not waited for; this is, and comes behind it.
    done(store.listen(new Listening()));
    sql("ALTER TABLE elsewhere RENAME TO replica_setting");
    Await.until("no trouble", () -> store.trouble() == null);
    assertEquals(List.of(first, second), done(store.replicas()));

    done(store.put(second));
    store.close();

    store = remembering(state, false);
    assertEquals(List.of(second), done(store.replicas()));
  }

  @Test
  void howModelsAreServedIsThisGatewaysAloneAndCheckedBeforeItChanges(
      @TempDir Path state, @TempDir Path other) throws Exception {
    WorkerGroup group =
        new WorkerGroup(
            "cuda", 2, 1, List.of("0", "1", "GPU-a"), 1, 2, 3, List.of("--context", "9"));
    ModelSetting served =
        new ModelSetting(
            "a/b", new ModelSpec(Path.of("/m/x y.gguf"), "a/b", null, null, 4, 2, List.of(group)));
    ModelSetting unloaded = new ModelSetting("c", null);
    store.close();
    store = remembering(state, false);
    done(store.put(served, was -> assertNull(was)));
    done(store.put(unloaded, was -> {}));
    assertEquals(List.of(served, unloaded), store.snapshot().models());
    store.close();
    store = remembering(other, false);
    assertEquals(List.of(), done(store.ready()).models());
    store.close();

    store = remembering(state, false);

    assertEquals(List.of(served, unloaded), done(store.ready()).models());
    CompletableFuture<?> late =
        store.deleteModel(
            "a/b",
            was -> {
              assertEquals(served, was);
              throw new IllegalStateException("changed meanwhile");
            });
    assertThrows(ExecutionException.class, late::get);
    assertEquals(served, done(store.deleteModel("a/b", was -> {})));
    assertEquals(List.of(unloaded), store.snapshot().models());
  }

  @Test
  void aQuotaThatIsNewCountsWhatWasUsedBefore() {
    AtomicLong free = new AtomicLong();
    store.close();
    int never = 3_600_000;
    StoreConfig at = config();
    StoreConfig rare =
        new StoreConfig(
            at.url(), at.user(), at.passwordFile(), 60_000, at.keepDays(), 35, REQUESTS);
    store = Store.start(rare, StateFolder.NONE, meter, new SloMeter(), () -> 5 * HOUR_MS, never);
    done(
        store.listen(
            new Listening() {
              @Override
              public void changed(Snapshot snapshot) {
                meter.quotas().tenants(snapshot.tenants());
                free.set(meter.quotas().free("t", 5 * HOUR_MS));
              }

              @Override
              public void spent(List<Quotas.Spent> spent) {
                spent.forEach(meter.quotas()::known);
              }
            }));
    meter.add("t", HOUR_MS, 9, 0, 0);

    done(store.put(new Tenant("t", 1, 0, 0, 0, 10, 0, 100, 0), was -> {}));

    assertEquals(1, free.get());
    assertEquals(1, meter.quotas().free("t", 5 * HOUR_MS));
  }

  @Test
  void whatUsesUpAQuotaIsWrittenAtOnce() throws Exception {
    done(store.put(new Tenant("t", 1, 0, 0, 0, 10, 0, 100, 0), was -> {}));
    store.close();
    int never = 3_600_000;
    store =
        Store.start(config(), StateFolder.NONE, meter, new SloMeter(), () -> 5 * HOUR_MS, never);
    meter.quotas().tenants(done(store.ready()).tenants());

    meter.add("t", 5 * HOUR_MS, 8, 0, 1);
    done(store.audit(AuditQuery.newest(1, Long.MAX_VALUE)));
    assertEquals(0, query("SELECT COUNT(*) FROM usage_hour"), "nothing hurries it yet");

    meter.add("t", 5 * HOUR_MS, 1, 0, 0);
    Await.until("an hour", () -> query("SELECT COUNT(*) FROM usage_hour"), hours -> hours > 0);
  }

  @Test
  void aListenerThatFailsDoesNotEndTheLooksForChanges() throws Exception {
    BlockingQueue<Long> told = new LinkedBlockingQueue<>();
    Listening listening =
        new Listening() {
          @Override
          public void changed(Snapshot snapshot) {
            told.add(snapshot.revision());
            if (snapshot.revision() == 1) {
              throw new IllegalStateException("this one");
            }
          }
        };
    done(store.listen(listening));
    assertEquals(0, told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    sql("UPDATE store_revision SET revision = 1");
    assertEquals(1, told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

    sql("UPDATE store_revision SET revision = 2");

    assertEquals(2, told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
  }

  @Test
  void theEndWritesWhatWaitedAndWhatWasCountedSince() throws Exception {
    sql("ALTER TABLE usage_hour RENAME TO elsewhere");
    meter.add("a", HOUR_MS, 10, 0, 0);
    awaitTrouble(StoreException.Kind.UNAVAILABLE);
    meter.add("a", HOUR_MS, 100, 0, 0);
    sql("ALTER TABLE elsewhere RENAME TO usage_hour");

    store.close();

    store = opened(new UsageMeter());
    assertEquals(List.of(new Consumption("a", HOUR_MS, 2, 110, 0, 0)), usage("a"));
  }

  /** Hears nothing. */
  private static class Listening implements Store.Listener {
    @Override
    public void changed(Snapshot snapshot) {}

    @Override
    public void spent(List<Quotas.Spent> spent) {}

    @Override
    public void available(StoreException.@Nullable Kind trouble) {}

    @Override
    public void auditLost(int entries) {}
  }

  /** A store whose state folder this is. */
  Store remembering(Path state, boolean accept) {
    return Store.start(
        config(), new StateFolder(state, accept), meter, new SloMeter(), () -> 5 * HOUR_MS);
  }

  static StoreException refused(Store refusing) {
    CompletionException refused =
        assertThrows(CompletionException.class, () -> done(refusing.ready()));
    return assertInstanceOf(StoreException.class, refused.getCause());
  }

  /** Waits until changes are refused. */
  void awaitTrouble(StoreException.Kind kind) throws Exception {
    BlockingQueue<Optional<StoreException.Kind>> told = new LinkedBlockingQueue<>();
    store
        .listen(
            new Listening() {
              @Override
              public void available(StoreException.@Nullable Kind trouble) {
                told.add(Optional.ofNullable(trouble));
              }
            })
        .join();
    Optional<StoreException.Kind> last = told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    while (last != null && !last.equals(Optional.of(kind))) {
      last = told.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
    assertEquals(Optional.of(kind), last);
  }

  /** Changes the database behind the store's back. */
  private void sql(String statement) throws Exception {
    try (Connection connection = connection();
        Statement sql = connection.createStatement()) {
      sql.execute(statement);
    }
  }

  private long query(String question) throws Exception {
    try (Connection connection = connection();
        Statement sql = connection.createStatement();
        ResultSet rows = sql.executeQuery(question)) {
      assertTrue(rows.next());
      return rows.getLong(1);
    }
  }

  private Connection connection() throws Exception {
    return DriverManager.getConnection(config().url(), config().user(), "");
  }

  List<Consumption> usage(@Nullable String tenant) {
    return done(store.usage(0, 9 * HOUR_MS, tenant, 100, 0));
  }

  // ------------------------------------------------------------------ service levels

  private static final SloResult MET =
      new SloResult(
          true,
          40_000_000,
          5_000_000,
          90_000_000,
          List.of(
              new SloResult.Judged(Objective.TTFT, null, 0),
              new SloResult.Judged(Objective.TPOT, SloCause.NEIGHBOURS, 1500)));

  private static final SloResult LATE =
      new SloResult(
          false,
          -1,
          -1,
          1_000_000_000,
          List.of(new SloResult.Judged(Objective.AVAILABILITY, SloCause.QUEUE, 0)));

  final SloMeter levels = new SloMeter();

  Store levelled(SloMeter counted, long nowMs) {
    Store started = Store.start(config(), StateFolder.NONE, new UsageMeter(), counted, () -> nowMs);
    Snapshot _ = done(started.ready());
    return started;
  }

  private static List<SloHour> hours(Store from, @Nullable String sloClass) {
    return done(from.slo(new SloQuery(0, 99 * HOUR_MS, null, sloClass, 100, 0)));
  }

  @Test
  void hoursOfServiceLevelsAddUpOverRestartsAndGateways() {
    SloMeter others = new SloMeter();
    try (Store one = levelled(levels, 5 * HOUR_MS);
        Store other = levelled(others, 5 * HOUR_MS)) {
      for (int i = 0; i < 10; i++) {
        levels.add("m", "live", 5 * HOUR_MS + i * 360_000L, MET);
        others.add("m", "live", 5 * HOUR_MS, LATE);
        others.add("n", "batch", 4 * HOUR_MS, MET);
        int _ = hours(one, null).size() + hours(other, null).size();
      }
    }
    SloMeter fresh = new SloMeter();
    try (Store again = levelled(fresh, 5 * HOUR_MS)) {
      fresh.add("m", "live", 5 * HOUR_MS, MET);

      List<SloHour> all = hours(again, null);
      SloFigures live = hours(again, "live").getFirst().figures();

      assertEquals(List.of("n", "m"), all.stream().map(SloHour::model).toList());
      assertEquals(11, live.kept(Objective.TTFT).met(0));
      assertEquals(11, live.kept(Objective.TPOT).causes().get(SloCause.NEIGHBOURS));
      assertEquals(Map.of(SloCause.NEIGHBOURS, 11 * 1500L), live.kept(Objective.TPOT).lateMicros());
      assertEquals(10, live.kept(Objective.AVAILABILITY).missed(0));
      assertEquals(21, live.times(SloFigures.Time.WALL).count());
      assertEquals(11 * 90_000_000L + 10_000_000_000L, live.times(SloFigures.Time.WALL).nanos());
      assertEquals(Map.of(1_000_000L, 10L), live.times(SloFigures.Time.WALL).unanswered());
      assertEquals(1, done(again.slo(new SloQuery(0, 99 * HOUR_MS, null, null, 5, 1))).size());
      assertEquals(1, done(again.slo(new SloQuery(0, 5 * HOUR_MS, "n", "batch", 5, 0))).size());
    }
  }

  @Test
  void sumsSinceAMomentBeginWithTheTwelfthOfItsHour() {
    try (Store one = levelled(levels, 6 * HOUR_MS + 1000)) {
      levels.add("m", "live", 6 * HOUR_MS, MET);
      levels.add("n", "live", 5 * HOUR_MS + 600_000, MET);
      levels.add("m", "live", 5 * HOUR_MS + 599_999, MET);
      levels.add("m", "live", HOUR_MS, MET);

      List<SloSums> sums =
          done(one.sloSince(List.of(6 * HOUR_MS, 5 * HOUR_MS + 700_000, 5 * HOUR_MS, 0L), null));
      List<SloSums> ofModel = done(one.sloSince(List.of(0L), "m"));

      assertEquals(
          List.of(1L, 2L, 3L, 4L),
          sums.stream().map(sum -> sum.of("live", Objective.TTFT).met()).toList());
      assertEquals(5 * HOUR_MS + 600_000, sums.get(1).fromMs());
      assertEquals(4, sums.get(3).of("live", Objective.TPOT).missed());
      assertEquals(3, ofModel.getFirst().of("live", Objective.TTFT).met());
      assertEquals(SloSums.Kept.NONE, sums.get(3).of("batch", Objective.TTFT));
    }
  }

  @Test
  void hoursThatAreOlderThanTheyAreKeptAreForgotten() {
    try (Store one = levelled(levels, 5 * HOUR_MS)) {
      levels.add("m", "live", 0, MET);
      levels.add("m", "live", 2 * HOUR_MS, MET);
      assertEquals(2, hours(one, null).size());
    }

    try (Store later = levelled(new SloMeter(), 35 * DAY_MS + HOUR_MS)) {
      assertEquals(List.of(2 * HOUR_MS), hours(later, null).stream().map(SloHour::hourMs).toList());
    }
  }

  @Test
  void whatWasCountedWhileTheDatabaseWasBrokenIsThereOnce() throws Exception {
    store.close();
    store = Store.start(config(), StateFolder.NONE, meter, levels, () -> 5 * HOUR_MS);
    levels.add("m", "live", 5 * HOUR_MS, MET);
    assertEquals(1, hours(store, null).size());
    sql("ALTER TABLE slo_figures RENAME TO elsewhere");
    levels.add("m", "live", 5 * HOUR_MS, MET);
    awaitTrouble(StoreException.Kind.UNAVAILABLE);
    sql("ALTER TABLE elsewhere RENAME TO slo_figures");
    levels.add("m", "live", 5 * HOUR_MS, MET);
    store.close();

    store = levelled(new SloMeter(), 5 * HOUR_MS);

    assertEquals(3, hours(store, null).getFirst().figures().kept(Objective.TTFT).met(0));
  }

  static AuditEntry entry(int number) {
    return new AuditEntry(
        0,
        "entry-" + number,
        number,
        "me",
        "admin",
        "::1",
        "POST /x",
        "" + number,
        200,
        null,
        null,
        "{}",
        AuditEntry.Why.UNSAID);
  }

  static ApiKey key(String name, @Nullable Long expiresMs) {
    String hash = String.format("%064x", name.hashCode() & 0xffffffffL);
    return new ApiKey("key-" + name, name, "t", Role.APP, hash, name.length(), expiresMs, FACTS);
  }
}
