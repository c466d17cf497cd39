package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.Refusal.Reason;
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
 * there a place or not ({@link Pace}); others pass what is held back. What it is owed is not.
 *
 * <p><b>Places.</b> The sum of what the ready replicas take ({@link ConcurrencyLimit}): in all, and
 * of streams that have no token yet. Beyond that requests wait here, where order and deadlines
 * rule, and not in a worker's own queue. Routing is free to send a request to a replica that has no
 * place if it expects it to be served sooner there; what that one has too much counts against the
 * others, so that the places of a replica that routing avoids do not fill the rest. Without a ready
 * replica everything passes: routing then says that nothing can serve it.
 *
 * <p><b>Refusals.</b> A request is refused at once when its answer would end after its deadline, as
 * far as that is predicted, or, because of the queue alone, after its target. What is held against
 * a target is what the replicas' predictions leave to one in ten, which every served request
 * teaches: a scatter that is learned by size refuses a size for good once it was high, since what
 * is refused brings no news. The predicted wait is its position times the time between two places
 * that become free: by Little's law the mean time that a place is held over the number of places,
 * or longer while none became free for longer. In the lowest band it is no shorter than that band's
 * own beginnings have it ({@link Outflow}). So a burst does not fill the queue with what nobody
 * waits for any more, and what expires in it is dropped before it is dispatched. A full queue gives
 * up the newest request of its lowest band for one of a higher band, and within a band the last one
 * of a tenant that has more than its share.
 *
 * <p><b>Use.</b> {@link #offer}; when it runs, {@link #routed} and {@link #firstToken} as they
 * happen; then {@link #finished} or {@link #abandon}, once. {@link #tick} every few milliseconds
 * while requests wait. Safe on any thread: one lock, never held while a listener runs. Time comes
 * in with each call. Without a queue an offer takes well under a microsecond.
 */
public final class AdmissionQueue {
  /** Of the tokens that pass a band, what it is owed. */
  private static final double RESERVED_SHARE = 0.05;

  private static final double SHARE_OF_NEW_HOLD = 0.05;

  /** How much of the time since a place last changed hands is taken for the time between two. */
  private static final double SHARE_OF_SILENCE = 0.33;

  /** More of a target than this must not pass at a replica, or too little is left for waiting. */
  private static final double SHARE_OF_TARGET_AT_REPLICA = 0.7;

  /** From such a part of a limit on it is what holds requests back. */
  private static final double NEARLY = 0.9;

  private static final double NANOS_PER_SECOND = 1e9;

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
    private @Nullable Site site;
    private long routedNanos;

    /** Its stream has not begun. */
    private boolean unanswered;

    private Entry(
        Demand demand, Listener listener, long sequence, long now, long patience, boolean binds) {
      this.demand = demand;
      this.listener = listener;
      this.sequence = sequence;
      this.offeredNanos = now;
      this.ttftBinds = binds;
      this.charged = demand.tokens();
      long latest = Math.min(now + patience, demand.deadlineNanos());
      this.due = Math.min(latest, demand.ttftAtNanos());
      this.expires = binds ? due : latest;
    }

    public Demand demand() {
      return demand;
    }
  }

  /**
   * What can be seen of it at a moment.
   *
   * @param running requests that hold a place
   * @param drainPerSecond places that become free while all are held; 0 while unknown
   * @param waitP90Ratio real over predicted wait that nine in ten stay below
   */
  public record Snapshot(
      Map<Band, Integer> waiting,
      long waitingBytes,
      int running,
      int places,
      double drainPerSecond,
      double waitP90Ratio) {
    public Snapshot {
      waiting = Map.copyOf(waiting);
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
  private final Pace pace;
  private final DoubleSupplier random;
  private final MeasuredTtft[] measured = new MeasuredTtft[Band.values().length];
  private final WaitCalibration calibration = new WaitCalibration();
  private final Outflow yielding = new Outflow();
  private final Object lock = new Object();

  /** Requests that were let in and whose response has not ended. */
  final AtomicInteger passes = new AtomicInteger();

  private final Map<String, Site> sites = new HashMap<>();
  private final BandQueue[] bands = new BandQueue[Band.values().length];
  private final TreeSet<Entry> byExpiry =
      new TreeSet<>(
          Comparator.comparingLong((Entry e) -> e.expires).thenComparingLong(e -> e.sequence));
  private long sequence;
  private long waitingBytes;
  private int readySites;
  private int busy;
  private double holdNanos;
  private long lastMovedNanos;

  /**
   * @param predictor asked first; where it knows nothing, what the queue measured itself
   * @param random from 0 to 1, so that clients that are refused together do not come back together
   */
  public AdmissionQueue(AdmissionConfig config, WaitPredictor predictor, DoubleSupplier random) {
    this.config = config;
    this.predictor = predictor;
    this.pace = new Pace(predictor);
    this.random = random;
    Arrays.setAll(bands, band -> new BandQueue());
    Arrays.setAll(measured, band -> new MeasuredTtft());
  }

  // ------------------------------------------------------------------ what comes in

  /** Takes a request, or says why not. The listener hears of it only if it waits. */
  public Verdict offer(Demand demand, Listener listener, long nowNanos) {
    Notices notices = new Notices();
    Verdict verdict;
    synchronized (lock) {
      if (!byExpiry.isEmpty()) {
        drain(nowNanos, notices);
      }
      verdict = decide(demand, listener, nowNanos, notices);
    }
    notices.send();
    return verdict;
  }

  private Verdict decide(Demand demand, Listener listener, long now, Notices notices) {
    pace.offered(demand, now);
    boolean free = mayRun(demand, now);
    Entry entry = entry(demand, listener, free, now);
    if (readySites > 0 && !endsInTime(entry, free, now)) {
      return refusal(Reason.DEADLINE, entry, now);
    }
    if (free) {
      settle(band(entry), entry);
      begin(entry, now);
      return new Verdict.Running(entry);
    }
    if (entry.ttftBinds
        && !reachable(demand.ttftAtNanos(), now, entry.predictedWaitNanos, mostTtft(demand, now))) {
      return refusal(Reason.TTFT, entry, now);
    }
    if (!makeRoom(entry, now, notices)) {
      return refusal(Reason.QUEUE_FULL, entry, now);
    }
    int position = before(entry) + 1;
    if (yields(demand) && band(entry).isEmpty()) {
      yielding.waits(now);
    }
    band(entry).add(entry);
    byExpiry.add(entry);
    waitingBytes += demand.bytes();
    return new Verdict.Waiting(entry, position);
  }

  private Entry entry(Demand demand, Listener listener, boolean free, long now) {
    long idle = measured(demand).idleNanos(demand, now);
    boolean ttftBinds = reachable(demand.ttftAtNanos(), now, 0, idle);
    Entry entry = new Entry(demand, listener, sequence++, now, config.queueNanos(), ttftBinds);
    entry.predictedWaitNanos = free ? 0 : wait(entry, now);
    return entry;
  }

  private static boolean yields(Demand demand) {
    return demand.band() == Band.SHEDDABLE;
  }

  /** There is a place, and nobody waits who may have it: only what is held back does. */
  private boolean mayRun(Demand demand, long now) {
    boolean yields = yields(demand);
    int others = byExpiry.size() - (yields ? 0 : bands[Band.SHEDDABLE.index()].size());
    return others == 0 && hasPlace() && !(yields && holds(now));
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
      return endsInTime(entry(demand, NOBODY, free, nowNanos), free, nowNanos);
    }
  }

  private boolean endsInTime(Entry entry, boolean free, long now) {
    long end = end(entry.demand, ttft(entry.demand, now), free, now);
    return reachable(entry.demand.deadlineNanos(), now, entry.predictedWaitNanos, end);
  }

  /** Whether something is in time; what is not predicted counts as nothing. */
  private static boolean reachable(long at, long now, long wait, long ttft) {
    return at == Long.MAX_VALUE || at - now > Math.max(0, wait) + Math.max(0, ttft);
  }

  /** What a target is held against: it is to be met by all but a few. */
  private long mostTtft(Demand demand, long now) {
    long predicted = predictor.ttftP90Nanos(demand, now);
    return predicted == WaitPredictor.UNKNOWN
        ? Math.max(0, ttft(demand, now)) + measured(demand).spreadNanos(demand, now)
        : predicted;
  }

  private BandQueue band(Entry entry) {
    return bands[entry.demand.band().index()];
  }

  private MeasuredTtft measured(Demand demand) {
    return measured[demand.band().index()];
  }

  private long ttft(Demand demand, long now) {
    long predicted = predictor.ttftNanos(demand, now);
    return predicted == WaitPredictor.UNKNOWN ? measured(demand).ttftNanos(demand, now) : predicted;
  }

  /**
   * When its answer ends; where nobody predicts that, when it begins.
   *
   * @param free nobody else wants the place: an end that is only unlikely may be tried for
   */
  private long end(Demand demand, long ttft, boolean free, long now) {
    if (demand.deadlineNanos() == Long.MAX_VALUE) {
      return WaitPredictor.UNKNOWN;
    }
    long end = free ? predictor.usualEndNanos(demand, now) : predictor.endNanos(demand, now);
    return Math.max(ttft, end);
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
      Site site = site(replica);
      entry.site = site;
      entry.routedNanos = nowNanos;
      entry.unanswered = streams;
      site.running++;
      site.unanswered += streams ? 1 : 0;
      busy += site.ready ? 1 : 0;
    }
  }

  /** The first token of a request came. */
  public void firstToken(Entry entry, long nowNanos) {
    Notices notices = new Notices();
    synchronized (lock) {
      Site site = entry.site;
      if (entry.state == State.RUNNING && site != null) {
        int tokens = entry.demand.promptTokens();
        long taken = nowNanos - entry.routedNanos;
        boolean slow = tight(entry, taken);
        site.firstTokens.firstToken(tokens, taken, nowNanos, slow, pressed(site));
        site.limit.served(site.running >= NEARLY * site.limit.limit() && !byExpiry.isEmpty());
        measured(entry.demand).observe(tokens, nowNanos - entry.startedNanos, nowNanos);
        answered(entry, site);
        drain(nowNanos, notices);
      }
    }
    notices.send();
  }

  private static void answered(Entry entry, Site site) {
    site.unanswered -= entry.unanswered ? 1 : 0;
    entry.unanswered = false;
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
      Site site = entry.site;
      if (entry.state == State.RUNNING && site != null) {
        // Who is held back waits though there are places.
        boolean waits = !byExpiry.isEmpty() && !hasPlace();
        boolean atLimit = waits || site.running >= NEARLY * site.limit.limit();
        site.limit.wholeAnswer(tokens, nowNanos - entry.routedNanos, nowNanos, atLimit);
      }
    }
  }

  /** Whether requests that have no token yet are what holds others back, or nearly. */
  private static boolean pressed(Site site) {
    return site.unanswered >= NEARLY * site.firstTokens.limit();
  }

  /**
   * A request that ran has ended, well or not.
   *
   * @param tokens that it read and generated; −1 where nobody knows
   */
  public void finished(Entry entry, long tokens, long nowNanos) {
    Notices notices = new Notices();
    synchronized (lock) {
      if (entry.state == State.RUNNING) {
        end(entry, tokens < 0 ? entry.charged : tokens, nowNanos);
      } else if (entry.state == State.WAITING) {
        takeOut(entry);
        entry.state = State.OVER;
      }
      drain(nowNanos, notices);
    }
    notices.send();
  }

  /** Its client left, whether it waits or runs; then what was estimated is charged. */
  public void abandon(Entry entry, long nowNanos) {
    finished(entry, WaitPredictor.UNKNOWN, nowNanos);
  }

  /** Drops what expired and dispatches what has a place. */
  public void tick(long nowNanos) {
    Notices notices = new Notices();
    synchronized (lock) {
      drain(nowNanos, notices);
    }
    notices.send();
  }

  /** Says whether a replica takes requests, as many as is learned. */
  public void replica(String replica, boolean ready, long nowNanos) {
    replica(replica, ready, 0, nowNanos);
  }

  /**
   * Says whether a replica takes requests.
   *
   * @param most at once; 0 for as many as is learned
   */
  public void replica(String replica, boolean ready, int most, long nowNanos) {
    Notices notices = new Notices();
    synchronized (lock) {
      Site site = site(replica);
      site.most = most == 0 ? Integer.MAX_VALUE : most;
      if (site.ready != ready) {
        site.ready = ready;
        readySites += ready ? 1 : -1;
        busy += ready ? site.running : -site.running;
      }
      if (!ready && site.running == 0) {
        sites.remove(replica);
      }
      drain(nowNanos, notices);
    }
    notices.send();
  }

  /**
   * Takes what a replica reports of itself.
   *
   * @param waiting sequences in its own queue
   */
  public void reported(String replica, int waiting) {
    synchronized (lock) {
      Site site = sites.get(replica);
      if (site != null) {
        site.limit.reported(waiting);
      }
    }
  }

  /** A replica answered that it has enough. */
  public void refusedBy(String replica) {
    synchronized (lock) {
      Site site = sites.get(replica);
      if (site != null) {
        site.limit.refused();
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
        sites.values().forEach(this::learnAnew);
      }
    }
  }

  private Site site(String replica) {
    return sites.computeIfAbsent(replica, id -> new Site(limit(), firstTokens()));
  }

  private void learnAnew(Site site) {
    site.limit = limit();
    site.firstTokens = firstTokens();
  }

  private ConcurrencyLimit firstTokens() {
    return config.replicaConcurrency() > 0
        ? new ConcurrencyLimit(Integer.MAX_VALUE, config.replicaQueueNanos())
        : ConcurrencyLimit.ofFirstTokens(config.replicaQueueNanos());
  }

  private ConcurrencyLimit limit() {
    return new ConcurrencyLimit(config.replicaConcurrency(), config.replicaQueueNanos());
  }

  // ------------------------------------------------------------------ places

  private boolean hasPlace() {
    return readySites == 0 || free() > 0;
  }

  /** Places that nobody has, nor is on the way to. */
  private int free() {
    int free = -busy;
    for (Site site : sites.values()) {
      free += site.ready ? site.running + site.free() : 0;
    }
    return free;
  }

  private int places() {
    return busy + Math.max(0, free());
  }

  private void begin(Entry entry, long now) {
    entry.state = State.RUNNING;
    entry.startedNanos = now;
    lastMovedNanos = now;
    busy++;
    pace.begins(entry.demand);
    band(entry).begins(entry);
  }

  private void end(Entry entry, long tokens, long now) {
    entry.state = State.OVER;
    leaveSite(entry);
    band(entry).ends(entry, tokens);
    double held = now - entry.startedNanos;
    holdNanos += holdNanos == 0 ? held : SHARE_OF_NEW_HOLD * (held - holdNanos);
    lastMovedNanos = now;
  }

  /** Its place at a replica, or that of one which is not routed yet. */
  private void leaveSite(Entry entry) {
    Site site = entry.site;
    entry.site = null;
    if (site == null) {
      busy--;
      pace.routed(entry.demand);
      return;
    }
    site.running--;
    answered(entry, site);
    busy -= site.ready ? 1 : 0;
    if (!site.ready && site.running == 0) {
      sites.values().remove(site);
    }
  }

  private void drain(long now, Notices notices) {
    while (!byExpiry.isEmpty() && byExpiry.first().expires <= now) {
      Entry entry = byExpiry.first();
      drop(entry, expiry(entry, now), now, notices);
    }
    while (!byExpiry.isEmpty() && hasPlace()) {
      Entry entry = next(now);
      if (entry == null) {
        return;
      }
      Reason hopeless = hopeless(entry, now);
      if (hopeless != null) {
        drop(entry, hopeless, now, notices);
      } else {
        dispatch(entry, now, notices);
      }
    }
  }

  private void dispatch(Entry entry, long now, Notices notices) {
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
  private @Nullable Reason hopeless(Entry entry, long now) {
    if (readySites == 0) {
      return null;
    }
    long ttft = ttft(entry.demand, now);
    if (!reachable(entry.demand.deadlineNanos(), now, 0, end(entry.demand, ttft, false, now))) {
      return Reason.DEADLINE;
    }
    boolean late =
        entry.ttftBinds
            && !reachable(entry.demand.ttftAtNanos(), now, 0, mostTtft(entry.demand, now));
    return late ? Reason.TTFT : null;
  }

  private static Reason expiry(Entry entry, long now) {
    if (entry.demand.deadlineNanos() <= now) {
      return Reason.EXPIRED;
    }
    boolean late = entry.ttftBinds && entry.demand.ttftAtNanos() <= now;
    return late ? Reason.TTFT : Reason.QUEUE_TIMEOUT;
  }

  /**
   * The request whose turn it is, out of the first band that is not empty or one that is owed; null
   * where all that wait are held back.
   */
  private @Nullable Entry next(long now) {
    Entry next = null;
    for (BandQueue band : bands) {
      Entry head = band.head();
      if (head != null && (band.credit >= head.charged || (next == null && mayGo(head, now)))) {
        next = head;
      }
    }
    return next;
  }

  private boolean mayGo(Entry head, long now) {
    return !yields(head.demand) || !holds(now);
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
  }

  private void drop(Entry entry, Reason reason, long now, Notices notices) {
    takeOut(entry);
    entry.state = State.OVER;
    notices.refused(entry, refusal(reason, entry, now));
  }

  // ------------------------------------------------------------------ bounds

  /** Makes room for a request, if it may take the place of others. */
  private boolean makeRoom(Entry entry, long now, Notices notices) {
    if (entry.demand.bytes() > config.queueBytes() || config.queueRequests() == 0) {
      return false;
    }
    while (isFull(entry)) {
      Entry victim = victim(entry);
      if (victim == null) {
        return false;
      }
      drop(victim, Reason.EVICTED, now, notices);
    }
    return true;
  }

  private boolean isFull(Entry entry) {
    return byExpiry.size() >= config.queueRequests()
        || waitingBytes + entry.demand.bytes() > config.queueBytes();
  }

  private @Nullable Entry victim(Entry entry) {
    for (int i = bands.length - 1; i > entry.demand.band().index(); i--) {
      Entry newest = bands[i].newest();
      if (newest != null) {
        return newest;
      }
    }
    return band(entry).excess(entry.demand);
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

  /** How long it is to wait if it does: for a place, and in the lowest band for its turn. */
  private long wait(Entry entry, long now) {
    long place =
        holdNanos == 0 ? WaitPredictor.UNKNOWN : (long) ((before(entry) + 1) * interval(now));
    if (!yields(entry.demand)) {
      return place;
    }
    BandQueue band = band(entry);
    return Math.max(place, yielding.waitNanos(band.before(entry) + 1, !band.isEmpty(), now));
  }

  /** Nanoseconds between two places that become free while all are taken. */
  private double interval(long now) {
    int places = Math.max(1, readySites == 0 ? busy : places());
    double mean = holdNanos / places;
    return Math.max(mean, SHARE_OF_SILENCE * (now - lastMovedNanos));
  }

  private Refusal refusal(Reason reason, Entry entry, long now) {
    int position = before(entry) + 1;
    long wait = mayRun(entry.demand, now) ? 0 : wait(entry, now);
    return refusal(reason, position, entry.demand, wait, retryAfter(entry, wait, now), now);
  }

  private Refusal refusal(
      Reason reason, int position, Demand demand, long wait, int retryAfter, long now) {
    double late = yields(demand) ? yielding.p90() : calibration.p90();
    long p90 = wait < 0 ? wait : (long) (wait * late);
    return new Refusal(
        reason, position, millis(wait), millis(p90), millis(ttft(demand, now)), retryAfter);
  }

  /**
   * Said to a request that may not wait here, since the gateway holds as many as it may: its wait
   * if it might.
   */
  Refusal gatewayFull(Demand demand, long nowNanos) {
    synchronized (lock) {
      Entry entry = entry(demand, NOBODY, false, nowNanos);
      long wait = entry.predictedWaitNanos;
      int seconds = retryAfter(Math.max(0, wait) / NANOS_PER_SECOND);
      return refusal(Reason.IN_FLIGHT, before(entry) + 1, demand, wait, seconds, nowNanos);
    }
  }

  /**
   * Said to a request whose tenant has as many as it may: each of them waits as this one would and
   * then holds its place, and one of them ends in a part of that time.
   */
  Refusal tenantFull(Demand demand, int most, long nowNanos) {
    synchronized (lock) {
      long queued =
          Math.max(0, entry(demand, NOBODY, mayRun(demand, nowNanos), nowNanos).predictedWaitNanos);
      long wait =
          holdNanos == 0
              ? WaitPredictor.UNKNOWN
              : (long) ((queued + holdNanos) / Math.max(1, most));
      int seconds = retryAfter(Math.max(0, wait) / NANOS_PER_SECOND);
      return refusal(Reason.TENANT_CONCURRENCY, 0, demand, wait, seconds, nowNanos);
    }
  }

  private static long millis(long nanos) {
    return nanos < 0 ? -1 : nanos / 1_000_000;
  }

  /** When a place should be in reach: what the wait is longer than it may be, or all of it. */
  private int retryAfter(Entry entry, long wait, long now) {
    double allowed = 0;
    if (entry.demand.ttftAtNanos() != Long.MAX_VALUE) {
      allowed = Math.max(0, entry.demand.ttftAtNanos() - now);
    }
    double seconds = Math.max(0, Math.max(0, wait) - allowed) / NANOS_PER_SECOND;
    return retryAfter(seconds);
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
      double drain = holdNanos == 0 ? 0 : NANOS_PER_SECOND / interval(nowNanos);
      return new Snapshot(waiting, waitingBytes, busy, places(), drain, calibration.p90());
    }
  }

  /** Accounts that are kept, over all bands. */
  int tenants() {
    synchronized (lock) {
      return Arrays.stream(bands).mapToInt(BandQueue::tenants).sum();
    }
  }
}
