package dev.switchboard.gateway.store;

import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state that lasts. One thread does all work on the database, in the order in which it was
 * asked for; every {@code poll-ms} it also looks whether another gateway changed something, and
 * writes what was used.
 *
 * <p>When the database is gone, the snapshot stays as it was, changes fail at once, and usage and
 * audit entries wait in memory; the audit log's memory is bounded, and what is lost is counted. A
 * batch of usage whose commit was not confirmed is tried again under its number, so that it counts
 * once.
 *
 * <p>Gateways may share any database. An embedded one's file goes from one to the other whenever
 * the other has work for it, so a gateway that takes over has everything from its start.
 */
public final class Store implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Store.class);
  private static final int MOST_WAITING = 256;
  private static final int MOST_AUDIT_ENTRIES = 10_000;
  private static final int CLOSE_SECONDS = 10;
  private static final long DAY_MS = 86_400_000;

  /** Between two looks for what is too old to be kept. */
  private static final long PRUNE_MS = 3_600_000;

  /** Between two looks whether another gateway wants an embedded database's file. */
  private static final int LOOK_MS = 50;

  /** Hears of the store, on its thread. */
  public interface Listener {
    /** Keys, tenants or classes are others now. */
    void changed(Snapshot snapshot);

    /** What tenants with quotas have used, as far as gateways have written it. */
    void spent(List<Quotas.Spent> spent);

    /** The database can, or cannot any more, be reached. */
    void available(boolean up);

    /** Audit entries were thrown away since too many waited. */
    void auditLost(int entries);
  }

  private record Batch(long number, List<Consumption> used) {}

  private final Database database;
  private final UsageMeter meter;
  private final LongSupplier epochMs;
  private final long keepMs;
  private final String instance = UUID.randomUUID().toString();
  private final ScheduledThreadPoolExecutor thread;
  private final AtomicInteger waiting = new AtomicInteger();
  private final ArrayDeque<AuditEntry> unwritten = new ArrayDeque<>();
  private final CompletableFuture<Snapshot> ready = new CompletableFuture<>();
  private volatile Snapshot snapshot = Snapshot.EMPTY;
  private volatile boolean up;
  private List<Quotas.Spent> spent = List.of();
  private @Nullable Listener listener;
  private @Nullable Batch batch;
  private long batches;
  private boolean writerKnown;
  private long pruneAgainMs = Long.MIN_VALUE;

  private Store(StoreConfig config, UsageMeter meter, LongSupplier epochMs) {
    this.database = new Database(config, Database.TURN_TRIES);
    this.meter = meter;
    this.epochMs = epochMs;
    this.keepMs = config.keepDays() * DAY_MS;
    this.thread =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().name("store").daemon(true).factory()) {
          @Override
          protected void afterExecute(Runnable task, @Nullable Throwable thrown) {
            database.rest();
          }
        };
  }

  /**
   * Opens the database on the store's own thread; {@link #ready} tells how that went.
   *
   * @param meter counts what is to be written
   */
  public static Store start(StoreConfig config, UsageMeter meter, LongSupplier epochMs) {
    Store store = new Store(config, meter, epochMs);
    store.thread.execute(store::open);
    ScheduledFuture<?> _ =
        store.thread.scheduleWithFixedDelay(
            store::tick, config.pollMs(), config.pollMs(), TimeUnit.MILLISECONDS);
    if (config.embedded()) {
      // What runs after each task sees who else waits for the file.
      ScheduledFuture<?> _ =
          store.thread.scheduleWithFixedDelay(() -> {}, LOOK_MS, LOOK_MS, TimeUnit.MILLISECONDS);
    }
    return store;
  }

  private void open() {
    try {
      load();
      readSpent();
      ready.complete(snapshot);
      guarded(this::prune);
    } catch (RuntimeException e) {
      ready.completeExceptionally(e);
    }
  }

  /** Done when the first snapshot is there; fails when the database cannot be opened. */
  public CompletableFuture<Snapshot> ready() {
    return ready.copy();
  }

  /** Tells a listener how things are, and from then on what happens; done when it was told. */
  public CompletableFuture<Void> listen(Listener wanted) {
    return CompletableFuture.runAsync(
        () -> {
          listener = wanted;
          wanted.available(up);
          wanted.changed(snapshot);
          wanted.spent(spent);
        },
        thread);
  }

  /** What is known now. */
  public Snapshot snapshot() {
    return snapshot;
  }

  // ------------------------------------------------------------------ changes

  /** Adds a key. */
  public CompletableFuture<ApiKey> create(ApiKey key) {
    return change(
        tables -> {
          tables.insert(key);
          return key;
        });
  }

  /** Revokes a key; the key it was, or null. */
  public CompletableFuture<@Nullable ApiKey> deleteKey(String id) {
    return replaced(tables -> tables.key(id), tables -> tables.deleteKey(id));
  }

  /** Sets a tenant's limits; those it had, or null. */
  public CompletableFuture<@Nullable Tenant> put(Tenant tenant) {
    return replaced(tables -> tables.tenant(tenant.name()), tables -> tables.put(tenant));
  }

  /** Forgets a tenant's limits; those it had, or null. */
  public CompletableFuture<@Nullable Tenant> deleteTenant(String name) {
    return replaced(tables -> tables.tenant(name), tables -> tables.deleteTenant(name));
  }

  /** Sets a service class; what it was, or null. */
  public CompletableFuture<@Nullable SloClass> put(SloClass sloClass) {
    return replaced(tables -> tables.sloClass(sloClass.name()), tables -> tables.put(sloClass));
  }

  /** Forgets a service class; what it was, or null. */
  public CompletableFuture<@Nullable SloClass> deleteClass(String name) {
    return replaced(tables -> tables.sloClass(name), tables -> tables.deleteClass(name));
  }

  /** Sets what becomes of a name; what it was, or null. */
  public CompletableFuture<@Nullable RouteSpec> put(RouteSpec route) {
    return replaced(tables -> tables.route(route.name()), tables -> tables.put(route));
  }

  /** Forgets what was set for a name; what it was, or null. */
  public CompletableFuture<@Nullable RouteSpec> deleteRoute(String name) {
    return replaced(tables -> tables.route(name), tables -> tables.deleteRoute(name));
  }

  /** Keeps an audit entry, later when the database is gone now. */
  public void audit(AuditEntry entry) {
    thread.execute(
        () -> {
          if (unwritten.size() >= MOST_AUDIT_ENTRIES) {
            unwritten.removeFirst();
            tell(ear -> ear.auditLost(1));
          }
          unwritten.addLast(entry);
          if (up) {
            guarded(this::writeAudit);
          }
        });
  }

  // ------------------------------------------------------------------ reads

  /** The newest audit entries with a smaller id, newest first. */
  public CompletableFuture<List<AuditEntry>> audit(int limit, long beforeId) {
    return submit(tables -> tables.audit(limit, beforeId));
  }

  /**
   * Usage by hour and tenant, everything counted until now included.
   *
   * @param tenant null for all
   */
  public CompletableFuture<List<Consumption>> usage(
      long fromMs, long toMs, @Nullable String tenant, int limit, int offset) {
    thread.execute(
        () -> {
          if (up) {
            guarded(this::writeUsage);
          }
        });
    return submit(tables -> tables.usage(fromMs, toMs, tenant, limit, offset));
  }

  // ------------------------------------------------------------------ the thread

  @FunctionalInterface
  private interface Statement<T extends @Nullable Object> {
    T run(Tables tables) throws SQLException;
  }

  private <T extends @Nullable Object> CompletableFuture<T> change(Statement<T> statement) {
    return submit(
        tables -> {
          tables.advance();
          return statement.run(tables);
        });
  }

  /** Changes what is there; what was before, or null. */
  private <T> CompletableFuture<@Nullable T> replaced(
      Statement<@Nullable T> before, Writing change) {
    return change(
        tables -> {
          T was = before.run(tables);
          change.run(tables);
          return was;
        });
  }

  private <T extends @Nullable Object> CompletableFuture<T> submit(Statement<T> statement) {
    CompletableFuture<T> result = new CompletableFuture<>();
    if (waiting.incrementAndGet() > MOST_WAITING) {
      waiting.decrementAndGet();
      result.completeExceptionally(unavailable("too much waits for the database"));
      return result;
    }
    thread.execute(
        () -> {
          waiting.decrementAndGet();
          run(statement, result);
        });
    return result;
  }

  private <T extends @Nullable Object> void run(
      Statement<T> statement, CompletableFuture<T> result) {
    if (!up) {
      result.completeExceptionally(unavailable("the database cannot be reached"));
      return;
    }
    try {
      T answer = database.transact(connection -> statement.run(new Tables(connection)));
      refresh();
      result.complete(answer);
    } catch (StoreException e) {
      if (e.kind() == StoreException.Kind.UNAVAILABLE) {
        lost(e);
      }
      result.completeExceptionally(e);
    } catch (RuntimeException e) {
      result.completeExceptionally(e);
    }
  }

  private static StoreException unavailable(String message) {
    return new StoreException(StoreException.Kind.UNAVAILABLE, message);
  }

  private void tick() {
    if (!ready.isDone() || ready.isCompletedExceptionally()) {
      return;
    }
    guarded(this::refresh);
    if (up) {
      guarded(this::writeAudit);
      guarded(this::writeUsage);
      guarded(this::readSpent);
      guarded(this::prune);
    }
  }

  /** Forgets what is older than it is kept, every hour; quotas read the present month. */
  private void prune() {
    long now = epochMs.getAsLong();
    if (keepMs == 0 || now < pruneAgainMs) {
      return;
    }
    pruneAgainMs = now + PRUNE_MS;
    long oldest = now - keepMs;
    transact(tables -> tables.prune(oldest, Math.min(oldest, Quotas.month(now))));
  }

  private void readSpent() {
    if (snapshot.tenants().stream().allMatch(Store::unlimited)) {
      return;
    }
    long now = epochMs.getAsLong();
    List<Quotas.Spent> read =
        database.transact(
            connection -> new Tables(connection).spent(Quotas.day(now), Quotas.month(now)));
    spent = read;
    tell(ear -> ear.spent(read));
  }

  private static boolean unlimited(Tenant tenant) {
    return tenant.tokensPerDay() == 0 && tenant.tokensPerMonth() == 0;
  }

  private void guarded(Runnable work) {
    try {
      work.run();
      reachable();
    } catch (StoreException e) {
      if (e.kind() == StoreException.Kind.CONFLICT) {
        // Another gateway wrote the same hour first; the next look finds its row.
        LOG.debug("store_conflict", e);
      } else {
        lost(e);
      }
    }
  }

  private void reachable() {
    if (!up) {
      up = true;
      LOG.info("store_reachable");
      tell(ear -> ear.available(true));
    }
  }

  private void lost(RuntimeException cause) {
    if (up) {
      up = false;
      LOG.warn("store_lost", cause);
      tell(ear -> ear.available(false));
    }
  }

  private void refresh() {
    long revision = database.transact(connection -> new Tables(connection).revision());
    if (revision != snapshot.revision()) {
      load();
    }
  }

  private void load() {
    Snapshot read = database.transact(connection -> new Tables(connection).snapshot());
    snapshot = read;
    reachable();
    tell(ear -> ear.changed(read));
  }

  private void tell(Consumer<Listener> news) {
    Listener ear = listener;
    if (ear != null) {
      news.accept(ear);
    }
  }

  private void writeAudit() {
    while (!unwritten.isEmpty()) {
      AuditEntry next = unwritten.getFirst();
      transact(tables -> tables.insert(next));
      unwritten.removeFirst();
    }
  }

  private void writeUsage() {
    Batch next = batch;
    if (next == null) {
      List<Consumption> used = meter.drain();
      if (used.isEmpty()) {
        return;
      }
      next = new Batch(++batches, used);
      batch = next;
    }
    Batch writing = next;
    transact(tables -> write(tables, writing));
    writerKnown = true;
    batch = null;
  }

  private void write(Tables tables, Batch writing) throws SQLException {
    if (!writerKnown) {
      tables.introduceWriter(instance, epochMs.getAsLong());
    }
    if (tables.claim(instance, writing.number(), epochMs.getAsLong())) {
      for (Consumption used : writing.used()) {
        tables.add(used);
      }
    }
  }

  @FunctionalInterface
  private interface Writing {
    void run(Tables tables) throws SQLException;
  }

  private void transact(Writing work) {
    boolean _ =
        database.transact(
            connection -> {
              work.run(new Tables(connection));
              return true;
            });
  }

  /** Writes what is still to be written, and closes the database. */
  @Override
  public void close() {
    thread.execute(
        () -> {
          guarded(this::writeAudit);
          guarded(this::writeUsage);
          database.close();
        });
    thread.shutdown();
    try {
      if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("store_slow_to_close");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
