package dev.switchboard.gateway.flight;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Records in the order in which they came. What lists are filtered by lies beside them in columns,
 * texts by their hashes, so that a list which few of 50,000 pass does not touch the others: to look
 * at all takes twenty times as long, of a core that serves requests too. All but what a {@link
 * View} does is under the recorder's lock.
 */
final class FlightRing {
  private static final int CHUNK = 512;

  /** Chunks that are looked through in one go, in some tens of microseconds. */
  private static final int CHUNKS_AT_ONCE = 32;

  private final Deque<Chunk> chunks = new ArrayDeque<>();
  private int size;

  /** Of the first chunk, what was removed. */
  private int removed;

  private long bytes;

  /** Where an entry lies, and what is beside it there. */
  record Place(@Nullable Chunk chunk, int index) {
    static final Place NONE = new Place(null, 0);

    /** The entry's facts are these now. */
    void tell(FlightFacts facts) {
      if (chunk != null) {
        chunk.tell(index, facts);
      }
    }
  }

  /** Entries that follow each other. */
  static final class Chunk {
    private final @Nullable FlightEntry[] entries = new FlightEntry[CHUNK];
    private final long[] accepted = new long[CHUNK];
    private final long[] wall = new long[CHUNK];
    private final long[] replicas = new long[CHUNK];
    private final long[] waitedFor = new long[CHUNK];
    private final int[] models = new int[CHUNK];
    private final int[] classes = new int[CHUNK];
    private final int[] tenants = new int[CHUNK];
    private final int[] traces = new int[CHUNK];
    private final short[] statuses = new short[CHUNK];
    private final @Nullable Outcome[] outcomes = new Outcome[CHUNK];
    private final boolean[] missed = new boolean[CHUNK];
    private int filled;

    private Place add(FlightEntry entry) {
      Place place = new Place(this, filled);
      tell(filled, entry.facts());
      entries[filled++] = entry;
      return place;
    }

    private void tell(int at, FlightFacts facts) {
      accepted[at] = facts.acceptedNanos();
      wall[at] = facts.wallNanos();
      replicas[at] = marks(facts.replicas());
      waitedFor[at] = marks(facts.waitedFor());
      models[at] = facts.model().hashCode();
      classes[at] = facts.sloClass().hashCode();
      tenants[at] = facts.tenant().hashCode();
      traces[at] = hash(facts.traceId());
      statuses[at] = (short) facts.status();
      outcomes[at] = facts.outcome();
      missed[at] = facts.missed();
    }

    /** False where a query does not want it; where it is true, its facts decide. */
    private boolean may(int at, FlightQuery query, Sieve sieve) {
      return (query.status() == 0 || statuses[at] == (short) query.status())
          && (query.outcome() == null || outcomes[at] == query.outcome())
          && wall[at] >= query.minMs() * 1_000_000
          && (!query.missed() || missed[at])
          && accepted[at] >= query.sinceNanos()
          && accepted[at] < query.untilNanos()
          && (query.model() == null || models[at] == sieve.model)
          && (query.sloClass() == null || classes[at] == sieve.sloClass)
          && (query.tenant() == null || tenants[at] == sieve.tenant)
          && (query.traceId() == null || traces[at] == sieve.trace)
          && (replicas[at] & sieve.replica) == sieve.replica
          && (waitedFor[at] & sieve.waitedFor) == sieve.waitedFor;
    }
  }

  /** A query's texts, as columns have them. */
  private record Sieve(
      int model, int sloClass, int tenant, int trace, long replica, long waitedFor) {
    static Sieve of(FlightQuery query) {
      return new Sieve(
          hash(query.model()),
          hash(query.sloClass()),
          hash(query.tenant()),
          hash(query.traceId()),
          query.replica() == null ? 0 : mark(query.replica()),
          query.waitedFor() == null ? 0 : mark(query.waitedFor()));
    }
  }

  private static int hash(@Nullable String text) {
    return text == null ? 0 : text.hashCode();
  }

  private static long marks(List<String> texts) {
    long marks = 0;
    for (int i = 0; i < texts.size(); i++) {
      marks |= mark(texts.get(i));
    }
    return marks;
  }

  /** Two of 64 bits, so that texts which are not there hardly ever seem to be. */
  private static long mark(String text) {
    int mixed = text.hashCode() * 0x9E3779B9;
    return 1L << (mixed >>> 26) | 1L << (mixed >>> 20 & 63);
  }

  void add(FlightEntry entry) {
    Chunk last = chunks.peekLast();
    if (last == null || last.filled == CHUNK) {
      last = new Chunk();
      chunks.addLast(last);
    }
    entry.lies(this, last.add(entry));
    size++;
    bytes += entry.weight();
  }

  FlightEntry removeOldest() {
    Chunk first = chunks.getFirst();
    FlightEntry entry = first.entries[removed];
    if (entry == null) {
      throw new IllegalStateException("nothing is there");
    }
    first.entries[removed++] = null;
    if (removed == CHUNK) {
      chunks.removeFirst();
      removed = 0;
    }
    entry.lies(this, Place.NONE);
    size--;
    bytes -= entry.weight();
    return entry;
  }

  boolean holdsMoreThan(int mostEntries, long mostBytes) {
    return size > mostEntries || (bytes > mostBytes && size > 1);
  }

  /** One of its entries takes so many bytes more. */
  void grow(long more) {
    bytes += more;
  }

  int size() {
    return size;
  }

  long bytes() {
    return bytes;
  }

  /** What is there now. A look at each entry would let every request wait for the lock. */
  View view() {
    Chunk last = chunks.peekLast();
    return new View(chunks.toArray(Chunk[]::new), last == null ? 0 : last.filled);
  }

  /** What was there at a moment, but for what has been removed since. For any thread. */
  static final class View {
    private final Chunk[] chunks;
    private final int lastFilled;

    private View(Chunk[] chunks, int lastFilled) {
      this.chunks = chunks;
      this.lastFilled = lastFilled;
    }

    /** Those that a query wants, the newest first. The caller's thread rests now and then. */
    Iterator<FlightEntry> wanted(FlightQuery query) {
      return new Wanted(this, query);
    }
  }

  private static final class Wanted implements Iterator<FlightEntry> {
    private final View view;
    private final FlightQuery query;
    private final Sieve sieve;
    private int chunk;
    private int at;
    private int done;
    private @Nullable FlightEntry found;

    private Wanted(View view, FlightQuery query) {
      this.view = view;
      this.query = query;
      this.sieve = Sieve.of(query);
      this.chunk = view.chunks.length - 1;
      this.at = view.lastFilled - 1;
    }

    @Override
    public boolean hasNext() {
      while (found == null && chunk >= 0) {
        look(view.chunks[chunk]);
        if (at < 0) {
          chunk--;
          at = CHUNK - 1;
          LoopPauses.after(++done, CHUNKS_AT_ONCE);
        }
      }
      return found != null;
    }

    /** From where it is to the next one of a chunk. */
    private void look(Chunk in) {
      while (at >= 0 && found == null) {
        FlightEntry entry = in.may(at, query, sieve) ? in.entries[at] : null;
        at--;
        if (entry != null && entry.number < query.before() && query.wants(entry.facts())) {
          found = entry;
        }
      }
    }

    @Override
    public FlightEntry next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      FlightEntry next = found;
      found = null;
      return Objects.requireNonNull(next);
    }
  }
}
