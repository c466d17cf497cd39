package dev.switchboard.gateway.admission;

/** What a request holds of its tenant's limits somewhere else, from its entry to its end. */
public interface Reservation {
  /** Holds nothing. */
  Reservation NONE =
      new Reservation() {
        @Override
        public boolean counted() {
          return false;
        }

        @Override
        public void settle(long used, boolean served) {}
      };

  /** Whether it was counted there, so that the limits per minute are not held here as well. */
  boolean counted();

  /**
   * The request is over; called once.
   *
   * @param used tokens that it read and generated
   * @param served whether a replica saw it; else it costs no request either
   */
  void settle(long used, boolean served);
}
