package dev.switchboard.gateway.autoscaling;

/**
 * What the number of replicas of a model is derived from, at a moment, over all gateways that share
 * a store or a Valkey. Of what is unknown a number is not a number. Batches are requests of the
 * lowest band, {@code sheddable}; people are all others.
 *
 * @param current replicas that take requests, or will without anybody's doing
 * @param ready those that take requests now
 * @param standby those that would in the place of others
 * @param running places that requests hold
 * @param peopleRunning those of them that requests of people hold
 * @param reported sequences that ready replicas say they have, whoever sent them
 * @param waiting requests in the queues
 * @param places of ready replicas
 * @param placesEach the same of one replica, as the mean of late
 * @param offeredTokens of people's requests that ever came, estimated at the door
 * @param queuedTokens of people's requests that wait, likewise
 * @param batchTokens of batches that wait, likewise
 * @param placeTokens such tokens that one place serves in a second, as the mean of late
 * @param waitMs predicted for a request of people that comes now; 0 where none waits
 * @param targetMs the shortest target of a first token of people's classes
 * @param patienceMs that a batch may wait
 * @param kvUsed share of the ready replicas' KV that sequences hold
 */
public record ScaleSignals(
    int current,
    int ready,
    int standby,
    int running,
    int peopleRunning,
    int reported,
    int waiting,
    int places,
    double placesEach,
    double offeredTokens,
    double queuedTokens,
    double batchTokens,
    double placeTokens,
    double waitMs,
    double targetMs,
    double patienceMs,
    double kvUsed) {

  /** Requests that are to be served at once, here or at replicas. */
  public int work() {
    return Math.max(running, reported) + waiting;
  }

  /** Share of the places that are taken, those of who waits among them. */
  public double busy() {
    return places == 0 ? Double.NaN : (double) work() / places;
  }

  /** Whether it is known how fast a place serves tokens. */
  boolean paced() {
    return placeTokens > 0 && placesEach > 0;
  }
}
