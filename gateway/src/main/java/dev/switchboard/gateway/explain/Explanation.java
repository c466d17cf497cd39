package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Why a request took as long as it did.
 *
 * @param text a short paragraph
 * @param dominant the phase that had most of its time
 * @param charges milliseconds of each culprit that has some, its own work left out
 * @param rank that others waited for, as {@code stage.rank}; null where none is known
 * @param neighbours ids of requests whose prompts were computed while it decoded, at most five
 * @param neighbourTokens prompt tokens of all of them
 * @param ahead what stood before it
 */
public record Explanation(
    String text,
    Culprit culprit,
    double culpritMs,
    PhaseBreakdown.Phase dominant,
    double dominantMs,
    double wallMs,
    Map<Culprit, Double> charges,
    @Nullable String rank,
    double rankLateMs,
    List<String> neighbours,
    int neighbourTokens,
    Ahead ahead,
    Alternative alternative) {
  static final int MOST_NAMED = 5;

  public Explanation {
    charges = Map.copyOf(charges);
    neighbours = List.copyOf(neighbours);
  }

  /**
   * What stood before it.
   *
   * @param gatewayMs it waited in the gateway's queue; {@code workerMs} in its worker's
   * @param admittedFirst requests that left the gateway's queue while it waited there
   * @param firstAtReplica requests that got their first token at its replica while it waited for
   *     its own, and the prompt tokens that were computed for them
   * @param running requests of its model that were at a replica when it came
   * @param ids of the first of them, at most five
   * @param whole all that ran beside it were looked at
   */
  public record Ahead(
      double gatewayMs,
      double workerMs,
      int admittedFirst,
      int firstAtReplica,
      int promptTokens,
      int running,
      List<String> ids,
      boolean whole) {
    public Ahead {
      ids = List.copyOf(ids);
    }

    static Ahead of(PhaseBreakdown breakdown, OtherRequests others, boolean whole) {
      List<FlightRecord> named =
          others.firstAtReplica().isEmpty() ? others.admittedFirst() : others.firstAtReplica();
      return new Ahead(
          breakdown.nanos(PhaseBreakdown.Phase.QUEUE) / 1e6,
          (breakdown.nanos(PhaseBreakdown.Phase.WORKER_QUEUE)
                  + breakdown.nanos(PhaseBreakdown.Phase.PREFILL_WAIT))
              / 1e6,
          others.admittedFirst().size(),
          others.firstAtReplica().size(),
          OtherRequests.computedTokens(others.firstAtReplica()),
          others.running(),
          names(named),
          whole);
    }
  }

  /**
   * Explains a request that is over.
   *
   * @param waitedFor ranks that its workers had named as stragglers, as {@code stage.rank}
   * @param beside requests of its model that ran at the same time; one that runs yet as if it ended
   *     now
   * @param whole whether these are all
   */
  public static Explanation of(
      FlightRecord record, List<String> waitedFor, List<FlightRecord> beside, boolean whole) {
    PhaseBreakdown breakdown = PhaseBreakdown.of(record);
    BlameShares charges = BlameShares.of(record, breakdown, waitedFor);
    Culprit culprit = charges.worst(record.wallNanos());
    PhaseBreakdown.Segment dominant = dominant(breakdown);
    OtherRequests others = OtherRequests.of(record, beside);
    BlameShares.Rank rank = charges.rank();
    Map<Culprit, Double> told =
        charges.nanos().entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue() / 1e6));
    Explanation found =
        new Explanation(
            "",
            culprit,
            charges.of(culprit) / 1e6,
            dominant.phase(),
            dominant.nanos() / 1e6,
            record.wallNanos() / 1e6,
            told,
            rank == null ? null : rank.place(),
            rank == null ? 0 : rank.lateMs(),
            names(others.computed()),
            OtherRequests.computedTokens(others.computed()),
            Ahead.of(breakdown, others, whole),
            Alternative.of(record));
    return found.withText(ExplanationText.of(record, found));
  }

  private static List<String> names(List<FlightRecord> records) {
    return records.stream().map(FlightRecord::id).limit(MOST_NAMED).toList();
  }

  private static PhaseBreakdown.Segment dominant(PhaseBreakdown breakdown) {
    return breakdown.segments().stream()
        .max(Comparator.comparingLong(PhaseBreakdown.Segment::nanos))
        .orElse(new PhaseBreakdown.Segment(PhaseBreakdown.Phase.UNEXPLAINED, 0));
  }

  private Explanation withText(String words) {
    return new Explanation(
        words,
        culprit,
        culpritMs,
        dominant,
        dominantMs,
        wallMs,
        charges,
        rank,
        rankLateMs,
        neighbours,
        neighbourTokens,
        ahead,
        alternative);
  }
}
