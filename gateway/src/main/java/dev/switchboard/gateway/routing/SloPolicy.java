package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;

/**
 * Sends a request where the fewest targets are expected to be missed: its own and those of other
 * requests.
 *
 * <p>From the predicted distribution of its times follows the probability that the request misses
 * its time to the first token, its time per token or its deadline. A cached prefix, a slow replica
 * and a long queue all act through the prediction.
 *
 * <p>What it does to the others is the growth of their times relative to their targets: computing
 * its prompt delays those that wait, and those that come next where there is much to do; its place
 * in the batch makes every step of those that run longer. The growth counts as much as it changes
 * their own probability of a miss: most near the target, nothing where they miss it anyway. So in a
 * burst the misses gather at few replicas instead of spreading a little over all, and a short queue
 * does not send prompts away from where they are cached, which would make queues everywhere.
 *
 * <p>A request that yields to others does the most harm where one of them would not get its tokens
 * as soon as it needs them: admission lets it begin for the room that another replica has ({@link
 * Headroom}).
 *
 * <p>Load costs every request, with targets or without: a part of the score is all the time that
 * the request takes at a replica, its own and what it adds to the times of those that are there,
 * relative to the least that it takes anywhere. Among replicas that are alike that sends it to the
 * idlest; among others it gives the most tokens per second, where its own time alone would crowd
 * the quickest. Nobody gets more than twice as much as an idler one that would be as quick,
 * whatever was learned; and a bounded share of the requests goes where nobody goes any more ({@link
 * Exploration}). A small part is the predicted time relative to the targets, and a smaller one
 * still is the cost.
 */
public final class SloPolicy implements RoutingPolicy {
  static final String NAME = "slo";

  /** Scores that differ by less say nothing: what was learned scatters more. */
  private static final double ALIKE = 0.004;

  /** Of a lognormal distribution, the ninth decile lies so many standard deviations up. */
  private static final double DECILE = 1.2816;

  /** Makes the logistic function as steep as the normal distribution. */
  private static final double LOGISTIC = 1.702;

  private static final double LEAST_DEVIATION = 0.05;

  /** Others are never worth more than this part of one miss: who is lost here may be safe there. */
  private static final double MOST_HARM = 0.9;

  private static final double SPEED = 0.02;
  private static final double COST = 0.01;

  /** What all the time it takes counts, beside the least that it takes anywhere. */
  private static final double TIME = 0.1;

  private static final double MOST_TIME = 10;

  /** Added to every time, so that a millisecond between two idle replicas is no difference. */
  private static final double UNNOTICED_MS = 25;

  /** Replicas whose times for a request differ by less are as quick as each other. */
  private static final double AS_QUICK = 1.25;

  private static final double MOST_CROWD = 2;
  private static final double SMALL_CROWD = 4;

  /** Added to the score of a replica that has too much already. */
  private static final double CROWDED = 100;

  /** The score of a replica that a request is sent to in order to learn. */
  private static final double EXPLORED = -100;

  /** Requests that come while a prompt is computed at a busy replica. */
  private static final double NEXT = 3;

  /** So many requests make a replica half busy. */
  private static final double HALF_BUSY = 8;

  /** What a request that names no target is measured by. */
  private static final double USUAL_END_MS = 60_000;

  private static final double USUAL_TTFT_MS = 2000;

  @Override
  public Decision route(List<ReplicaView> replicas, RouteRequest request, long nowNanos) {
    return Scoring.decide(
        NAME,
        replicas,
        request,
        nowNanos,
        ALIKE,
        (candidates, wanted, scores) -> score(candidates, wanted, nowNanos, scores));
  }

  private static void score(
      List<Candidate> candidates, RouteRequest request, long nowNanos, double[] scores) {
    double[] times = new double[scores.length];
    double[] alone = new double[scores.length];
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < scores.length; i++) {
      times[i] = UNNOTICED_MS + timeMs(candidates.get(i), request, nowNanos);
      least = Math.min(least, times[i]);
    }
    double known = Double.POSITIVE_INFINITY;
    for (int i = 0; i < scores.length; i++) {
      Candidate candidate = candidates.get(i);
      Outlook outlook = new Outlook(candidate, request);
      boolean unknown = unknown(candidate);
      scores[i] =
          outlook.misses()
              + SPEED * slowness(candidate.prediction(), request.slo())
              + TIME * (unknown ? 1 : Math.min(MOST_TIME, times[i] / least));
      known = unknown ? known : Math.min(known, scores[i]);
      alone[i] =
          outlook.intrudes() ? Double.POSITIVE_INFINITY : aloneMs(candidate, request, nowNanos);
    }
    for (int i = 0; i < scores.length; i++) {
      Candidate candidate = candidates.get(i);
      scores[i] = unknown(candidate) ? Math.min(known, scores[i]) : scores[i];
      scores[i] += COST * candidate.view().cost();
    }
    crowded(candidates, alone, scores);
    int explored = Exploration.choose(candidates, request, nowNanos);
    if (explored >= 0) {
      scores[explored] = EXPLORED;
    }
  }

  /**
   * Nothing was learned of it and nobody is there: it is taken to be as good as any, or few samples
   * of another one could keep it unknown.
   */
  private static boolean unknown(Candidate candidate) {
    return candidate.view().own().rates().atNanos() == 0 && candidate.view().requests() == 0;
  }

  /**
   * Nobody gets more than twice as much as the idlest of those has that would be about as quick: a
   * bound for whatever was learned wrongly.
   *
   * @param aloneMs when the request would end at each if nobody else were there
   */
  private static void crowded(List<Candidate> candidates, double[] aloneMs, double[] scores) {
    for (int i = 0; i < scores.length; i++) {
      double least = Double.POSITIVE_INFINITY;
      for (int j = 0; j < scores.length; j++) {
        least =
            aloneMs[j] <= AS_QUICK * aloneMs[i] ? Math.min(least, crowd(candidates.get(j))) : least;
      }
      scores[i] += crowd(candidates.get(i)) > MOST_CROWD * least + SMALL_CROWD ? CROWDED : 0;
    }
  }

  private static double crowd(Candidate candidate) {
    return candidate.view().requests();
  }

  /** Infinite where nothing can be said of it now. */
  private static double aloneMs(Candidate candidate, RouteRequest request, long nowNanos) {
    ReplicaView view = candidate.view();
    Rates rates = view.own().rates();
    boolean well = view.own().overdueMs() == 0 && view.circuit() == ReplicaView.Circuit.CLOSED;
    double tokens = candidate.computeTokens(request);
    return well
        ? rates.predict(Load.NONE, tokens, request.outputTokens(), 0, nowNanos).endMs()
        : Double.POSITIVE_INFINITY;
  }

  /**
   * All that a request costs there: its own time, and what its prompt and its place in the batch
   * add to the times of those that are there.
   */
  private static double timeMs(Candidate candidate, RouteRequest request, long nowNanos) {
    Prediction predicted = candidate.prediction();
    Rates rates = candidate.view().own().rates();
    Load load = candidate.view().load();
    double others = load.requests();
    double tokens = Math.max(0, predicted.outputTokens() - 1);
    double placeMs = rates.placeMs(nowNanos);
    double tokenMs = predicted.tpotMs() + placeMs * (others - load.running());
    double promptMs = rates.promptMs(candidate.computeTokens(request), nowNanos);
    return predicted.ttftMs() + tokens * tokenMs + others * (promptMs + tokens * placeMs);
  }

  /** What is to be expected if a request goes to a replica. */
  private static final class Outlook {
    private final Candidate candidate;
    private final RouteRequest request;
    private final Slo slo;
    private final Prediction predicted;
    private final Workload.Snapshot there;
    private final double ttftSteepness;
    private final double tpotSteepness;
    private final double lateFirst;
    private final double lateRest;

    Outlook(Candidate candidate, RouteRequest request) {
      this.candidate = candidate;
      this.request = request;
      this.slo = request.slo();
      this.predicted = candidate.prediction();
      this.there = candidate.view().own();
      this.ttftSteepness = steepness(there.rates().ttftSpread());
      this.tpotSteepness = steepness(there.rates().tpotSpread());
      this.lateFirst = late(predicted.ttftMs(), ttftSteepness, slo.ttftMs(), request.elapsedMs());
      this.lateRest = late(predicted.tpotMs(), tpotSteepness, slo.tpotMs(), 0);
    }

    /** Its own misses, as if its targets were independent, and those it causes. */
    double misses() {
      double steepness = Math.min(ttftSteepness, tpotSteepness);
      double lateEnd = late(predicted.endMs(), steepness, slo.deadlineMs(), request.elapsedMs());
      double own = 1 - (1 - lateFirst) * (1 - lateRest) * (1 - lateEnd);
      return own + (intrudes() ? MOST_HARM : Math.min(MOST_HARM, harm()));
    }

    /** It yields to others, and one of them there would not get its tokens as soon as it needs. */
    private boolean intrudes() {
      boolean binds = slo.yields() && there.paceMs() > 0;
      return binds && predicted.likelyTpotMs() > there.paceMs();
    }

    /** The others there are about as late as this one would be; so it stands for them. */
    private double harm() {
      double othersRest = slo.tpotMs() > 0 ? lateRest : lateUsually();
      double targetMs = slo.ttftMs() > 0 ? slo.ttftMs() : USUAL_TTFT_MS;
      Load load = candidate.view().load();
      double busy = load.requests() / (load.requests() + HALF_BUSY);
      double prefillMs = there.rates().promptTokenMs() * candidate.computeTokens(request);
      double delay = prefillMs / targetMs * (NEXT * busy + load.waiting());
      double lengthening = there.rates().batchMs() * there.urgency();
      return (1 - lateFirst)
          * (1 - othersRest)
          * (delay * (1 + ttftSteepness * lateFirst)
              + lengthening * (1 + tpotSteepness * othersRest));
    }

    /** How late those that run there are by the mean of their own targets. */
    private double lateUsually() {
      double targetMs = there.urgency() > 0 ? there.running() / there.urgency() : 0;
      return late(predicted.tpotMs(), tpotSteepness, targetMs, 0);
    }
  }

  /** Of the logistic function that stands for a lognormal distribution. */
  private static double steepness(double spread) {
    return LOGISTIC / Math.max(LEAST_DEVIATION, spread / DECILE);
  }

  /**
   * The probability that a time exceeds what is left of a target.
   *
   * @param targetMs 0 for none
   */
  private static double late(
      double expectedMs, double steepness, double targetMs, double elapsedMs) {
    double leftMs = targetMs - elapsedMs;
    if (targetMs <= 0) {
      return 0;
    }
    return leftMs <= 0 ? 1 : 1 / (1 + Math.exp(steepness * Math.log(leftMs / expectedMs)));
  }

  private static double slowness(Prediction predicted, Slo slo) {
    double worst = predicted.endMs() / USUAL_END_MS;
    if (slo.ttftMs() > 0) {
      worst = Math.max(worst, predicted.ttftMs() / slo.ttftMs());
    }
    if (slo.tpotMs() > 0) {
      worst = Math.max(worst, predicted.tpotMs() / slo.tpotMs());
    }
    return Math.min(10, worst);
  }
}
