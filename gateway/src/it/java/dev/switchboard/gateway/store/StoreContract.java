package dev.switchboard.gateway.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the store promises on every database. */
abstract class StoreContract {
  static final long HOUR_MS = 3_600_000;

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

  Store store() {
    return store;
  }

  Store opened(UsageMeter counted) {
    Store started = Store.start(config(), counted, () -> 5 * HOUR_MS);
    Snapshot _ = done(started.ready());
    return started;
  }

  static <T extends @Nullable Object> T done(CompletableFuture<T> future) {
    return future.orTimeout(20, TimeUnit.SECONDS).join();
  }

  @Test
  void whatWasStoredIsThereAfterARestart() {
    ApiKey key = key("app", 7L);
    Tenant tenant = new Tenant("gold", 2.5, 60, 1000, 8, 100_000, 2_000_000, 50, 512);
    SloClass sloClass = new SloClass("live", 100, 12.5, 900, 70, 0.995, 7);
    RouteSpec route =
        new RouteSpec(
            "org/m:1", List.of(new RouteSpec.Target("m", 0.5)), List.of("n"), null, "weighted");
    done(store.create(key));
    done(store.create(key("second", null)));
    done(store.put(tenant));
    done(store.put(sloClass));
    done(store.put(route));
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
    done(store.create(key("app", null)));
    assertEquals(1, store.snapshot().keys().size());

    assertEquals(key("app", null), done(store.deleteKey("key-app")));

    assertEquals(List.of(), store.snapshot().keys());
    assertNull(done(store.deleteKey("key-app")));
  }

  @Test
  void aSecondKeyOfOneNameIsAConflictAndChangesNothing() {
    done(store.create(key("app", null)));
    ApiKey other = new ApiKey("key-other", "app", "t", Role.ADMIN, "cd".repeat(32), 1, null);

    CompletionException refused =
        assertThrows(CompletionException.class, () -> done(store.create(other)));

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

  @Test
  void theAuditLogIsReadFromItsNewestEntry() {
    for (int i = 1; i <= 5; i++) {
      store.audit(entry(i));
    }

    List<AuditEntry> newest = done(store.audit(2, Long.MAX_VALUE));
    List<AuditEntry> older = done(store.audit(10, newest.getLast().id()));

    assertEquals(List.of("5", "4"), newest.stream().map(AuditEntry::target).toList());
    assertEquals(List.of("3", "2", "1"), older.stream().map(AuditEntry::target).toList());
    assertEquals("{}", newest.getFirst().after());
    assertNull(newest.getFirst().before());
  }

  @Test
  void whatIsOlderThanItIsKeptIsForgotten() {
    long day = 24 * HOUR_MS;
    store.audit(auditAt("old", day));
    store.audit(auditAt("kept", 2 * day));
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
        done(store.audit(9, Long.MAX_VALUE)).stream().map(AuditEntry::target).toList());
  }

  @Test
  void withoutAnEndEverythingIsKept() {
    StoreConfig own = config();
    store.audit(auditAt("old", 1));
    assertEquals(1, done(store.audit(9, Long.MAX_VALUE)).size());
    store.close();

    store =
        Store.start(
            new StoreConfig(own.url(), own.user(), own.passwordFile(), own.pollMs(), 0),
            meter,
            () -> 40_000 * 24 * HOUR_MS);
    Snapshot _ = done(store.ready());

    assertEquals(1, done(store.audit(9, Long.MAX_VALUE)).size());
  }

  private static AuditEntry auditAt(String target, long atMs) {
    return new AuditEntry(
        0, target, atMs, "me", "admin", "::1", "POST /x", target, 200, null, null, null);
  }

  @Test
  void textThatLooksLikeSqlIsText() {
    String nasty = "'; DROP TABLE audit; -- \u0000\"$1 %s".replace("\u0000", "");
    store.audit(
        new AuditEntry(0, "e", 1, nasty, "admin", "::1", nasty, nasty, 200, null, nasty, nasty));

    AuditEntry read = done(store.audit(1, Long.MAX_VALUE)).getFirst();

    assertEquals(nasty, read.actor());
    assertEquals(nasty, read.before());
    assertTrue(done(store.usage(0, 1, nasty, 1, 0)).isEmpty());
  }

  private List<Consumption> usage(@Nullable String tenant) {
    return done(store.usage(0, 9 * HOUR_MS, tenant, 100, 0));
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
        "{}");
  }

  static ApiKey key(String name, @Nullable Long expiresMs) {
    String hash = String.format("%064x", name.hashCode() & 0xffffffffL);
    return new ApiKey("key-" + name, name, "t", Role.APP, hash, name.length(), expiresMs);
  }
}
