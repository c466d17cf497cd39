package dev.switchboard.gateway.flight;

/** A record as it is kept, in whose place a fuller one may come to stand. */
final class FlightEntry {
  /** Of the objects around its bytes. */
  private static final long OVERHEAD = 512;

  // Read without the recorder's lock as well.
  volatile boolean interesting;
  private volatile FlightFacts facts;
  private volatile byte[] packed;

  /** In the order in which requests ended, from 1; given before any other thread sees it. */
  long number;

  private FlightRing ring;
  private FlightRing.Place place = FlightRing.Place.NONE;

  FlightEntry(FlightRecord record, boolean interesting, FlightRing ring) {
    this.facts = FlightFacts.of(record);
    this.interesting = interesting;
    this.packed = FlightCodec.pack(record);
    this.ring = ring;
  }

  FlightFacts facts() {
    return facts;
  }

  byte[] packed() {
    return packed;
  }

  long weight() {
    return OVERHEAD + packed.length;
  }

  /** It lies there from now on. */
  void lies(FlightRing where, FlightRing.Place exactly) {
    ring = where;
    place = exactly;
  }

  void become(byte[] other) {
    ring.grow(other.length - packed.length);
    packed = other;
  }

  void become(FlightFacts other) {
    facts = other;
    place.tell(other);
  }
}
