package dev.switchboard.gateway.flight;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The recent requests, in bounded memory: by count and by bytes.
 *
 * <p>Two rings. Every request enters the recent one. What falls out of it is dropped, unless it
 * failed, missed what was wanted of it, was moved, slow, asked to tell or looked at: that moves on
 * to the kept ring, so an incident outlives the good traffic that follows it. Each ring has its own
 * bytes and evicts its oldest. A request that still runs is known by its id only. Records lie there
 * as bytes, see {@link FlightCodec}, and are packed and unpacked outside of the lock, which every
 * request takes. Safe on any thread.
 */
public final class FlightRecorder {

  /**
   * @param maxRequests in the recent ring
   * @param maxBytes of the recent ring, estimated
   * @param keptBytes of the kept ring, estimated
   * @param slowMs a request that took at least this long is kept like a failed one
   */
  public record Limits(int maxRequests, long maxBytes, long keptBytes, long slowMs) {
    public static final Limits DEFAULTS = new Limits(2000, 32L << 20, 64L << 20, 5000);

    public Limits {
      require(maxRequests >= 1 && maxRequests <= 1_000_000, "max-requests must be 1 to 1000000");
      require(maxBytes >= 1 << 16, "max-bytes must be at least 65536");
      require(keptBytes >= 1 << 16, "kept-bytes must be at least 65536");
      require(slowMs >= 1, "slow-ms must be at least 1");
    }

    private static void require(boolean condition, String message) {
      if (!condition) {
        throw new IllegalArgumentException(message);
      }
    }
  }

  private static final int UNPACKED_AT_ONCE = 10;

  private volatile Limits limits;
  private final Function<byte[], FlightRecord> unpack;
  private final FlightRing recent = new FlightRing();
  private final FlightRing kept = new FlightRing();
  private final Map<String, FlightEntry> byId = new HashMap<>();
  private final Map<String, Running> running = new HashMap<>();
  private final FlightTail tail = new FlightTail();
  private volatile @Nullable Consumer<StoredFlight> store;
  private long added;

  /** When what was dropped last had ended; 0 while nothing was. */
  private long droppedNanos;

  private long keptDroppedNanos;

  /** The requests of one id that run: one, unless clients chose the same. */
  private static final class Running {
    private final List<Runnable> listeners = new ArrayList<>(0);
    private int flights;
  }

  /** A recorder with these bounds. */
  public FlightRecorder(Limits limits) {
    this(limits, FlightCodec::unpack);
  }

  FlightRecorder(Limits limits, Function<byte[], FlightRecord> unpack) {
    this.limits = limits;
    this.unpack = unpack;
  }

  /**
   * Those of interest are told from now on as they are, and again when more is known of one.
   *
   * @param keeps takes them on any thread, and must not wait
   */
  public void keepIn(Consumer<StoredFlight> keeps) {
    store = keeps;
  }

  private void keepInStore(FlightEntry entry) {
    Consumer<StoredFlight> keeps = store;
    if (keeps != null && entry.interesting) {
      keeps.accept(StoredFlight.of(entry.facts(), entry.packed()));
    }
  }

  /** Goes by other limits from the next request on. */
  public void reconfigure(Limits other) {
    limits = other;
  }

  /**
   * A request began; {@link #add} says that it ended, or {@link #over}. What is kept of it until
   * then is an entry for its id, so that whoever asks too early can be told to wait.
   */
  public synchronized void begin(String id) {
    running.computeIfAbsent(id, begun -> new Running()).flights++;
  }

  /** Adds a record; a later request with the same id hides the earlier one. */
  public void add(FlightRecord record) {
    try {
      FlightEntry entry = new FlightEntry(record, interesting(record), recent);
      synchronized (this) {
        keep(entry);
      }
      keepInStore(entry);
    } finally {
      over(record.id());
    }
  }

  /** A request that began is over, and none more is known of it than was added. */
  public void over(String id) {
    List<Runnable> told;
    synchronized (this) {
      told = ended(id);
    }
    told.forEach(Runnable::run);
  }

  /**
   * Asks to be told, on the thread that ends it, when the request with this id has ended.
   *
   * @return whether one runs; if not, nobody will be told
   */
  public synchronized boolean whenEnded(String id, Runnable listener) {
    Running found = running.get(id);
    if (found == null) {
      return false;
    }
    found.listeners.add(listener);
    return true;
  }

  /** Withdraws what was asked for. */
  public synchronized void forget(String id, Runnable listener) {
    Running found = running.get(id);
    if (found != null) {
      found.listeners.remove(listener);
    }
  }

  private List<Runnable> ended(String id) {
    Running found = running.get(id);
    if (found == null || --found.flights > 0) {
      return List.of();
    }
    running.remove(id);
    return found.listeners;
  }

  /**
   * Adds what replicas said of a record's attempts, if it is still there. Several may have asked,
   * and tell in any order: what one of them heard stays, whatever the others did not.
   */
  public void heard(FlightRecord record, Map<Integer, EngineAnswer> answers) {
    boolean open = !answers.isEmpty();
    while (open) {
      byte[] packed = packed(record.id());
      FlightRecord there = packed == null ? null : unpack.apply(packed);
      // No two requests of one id have the same moments.
      if (packed == null || there == null || !Arrays.equals(there.marks(), record.marks())) {
        return;
      }
      byte[] fuller = FlightCodec.pack(there.with(there.engines().and(answers)));
      open = !become(record.id(), packed, fuller);
    }
  }

  /** Puts other bytes in the place of those that were read; whether they still were there. */
  private synchronized boolean become(String id, byte[] read, byte[] fuller) {
    FlightEntry entry = byId.get(id);
    if (entry == null || !Arrays.equals(entry.packed(), read)) {
      return false;
    }
    entry.become(fuller);
    evict();
    keepInStore(entry);
    return true;
  }

  /**
   * Finds a record for somebody who looks at it, and keeps it as one of interest: who reads about a
   * request shall not lose it to those that end meanwhile.
   */
  public @Nullable FlightRecord look(String id) {
    FlightEntry entry;
    boolean first;
    synchronized (this) {
      entry = byId.get(id);
      if (entry == null) {
        return null;
      }
      first = !entry.interesting;
      entry.interesting = true;
    }
    if (first) {
      keepInStore(entry);
    }
    return unpack.apply(entry.packed());
  }

  private synchronized byte @Nullable [] packed(String id) {
    FlightEntry entry = byId.get(id);
    return entry == null ? null : entry.packed();
  }

  private void keep(FlightEntry entry) {
    entry.number = ++added;
    recent.add(entry);
    byId.put(entry.facts().id(), entry);
    evict();
  }

  private void evict() {
    while (recent.holdsMoreThan(limits.maxRequests, limits.maxBytes)) {
      FlightEntry old = recent.removeOldest();
      if (old.interesting) {
        kept.add(old);
      } else {
        byId.remove(old.facts().id(), old);
        droppedNanos = old.facts().endedNanos();
      }
    }
    while (kept.holdsMoreThan(Integer.MAX_VALUE, limits.keptBytes)) {
      FlightEntry old = kept.removeOldest();
      byId.remove(old.facts().id(), old);
      keptDroppedNanos = old.facts().endedNanos();
    }
  }

  /** Those that end from now on, for whoever watches. */
  public FlightTail tail() {
    return tail;
  }

  public @Nullable FlightRecord find(String id) {
    byte[] packed = packed(id);
    return packed == null ? null : unpack.apply(packed);
  }

  /** The newest records first, at most {@code limit}. */
  public List<FlightRecord> newest(int limit) {
    return find(FlightQuery.newest(limit)).records();
  }

  /**
   * What was found, newest first.
   *
   * @param next where what follows begins; 0 when there is no more
   */
  public record Found(List<FlightRecord> records, long next) {
    public Found {
      records = List.copyOf(records);
    }
  }

  /**
   * Looks for records, outside of the lock but for a note of what there is. Not on an event loop:
   * it rests again and again, so that one which shares its core gets its turn.
   */
  public Found find(FlightQuery query) {
    FlightRing.View[] views = newestFirst();
    List<byte[]> wanted = new ArrayList<>();
    long last = 0;
    long next = 0;
    for (FlightRing.View view : views) {
      Iterator<FlightEntry> found = view.wanted(query);
      while (next == 0 && found.hasNext()) {
        FlightEntry entry = found.next();
        if (wanted.size() == query.limit()) {
          next = last;
        } else {
          wanted.add(entry.packed());
          last = entry.number;
        }
      }
    }
    List<FlightRecord> records = new ArrayList<>();
    for (byte[] packed : wanted) {
      records.add(unpack.apply(packed));
      LoopPauses.after(records.size(), UNPACKED_AT_ONCE);
    }
    return new Found(records, next);
  }

  /** What is in the kept ring has been in the recent one, and is older than all that is there. */
  private synchronized FlightRing.View[] newestFirst() {
    return new FlightRing.View[] {recent.view(), kept.view()};
  }

  /**
   * A request waited for ranks that hold up their stages.
   *
   * @param ranks as {@code stage.rank}
   */
  public synchronized void waited(FlightRecord record, List<String> ranks) {
    FlightEntry entry = byId.get(record.id());
    if (entry != null && entry.facts().endedNanos() == record.at(Flight.Mark.ENDED)) {
      entry.become(entry.facts().waited(ranks));
      keepInStore(entry);
    }
  }

  /**
   * Requests that ran at the same time.
   *
   * @param whole none of them is forgotten, or left out
   */
  public record Beside(List<FlightRecord> records, boolean whole) {
    public Beside {
      records = List.copyOf(records);
    }
  }

  /**
   * Requests of its model that ran at the same time, the newest {@code most} of them. Not on an
   * event loop.
   */
  public Beside beside(FlightRecord record, int most) {
    FlightQuery sameModel = FlightQuery.ofModel(record.model(), record.at(Flight.Mark.ENDED));
    List<FlightRecord> beside = new ArrayList<>();
    boolean whole = remembers(record);
    for (FlightRing.View view : newestFirst()) {
      Iterator<FlightEntry> found = view.wanted(sameModel);
      while (found.hasNext()) {
        FlightEntry entry = found.next();
        if (entry.facts().endedNanos() <= record.at(Flight.Mark.ACCEPTED)
            || entry.facts().id().equals(record.id())) {
          continue;
        }
        if (beside.size() == most) {
          return new Beside(beside, false);
        }
        beside.add(unpack.apply(entry.packed()));
        LoopPauses.after(beside.size(), UNPACKED_AT_ONCE);
      }
    }
    return new Beside(beside, whole);
  }

  /** Whether all are here that ended since a request of this recorder came. */
  private synchronized boolean remembers(FlightRecord record) {
    FlightEntry entry = byId.get(record.id());
    return entry != null
        && entry.facts().endedNanos() == record.at(Flight.Mark.ENDED)
        && Math.max(droppedNanos, keptDroppedNanos) <= record.at(Flight.Mark.ACCEPTED);
  }

  /** The ranks that it is known to have waited for, as {@code stage.rank}. */
  public synchronized List<String> waitedFor(FlightRecord record) {
    FlightEntry entry = byId.get(record.id());
    return entry != null && entry.facts().endedNanos() == record.at(Flight.Mark.ENDED)
        ? entry.facts().waitedFor()
        : List.of();
  }

  /** Whether it is still here, so that whoever has it too need not tell it. */
  public synchronized boolean holds(StoredFlight flight) {
    FlightEntry entry = byId.get(flight.id());
    return entry != null && entry.facts().endedNanos() == flight.endedNanos();
  }

  /** Whether it took so long that it is of interest. */
  public boolean slow(FlightRecord record) {
    return record.wallNanos() / 1_000_000 >= limits.slowMs;
  }

  /**
   * How much of the past is here.
   *
   * @param requests that are here
   * @param ofInterest those of them that outlived the good ones that followed them
   * @param ofInterestBytes memory of those, estimated
   * @param allSinceNanos those that ended later are all here; 0 where all since the start are
   * @param ofInterestSinceNanos the same of those of interest
   */
  public record Reach(
      int requests,
      int ofInterest,
      long ofInterestBytes,
      long allSinceNanos,
      long ofInterestSinceNanos) {}

  public synchronized Reach reach() {
    return new Reach(
        size(),
        kept.size(),
        kept.bytes(),
        Math.max(droppedNanos, keptDroppedNanos),
        keptDroppedNanos);
  }

  synchronized int size() {
    return recent.size() + kept.size();
  }

  /** Whether it outlives the good ones that follow it. */
  public boolean interesting(FlightRecord record) {
    return record.outcome().serverSide()
        || record.missed()
        || record.moves() > 0
        || record.tellsSteps()
        || slow(record);
  }
}
