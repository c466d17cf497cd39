package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * What this gateway has at one replica, exact to the moment, and what it has learned of the
 * replica's speed from it.
 *
 * <p>Each request is a {@link Job} from its being sent to its end. It waits until its first token
 * and runs from then on; both are counted here the moment they happen, so two decisions in the same
 * millisecond see each other. Integrals over time of the running requests and of the prompt tokens
 * that were computed give each job the mean batch it ran in, at no cost for the others.
 *
 * <p>Of a whole answer nobody tells when its first token was there. It is taken to be there when it
 * was expected: until the answer's end its prompt would look like work to do, and its place in the
 * batch like none.
 *
 * <p>What generates nothing, an embedding or a reranking, is a job as well: one of its prompt's
 * tokens, which waits until it has ended. All that it takes is taken for the time to a first token.
 *
 * <p>A job is told of its tokens by the event loop that owns it; all else is guarded by the
 * workload. Nothing here takes longer than a constant time.
 */
public final class Workload {
  /** Tokens of a job that make one sample of the time per token. */
  private static final int SAMPLE_TOKENS = 16;

  /** Streams stand still after so many steps without a token: a long prompt may come between. */
  private static final double STILL_STEPS = 8;

  private static final double STILL_LEAST_MS = 100;

  private static final double TRUST_GAIN = 0.1;

  /** A token may take so many times what is usual before it is slow. */
  private static final double MOST_SLOWER = 1.5;

  /** What was given up at its deadline is taken to need so many times what it had. */
  private static final double LATE_RATIO = 1.25;

  private final Predictor predictor;

  /** Whether the replica serves the most urgent first, and arrivals in turn only among those. */
  private final boolean byPriority;

  /** What waits there, the most urgent first; empty where all wait in one line. */
  private final TreeMap<Integer, Load> line = new TreeMap<>(Comparator.reverseOrder());

  private final Set<Job> waitingStreams = new LinkedHashSet<>();
  private final LinkedHashSet<Job> waitingWholes = new LinkedHashSet<>();

  /** What generates nothing: nothing behind it may be taken to wait for its first token. */
  private final Set<Job> waitingPrompts = new LinkedHashSet<>();

  /** Whole answers that have not ended, those that wait among them. */
  private final Set<Job> wholes = new LinkedHashSet<>();

  private double waitingTokens;

  /** Jobs here that yield to nobody, and how many there ever were. */
  private int people;

  private long peopleBegun;
  private int running;

  /** Whole answers among them. */
  private int unseen;

  private int paused;
  private long progressNanos;
  private double urgency;
  private final TreeMap<Double, Integer> paces = new TreeMap<>();
  private double runningIntegral;
  private double promptTokens;
  private long integratedNanos;
  private double prefixTrust = 1;

  /** At a replica that serves by arrival. */
  public Workload(SharedCostModel peers) {
    this(peers, false);
  }

  /**
   * At a replica of a model.
   *
   * @param byPriority whether it serves the most urgent first
   */
  public Workload(SharedCostModel peers, boolean byPriority) {
    this.predictor = new Predictor(peers);
    this.byPriority = byPriority;
  }

  /** Requests of one priority that wait. */
  public record Waiting(int priority, Load load) {}

  /** Told how good the predictions for one request were. */
  @FunctionalInterface
  public interface Calibration {
    /**
     * @param ttftMs measured from its being sent; NaN where it has none, as {@code tpotMs}
     */
    void observed(Prediction predicted, double ttftMs, double tpotMs);
  }

  /**
   * A copy of everything at a moment.
   *
   * @param overdueMs by how much the oldest waiting stream or whole answer exceeds what nine of ten
   *     need to their first token, or to their end, or for how long no running stream got a token
   *     when that is more
   * @param urgency sum over its running jobs of one over the wanted time per token, in 1/ms
   * @param paceMs the shortest time per token that one of its jobs needs; 0 for none
   * @param prefixTrust share of the prefix tokens that were expected to be cached and were
   * @param line who waits, by priority, where the most urgent is served first; else empty
   */
  public record Snapshot(
      int waiting,
      double waitingTokens,
      int running,
      double overdueMs,
      double urgency,
      double paceMs,
      double prefixTrust,
      Rates rates,
      List<Waiting> line) {
    public static final Snapshot NONE = new Snapshot(0, 0, 0, 0, 0, 0, 1, Rates.UNKNOWN);

    public Snapshot {
      line = List.copyOf(line);
    }

    /** Where all wait in one line. */
    public Snapshot(
        int waiting,
        double waitingTokens,
        int running,
        double overdueMs,
        double urgency,
        double paceMs,
        double prefixTrust,
        Rates rates) {
      this(
          waiting,
          waitingTokens,
          running,
          overdueMs,
          urgency,
          paceMs,
          prefixTrust,
          rates,
          List.of());
    }

    /** What waits there and goes before a request of a priority that comes now. */
    Load ahead(int priority) {
      if (line.isEmpty()) {
        return new Load(waiting, waitingTokens, 0);
      }
      double requests = 0;
      double tokens = 0;
      // Asked for each candidate of each request: without an iterator.
      for (int i = 0; i < line.size(); i++) {
        Waiting some = line.get(i);
        requests += some.priority >= priority ? some.load.waiting() : 0;
        tokens += some.priority >= priority ? some.load.waitingTokens() : 0;
      }
      return new Load(requests, tokens, 0);
    }
  }

  /** Another process took its place: what was learned of the one before says nothing of it. */
  public synchronized void renew() {
    predictor.renew();
  }

  /** How sure what was learned is; for people. */
  public synchronized PredictionError doubt() {
    return predictor.doubt();
  }

  public synchronized Snapshot snapshot(long nowNanos) {
    presume(nowNanos);
    return new Snapshot(
        waitingStreams.size() + waitingWholes.size() + waitingPrompts.size(),
        waitingTokens,
        running,
        overdueMs(nowNanos),
        urgency,
        paces.isEmpty() ? 0 : paces.firstKey(),
        prefixTrust,
        predictor.rates(),
        line());
  }

  private List<Waiting> line() {
    if (line.isEmpty()) {
      return List.of();
    }
    List<Waiting> waiting = new ArrayList<>(line.size());
    line.forEach((priority, load) -> waiting.add(new Waiting(priority, load)));
    return waiting;
  }

  /** A request takes its place among those that wait, or leaves it. */
  private void line(Job job, int requests) {
    if (byPriority) {
      Load change = new Load(requests, requests * job.tokens, 0);
      line.merge(job.slo.priority(), change, (there, more) -> there.with(more));
    }
  }

  /** Whole answers whose first token should be there run, in the order that they were sent in. */
  private void presume(long nowNanos) {
    while (!waitingWholes.isEmpty() && waitingWholes.getFirst().expectedNanos <= nowNanos) {
      Job job = waitingWholes.getFirst();
      job.runs(Math.max(integratedNanos, job.expectedNanos));
      unseen++;
    }
  }

  private double overdueMs(long nowNanos) {
    double waiting = Math.max(overdueMs(waitingStreams, nowNanos), overdueMs(wholes, nowNanos));
    return Math.max(waiting, stillMs(nowNanos));
  }

  /** Of those that were sent one after another the oldest. */
  private static double overdueMs(Set<Job> waiting, long nowNanos) {
    Iterator<Job> oldest = waiting.iterator();
    if (!oldest.hasNext()) {
      return 0;
    }
    Job job = oldest.next();
    return Math.max(0, (nowNanos - job.sentNanos) / 1e6 - job.patienceMs);
  }

  /** How long its streams have stood still, when that is far longer than a step takes. */
  private double stillMs(long nowNanos) {
    if (running == paused + unseen) {
      return 0;
    }
    double still = (nowNanos - progressNanos) / 1e6;
    if (still < STILL_LEAST_MS) {
      return 0;
    }
    Prediction usual = predictor.rates().predict(new Load(0, 0, running - 1), 1, 1, 0, nowNanos);
    return still < STILL_STEPS * usual.tpotP90Ms() ? 0 : still;
  }

  /**
   * A request is sent.
   *
   * @param candidate the replica as it was when it was chosen
   * @param streams its first token is heard of when it comes; else its whole answer
   */
  public synchronized Job begin(
      Decision.Candidate candidate,
      RouteRequest request,
      boolean streams,
      Calibration calibration,
      long nowNanos) {
    presume(nowNanos);
    Job job = new Job(candidate, request, streams, calibration, nowNanos);
    waiting(job).add(job);
    if (!streams) {
      wholes.add(job);
    }
    people += job.slo.yields() ? 0 : 1;
    peopleBegun += job.slo.yields() ? 0 : 1;
    waitingTokens += job.tokens;
    line(job, 1);
    job.pace(job.paceMs(predictor.rates(), job.predicted.ttftMs(), nowNanos));
    return job;
  }

  private Set<Job> waiting(Job job) {
    if (job.streams) {
      return waitingStreams;
    }
    return job.wantedTokens == 0 ? waitingPrompts : waitingWholes;
  }

  private void integrate(long nowNanos) {
    runningIntegral += running * (double) Math.max(0, nowNanos - integratedNanos);
    integratedNanos = Math.max(integratedNanos, nowNanos);
  }

  /** One request here. */
  public final class Job implements AutoCloseable {
    private final Prediction predicted;

    /** What was known when it was sent, and how far a slowdown was believed. */
    private final Rates told;

    private final double toldBelief;
    private final Load load;
    private final double tokens;
    private final double expectedHits;
    private final double urge;

    private final Slo slo;

    /** What was left until its deadline when it was sent, if it has one. */
    private final double deadlineMs;

    /** The time per token that it needs; 0 for whatever it is. */
    private double paceMs;

    private final int wantedTokens;
    private final boolean streams;

    /** Within which nine of ten say something: their first token, or all of a long answer. */
    private final double patienceMs;

    private final Calibration calibration;
    private final long sentNanos;

    private final double usualTtftMs;

    /** When its first token should be there. */
    private final long expectedNanos;

    /** How many others there had ever been when it was sent; −1 if some were there. */
    private final long peopleBefore;

    private boolean goesOn;
    private boolean runs;
    private boolean over;
    private double ttftMs = Double.NaN;
    private long firstNanos;
    private long lastNanos;
    private int outputTokens;
    private long windowNanos;
    private int windowTokens;
    private double windowIntegral;
    private double windowPrompts;
    private boolean windowBroken;
    private double pausedMs;

    private Job(
        Decision.Candidate candidate,
        RouteRequest request,
        boolean streams,
        Calibration calibration,
        long now) {
      this.predicted = candidate.prediction();
      this.told = candidate.view().own().rates();
      this.toldBelief = told.belief(now);
      this.load = candidate.view().load(request.slo().priority());
      this.tokens = candidate.computeTokens(request);
      this.expectedHits = candidate.prefixTokens();
      this.urge = request.slo().tpotMs() > 0 ? 1 / request.slo().tpotMs() : 0;
      this.wantedTokens = request.outputTokens();
      this.streams = streams;
      double longAnswer = candidate.view().own().rates().longAnswer(wantedTokens);
      this.patienceMs = streams ? predicted.ttftP90Ms() : predicted.endP90Ms(longAnswer);
      this.calibration = calibration;
      this.usualTtftMs = predictor.usual().ttftMs(load, tokens);
      this.sentNanos = now;
      this.peopleBefore = people > 0 ? -1 : peopleBegun;
      this.expectedNanos = now + (long) (predicted.ttftMs() * 1e6);
      this.slo = request.slo();
      this.deadlineMs = slo.deadlineMs() - request.elapsedMs();
    }

    /**
     * What would have been predicted of its first token, had as much been known of the replica's
     * slowdown as now. That it differs from the others is no scatter: the requests that were there
     * before that was known would make all replicas look uncertain.
     */
    private double knownTtftMs() {
      double change = predictor.rates().ttftSlowdown() - toldBelief * told.ttftSlowdown();
      return predicted.ttftMs() * Math.exp(change);
    }

    private double knownTpotMs() {
      double change = predictor.rates().tpotSlowdown() - toldBelief * told.tpotSlowdown();
      return predicted.tpotMs() * Math.exp(change);
    }

    /** What replicas of its model usually take to its first token under the load it met. */
    public double usualTtftMs() {
      return usualTtftMs;
    }

    /**
     * Whether its tokens came about as quickly as those of its model's replicas usually do under
     * the load that it met; no where there are none.
     */
    public boolean keptPace() {
      synchronized (Workload.this) {
        Rates usual = predictor.usual();
        double usualMs = usual.tpotMs(load.running() + 1, usual.mixTokens());
        return outputTokens > 0 && streamMs() <= MOST_SLOWER * usualMs * outputTokens;
      }
    }

    /**
     * The longest time per token from now on that keeps its targets; 0 where none does, or any. How
     * much of an answer is to come does not depend on how much there is, if it stops as {@link
     * Rates#likelyAnswer} has it.
     */
    private double paceMs(Rates rates, double firstMs, long nowNanos) {
      if (slo.yields() || wantedTokens == 0) {
        return 0;
      }
      double needed = slo.tpotMs() > 0 ? slo.tpotMs() : Double.POSITIVE_INFINITY;
      if (slo.deadlineMs() > 0) {
        double leftMs = deadlineMs - (nowNanos - sentNanos) / 1e6 - firstMs;
        double tokens = rates.likelyAnswer(Math.max(1, wantedTokens - outputTokens));
        needed = Math.min(needed, leftMs / Math.max(1, tokens));
      }
      return Double.isFinite(needed) && rates.couldKeep(needed, nowNanos) ? needed : 0;
    }

    /** It needs another time per token than it did. */
    private void pace(double neededMs) {
      if (neededMs != paceMs) {
        paces.computeIfPresent(paceMs, (pace, jobs) -> jobs == 1 ? null : jobs - 1);
        paceMs = neededMs;
        if (paceMs > 0) {
          paces.merge(paceMs, 1, Integer::sum);
        }
      }
    }

    /**
     * It goes on with a stream that another replica had. Many come at once, and wait there for the
     * room of those that end, so how long it takes says nothing of the first tokens of others.
     */
    public void goesOn() {
      synchronized (Workload.this) {
        goesOn = true;
      }
    }

    /** A piece of content of a stream came: about a token. */
    public void content(long nowNanos) {
      synchronized (Workload.this) {
        if (over) {
          return;
        }
        progressNanos = nowNanos;
        presume(nowNanos);
        if (!runs) {
          firstContent(nowNanos);
          return;
        }
        outputTokens++;
        windowTokens++;
        if (windowBroken) {
          paused--;
          pausedMs += (nowNanos - lastNanos) / 1e6;
          openWindow(nowNanos);
        } else if (windowTokens == SAMPLE_TOKENS) {
          sample(nowNanos);
          openWindow(nowNanos);
          pace(paceMs(predictor.rates(), 0, nowNanos));
        }
        lastNanos = nowNanos;
      }
    }

    /** Its prompt is computed. */
    private void runs(long nowNanos) {
      leaveWaiting();
      integrate(nowNanos);
      promptTokens += tokens;
      runs = true;
      running++;
      urgency += urge;
      openWindow(nowNanos);
    }

    private void firstContent(long nowNanos) {
      runs(nowNanos);
      ttftMs = (nowNanos - sentNanos) / 1e6;
      if (!goesOn && !wasPassed()) {
        predictor.firstToken(load, tokens, knownTtftMs(), ttftMs, nowNanos);
      }
      firstNanos = nowNanos;
      lastNanos = nowNanos;
    }

    /**
     * A worker serves others first: how long one that yields waited beside them says nothing of how
     * long they wait.
     */
    private boolean wasPassed() {
      return slo.yields() && peopleBefore != peopleBegun;
    }

    private void openWindow(long nowNanos) {
      integrate(nowNanos);
      windowNanos = nowNanos;
      windowTokens = 0;
      windowIntegral = runningIntegral;
      windowPrompts = promptTokens;
      windowBroken = false;
    }

    private void sample(long nowNanos) {
      long nanos = nowNanos - windowNanos;
      if (nanos <= 0) {
        return;
      }
      integrate(nowNanos);
      predictor.tokens(
          (runningIntegral - windowIntegral) / nanos,
          (promptTokens - windowPrompts) / windowTokens,
          knownTpotMs(),
          nanos / 1e6 / windowTokens,
          nowNanos);
    }

    /** The client does not read: what follows says nothing of the replica. */
    public void pause() {
      synchronized (Workload.this) {
        if (streams && runs && !over && !windowBroken) {
          windowBroken = true;
          paused++;
        }
      }
    }

    /**
     * The whole answer came at once, with the worker's own stamps.
     *
     * @param tokens of the answer; −1 where nobody said
     * @param ownTtftMs from its being sent to its first token, as the worker stamped it
     * @param ownTpotMs NaN for none
     */
    public void whole(int tokens, double ownTtftMs, double ownTpotMs, long nowNanos) {
      synchronized (Workload.this) {
        presume(nowNanos);
        if (over || (streams && runs)) {
          return;
        }
        ttftMs = ownTtftMs;
        if (tokens > 0) {
          predictor.answered(tokens);
        }
        learn(ownTtftMs, ownTpotMs, nowNanos);
        end(ownTpotMs);
      }
    }

    /** Both times, of what nobody saw token by token. */
    private void learn(double ownTtftMs, double ownTpotMs, long nowNanos) {
      if (!wasPassed()) {
        predictor.firstToken(load, tokens, knownTtftMs(), ownTtftMs, nowNanos);
      }
      if (ownTpotMs > 0) {
        predictor.tokens(
            batch(nowNanos), predictor.rates().mixTokens(), knownTpotMs(), ownTpotMs, nowNanos);
      }
    }

    /** The mean batch that it ran in; as it was sent where it did not seem to run. */
    private double batch(long nowNanos) {
      if (!runs || nowNanos <= windowNanos) {
        return load.running() + 1;
      }
      integrate(nowNanos);
      return (runningIntegral - windowIntegral) / (nowNanos - windowNanos);
    }

    /**
     * The whole answer came at once, and nobody says when its first token was there: both times are
     * taken to be off by the same factor.
     *
     * @param tokens of the answer; −1 where nobody said
     */
    public void whole(int tokens, long nowNanos) {
      int rest = Math.max(0, (tokens < 0 ? wantedTokens : tokens) - 1);
      double ratio = (nowNanos - sentNanos) / 1e6 / Math.max(0.001, predicted.endMs(rest + 1));
      double restMs = rest > 0 ? predicted.tpotMs() * ratio : Double.NaN;
      whole(tokens, predicted.ttftMs() * ratio, restMs, nowNanos);
    }

    /**
     * How much of the prompt the replica took from its cache. What was expected is an estimate, as
     * the prompt's length was, so their shares are compared.
     *
     * @param cachedTokens as the replica says, and {@code promptTokens} likewise; −1 for unknown
     */
    public void cached(int cachedTokens, int promptTokens) {
      if (expectedHits <= 0 || cachedTokens < 0 || promptTokens <= 0) {
        return;
      }
      synchronized (Workload.this) {
        double expected = expectedHits / (tokens + expectedHits);
        double share = Math.min(1, (double) cachedTokens / promptTokens / expected);
        prefixTrust += TRUST_GAIN * (share - prefixTrust);
      }
    }

    /** Whether that it is given up now says how long others like it take. */
    private boolean tellsOfLateness() {
      return !over && !goesOn && !(streams && runs);
    }

    /**
     * Given up since another replica answered first. That its first token took longer than this is
     * learned, where that is longer than was to be expected: else a replica whose late requests
     * others take over would never be known to be slow.
     */
    public void outrun(long nowNanos) {
      synchronized (Workload.this) {
        double tookMs = (nowNanos - sentNanos) / 1e6;
        if (tellsOfLateness() && tookMs > predicted.ttftP90Ms()) {
          predictor.firstToken(load, tokens, knownTtftMs(), tookMs, nowNanos);
        }
        close();
      }
    }

    /**
     * Given up since it took too long. That it takes longer is learned where nothing better was
     * known: else a replica that meets no deadline would be tried for each one, and never be known.
     */
    public void late(long nowNanos) {
      synchronized (Workload.this) {
        double tookMs = (nowNanos - sentNanos) / 1e6;
        double mostMs = streams ? predicted.ttftP90Ms() : predicted.endP90Ms();
        boolean guessed = !predictor.rates().believed(nowNanos);
        if (tellsOfLateness() && (guessed || tookMs > mostMs)) {
          double expectedMs = streams ? predicted.ttftMs() : predicted.endMs();
          double ratio = LATE_RATIO * tookMs / Math.max(0.001, expectedMs);
          boolean first = streams || wantedTokens == 0;
          double tpotMs = first ? Double.NaN : predicted.tpotMs() * ratio;
          learn(predicted.ttftMs() * ratio, tpotMs, nowNanos);
        }
        close();
      }
    }

    /** Its answer is complete. */
    public void ended() {
      synchronized (Workload.this) {
        if (!over) {
          boolean seen = streams && runs;
          if (seen) {
            predictor.answered(outputTokens + 1);
          }
          end(seen && outputTokens > 0 ? streamMs() / outputTokens : Double.NaN);
        }
      }
    }

    /** From its first token to its last, but for what its client did not read. */
    private double streamMs() {
      return (lastNanos - firstNanos) / 1e6 - pausedMs;
    }

    private void end(double tpotMs) {
      close();
      calibration.observed(predicted, ttftMs, tpotMs);
    }

    /** It is over, however it ended; twice counts once. */
    @Override
    public void close() {
      synchronized (Workload.this) {
        if (over) {
          return;
        }
        over = true;
        people -= slo.yields() ? 0 : 1;
        pace(0);
        wholes.remove(this);
        if (runs) {
          integrate(Math.max(lastNanos, integratedNanos));
          running--;
          unseen -= streams ? 0 : 1;
          paused -= windowBroken ? 1 : 0;
          urgency = running == 0 ? 0 : urgency - urge;
        } else {
          leaveWaiting();
        }
      }
    }

    private void leaveWaiting() {
      waiting(this).remove(this);
      line(this, -1);
      boolean none =
          waitingStreams.isEmpty() && waitingWholes.isEmpty() && waitingPrompts.isEmpty();
      waitingTokens = none ? 0 : waitingTokens - tokens;
    }
  }
}
