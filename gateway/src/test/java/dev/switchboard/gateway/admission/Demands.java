package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.Prompt;

/** What tests ask for. */
final class Demands {
  private Demands() {}

  /** With a single choice, and not known when it comes again. */
  static Demand of(
      String tenant,
      Band band,
      long acceptedNanos,
      int ttftMs,
      double tpotMs,
      long deadlineNanos,
      Prompt prompt,
      int outputTokens,
      long bytes) {
    return new Demand(
        tenant,
        band,
        acceptedNanos,
        ttftMs,
        tpotMs,
        deadlineNanos,
        prompt,
        outputTokens,
        bytes,
        (long) prompt.tokens() + outputTokens,
        Asker.NOBODY,
        1,
        false);
  }

  /** The same, known by what it asks and who asks. */
  static Demand by(Asker asker, Demand demand) {
    return with(asker, demand.places(), false, demand);
  }

  /** The same with so many answers. */
  static Demand withPlaces(int places, Demand demand) {
    return with(demand.asker(), places, false, demand);
  }

  /** The same, for which another model may stand in. */
  static Demand orElsewhere(Demand demand) {
    return with(demand.asker(), demand.places(), true, demand);
  }

  private static Demand with(Asker asker, int places, boolean elsewhere, Demand demand) {
    return new Demand(
        demand.tenant(),
        demand.band(),
        demand.acceptedNanos(),
        demand.ttftMs(),
        demand.tpotMs(),
        demand.deadlineNanos(),
        demand.prompt(),
        demand.outputTokens(),
        demand.bytes(),
        demand.tokens(),
        asker,
        places,
        elsewhere);
  }
}
