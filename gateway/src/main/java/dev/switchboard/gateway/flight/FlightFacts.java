package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.Flight.Mark;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a request is looked up by, without its record being unpacked.
 *
 * @param replicas that it was tried at
 * @param missed it was not answered for a fault of the service, or later than wanted
 * @param waitedFor ranks that held up their stages while it waited there, as {@code stage.rank}
 */
record FlightFacts(
    String id,
    String model,
    String sloClass,
    String tenant,
    Outcome outcome,
    int status,
    List<String> replicas,
    long acceptedNanos,
    long endedNanos,
    long wallNanos,
    boolean missed,
    @Nullable String traceId,
    List<String> waitedFor) {

  static FlightFacts of(FlightRecord record) {
    return new FlightFacts(
        record.id(),
        record.model(),
        record.sloClass(),
        record.tenant(),
        record.outcome(),
        record.status(),
        replicas(record.attempts()),
        record.at(Mark.ACCEPTED),
        record.at(Mark.ENDED),
        record.wallNanos(),
        record.missed(),
        record.traceId(),
        List.of());
  }

  /**
   * Of a request that has not ended.
   *
   * @param at the replica where it is; null for none
   */
  static FlightFacts running(FlightRecord now, @Nullable String at) {
    FlightFacts facts = of(now);
    List<String> all = new ArrayList<>(facts.replicas);
    if (at != null && !all.contains(at)) {
      all.add(at);
    }
    boolean late = now.stream() && now.ttftNanos() < 0 && now.slo().ttftMs() > 0;
    boolean missed = late && now.wallNanos() > now.slo().ttftMs() * 1e6;
    return facts.at(all, facts.missed || missed);
  }

  /** Nearly every request has one attempt. */
  private static List<String> replicas(List<FlightRecord.Attempt> attempts) {
    return attempts.size() == 1
        ? List.of(attempts.getFirst().replica())
        : attempts.stream().map(FlightRecord.Attempt::replica).distinct().toList();
  }

  private FlightFacts at(List<String> all, boolean late) {
    return new FlightFacts(
        id,
        model,
        sloClass,
        tenant,
        outcome,
        status,
        List.copyOf(all),
        acceptedNanos,
        endedNanos,
        wallNanos,
        late,
        traceId,
        waitedFor);
  }

  FlightFacts waited(List<String> ranks) {
    return new FlightFacts(
        id,
        model,
        sloClass,
        tenant,
        outcome,
        status,
        replicas,
        acceptedNanos,
        endedNanos,
        wallNanos,
        missed,
        traceId,
        List.copyOf(ranks));
  }
}
