package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.AdmissionQueue.Entry;

/**
 * A replica: what it takes, and what it has. A request counts once for each of its answers.
 *
 * <p>A replica that preempts serves people first, whatever it has of batches: its batch makes room
 * at its next step. So what it takes of people is learned and counted without the lowest band,
 * whose times say how long it waits behind them.
 */
final class ReplicaOccupancy {
  private final ReplicaLimits all;
  private final ReplicaLimits people;
  int most = Integer.MAX_VALUE;
  boolean ready;
  boolean preempts;

  /** It takes one request at a time, which is to show that it serves again. */
  boolean probation;

  int running;
  int unanswered;

  /** Of the lowest band among those that run, and among those without a token. */
  private int yielding;

  private int yieldingUnanswered;

  /** Of requests that came while it was on probation. */
  private int probing;

  /** Of streams that went on here when another replica was lost or emptied. */
  private int moved;

  ReplicaOccupancy(AdmissionConfig config) {
    this.all = new ReplicaLimits(config);
    this.people = new ReplicaLimits(config);
  }

  void learnAnew(AdmissionConfig config) {
    all.learnAnew(config);
    people.learnAnew(config);
  }

  /** A request came; its first token is heard of where it streams. */
  void takes(Entry entry, boolean streams) {
    int places = entry.places();
    running += places;
    moved += entry.moved() ? places : 0;
    entry.probes = probation;
    probing += probation ? places : 0;
    unanswered += streams ? places : 0;
    if (entry.yields()) {
      yielding += places;
      yieldingUnanswered += streams ? places : 0;
    }
  }

  /** One left. */
  void loses(Entry entry) {
    running -= entry.places();
    moved -= entry.moved() ? entry.places() : 0;
    probing -= entry.probes ? entry.places() : 0;
    yielding -= entry.yields() ? entry.places() : 0;
  }

  /** One of those that had no token has one, or left. */
  void answered(Entry entry) {
    unanswered -= entry.places();
    yieldingUnanswered -= entry.yields() ? entry.places() : 0;
  }

  /** Of people. */
  int unansweredPeople() {
    return unanswered - yieldingUnanswered;
  }

  /** Requests that take a place from others like this; nothing of before does on probation. */
  int held(boolean yields) {
    if (probation) {
      return probing;
    }
    return yields || !preempts ? running : running - yielding;
  }

  private int heldUnanswered(boolean yields) {
    if (probation) {
      return probing;
    }
    return yields || !preempts ? unanswered : unansweredPeople();
  }

  /**
   * Of those the ones that have to end until others like this have all that they may have: there
   * are always some people, who give way to no batch but are not in its way where it preempts.
   */
  int ahead(boolean yields) {
    return yields && preempts && !probation ? yielding : held(yields);
  }

  /** Likewise of those without a token. */
  int aheadUnanswered(boolean yields) {
    return yields && preempts && !probation ? yieldingUnanswered : heldUnanswered(yields);
  }

  private ReplicaLimits limits(boolean yields) {
    return yields || !preempts ? all : people;
  }

  /**
   * Requests that it takes beside those it has before they queue there; less than 0 where they
   * queue already, since routing may know why. Of what moved here it had no choice.
   *
   * @param yields of the lowest band
   */
  int free(boolean yields) {
    return Math.min(freePlaces(yields), freeFirstPlaces(yields));
  }

  /** The same as {@link #free}, as far as all count that it has. */
  int freePlaces(boolean yields) {
    return free(Math.min(most - running, freeOfAll(yields)));
  }

  /** What it has beyond its places of what moved there, which is in the way of batches only. */
  int movedBeyond() {
    return freePlaces(true) - (places() - held(true));
  }

  /** The same as {@link #free}, as far as those count that have no token. */
  int freeFirstPlaces(boolean yields) {
    return free(freeOfFirst(yields));
  }

  private int free(int free) {
    if (probation) {
      return probing > 0 ? 0 : 1;
    }
    return free < 0 ? Math.min(0, free + moved) : free;
  }

  private int freeOfAll(boolean yields) {
    return limits(yields).requests().limit() - held(yields);
  }

  private int freeOfFirst(boolean yields) {
    return limits(yields).firstTokens().limit() - heldUnanswered(yields);
  }

  /** Requests that it takes, with a token or without. */
  int places() {
    return probation ? 1 : Math.min(most, all.requests().limit());
  }

  /** Those of them that may be without a token. */
  int firstPlaces() {
    return Math.min(places(), all.firstTokens().limit());
  }

  /** Whether all its places are taken, or nearly. */
  boolean nearlyFull(boolean yields) {
    return held(yields) >= ReplicaLimits.NEARLY * limits(yields).requests().limit();
  }

  /** Whether it takes no more because of all that it has, and not of those without a token. */
  private boolean holdsBack(boolean yields) {
    return nearlyFull(yields) && freeOfAll(yields) <= freeOfFirst(yields);
  }

  /**
   * A first token came.
   *
   * @param tight it took nearly all the time that its request had
   * @param wanted whether others want its place
   */
  void firstToken(Entry entry, long nanos, long now, boolean tight, boolean wanted) {
    int tokens = entry.demand.promptTokens();
    all.firstToken(tokens, nanos, now, tight, unanswered, running, wanted);
    if (!entry.yields()) {
      int without = unansweredPeople();
      people.firstToken(tokens, nanos, now, tight, without, running - yielding, wanted);
    }
  }

  /** A whole answer came at once. */
  void wholeAnswer(Entry entry, long tokens, long nanos, long now, boolean wanted) {
    all.requests().wholeAnswer(tokens, nanos, now, wanted || nearlyFull(true));
    if (!entry.yields()) {
      people.requests().wholeAnswer(tokens, nanos, now, wanted || nearlyFull(false));
    }
  }

  /**
   * It reports what runs and what waits there.
   *
   * @param wanted whether others want a place
   */
  void reported(int runs, int waiting, boolean wanted) {
    // A report is older than what was sent meanwhile.
    boolean allRun = waiting == 0 && runs >= ReplicaLimits.NEARLY * running;
    all.requests().reported(waiting, allRun ? running : 0, wanted && holdsBack(true));
    if (yielding == 0 || allRun) {
      int ofPeople = running - yielding;
      people.requests().reported(waiting, allRun ? ofPeople : 0, wanted && holdsBack(false));
    }
  }

  /** It said that it has enough. */
  void refused() {
    all.requests().refused();
    people.requests().refused();
  }
}
