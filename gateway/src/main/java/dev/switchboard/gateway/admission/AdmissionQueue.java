package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.routing.LatencyTarget;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The requests to one model: those that run, as many as its replicas take without queueing, and
 * those that wait for a place.
 *
 * <p><b>Order.</b> Bands of priority first; within a band the tenant that was served the fewest
 * tokens for its weight ({@link BandQueue}); within a tenant the request that is due first. A band
 * that is passed over earns a twentieth of the tokens that go before it, and takes its turn when
 * they cover its first request, so none starves.
 *
 * <p><b>Pace.</b> The lowest band is held back where it would break what others are promised, be
 * there a place or not ({@link BatchThrottle}); others pass what is held back. What it is owed is
 * not.
 *
 * <p><b>Places.</b> The sum of what the ready replicas take ({@link ConcurrencyLimit}): in all, and
 * of streams that have no token yet. A request takes one for each of its answers; one that wants
 * more than there are begins when it has all, one of the lowest band also when it has all that
 * people leave at replicas that preempt. Beyond that requests wait here, where order and deadlines
 * rule, and not in a worker's own queue. Routing is free to send a request to a replica that has no
 * place if it expects it to be served sooner there; what that one has too much counts against the
 * others, so that the places of a replica that routing avoids do not fill the rest. What moved
 * there from a replica that is lost does not: then who comes would wait before a replica that is
 * back and idle. Without a ready replica everything passes: routing then says that nothing can
 * serve it.
 *
 * <p><b>Refusals.</b> A request is refused at once when its answer would end after its deadline, as
 * far as that is predicted, or, because of the queue alone, after its target. What is held against
 * a target is what the replicas' predictions leave to one in ten, which every served request
 * teaches: a scatter that is learned by size refuses a size for good once it was high, since what
 * is refused brings no news. The predicted wait is the number of places that those before it and it
 * still lack times the time between two that become free: by Little's law the mean time that a
 * place is held over the number of places. While none became free for longer the first one is
 * expected later, and so are those behind it, by the same time: streams that began together end
 * together, and the silence before says nothing of the time between two of them. In the lowest band
 * it is no shorter than that band's own beginnings have it ({@link BatchStartRate}). So a burst
 * does not fill the queue with what nobody waits for any more, and what expires in it is dropped
 * before it is dispatched. A full queue gives up the newest request of its lowest band for one of a
 * higher band, and within a band the last one of a tenant that has more than its share.
 *
 * <p><b>Use.</b> {@link #offer}; when it runs, {@link #routed} and {@link #firstToken} as they
 * happen; then {@link #finished} or {@link #abandon}, once. {@link #tick} every few milliseconds
 * while requests wait. Safe on any thread: one lock, never held while a listener runs. Time comes
 * in with each call. Without a queue an offer takes well under a microsecond.
 */
public final class AdmissionQueue {
  /** Of the tokens that pass a band, what it is owed. */
  private static final double RESERVED_SHARE = 0.05;

  /** How much of the time since a place last changed hands is expected until the next one does. */
  private static final double SHARE_OF_SILENCE = 0.33;

  /** More of a target than this must not pass at a replica, or too little is left for waiting. */
  private static final double SHARE_OF_TARGET_AT_REPLICA = 0.7;

  private static final double NANOS_PER_SECOND = 1e9;

  /** Between two who come back with a target, in times of what a place takes to become free. */
  private static final double APART = 2;

  /** Hears what becomes of a request that waited. Not called under the lock; must not block. */
  public interface Listener {
    /** It has a place now. */
    void dispatched(Entry entry, long nowNanos);

    /** It waits no longer. */
    void refused(Entry entry, Refusal refusal);
  }

  private static final Listener NOBODY =
      new Listener() {
        @Override
        public void dispatched(Entry entry, long nowNanos) {}

        @Override
        public void refused(Entry entry, Refusal refusal) {}
      };

  /** Where a request is; it only moves downwards. */
  private enum State {
    WAITING,
    RUNNING,
    OVER
  }

  /** One request; guarded by the queue's lock but for what never changes. */
  public static final class Entry {
    final Demand demand;
    final double weight;
    final Listener listener;
    final long sequence;
    final long offeredNanos;
    final long due;
    final long expires;

    /** An idle replica would meet its target; else it is not load that misses it. */
    final boolean ttftBinds;

    final long charged;
    private State state = State.WAITING;
    private long startedNanos;
    private long predictedWaitNanos = WaitPredictor.UNKNOWN;
    private @Nullable ReplicaOccupancy site;
    private long routedNanos;

    /** Its stream has not begun where it is. */
    private boolean unanswered;

    /** Its client has a part of the stream. */
    private boolean begun;

    /** It had that when it came to where it is. */
    private boolean moved;

    /** Where it is was on probation when it came. */
    boolean probes;

    /** When it came first, where it was told to come back and did; else when it came. */
    final long firstNanos;

    /** It was told to come back now. */
    final boolean promised;

    private Entry(
        Demand demand,
        double weight,
        Listener listener,
        long sequence,
        long now,
        long patience,
        boolean binds,
        RetryTurns.@Nullable Promise promise) {
      this.demand = demand;
      this.weight = weight;
      this.listener = listener;
      this.sequence = sequence;
      this.offeredNanos = now;
      this.ttftBinds = binds;
      this.charged = demand.tokens();
      long latest = Math.min(now + patience, demand.deadlineNanos());
      long wanted = Math.min(latest, demand.ttftAtNanos());
      this.promised = promise != null;
      this.firstNanos = promise == null ? now : promise.firstNanos();
      this.due = promise == null ? wanted : Math.min(wanted, firstNanos);
      this.expires = binds ? wanted : latest;
    }

    public Demand demand() {
      return demand;
    }

    int places() {
      return demand.places();
    }

    boolean moved() {
      return moved;
    }

    /** It is of the lowest band, which goes after all others. */
    boolean yields() {
      return AdmissionQueue.yields(demand);
    }
  }

  /**
   * What can be seen of it at a moment.
   *
   * @param running places that are held: one for each answer of a request that runs
   * @param drainPerSecond places that become free while all are held; 0 while unknown
   * @param waitP90Ratio real over predicted wait that nine in ten stay below
   * @param tokens that were asked for
   * @param peopleRunning places that requests hold which are not of the lowest band
   * @param held requests that wait for the first replica
   */
  public record Snapshot(
      Map<Band, Integer> waiting,
      long waitingBytes,
      int running,
      int places,
      double drainPerSecond,
      double waitP90Ratio,
      TokenFlow.Seen tokens,
      int peopleRunning,
      int held) {
    public Snapshot {
      waiting = Map.copyOf(waiting);
    }

    /** Requests that wait and are not of the lowest band. */
    public int people() {
      return waiting.entrySet().stream()
          .filter(band -> band.getKey() != Band.SHEDDABLE)
          .mapToInt(Map.Entry::getValue)
          .sum();
    }

    /** Whether requests wait that nothing holds back but others, or the next one would. */
    public boolean full() {
      return running >= places
          || waiting.entrySet().stream()
              .anyMatch(band -> band.getKey() != Band.SHEDDABLE && band.getValue() > 0);
    }
  }

  private volatile AdmissionConfig config;
  private final WaitPredictor predictor;
  private final BatchThrottle pace;
  private final DoubleSupplier random;
  private final MeasuredTtft[] measured = new MeasuredTtft[Band.values().length];
  private final WaitCalibration calibration = new WaitCalibration();
  private final BatchStartRate yielding = new BatchStartRate();
  private final TokenFlow flow = new TokenFlow();
  private final RetryTurns toPeople = new RetryTurns();
  private final RetryTurns toYielding = new RetryTurns();
  private final Object lock = new Object();

  /** Requests that were let in and whose response has not ended. */
  final AtomicInteger passes = new AtomicInteger();

  private final Map<String, ReplicaOccupancy> sites = new HashMap<>();

  /** When each replica that is not ready is expected to be. */
  private final Map<String, Long> returning = new HashMap<>();

  private final BandQueue[] bands = new BandQueue[Band.values().length];
  private final TreeSet<Entry> byExpiry =
      new TreeSet<>(
          Comparator.comparingLong((Entry e) -> e.expires).thenComparingLong(e -> e.sequence));
  private long sequence;
  private long waitingBytes;
  private int readySites;

  /** Null where nobody starts a replica for what waits. */
  private @Nullable FirstReplica first;

  private boolean closed;

  /** Since when there has been no replica for what waits; 0 where none waits. */
  private long heldSince;

  /** When the last time ended at which there was no replica. */
  private volatile long readyNanos;

  private int busy;
  private int unroutedPeople;
  private int unroutedYielding;
  private final Holding people = new Holding();
  private final Holding yieldingHold = new Holding();
  private long lastMovedNanos;

  /**
   * @param predictor asked first; where it knows nothing, what the queue measured itself
   * @param random from 0 to 1, so that clients that are refused together do not come back together
   */
  public AdmissionQueue(AdmissionConfig config, WaitPredictor predictor, DoubleSupplier random) {
    this.config = config;
    this.predictor = predictor;
    this.pace = new BatchThrottle(predictor);
    this.random = random;
    Arrays.setAll(bands, band -> new BandQueue());
    Arrays.setAll(measured, band -> new MeasuredTtft());
  }

  // ------------------------------------------------------------------ what comes in

  /**
   * Takes a request, or says why not. The listener hears of it only if it waits.
   *
   * @param weight of its tenant's share, above 0
   */
  public AdmissionDecision offer(Demand demand, double weight, Listener listener, long nowNanos) {
    if (!(weight > 0)) {
      throw new IllegalArgumentException("weight must be above 0");
    }
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        if (!byExpiry.isEmpty()) {
          drain(nowNanos, notices);
        }
        return decide(demand, weight, listener, nowNanos, notices);
      }
    }
  }

  private AdmissionDecision decide(
      Demand demand, double weight, Listener listener, long now, DeferredNotifications notices) {
    pace.offered(demand, now);
    flow.offered(demand);
    boolean free = mayRun(demand, now);
    RetryTurns.Promise promise = promises(demand).redeem(demand.asker().request(), now);
    Entry entry = entry(demand, weight, listener, promise, now);
    if (holds()) {
      return hold(entry, now, notices);
    }
    entry.predictedWaitNanos = free ? 0 : wait(entry, now);
    Expected expected = expected(entry, entry.predictedWaitNanos, free, now);
    if (readySites > 0 && expected.missesDeadline(demand, now)) {
      return refusal(Reason.DEADLINE, entry, expected, now);
    }
    if (free) {
      settle(band(entry), entry);
      begin(entry, now);
      return new AdmissionDecision.Running(entry);
    }
    if (entry.ttftBinds && !entry.promised && expected.missesTarget(demand, now)) {
      return refusal(Reason.TTFT, entry, expected, now);
    }
    if (!makeRoom(entry, now, notices)) {
      return refusal(Reason.QUEUE_FULL, entry, expected, now);
    }
    int position = before(entry) + 1;
    if (yields(demand) && band(entry).isEmpty()) {
      yielding.waits(now);
    }
    band(entry).add(entry);
    byExpiry.add(entry);
    waitingBytes += demand.bytes();
    flow.waits(demand);
    return new AdmissionDecision.Waiting(entry, position);
  }

  /** It waits for the first replica, which is no load that could miss its target. */
  private AdmissionDecision hold(Entry entry, long now, DeferredNotifications notices) {
    heldSince = heldSince == 0 ? now : heldSince;
    if (!makeRoom(entry, now, notices)) {
      return refusal(Reason.REPLICA_WAIT_FULL, entry, expectedHeld(now), now);
    }
    int position = before(entry) + 1;
    band(entry).add(entry);
    byExpiry.add(entry);
    waitingBytes += entry.demand.bytes();
    flow.waits(entry.demand);
    return new AdmissionDecision.Waiting(entry, position);
  }

  /** There is no replica, and somebody starts one for what waits. */
  private boolean holds() {
    return readySites == 0 && first != null;
  }

  private Expected expectedHeld(long now) {
    return new Expected(untilFirst(now), WaitPredictor.UNKNOWN, WaitPredictor.UNKNOWN);
  }

  /** Until the first replica is expected; where it is overdue, half of what a start takes. */
  private long untilFirst(long now) {
    long start = first == null ? 0 : first.startNanos();
    long left = start - (heldSince == 0 ? 0 : now - heldSince);
    return left > 0 ? left : start / 2;
  }

  /**
   * Says whether somebody starts a replica for what waits while there is none.
   *
   * @param wanted how they wait; null where nobody does
   */
  public void startsFirst(@Nullable FirstReplica wanted) {
    synchronized (lock) {
      first = closed ? null : wanted;
    }
  }

  /**
   * Nobody serves its model any more, nor will: who waits goes on at once, and is told so there.
   */
  public void close(long nowNanos) {
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        closed = true;
        first = null;
        returning.clear();
        readyNanos = nowNanos;
        drain(nowNanos, notices);
      }
    }
  }

  /** A request would have come here, had there been a replica: another model stands in for it. */
  public void missed(Demand demand) {
    synchronized (lock) {
      flow.offered(demand);
    }
  }

  /** Whether a request that comes now waits for the first replica. */
  public boolean holding() {
    synchronized (lock) {
      return holds();
    }
  }

  /** When the last time ended at which there was no replica. */
  long readyNanos() {
    return readyNanos;
  }

  /** Requests that wait while there is no replica. */
  private int held() {
    return holds() ? byExpiry.size() : 0;
  }

  /** What it would be if it came now, with the share that tenants have where nothing is said. */
  private Entry imagined(Demand demand, boolean free, long now) {
    Entry entry = entry(demand, 1, NOBODY, null, now);
    entry.predictedWaitNanos = free ? 0 : wait(entry, now);
    return entry;
  }

  private Entry entry(
      Demand demand,
      double weight,
      Listener listener,
      RetryTurns.@Nullable Promise promise,
      long now) {
    long idle = measured(demand).idleNanos(demand, now);
    FirstReplica cold = readySites == 0 ? first : null;
    boolean ttftBinds = cold == null && demand.ttftAtNanos() - now > Math.max(0, idle);
    long patience = cold == null ? config.queueNanos() : cold.waitNanos();
    return new Entry(demand, weight, listener, sequence++, now, patience, ttftBinds, promise);
  }

  private static boolean yields(Demand demand) {
    return demand.band() == Band.SHEDDABLE;
  }

  /** There is a place, and nobody waits who may have it: only what is held back does. */
  private boolean mayRun(Demand demand, long now) {
    boolean yields = yields(demand);
    int others = byExpiry.size() - (yields ? 0 : bands[Band.SHEDDABLE.index()].size());
    // Who comes now is told at once that nobody serves, and when somebody may.
    return (others == 0 || readySites == 0)
        && hasPlace(yields, demand.places())
        && !(yields && holds(now));
  }

  private boolean holds(long now) {
    return readySites > 0 && pace.holds(now);
  }

  /** Whether a request would not be refused for its deadline, were it offered now. */
  public boolean inTime(Demand demand, long nowNanos) {
    if (demand.deadlineNanos() == Long.MAX_VALUE) {
      return true;
    }
    synchronized (lock) {
      boolean free = mayRun(demand, nowNanos);
      Entry entry = imagined(demand, free, nowNanos);
      return !expected(entry, entry.predictedWaitNanos, free, nowNanos)
          .missesDeadline(demand, nowNanos);
    }
  }

  /**
   * What a request is to expect, by which it is decided and which it is told.
   *
   * @param waitNanos for a place
   * @param free nobody else wants the place: an end that is only unlikely may be tried for
   */
  private Expected expected(Entry entry, long waitNanos, boolean free, long now) {
    Demand demand = entry.demand;
    long ttft = mostTtft(entry, now);
    return new Expected(waitNanos, ttft, end(demand, free, now));
  }

  /**
   * What a target is held against: it is to be met by all but a few. Nothing is held against the
   * only one of people that is on its way to a first token: those that yield to it make room, and
   * nobody else would have its place. Nor against who was told to come now.
   */
  private long mostTtft(Entry entry, long now) {
    Demand demand = entry.demand;
    long predicted = predictor.ttftP90Nanos(demand, now);
    if (predicted == WaitPredictor.UNKNOWN) {
      predicted = predictor.ttftNanos(demand, now);
    }
    long own = measured(demand).ttftNanos(demand, now);
    long seen = own < 0 ? own : own + measured(demand).spreadNanos(demand, now);
    if (yields(demand)) {
      return predicted == WaitPredictor.UNKNOWN ? seen : predicted;
    }
    if (entry.promised || isFirstOfPeople(entry)) {
      return WaitPredictor.UNKNOWN;
    }
    return ofPeople(predicted, seen);
  }

  /**
   * What replicas are predicted to take. Where requests of the lowest band run, the prediction says
   * how long those wait behind people, too: then it counts no more than what people saw.
   */
  private long ofPeople(long predicted, long seen) {
    if (yieldingHold.running() == 0) {
      return predicted < 0 ? seen : predicted;
    }
    return predicted < 0 || seen < 0 ? seen : Math.min(predicted, seen);
  }

  private boolean isFirstOfPeople(Entry entry) {
    int ahead = unroutedPeople;
    for (ReplicaOccupancy site : sites.values()) {
      ahead += site.ready ? site.unansweredPeople() : 0;
    }
    return ahead < readySites && before(entry) == 0 && isLast(entry);
  }

  /** Nobody of its band waits, or nobody but it. */
  private boolean isLast(Entry entry) {
    int others = band(entry).size();
    return others == 0 || (others == 1 && band(entry).head() == entry);
  }

  private BandQueue band(Entry entry) {
    return bands[entry.demand.band().index()];
  }

  private MeasuredTtft measured(Demand demand) {
    return measured[demand.band().index()];
  }

  private long ttft(Demand demand, long now) {
    long predicted = predictor.ttftNanos(demand, now);
    long own = measured(demand).ttftNanos(demand, now);
    if (yields(demand)) {
      return predicted == WaitPredictor.UNKNOWN ? own : predicted;
    }
    return ofPeople(predicted, own);
  }

  /** When its answer ends; where nobody predicts that, when it begins. */
  private long end(Demand demand, boolean free, long now) {
    if (demand.deadlineNanos() == Long.MAX_VALUE) {
      return WaitPredictor.UNKNOWN;
    }
    long end = free ? predictor.usualEndNanos(demand, now) : predictor.endNanos(demand, now);
    long predicted = predictor.ttftNanos(demand, now);
    long ttft = ttft(demand, now);
    // Its beginning may be known better than the predictor knows it.
    long sooner = Math.max(0, predicted) - Math.max(0, ttft);
    return Math.max(ttft, end < 0 ? end : end - Math.max(0, sooner));
  }

  /** A request whose answer comes as a whole went to a replica. */
  public void routed(Entry entry, String replica, long nowNanos) {
    routed(entry, replica, false, nowNanos);
  }

  /**
   * A request that runs went to a replica; said again for another attempt.
   *
   * @param streams whether {@link #firstToken} will tell of its first token
   */
  public void routed(Entry entry, String replica, boolean streams, long nowNanos) {
    synchronized (lock) {
      if (entry.state != State.RUNNING) {
        return;
      }
      leaveSite(entry);
      ReplicaOccupancy site = site(replica);
      entry.site = site;
      entry.routedNanos = nowNanos;
      entry.unanswered = streams;
      entry.moved = entry.begun;
      site.takes(entry, streams);
      busy += site.ready ? entry.places() : 0;
    }
  }

  /** The first token of a request came. */
  public void firstToken(Entry entry, long nowNanos) {
    begins(entry, true, nowNanos);
  }

  /**
   * A stream that went to another replica goes on there: it waits for its first token no longer,
   * and how long it took says nothing of those that come with their prompt only.
   */
  public void resumed(Entry entry, long nowNanos) {
    begins(entry, false, nowNanos);
  }

  private void begins(Entry entry, boolean tells, long nowNanos) {
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        ReplicaOccupancy site = entry.site;
        if (entry.state == State.RUNNING && site != null) {
          if (tells) {
            learn(entry, site, nowNanos);
          }
          entry.begun = true;
          answered(entry, site);
          drain(nowNanos, notices);
        }
      }
    }
  }

  private void learn(Entry entry, ReplicaOccupancy site, long now) {
    long taken = now - entry.routedNanos;
    site.firstToken(entry, taken, now, tight(entry, taken), !byExpiry.isEmpty());
    measured(entry.demand).observe(entry.demand.promptTokens(), now - entry.startedNanos, now);
  }

  private static void answered(Entry entry, ReplicaOccupancy site) {
    if (entry.unanswered) {
      entry.unanswered = false;
      site.answered(entry);
    }
  }

  /** Whether a replica alone used up nearly all of the time to the first token. */
  private static boolean tight(Entry entry, long takenNanos) {
    return entry.ttftBinds
        && entry.demand.ttftAtNanos() != Long.MAX_VALUE
        && takenNanos
            > SHARE_OF_TARGET_AT_REPLICA * (entry.demand.ttftAtNanos() - entry.offeredNanos);
  }

  /**
   * The whole of an answer came at once, so nobody saw its first token.
   *
   * @param tokens that were generated; −1 where nobody knows
   */
  public void wholeAnswer(Entry entry, long tokens, long nowNanos) {
    synchronized (lock) {
      ReplicaOccupancy site = entry.site;
      if (entry.state == State.RUNNING && site != null) {
        // Who is held back waits though there are places.
        boolean waits = !byExpiry.isEmpty() && !hasPlace(entry.yields(), 1);
        site.wholeAnswer(entry, tokens, nowNanos - entry.routedNanos, nowNanos, waits);
      }
    }
  }

  /**
   * A request that ran has ended, well or not.
   *
   * @param tokens that it read and generated; −1 where nobody knows
   */
  public void finished(Entry entry, long tokens, long nowNanos) {
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        if (entry.state == State.RUNNING) {
          end(entry, tokens < 0 ? entry.charged : tokens, nowNanos);
        } else if (entry.state == State.WAITING) {
          giveUp(entry, nowNanos);
        }
        drain(nowNanos, notices);
      }
    }
  }

  /** Its client left, whether it waits or runs; then what was estimated is charged. */
  public void abandon(Entry entry, long nowNanos) {
    finished(entry, WaitPredictor.UNKNOWN, nowNanos);
  }

  /** Drops what expired and dispatches what has a place. */
  public void tick(long nowNanos) {
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        drain(nowNanos, notices);
      }
    }
  }

  /** Says whether a replica takes requests, as many as is learned. */
  public void replica(String replica, boolean ready, long nowNanos) {
    replica(replica, ready, 0, false, false, nowNanos);
  }

  /**
   * Says whether a replica takes requests.
   *
   * @param most at once; 0 for as many as is learned
   * @param probation it takes one at a time, which is to show that it serves again
   * @param preempts it serves by priority, and preempts the last for a more urgent one
   */
  public void replica(
      String replica, boolean ready, int most, boolean probation, boolean preempts, long nowNanos) {
    try (DeferredNotifications notices = new DeferredNotifications()) {
      synchronized (lock) {
        ReplicaOccupancy site = site(replica);
        site.most = most == 0 ? Integer.MAX_VALUE : most;
        site.probation = probation;
        site.preempts = preempts;
        if (site.ready != ready) {
          site.ready = ready;
          readySites += ready ? 1 : -1;
          if (ready && readySites == 1) {
            firstReady(nowNanos);
          }
          busy += ready ? site.running : -site.running;
        }
        if (!ready && site.running == 0) {
          sites.remove(replica);
        }
        drain(nowNanos, notices);
      }
    }
  }

  /** There is a replica again: what waited did so for this one, and not for its turn. */
  private void firstReady(long now) {
    readyNanos = now;
    heldSince = 0;
    if (!bands[Band.SHEDDABLE.index()].isEmpty()) {
      yielding.waits(now);
    }
  }

  /**
   * Says when a replica that takes no requests will take some, if nobody does anything. Who waits
   * then goes on waiting for it where there is no other one; before {@link #replica} is told.
   *
   * @param atNanos {@link Long#MAX_VALUE} for a replica that is ready, or stays as it is
   */
  public void comesBack(String replica, long atNanos) {
    synchronized (lock) {
      if (atNanos == Long.MAX_VALUE) {
        returning.remove(replica);
      } else {
        returning.put(replica, atNanos);
      }
    }
  }

  /**
   * Whether it waits for a replica that is back in time, since there is none and no other model.
   */
  private boolean awaits(Entry entry) {
    return readySites == 0
        && !entry.demand.elsewhere()
        && returning.values().stream().anyMatch(at -> at < entry.expires);
  }

  /**
   * Takes what a replica reports of itself.
   *
   * @param running sequences in its batch
   * @param waiting sequences in its own queue
   */
  public void reported(String replica, int running, int waiting) {
    synchronized (lock) {
      ReplicaOccupancy site = sites.get(replica);
      if (site != null) {
        site.reported(running, waiting, !byExpiry.isEmpty());
      }
    }
  }

  /** A replica answered that it has enough. */
  public void refusedBy(String replica) {
    synchronized (lock) {
      ReplicaOccupancy site = sites.get(replica);
      if (site != null) {
        site.refused();
      }
    }
  }

  /** Goes by other bounds from now on. Limits of replicas are learned anew where theirs changed. */
  public void reconfigure(AdmissionConfig other) {
    synchronized (lock) {
      AdmissionConfig before = config;
      config = other;
      if (before.replicaConcurrency() != other.replicaConcurrency()
          || before.replicaQueueMs() != other.replicaQueueMs()) {
        sites.values().forEach(site -> site.learnAnew(other));
      }
    }
  }

  private ReplicaOccupancy site(String replica) {
    return sites.computeIfAbsent(replica, id -> new ReplicaOccupancy(config));
  }

  // ------------------------------------------------------------------ places

  /** Places that are not for the lowest band: of all, and of those without a token. */
  private record Kept(int places, int first) {
    static final Kept NONE = new Kept(0, 0);
  }

  /**
   * Whether there are as many places that nobody has, nor is on the way to; where a request wants
   * more than there ever are, whether it would have all: of all, and of those without a token.
   */
  private boolean hasPlace(boolean yields, int wanted) {
    if (readySites == 0) {
      return true;
    }
    Kept kept = yields ? keptBack() : Kept.NONE;
    int on = unrouted(yields);
    long free = -(long) on - kept.places();
    long first = -(long) on - kept.first();
    long left = first;
    long ahead = on;
    long aheadUnanswered = on;
    for (ReplicaOccupancy site : sites.values()) {
      if (site.ready) {
        free += site.freePlaces(yields);
        first += site.freeFirstPlaces(yields);
        left += site.free(yields);
        ahead += site.ahead(yields);
        aheadUnanswered += site.aheadUnanswered(yields);
      }
    }
    left = Math.min(left, free);
    return left > 0
        && (left >= wanted
            || (free >= Math.min(wanted, ahead + free)
                && first >= Math.min(wanted, aheadUnanswered + first)));
  }

  /**
   * Replicas that do not preempt keep places back for people: as many as were there of late, and
   * one each that could get a first token. Whoever is behind two that have none where the batch is
   * full has its own when three answers have ended. And batches give way to what has moved.
   */
  private Kept keptBack() {
    int most = (int) Math.ceil(people.peak());
    if (most == 0) {
      return Kept.NONE;
    }
    int serving = 0;
    int places = 0;
    int first = 0;
    int moved = 0;
    for (ReplicaOccupancy site : sites.values()) {
      serving += site.ready && !site.preempts ? 1 : 0;
      places += site.ready ? site.places() : 0;
      first += site.ready ? site.firstPlaces() : 0;
      moved += site.ready ? site.movedBeyond() : 0;
    }
    int ofThem = (int) Math.ceil((double) most * serving / readySites);
    int kept = Math.clamp(ofThem - people.running(), 0, Math.max(0, places - 1));
    return new Kept(kept + moved, Math.min(serving, first - 1));
  }

  private int free(boolean yields) {
    int free = -unrouted(yields);
    for (ReplicaOccupancy site : sites.values()) {
      free += site.ready ? site.free(yields) : 0;
    }
    return free;
  }

  private int held(boolean yields) {
    int held = unrouted(yields);
    for (ReplicaOccupancy site : sites.values()) {
      held += site.ready ? site.held(yields) : 0;
    }
    return held;
  }

  /** Places of those that are on the way to a replica, and would be in the way of others there. */
  private int unrouted(boolean yields) {
    boolean preempt = true;
    for (ReplicaOccupancy site : sites.values()) {
      preempt &= !site.ready || site.preempts;
    }
    return unroutedPeople + (yields || !preempt ? unroutedYielding : 0);
  }

  private void begin(Entry entry, long now) {
    entry.state = State.RUNNING;
    entry.startedNanos = now;
    lastMovedNanos = now;
    busy += entry.places();
    unrouted(entry, entry.places());
    holding(entry).begins(entry.places(), now);
    pace.begins(entry.demand);
    band(entry).begins(entry);
  }

  private void unrouted(Entry entry, int more) {
    if (entry.yields()) {
      unroutedYielding += more;
    } else {
      unroutedPeople += more;
    }
  }

  private Holding holding(Entry entry) {
    return entry.yields() ? yieldingHold : people;
  }

  private void end(Entry entry, long tokens, long now) {
    entry.state = State.OVER;
    leaveSite(entry);
    band(entry).ends(entry, tokens);
    holding(entry).ends(entry.places(), now - entry.startedNanos);
    flow.served(entry.demand, now - entry.startedNanos);
    lastMovedNanos = now;
  }

  /** Its place at a replica, or that of one which is not routed yet. */
  private void leaveSite(Entry entry) {
    ReplicaOccupancy site = entry.site;
    entry.site = null;
    if (site == null) {
      busy -= entry.places();
      unrouted(entry, -entry.places());
      pace.routed(entry.demand);
      return;
    }
    site.loses(entry);
    answered(entry, site);
    busy -= site.ready ? entry.places() : 0;
    if (!site.ready && site.running == 0) {
      sites.values().remove(site);
    }
  }

  private void drain(long now, DeferredNotifications notices) {
    while (!byExpiry.isEmpty() && byExpiry.first().expires <= now) {
      Entry entry = byExpiry.first();
      drop(entry, expiry(entry, now), expectedBehind(entry, now), now, notices);
    }
    people.tick(now);
    while (!byExpiry.isEmpty()) {
      Entry entry = next(now);
      if (entry == null) {
        return;
      }
      Expected expected = expected(entry, 0, false, now);
      Reason hopeless = hopeless(entry, expected, now);
      if (hopeless != null) {
        drop(entry, hopeless, expected, now, notices);
      } else {
        dispatch(entry, now, notices);
      }
    }
  }

  private void dispatch(Entry entry, long now, DeferredNotifications notices) {
    settle(band(entry), entry);
    takeOut(entry);
    begin(entry, now);
    long waited = now - entry.offeredNanos;
    if (yields(entry.demand)) {
      yielding.begins(entry.predictedWaitNanos, waited, now);
    } else {
      calibration.waited(entry.predictedWaitNanos, waited);
    }
    notices.dispatched(entry, now);
  }

  /** Why a place would be wasted on it; null when it would not. */
  private @Nullable Reason hopeless(Entry entry, Expected expected, long now) {
    if (readySites == 0) {
      return null;
    }
    if (expected.missesDeadline(entry.demand, now)) {
      return Reason.DEADLINE;
    }
    return entry.ttftBinds && expected.missesTarget(entry.demand, now) ? Reason.TTFT : null;
  }

  private Reason expiry(Entry entry, long now) {
    if (entry.demand.deadlineNanos() <= now) {
      return Reason.EXPIRED;
    }
    if (holds()) {
      return Reason.REPLICA_WAIT;
    }
    boolean late = entry.ttftBinds && entry.demand.ttftAtNanos() <= now;
    return late ? Reason.TTFT : Reason.QUEUE_TIMEOUT;
  }

  /**
   * The request whose turn it is and that has a place; null for none. The lowest band has its turn
   * where nobody else waits.
   */
  private @Nullable Entry next(long now) {
    Entry next = null;
    for (BandQueue band : bands) {
      Entry head = band.head();
      if (head != null && (next == null || passes(head, next, now))) {
        next = head;
      }
    }
    return next != null
            && !holds()
            && !awaits(next)
            && hasPlace(next.yields(), next.places())
            && mayGo(next, now)
        ? next
        : null;
  }

  /** It is owed its turn before one of a higher band, which has the time. */
  private boolean passes(Entry lower, Entry higher, long now) {
    return !lower.yields()
        && band(lower).credit >= lower.charged
        && !expected(higher, (long) untilFree(lacking(higher, 0), false, now), false, now)
            .misses(higher.demand, now);
  }

  private boolean mayGo(Entry head, long now) {
    return !head.yields() || band(head).credit >= head.charged || !holds(now);
  }

  /** Every lower band that waits is owed a part of what goes before it. */
  private void settle(BandQueue served, Entry next) {
    boolean higher = true;
    for (BandQueue band : bands) {
      if (band == served) {
        band.credit = Math.max(0, band.credit - next.charged);
        higher = false;
      } else if (!higher && !band.isEmpty()) {
        band.credit += RESERVED_SHARE * next.charged;
      }
    }
  }

  private void takeOut(Entry entry) {
    byExpiry.remove(entry);
    band(entry).remove(entry);
    waitingBytes -= entry.demand.bytes();
    flow.waitsNoLonger(entry.demand);
  }

  private void drop(
      Entry entry, Reason reason, Expected expected, long now, DeferredNotifications notices) {
    giveUp(entry, now);
    notices.refused(entry, refusal(reason, entry, expected, now));
  }

  private void giveUp(Entry entry, long now) {
    takeOut(entry);
    entry.state = State.OVER;
    if (yields(entry.demand) && band(entry).isEmpty() && readySites > 0) {
      yielding.givenUp(now);
    }
  }

  /** What it is to expect if it waits for its turn once more. */
  private Expected expectedBehind(Entry entry, long now) {
    if (holds()) {
      return expectedHeld(now);
    }
    return expected(entry, wait(entry, now), false, now);
  }

  // ------------------------------------------------------------------ bounds

  /** Makes room for a request, if it may take the place of others. */
  private boolean makeRoom(Entry entry, long now, DeferredNotifications notices) {
    if (entry.demand.bytes() > mostBytes() || mostRequests() == 0) {
      return false;
    }
    while (isFull(entry)) {
      Entry victim = victim(entry);
      if (victim == null) {
        return false;
      }
      drop(victim, Reason.EVICTED, expectedBehind(victim, now), now, notices);
    }
    return true;
  }

  private boolean isFull(Entry entry) {
    return byExpiry.size() >= mostRequests() || waitingBytes + entry.demand.bytes() > mostBytes();
  }

  private int mostRequests() {
    return readySites == 0 && first != null ? first.requests() : config.queueRequests();
  }

  private long mostBytes() {
    return readySites == 0 && first != null ? first.bytes() : config.queueBytes();
  }

  private @Nullable Entry victim(Entry entry) {
    for (int i = bands.length - 1; i > entry.demand.band().index(); i--) {
      Entry newcomer = bands[i].newestUnpromised();
      Entry newest = newcomer == null ? bands[i].newest() : newcomer;
      if (newest != null) {
        return newest;
      }
    }
    Entry excess = band(entry).excess(entry);
    return excess != null || !entry.promised ? excess : band(entry).newestUnpromised();
  }

  // ------------------------------------------------------------------ predictions

  /** How many requests would be served before this one. */
  private int before(Entry entry) {
    int before = 0;
    for (int i = 0; i < entry.demand.band().index(); i++) {
      before += bands[i].size();
    }
    return before + band(entry).before(entry);
  }

  /** How many places those would take. */
  private double placesBefore(Entry entry) {
    double before = 0;
    for (int i = 0; i < entry.demand.band().index(); i++) {
      before += bands[i].places();
    }
    return before + band(entry).placesBefore(entry);
  }

  /**
   * How many places have to become free until it has its own, which are no more than there are. In
   * the lowest band those that are free say little: it is held back though there are places.
   *
   * @param before that others take before it
   */
  private double lacking(Entry entry, double before) {
    boolean yields = yields(entry.demand);
    if (readySites == 0) {
      return before + entry.places();
    }
    int held = Math.max(1, held(yields));
    int free = Math.max(0, free(yields));
    double lacking = before + Math.min(entry.places(), held + free) - (yields ? 0 : free);
    if (yields || lacking < 1) {
      return Math.max(1, lacking);
    }
    // Counted as if all were held: those that are free end nothing until somebody has them.
    return lacking + Math.min(lacking, held) * free / held;
  }

  /** How long it is to wait if it does: for a place, and in the lowest band for its turn. */
  private long wait(Entry entry, long now) {
    double free = untilFree(lacking(entry, placesBefore(entry)), yields(entry.demand), now);
    long place = free == 0 ? WaitPredictor.UNKNOWN : Math.round(free);
    if (!yields(entry.demand)) {
      return place;
    }
    BandQueue band = band(entry);
    return Math.max(place, yielding.waitNanos(band.before(entry) + 1, !band.isEmpty(), now));
  }

  /**
   * Nanoseconds until so many places have become free while all are taken; 0 where none was held
   * yet. A silence delays the first of them, and the others only with it.
   */
  private double untilFree(double places, boolean yields, long now) {
    double each = interval(yields);
    double first = Math.max(each, SHARE_OF_SILENCE * (now - lastMovedNanos));
    return each == 0 ? 0 : first + (places - 1) * each;
  }

  /**
   * Nanoseconds between two places that become free while all are taken, on average; 0 where none
   * was held yet. To people those of the lowest band count only where replicas do not preempt.
   */
  private double interval(boolean yields) {
    double hold = holdNanos();
    if (hold == 0) {
      return 0;
    }
    int held = held(yields);
    int ofPeople = Math.min(held, people.running());
    double perNano =
        (ofPeople / people.holdNanos(hold))
            + ((held - ofPeople) / yieldingHold.holdNanos(hold))
            + (Math.max(0, readySites == 0 ? 0 : free(yields)) / hold);
    return perNano == 0 ? hold : 1 / perNano;
  }

  /** How long a place is held, by whomever; 0 for unknown. */
  private double holdNanos() {
    double first = people.holdNanos(0);
    double second = yieldingHold.holdNanos(0);
    return first == 0 || second == 0 ? first + second : (first + second) / 2;
  }

  private Refusal refusal(Reason reason, Entry entry, Expected expected, long now) {
    int seconds = retryAfter(reason, entry, expected, now);
    return refusal(reason, before(entry) + 1, entry.demand, expected, seconds, now);
  }

  private Refusal refusal(
      Reason reason, int position, Demand demand, Expected expected, int retryAfter, long now) {
    double late = yields(demand) ? yielding.p90() : calibration.p90();
    long wait = expected.waitNanos();
    long p90 = wait < 0 ? wait : (long) (wait * late);
    long ttft = reason == Reason.TTFT ? expected.ttftNanos() : ttft(demand, now);
    long end = reason == Reason.DEADLINE ? expected.endNanos() : WaitPredictor.UNKNOWN;
    long left =
        switch (reason) {
          case TTFT -> demand.ttftAtNanos() - now;
          case DEADLINE -> demand.deadlineNanos() - now;
          default -> WaitPredictor.UNKNOWN;
        };
    return new Refusal(
        reason,
        position,
        millis(wait),
        millis(p90),
        millis(ttft),
        millis(end),
        millis(left),
        retryAfter);
  }

  /**
   * Said to a request that may not wait here, since the gateway holds as many as it may: its wait
   * if it might.
   */
  Refusal gatewayFull(Demand demand, long nowNanos) {
    synchronized (lock) {
      Entry entry = imagined(demand, false, nowNanos);
      long wait = entry.predictedWaitNanos;
      int seconds = retryAfter(Math.max(0, wait) / NANOS_PER_SECOND);
      Expected expected = expected(entry, wait, false, nowNanos);
      return refusal(Reason.IN_FLIGHT, before(entry) + 1, demand, expected, seconds, nowNanos);
    }
  }

  /** For how long a request is in the queue and at a replica; −1 where nothing was measured yet. */
  long inside(Demand demand, long nowNanos) {
    synchronized (lock) {
      return inside(imagined(demand, mayRun(demand, nowNanos), nowNanos));
    }
  }

  private long inside(Entry entry) {
    double hold = holding(entry).holdNanos(holdNanos());
    double queued = Math.max(0, entry.predictedWaitNanos);
    return hold == 0 ? WaitPredictor.UNKNOWN : Math.round(queued + hold);
  }

  /**
   * Said to a request whose tenant has as many as it may: each of them waits as this one would and
   * then holds its place, and one of them ends in a part of that time.
   */
  Refusal tenantFull(Demand demand, int most, long nowNanos) {
    synchronized (lock) {
      Entry entry = imagined(demand, mayRun(demand, nowNanos), nowNanos);
      long inside = inside(entry);
      long wait = inside < 0 ? inside : Math.round((double) inside / Math.max(1, most));
      int seconds = retryAfter(Math.max(0, wait) / NANOS_PER_SECOND);
      Expected expected = expected(entry, wait, false, nowNanos);
      return refusal(Reason.TENANT_CONCURRENCY, 0, demand, expected, seconds, nowNanos);
    }
  }

  private static long millis(long nanos) {
    return nanos < 0 ? -1 : nanos / 1_000_000;
  }

  /**
   * When its turn should be, behind all that wait and all that were told to come back before it;
   * what its target leaves it may wait here. 0 where no wait helps it. It has the turn then, unless
   * too many were told one.
   */
  private int retryAfter(Reason reason, Entry entry, Expected expected, long now) {
    Demand demand = entry.demand;
    if (holds()) {
      return retryAfter(untilFirst(now) / NANOS_PER_SECOND);
    }
    if (reason == Reason.DEADLINE && neverEnds(demand, now)) {
      return 0;
    }
    double allowed = demand.ttftMs() == 0 ? 0 : Math.max(0, demand.ttftAtNanos() - now);
    double turn = Math.max((double) expected.waitNanos(), turn(entry, now)) - allowed;
    double least = Math.max(turn, config.retryAfterSeconds() * NANOS_PER_SECOND);
    // Who has a target can hardly wait once it is here, so its time is to be its own.
    double apart = inHaste(demand) ? APART * interval(yields(demand)) : 0;
    int seconds = promises(demand).free(least, apart, now);
    long at = now + seconds * (long) NANOS_PER_SECOND;
    return seconds > 0 && promises(demand).add(demand.asker(), demand.band(), entry.firstNanos, at)
        ? seconds
        : retryAfter(least / NANOS_PER_SECOND);
  }

  private static boolean inHaste(Demand demand) {
    return demand.ttftMs() > 0 || demand.deadlineNanos() != Long.MAX_VALUE;
  }

  private RetryTurns promises(Demand demand) {
    return yields(demand) ? toYielding : toPeople;
  }

  private double turn(Entry entry, long now) {
    Demand demand = entry.demand;
    toPeople.lapse(now);
    double places = lacking(entry, placesBefore(entry));
    double ahead = places + toPeople.before(demand.band(), demand.asker());
    if (!yields(demand)) {
      return inHaste(demand) ? 0 : untilFree(ahead, false, now);
    }
    toYielding.lapse(now);
    double promised = toYielding.before(demand.band(), demand.asker());
    double place = untilFree(ahead + promised, true, now);
    BandQueue band = band(entry);
    double position = band.before(entry) + 1 + promised;
    return Math.max(place, (double) yielding.waitNanos(position, !band.isEmpty(), now));
  }

  /** Not even a replica that it had for itself would answer it by its deadline. */
  private boolean neverEnds(Demand demand, long now) {
    LatencyTarget alone = predictor.alone(demand.promptTokens(), now);
    double endMs = alone.ttftMs() + Math.max(0, demand.outputTokens() - 1) * alone.tpotMs();
    double leftMs = (demand.deadlineNanos() - demand.acceptedNanos()) / 1e6;
    return Double.isFinite(endMs) && endMs > leftMs;
  }

  private int retryAfter(double seconds) {
    return Spread.seconds(Math.max(seconds, config.retryAfterSeconds()), random);
  }

  // ------------------------------------------------------------------ what is seen

  /** Whether any replica takes requests. */
  public boolean ready() {
    synchronized (lock) {
      return readySites > 0;
    }
  }

  public Snapshot snapshot(long nowNanos) {
    synchronized (lock) {
      Map<Band, Integer> waiting = new EnumMap<>(Band.class);
      for (Band band : Band.values()) {
        waiting.put(band, bands[band.index()].size());
      }
      double each = untilFree(1, true, nowNanos);
      double drain = each == 0 ? 0 : NANOS_PER_SECOND / each;
      int places = busy + Math.max(0, free(true));
      return new Snapshot(
          waiting,
          waitingBytes,
          busy,
          places,
          drain,
          calibration.p90(),
          flow.seen(),
          people.running(),
          held());
    }
  }

  /** Accounts that are kept, over all bands. */
  int tenants() {
    synchronized (lock) {
      return Arrays.stream(bands).mapToInt(BandQueue::tenants).sum();
    }
  }
}
