package dev.switchboard.gateway.autoscaling;

/**
 * What the number of replicas of a model is derived from, at a moment. Of what is unknown a number
 * is not a number.
 *
 * @param current replicas that take requests, or will without anybody's doing
 * @param ready those that take requests now
 * @param standby those that would in the place of others
 * @param running places that requests of this gateway hold
 * @param reported sequences that ready replicas say they have, whoever sent them
 * @param waiting requests in the queue of this gateway
 * @param places of ready replicas
 * @param placesEach the same of one replica, as the mean of late
 * @param waitMs predicted for a request that comes now and is no batch; 0 where none such waits
 * @param targetMs the shortest target of a first token of classes that are no batches
 * @param kvUsed share of the ready replicas' KV that sequences hold
 */
public record ScaleSignals(
    int current,
    int ready,
    int standby,
    int running,
    int reported,
    int waiting,
    int places,
    double placesEach,
    double waitMs,
    double targetMs,
    double kvUsed) {

  /** Requests that are to be served at once, here or at replicas. */
  public int work() {
    return Math.max(running, reported) + waiting;
  }

  /** Share of the places that are taken, those of who waits among them. */
  public double busy() {
    return places == 0 ? Double.NaN : (double) work() / places;
  }
}
