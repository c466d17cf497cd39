package dev.switchboard.gateway.admission;

/**
 * The tokens that requests to a model ask for, estimated at the door: that ever came, that wait,
 * and that a place serves in a second. All are of the same estimate, so what it is off by cancels
 * out between them. Guarded by the queue's lock.
 */
public final class TokenFlow {
  private static final double SHARE_OF_NEW = 0.02;
  private static final double LEAST_SECONDS = 0.001;

  private double offered;
  private double people;
  private double batches;
  private double perPlaceSecond;
  private int served;

  /**
   * What can be seen of it at a moment.
   *
   * @param offered of people's requests that ever came
   * @param people of people's requests that wait
   * @param batches of requests of the lowest band that wait
   * @param perPlaceSecond that one place serves; 0 while unknown
   */
  public record Seen(double offered, double people, double batches, double perPlaceSecond) {
    public static final Seen NONE = new Seen(0, 0, 0, 0);
  }

  void offered(Demand demand) {
    offered += yields(demand) ? 0 : demand.tokens();
  }

  void waits(Demand demand) {
    count(demand, (double) demand.tokens());
  }

  void waitsNoLonger(Demand demand) {
    count(demand, -(double) demand.tokens());
  }

  private void count(Demand demand, double tokens) {
    if (yields(demand)) {
      batches = Math.max(0, batches + tokens);
    } else {
      people = Math.max(0, people + tokens);
    }
  }

  /** One has ended that held its places for so long. */
  void served(Demand demand, long heldNanos) {
    double placeSeconds = Math.max(LEAST_SECONDS, heldNanos / 1e9) * Math.max(1, demand.places());
    double rate = demand.tokens() / placeSeconds;
    served++;
    perPlaceSecond += Math.max(SHARE_OF_NEW, 1.0 / served) * (rate - perPlaceSecond);
  }

  Seen seen() {
    return new Seen(offered, people, batches, perPlaceSecond);
  }

  private static boolean yields(Demand demand) {
    return demand.band() == Band.SHEDDABLE;
  }
}
