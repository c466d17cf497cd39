package dev.switchboard.gateway.flight;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request of interest as a store keeps it: what it is looked up by, and its record as bytes.
 *
 * @param replicas that it was tried at
 * @param missed it was not answered for a fault of the service, or later than wanted
 * @param waitedFor ranks that held up their stages while it waited there, as {@code stage.rank}
 */
public record StoredFlight(
    String id,
    String model,
    String sloClass,
    String tenant,
    String outcome,
    int status,
    List<String> replicas,
    long acceptedNanos,
    long endedNanos,
    long wallNanos,
    boolean missed,
    @Nullable String traceId,
    List<String> waitedFor,
    byte[] packed) {
  /** Of the packed bytes. Those of another one cannot be unpacked. */
  public static final int FORMAT = 2;

  public StoredFlight {
    replicas = List.copyOf(replicas);
    waitedFor = List.copyOf(waitedFor);
  }

  static StoredFlight of(FlightFacts facts, byte[] packed) {
    return new StoredFlight(
        facts.id(),
        facts.model(),
        facts.sloClass(),
        facts.tenant(),
        facts.outcome().label(),
        facts.status(),
        facts.replicas(),
        facts.acceptedNanos(),
        facts.endedNanos(),
        facts.wallNanos(),
        facts.missed(),
        facts.traceId(),
        facts.waitedFor(),
        packed);
  }

  /** The request, as it was when it ended. */
  public FlightTail.Ended unpacked() {
    return new FlightTail.Ended(FlightCodec.unpack(packed), waitedFor);
  }
}
