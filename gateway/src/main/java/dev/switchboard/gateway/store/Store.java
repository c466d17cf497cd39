package dev.switchboard.gateway.store;

import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.StoredFlight;
import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.Consumption;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloMeter;
import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state that lasts. One thread does all work on the database, in the order in which it was
 * asked for; every {@code poll-ms} it also looks whether another gateway changed something. What
 * was used is written twice a second, so that a crash loses no more than a second of it.
 *
 * <p>When the database is gone or its disk is full, the snapshot stays as it was, changes fail at
 * once, and usage, audit entries and replicas that came back wait in memory; the audit log's memory
 * is bounded, and what is lost is counted. It is back when something was written to it. A batch of
 * usage whose commit was not confirmed is tried again under its number, so that it counts once. In
 * a database that was restored, or took over, batches go on being added, whatever numbers it knows.
 *
 * <p>Keys that are missing without having been revoked are not taken for none: the snapshot stays,
 * and at the start the store does not open. That there were keys stands in the {@link StateFolder}.
 *
 * <p>Gateways may share any database. An embedded one's file goes from one to the other whenever
 * the other has work for it, so a gateway that takes over has everything from its start.
 */
public final class Store implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Store.class);
  private static final int MOST_WAITING = 256;
  private static final int MOST_AUDIT_ENTRIES = 10_000;

  /** How long {@link #close()} takes at most. */
  public static final int CLOSES_WITHIN_MS = 10_000;

  private static final long DAY_MS = 86_400_000;

  /** Gateways are known for so long after they were last heard. */
  private static final long GATEWAYS_MS = 3_600_000;

  /** Between two looks for what is too old to be kept. */
  private static final long PRUNE_MS = 3_600_000;

  /** Between two looks whether another gateway wants an embedded database's file. */
  private static final int LOOK_MS = 50;

  /** What was done is answered then, though a slow database has not kept it or who did it. */
  private static final int SOON_MS = 1000;

  private static final int MOST_EVENTS = 200_000;

  /** Requests of interest may be a tenth more than they should, and no more than so many. */
  private static final int PRUNE_AFTER = 100;

  /** Written in one transaction. */
  private static final int EVENT_BATCH = 200;

  /** Between two writes of what was used, at most. */
  private static final int FLUSH_MS = 500;

  /** The same of the service levels' history, which is larger and is nobody's bill. */
  private static final int SLO_FLUSH_MS = 2000;

  /** Hears of the store, on its thread. */
  public interface Listener {
    /** Keys, tenants or classes are others now. */
    void changed(Snapshot snapshot);

    /**
     * What tenants with quotas have used, as far as gateways have written it. Of a quota that is
     * new it is told before the quota is, which so counts what was used before it.
     */
    void spent(List<Quotas.Spent> spent);

    /**
     * The database can, or cannot any more, be written to.
     *
     * @param trouble why it cannot; null when it can
     */
    void available(StoreException.@Nullable Kind trouble);

    /** Audit entries were thrown away: too many waited, or the database takes no such entry. */
    void auditLost(int entries);
  }

  /**
   * A key was put in the place of another one.
   *
   * @param old as it was before
   */
  public record Rotation(ApiKey old, ApiKey fresh) {}

  private record Batch(long number, List<Consumption> used) {}

  private record Loaded(
      Snapshot snapshot, Map<Role, Integer> keyCounts, List<Quotas.Spent> spent) {}

  /**
   * A change that was made.
   *
   * @param left what is there after it, as its own transaction reads it
   */
  private record Made<T extends @Nullable Object>(T answer, Loaded left) {}

  private final Database database;
  private final StateFolder folder;
  private final boolean lasts;
  private final UsageMeter meter;
  private final SloMeter sloMeter;
  private final LongSupplier epochMs;
  private final long keepMs;
  private final long sloKeepMs;
  private final StoreConfig.Requests requestsKept;
  private final String instance = UUID.randomUUID().toString();
  private final ScheduledThreadPoolExecutor thread;
  private final AtomicInteger waiting = new AtomicInteger();
  private final ArrayDeque<AuditEntry> unwritten = new ArrayDeque<>();
  private final Map<String, ReplicaSetting> unkept = new LinkedHashMap<>();

  /** When keys were used that the database was not told, by id: no more than there are keys. */
  private final TreeMap<String, Long> unwrittenUses = new TreeMap<>();

  private final EventLog events = new EventLog();
  private final RequestLog requests = new RequestLog();
  private final CompletableFuture<Snapshot> ready = new CompletableFuture<>();
  private volatile Snapshot snapshot = Snapshot.EMPTY;
  private final AtomicBoolean flushAsked = new AtomicBoolean();
  private volatile @Nullable StoreException trouble = unavailable("the database is not open yet");
  private Set<Role> remembered;
  private boolean acceptNew;
  private @Nullable String gateway;
  private final boolean shared;
  private List<Quotas.Spent> spent = List.of();
  private @Nullable Listener listener;
  private @Nullable Batch batch;
  private long batches;
  private long requestsWritten;
  private long requestBytesWritten;
  private long pruneAgainMs = Long.MIN_VALUE;

  private Store(
      StoreConfig config,
      StateFolder folder,
      UsageMeter meter,
      SloMeter sloMeter,
      LongSupplier epochMs) {
    this.folder = folder;
    this.lasts = !config.embedded() || config.file() != null;
    this.shared = !config.embedded();
    this.acceptNew = folder.acceptNewStore();
    this.remembered = remembered(folder);
    this.database = new Database(config, Database.TURN_TRIES, !remembered.isEmpty() && !acceptNew);
    this.meter = meter;
    this.sloMeter = sloMeter;
    this.epochMs = epochMs;
    this.keepMs = config.keepDays() * DAY_MS;
    this.sloKeepMs = config.sloKeepDays() * DAY_MS;
    this.requestsKept = config.requests();
    this.thread =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().name("store").daemon(true).factory()) {
          @Override
          protected void afterExecute(Runnable task, @Nullable Throwable thrown) {
            database.rest();
          }
        };
  }

  private static Set<Role> remembered(StateFolder folder) {
    try {
      return folder.roles();
    } catch (IOException e) {
      throw new IllegalStateException("cannot read " + folder.keysFile() + ": " + e, e);
    }
  }

  /** A store that remembers nothing outside of its database. */
  static Store start(StoreConfig config, UsageMeter meter, LongSupplier epochMs) {
    return start(config, StateFolder.NONE, meter, new SloMeter(), epochMs);
  }

  /**
   * Opens the database on the store's own thread; {@link #ready} tells how that went.
   *
   * @param folder where it stands that there are keys; those of a database in memory are not
   *     remembered, since they end with the process
   * @param meter counts what is to be written
   * @param sloMeter likewise
   */
  public static Store start(
      StoreConfig config,
      StateFolder folder,
      UsageMeter meter,
      SloMeter sloMeter,
      LongSupplier epochMs) {
    int flushMs = Math.min(config.pollMs(), FLUSH_MS);
    return start(config, folder, meter, sloMeter, epochMs, flushMs);
  }

  /**
   * The same.
   *
   * @param flushMs between two writes of what was used
   */
  static Store start(
      StoreConfig config,
      StateFolder folder,
      UsageMeter meter,
      SloMeter sloMeter,
      LongSupplier epochMs,
      int flushMs) {
    Store store = new Store(config, folder, meter, sloMeter, epochMs);
    store.thread.execute(store::open);
    store.every(config.pollMs(), store::tick);
    store.every(flushMs, store::flush);
    store.every(
        Math.min(config.pollMs(), SLO_FLUSH_MS), () -> store.guardedWhileUp(store::writeSlo));
    if (config.embedded()) {
      // What runs after each task sees who else waits for the file.
      store.every(LOOK_MS, store::look);
    }
    meter.quotas().whenSpent(store::flushSoon);
    return store;
  }

  private void every(int ms, Runnable task) {
    ScheduledFuture<?> _ =
        thread.scheduleWithFixedDelay(
            () -> {
              try {
                if (ready.isDone() && !ready.isCompletedExceptionally()) {
                  task.run();
                }
              } catch (RuntimeException e) {
                // The executor would never run it again, and revoked keys would stay valid here.
                LOG.error("store_task_failed", e);
              }
            },
            ms,
            ms,
            TimeUnit.MILLISECONDS);
  }

  private void open() {
    try {
      load();
      acceptNew = false;
      reachable();
      // Where nothing can be written, requests are served all the same, with the keys that there
      // are.
      guarded(this::prove);
      ready.complete(snapshot);
      guardedWhileUp(this::prune);
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
          StoreException now = trouble;
          wanted.available(now == null ? null : now.kind());
          wanted.spent(spent);
          wanted.changed(snapshot);
        },
        thread);
  }

  /** What is known now. */
  public Snapshot snapshot() {
    return snapshot;
  }

  // ------------------------------------------------------------------ changes
  // What is to be changed is checked in the transaction that changes it: a check that throws leaves
  // it as it was, and its exception is the answer.

  /**
   * Adds a key.
   *
   * @param check is given the key that has its name already, or null
   */
  public CompletableFuture<ApiKey> create(ApiKey key, Consumer<@Nullable ApiKey> check) {
    return replaced(check, tables -> tables.keyNamed(key.name()), tables -> tables.insert(key))
        .thenApply(none -> key);
  }

  /**
   * Adds a key in the place of another one, which ends at a moment, unless it ends before. The new
   * one has the time that the other was made for, however often that was rotated.
   *
   * @return null where the other one is not there, and nothing was done
   */
  public CompletableFuture<@Nullable Rotation> rotate(
      String id, long endsMs, ApiKey fresh, Consumer<@Nullable ApiKey> check) {
    return change(
        tables -> {
          ApiKey old = tables.key(id);
          check.accept(old);
          if (old == null) {
            return null;
          }
          ApiKey granted = fresh.until(tables.granted(id));
          tables.expire(id, endsMs);
          tables.insert(granted);
          return new Rotation(old, granted);
        });
  }

  /** Keys were used, by id and Unix epoch milliseconds; kept later if there is no database now. */
  public void used(Map<String, Long> uses) {
    if (uses.isEmpty()) {
      return;
    }
    Map<String, Long> told = Map.copyOf(uses);
    thread.execute(
        () -> {
          told.forEach((id, atMs) -> unwrittenUses.merge(id, atMs, Math::max));
          guardedWhileUp(this::writeUses);
        });
  }

  /** Revokes a key; the key it was, or null. */
  public CompletableFuture<@Nullable ApiKey> deleteKey(
      String id, Consumer<@Nullable ApiKey> check) {
    return replaced(check, tables -> tables.key(id), tables -> tables.deleteKey(id));
  }

  /** Sets a tenant's limits; those it had, or null. */
  public CompletableFuture<@Nullable Tenant> put(Tenant tenant, Consumer<@Nullable Tenant> check) {
    return replaced(check, tables -> tables.tenant(tenant.name()), tables -> tables.put(tenant));
  }

  /** Forgets a tenant's limits; those it had, or null. */
  public CompletableFuture<@Nullable Tenant> deleteTenant(
      String name, Consumer<@Nullable Tenant> check) {
    return replaced(check, tables -> tables.tenant(name), tables -> tables.deleteTenant(name));
  }

  /** Sets a service class; what it was, or null. */
  public CompletableFuture<@Nullable SloClass> put(
      SloClass sloClass, Consumer<@Nullable SloClass> check) {
    return replaced(
        check, tables -> tables.sloClass(sloClass.name()), tables -> tables.put(sloClass));
  }

  /** Forgets a service class; what it was, or null. */
  public CompletableFuture<@Nullable SloClass> deleteClass(
      String name, Consumer<@Nullable SloClass> check) {
    return replaced(check, tables -> tables.sloClass(name), tables -> tables.deleteClass(name));
  }

  /** Sets what becomes of a name; what it was, or null. */
  public CompletableFuture<@Nullable RouteSpec> put(
      RouteSpec route, Consumer<@Nullable RouteSpec> check) {
    return replaced(check, tables -> tables.route(route.name()), tables -> tables.put(route));
  }

  /** Forgets what was set for a name; what it was, or null. */
  public CompletableFuture<@Nullable RouteSpec> deleteRoute(
      String name, Consumer<@Nullable RouteSpec> check) {
    return replaced(check, tables -> tables.route(name), tables -> tables.deleteRoute(name));
  }

  /** Sets how this gateway's workers serve a model; what was set, or null. */
  public CompletableFuture<@Nullable ModelSetting> put(
      ModelSetting setting, Consumer<@Nullable ModelSetting> check) {
    return replaced(
        check,
        tables -> tables.model(named(), setting.name()),
        tables -> tables.put(named(), setting));
  }

  /** Forgets what was set for a model; what was set, or null. */
  public CompletableFuture<@Nullable ModelSetting> deleteModel(
      String name, Consumer<@Nullable ModelSetting> check) {
    return replaced(
        check, tables -> tables.model(named(), name), tables -> tables.deleteModel(named(), name));
  }

  /** Keeps what is to be set at a replica of this gateway; gives back what is kept. */
  public CompletableFuture<ReplicaSetting> put(ReplicaSetting setting) {
    return submit(
        tables -> {
          tables.put(named(), setting);
          return setting;
        },
        true,
        () -> unkept.remove(setting.replica()));
  }

  /**
   * Keeps what was set at a replica of this gateway, later when the database is gone now.
   *
   * @return done when it is kept, waits in memory, or takes too long to be waited for
   */
  public CompletableFuture<Void> keep(ReplicaSetting setting) {
    return soon(
        () -> {
          unkept.put(setting.replica(), setting);
          guardedWhileUp(this::writeReplicas);
        });
  }

  /** What was set at this gateway's replicas. */
  public CompletableFuture<List<ReplicaSetting>> replicas() {
    return submit(
        tables -> {
          String name = name();
          return name == null ? List.of() : tables.replicas(name);
        },
        false);
  }

  /** This gateway's name, which is kept before anything is kept under it. */
  private String named() {
    String known = name();
    if (known != null) {
      return known;
    }
    String fresh = UUID.randomUUID().toString();
    try {
      folder.name(fresh);
    } catch (IOException e) {
      throw new StoreException(Database.kind(e), "cannot keep this gateway's name: " + e, e);
    }
    gateway = fresh;
    return fresh;
  }

  private @Nullable String name() {
    try {
      gateway = gateway == null ? folder.name() : gateway;
      return gateway;
    } catch (IOException e) {
      throw new StoreException(Database.kind(e), "cannot read this gateway's name: " + e, e);
    }
  }

  /**
   * Keeps an audit entry, later when the database is gone now.
   *
   * @return done when it is kept, waits in memory, or takes too long to be waited for
   */
  public CompletableFuture<Void> audit(AuditEntry entry) {
    return soon(
        () -> {
          if (unwritten.size() >= MOST_AUDIT_ENTRIES) {
            unwritten.removeFirst();
            tell(ear -> ear.auditLost(1));
          }
          unwritten.addLast(entry);
          guardedWhileUp(this::writeAudit);
        });
  }

  /** Does work that is waited for while there is a database, and not for long. */
  private CompletableFuture<Void> soon(Runnable work) {
    CompletableFuture<Void> done = CompletableFuture.runAsync(work, thread);
    return up()
        ? done.completeOnTimeout(null, SOON_MS, TimeUnit.MILLISECONDS)
        : CompletableFuture.completedFuture(null);
  }

  /** Whether several gateways may have it open at a time. */
  public boolean shared() {
    return shared;
  }

  /** Says that a gateway is there, soon, and forgets those that were not heard for long. */
  public void heard(GatewayCard card) {
    thread.execute(
        () ->
            guardedWhileUp(
                () ->
                    write(
                        tables -> {
                          tables.put(card);
                          tables.pruneGateways(card.heardMs() - GATEWAYS_MS);
                        })));
  }

  /** A gateway ends and need not be looked for. */
  public void left(String gatewayId) {
    thread.execute(() -> guardedWhileUp(() -> write(tables -> tables.deleteGateway(gatewayId))));
  }

  /** Whether requests of interest are kept. */
  public boolean keepsRequests() {
    return requestsKept.keepDays() > 0;
  }

  /** Keeps a request of interest, or what more is known of it, soon; never waits. */
  public void keep(StoredFlight flight) {
    if (keepsRequests()) {
      requests.add(flight, epochMs.getAsLong());
    }
  }

  /** Keeps an event, soon; never waits. */
  public void keep(StoredEvent event) {
    events.add(event);
  }

  // ------------------------------------------------------------------ reads

  /** Events of the last day, those that were told until now included. */
  public CompletableFuture<List<StoredEvent>> events(EventQuery query) {
    thread.execute(() -> guardedWhileUp(this::writeEvents));
    return submit(tables -> tables.events(query), false);
  }

  /**
   * Requests of interest of this gateway, also of one before a restart, the newest first.
   *
   * @param before only those that come behind this one, by its number
   */
  public CompletableFuture<StoredRequests> requests(FlightQuery query, long before) {
    thread.execute(() -> guardedWhileUp(this::writeRequests));
    return submit(
        tables -> {
          String known = name();
          return known == null ? StoredRequests.NONE : tables.requests(known).find(query, before);
        },
        false);
  }

  /** The last request of an id; null where none is kept. */
  public CompletableFuture<@Nullable StoredFlight> request(String id) {
    thread.execute(() -> guardedWhileUp(this::writeRequests));
    return submit(
        tables -> {
          String known = name();
          return known == null ? null : tables.requests(known).find(id);
        },
        false);
  }

  /** Gateways that share this store and were heard within the last hour. */
  public CompletableFuture<List<GatewayCard>> gateways() {
    return submit(Tables::gateways, false);
  }

  /** Audit entries, newest first, those that wait for the database included where it is back. */
  public CompletableFuture<List<AuditEntry>> audit(AuditQuery query) {
    thread.execute(() -> guardedWhileUp(this::writeAudit));
    return submit(tables -> tables.audit(query), false);
  }

  /** When keys were last used by any gateway, by their ids. */
  public CompletableFuture<Map<String, Long>> lastUses() {
    return submit(Tables::lastUses, false);
  }

  /**
   * Usage by hour and tenant, everything counted until now included.
   *
   * @param tenant null for all
   */
  public CompletableFuture<List<Consumption>> usage(
      long fromMs, long toMs, @Nullable String tenant, int limit, int offset) {
    thread.execute(() -> guardedWhileUp(this::writeUsage));
    return submit(tables -> tables.usage(fromMs, toMs, tenant, limit, offset), false);
  }

  /** What became of requests by hour, model and class, everything until now included. */
  public CompletableFuture<List<SloHour>> slo(SloQuery query) {
    thread.execute(() -> guardedWhileUp(this::writeSlo));
    return submit(tables -> tables.sloHours(query), false);
  }

  /**
   * How objectives were kept since moments, everything until now included.
   *
   * @param fromMs epoch milliseconds, each of one answer
   * @param model null for all
   */
  public CompletableFuture<List<SloSums>> sloSince(List<Long> fromMs, @Nullable String model) {
    thread.execute(() -> guardedWhileUp(this::writeSlo));
    return submit(
        tables -> {
          List<SloSums> sums = fromMs.stream().map(SloSums::new).toList();
          tables.addUp(sums, epochMs.getAsLong() + 1, model);
          return sums;
        },
        false);
  }

  /** From when on the service levels' history is kept. */
  public long sloKeptSince(long nowMs) {
    return nowMs - sloKeepMs;
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
        },
        true);
  }

  /** Changes what is there; what was before, or null. */
  private <T> CompletableFuture<@Nullable T> replaced(
      Consumer<@Nullable T> check, Statement<@Nullable T> before, Writing change) {
    return change(
        tables -> {
          T was = before.run(tables);
          check.accept(was);
          change.run(tables);
          return was;
        });
  }

  private <T extends @Nullable Object> CompletableFuture<T> submit(
      Statement<T> statement, boolean changes) {
    return submit(statement, changes, () -> {});
  }

  /**
   * @param done is run right after the commit, on the store's thread
   */
  private <T extends @Nullable Object> CompletableFuture<T> submit(
      Statement<T> statement, boolean changes, Runnable done) {
    CompletableFuture<T> result = new CompletableFuture<>();
    if (waiting.incrementAndGet() > MOST_WAITING) {
      waiting.decrementAndGet();
      result.completeExceptionally(unavailable("too much waits for the database"));
      return result;
    }
    thread.execute(
        () -> {
          waiting.decrementAndGet();
          run(statement, changes, done, result);
        });
    return result;
  }

  private <T extends @Nullable Object> void run(
      Statement<T> statement, boolean changes, Runnable done, CompletableFuture<T> result) {
    StoreException now = trouble;
    // What is on a full disk can be read, and at the start has to be: who was cordoned stays so.
    if (now != null && (changes || now.kind() != StoreException.Kind.FULL)) {
      result.completeExceptionally(
          new StoreException(now.kind(), String.valueOf(now.getMessage()), now));
      return;
    }
    try {
      T answer;
      if (changes) {
        Made<T> made = database.write(connection -> made(statement, new Tables(connection)));
        done.run();
        follow(made.left());
        answer = made.answer();
      } else {
        answer = database.read(connection -> statement.run(new Tables(connection)));
        done.run();
        refresh();
      }
      result.complete(answer);
    } catch (StoreException e) {
      if (e.kind().outage()) {
        lost(e);
      }
      result.completeExceptionally(e);
    } catch (RuntimeException e) {
      result.completeExceptionally(e);
    }
  }

  private <T extends @Nullable Object> Made<T> made(Statement<T> statement, Tables tables)
      throws SQLException {
    T answer = statement.run(tables);
    return new Made<>(answer, read(tables));
  }

  /** Takes up a change that is on the disk: it was made, whatever becomes of the store now. */
  private void follow(Loaded left) {
    // A quota that is new counts what was used before it, here as well.
    guardedWhileUp(this::writeUsage);
    try {
      refresh();
    } catch (StoreException e) {
      if (!missing(left).isEmpty()) {
        throw e;
      }
      if (e.kind().outage()) {
        lost(e);
      }
      snapshot = left.snapshot();
      tell(ear -> ear.changed(left.snapshot()));
    }
  }

  private static StoreException unavailable(String message) {
    return new StoreException(StoreException.Kind.UNAVAILABLE, message);
  }

  /** Why it cannot be written to; null while it can. */
  public @Nullable String trouble() {
    StoreException now = trouble;
    return now == null ? null : String.valueOf(now.getMessage());
  }

  private boolean up() {
    return trouble == null;
  }

  private void tick() {
    if (!up()) {
      guarded(this::recover);
    } else {
      guarded(database.nearlyFull() ? this::prove : this::refresh);
    }
    guardedWhileUp(this::readSpent);
    guardedWhileUp(this::prune);
  }

  /** Reading says little: a file on a full disk can be read. */
  private void recover() {
    database.beginAnew();
    prove();
    load();
  }

  /** Writes something that nobody needs. */
  private void prove() {
    write(tables -> tables.beat(instance, epochMs.getAsLong()));
  }

  private void flush() {
    flushAsked.set(false);
    guardedWhileUp(this::writeReplicas);
    guardedWhileUp(this::writeAudit);
    guardedWhileUp(this::writeUsage);
    guardedWhileUp(this::writeUses);
    guardedWhileUp(this::writeEvents);
    guardedWhileUp(this::writeRequests);
  }

  /** Somebody has used up a quota: a crash must not give it back. On any thread. */
  private void flushSoon() {
    if (flushAsked.compareAndSet(false, true)) {
      try {
        thread.execute(this::flush);
      } catch (RejectedExecutionException e) {
        LOG.debug("after the store's end", e);
      }
    }
  }

  private void look() {
    if (up()) {
      try {
        database.look();
      } catch (StoreException e) {
        lost(e);
      }
    }
  }

  /** Forgets what is older than it is kept, every hour; quotas read the present month. */
  private void prune() {
    long now = epochMs.getAsLong();
    // The wall clock may have been stepped back.
    if (now < pruneAgainMs && now >= pruneAgainMs - PRUNE_MS) {
      return;
    }
    pruneAgainMs = now + PRUNE_MS;
    write(tables -> tables.pruneEvents(now - DAY_MS, MOST_EVENTS));
    write(tables -> tables.pruneSlo(sloKeptSince(now)));
    pruneRequests();
    if (keepMs != 0) {
      long oldest = now - keepMs;
      write(tables -> tables.prune(oldest, Math.min(oldest, Quotas.month(now))));
    }
  }

  private void readSpent() {
    if (snapshot.tenants().stream().allMatch(Store::unlimited)) {
      return;
    }
    tellSpent(database.read(connection -> spent(new Tables(connection))));
  }

  private List<Quotas.Spent> spent(Tables tables) throws SQLException {
    long now = epochMs.getAsLong();
    return tables.spent(Quotas.day(now), Quotas.month(now));
  }

  private void tellSpent(List<Quotas.Spent> read) {
    spent = read;
    tell(ear -> ear.spent(read));
  }

  private static boolean unlimited(Tenant tenant) {
    return tenant.tokensPerDay() == 0 && tenant.tokensPerMonth() == 0;
  }

  private void guardedWhileUp(Runnable work) {
    if (up()) {
      guarded(work);
    }
  }

  private void guarded(Runnable work) {
    try {
      work.run();
      reachable();
    } catch (StoreException e) {
      if (e.kind().outage()) {
        lost(e);
      } else if (e.kind() != StoreException.Kind.REFUSED) {
        // Another gateway wrote the same hour first, or at once; the next look finds its row.
        LOG.debug("store_conflict", e);
      } else {
        LOG.warn("store_refused reason=\"{}\"", e.getMessage(), e);
      }
    }
  }

  private void reachable() {
    if (!up()) {
      trouble = null;
      LOG.info("store_reachable");
      tell(ear -> ear.available(null));
    }
  }

  private void lost(StoreException cause) {
    StoreException before = trouble;
    trouble = cause;
    if (before == null || before.kind() != cause.kind()) {
      LOG.warn("store_lost code={} reason=\"{}\"", cause.kind().code(), cause.getMessage(), cause);
      tell(ear -> ear.available(cause.kind()));
    }
  }

  private void refresh() {
    long revision = database.read(connection -> new Tables(connection).revision());
    if (database.wasReplaced() || revision != snapshot.revision()) {
      load();
    }
  }

  private void load() {
    Loaded read = database.read(connection -> read(new Tables(connection)));
    Set<Role> missing = missing(read);
    if (!missing.isEmpty()) {
      accept(missing);
    }
    Set<Role> roles = roles(read.snapshot());
    remember(roles);
    snapshot = read.snapshot();
    tellSpent(read.spent());
    tell(ear -> ear.changed(read.snapshot()));
  }

  private Loaded read(Tables tables) throws SQLException {
    return new Loaded(tables.snapshot(name()), tables.keyCounts(), spent(tables));
  }

  private static Set<Role> roles(Snapshot read) {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    read.keys().forEach(key -> roles.add(key.role()));
    return roles;
  }

  /**
   * Roles that had keys, have none, and whose last one was not revoked: that stands in the database
   * as a count of zero, in the same transaction.
   */
  private Set<Role> missing(Loaded read) {
    Set<Role> missing = EnumSet.allOf(Role.class);
    missing.removeAll(roles(read.snapshot()));
    missing.removeIf(
        role -> {
          Integer keys = read.keyCounts().get(role);
          return keys == null ? !remembered.contains(role) : keys == 0;
        });
    return missing;
  }

  private void accept(Set<Role> missing) {
    String roles = missing.stream().map(Role::label).collect(Collectors.joining(", "));
    if (!acceptNew) {
      throw new StoreException(
          StoreException.Kind.MISSING,
          "the store had API keys of the role "
              + roles
              + ", which are gone without having been revoked"
              + (folder.keysFile() == null ? "" : " (" + folder.keysFile() + " remembers them)")
              + Database.RESTORE);
    }
    write(
        tables -> {
          for (Role role : missing) {
            tables.counted(role, 0);
          }
        });
    LOG.warn("store_accepted without_keys_of=\"{}\"", roles);
  }

  private void remember(Set<Role> roles) {
    try {
      if (lasts || roles.isEmpty()) {
        folder.remember(roles);
      }
      remembered = roles;
    } catch (IOException e) {
      throw new StoreException(
          Database.kind(e), "cannot write " + folder.keysFile() + ": " + e.getMessage(), e);
    }
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
      boolean kept = taken(tables -> tables.insert(next));
      unwritten.removeFirst();
      if (!kept) {
        tell(ear -> ear.auditLost(1));
      }
    }
  }

  private void writeReplicas() {
    for (ReplicaSetting setting : List.copyOf(unkept.values())) {
      boolean _ = taken(tables -> tables.put(named(), setting));
      unkept.remove(setting.replica());
    }
  }

  private void writeEvents() {
    long lost = events.lost();
    if (lost > 0) {
      LOG.warn("store_events_lost count={}", lost);
    }
    List<StoredEvent> next = events.oldest(EVENT_BATCH);
    while (!next.isEmpty()) {
      List<StoredEvent> writing = next;
      writeEach(writing, Tables::insert);
      events.written(writing);
      next = events.oldest(EVENT_BATCH);
    }
  }

  private void writeRequests() {
    long leftOut = requests.leftOut();
    if (leftOut > 0) {
      LOG.warn("store_requests_left_out count={}", leftOut);
    }
    List<StoredFlight> next = requests.oldest(EVENT_BATCH);
    while (!next.isEmpty()) {
      List<StoredFlight> writing = next;
      String own = named();
      writeEach(writing, (tables, flight) -> tables.requests(own).put(flight));
      requests.written(writing);
      requestsWritten += writing.size();
      writing.forEach(flight -> requestBytesWritten += flight.packed().length);
      next = requests.oldest(EVENT_BATCH);
    }
    if (requestsWritten > Math.min(PRUNE_AFTER, requestsKept.most() / 10)
        || requestBytesWritten > requestsKept.mostBytes() / 10) {
      pruneRequests();
    }
  }

  private void pruneRequests() {
    String own = name();
    requestsWritten = 0;
    requestBytesWritten = 0;
    if (own != null) {
      long oldestNanos = (epochMs.getAsLong() - requestsKept.keepDays() * DAY_MS) * 1_000_000;
      write(
          tables ->
              tables
                  .requests(own)
                  .prune(oldestNanos, requestsKept.most(), requestsKept.mostBytes()));
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
    write(tables -> write(tables, writing));
    batch = null;
  }

  private void write(Tables tables, Batch writing) throws SQLException {
    if (tables.claim(instance, writing.number(), epochMs.getAsLong())) {
      for (Consumption used : writing.used()) {
        tables.add(used);
      }
    }
  }

  private void writeUses() {
    if (!unwrittenUses.isEmpty()) {
      // In one order at every gateway, so that two never wait for each other's rows.
      List<Map.Entry<String, Long>> ordered = List.copyOf(unwrittenUses.entrySet());
      writeEach(ordered, (tables, use) -> tables.used(use.getKey(), use.getValue()));
      unwrittenUses.clear();
    }
  }

  private void writeSlo() {
    List<SloMeter.Part> changed = sloMeter.changed();
    if (!changed.isEmpty()) {
      writeEach(changed, (tables, part) -> tables.put(instance, part));
    }
    sloMeter.written(changed, epochMs.getAsLong());
  }

  @FunctionalInterface
  private interface Writing {
    void run(Tables tables) throws SQLException;
  }

  private void write(Writing work) {
    boolean _ =
        database.write(
            connection -> {
              work.run(new Tables(connection));
              return true;
            });
  }

  @FunctionalInterface
  private interface RowWriting<R> {
    void run(Tables tables, R row) throws SQLException;
  }

  /** Writes rows in one transaction, or one by one where the database does not take them all. */
  private <R> void writeEach(List<R> rows, RowWriting<R> each) {
    try {
      write(
          tables -> {
            for (R row : rows) {
              each.run(tables, row);
            }
          });
    } catch (StoreException e) {
      if (e.kind() != StoreException.Kind.REFUSED) {
        throw e;
      }
      for (R row : rows) {
        boolean _ = taken(tables -> each.run(tables, row));
      }
    }
  }

  /** Writes a row; false where the database takes no such row: it must not keep others waiting. */
  private boolean taken(Writing row) {
    try {
      write(row);
      return true;
    } catch (StoreException e) {
      if (e.kind() != StoreException.Kind.REFUSED) {
        throw e;
      }
      LOG.warn("store_row_refused reason=\"{}\"", e.getMessage(), e);
      return false;
    }
  }

  /** Writes what is still to be written, and closes the database. */
  @Override
  public void close() {
    thread.execute(
        () -> {
          guarded(this::writeReplicas);
          guarded(this::writeAudit);
          guarded(this::writeEvents);
          guarded(this::writeRequests);
          // A batch that waits since an earlier failure goes first, then what was counted since.
          guarded(this::writeUsage);
          guarded(this::writeUsage);
          guarded(this::writeUses);
          guarded(this::writeSlo);
          if (batch != null || !unwritten.isEmpty() || !unkept.isEmpty()) {
            LOG.warn(
                "store_closed_with_unwritten usage={} audit={} replicas={}",
                batch,
                unwritten.size(),
                unkept.keySet());
          }
          database.close();
        });
    thread.shutdown();
    try {
      if (!thread.awaitTermination(CLOSES_WITHIN_MS, TimeUnit.MILLISECONDS)) {
        LOG.warn("store_slow_to_close");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
