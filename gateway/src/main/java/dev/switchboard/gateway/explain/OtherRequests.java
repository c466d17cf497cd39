package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.timeline.RequestTimeline;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What other requests of its model did while a request ran.
 *
 * @param admittedFirst left the gateway's queue while it waited there
 * @param firstAtReplica had their first token at its replica while it waited for its own
 * @param computed prompts that its replica computed while it decoded, the longest first
 * @param running were at a replica when it came
 */
record OtherRequests(
    List<FlightRecord> admittedFirst,
    List<FlightRecord> firstAtReplica,
    List<FlightRecord> computed,
    int running) {

  OtherRequests {
    admittedFirst = List.copyOf(admittedFirst);
    firstAtReplica = List.copyOf(firstAtReplica);
    computed = List.copyOf(computed);
  }

  /**
   * Looks through those that ran at the same time.
   *
   * @param beside of its model; one that runs yet as if it ended now
   */
  static OtherRequests of(FlightRecord record, List<FlightRecord> beside) {
    long came = record.at(Mark.PARSED);
    long admitted = orElse(record.at(Mark.ADMITTED), record.at(Mark.ENDED));
    long first = orElse(record.at(Mark.FIRST_TOKEN), record.at(Mark.ENDED));
    String replica = String.valueOf(record.replica());
    List<FlightRecord> there =
        beside.stream().filter(other -> replica.equals(replica(other))).toList();
    return new OtherRequests(
        beside.stream().filter(other -> within(other, Mark.ADMITTED, came, admitted)).toList(),
        there.stream().filter(other -> within(other, Mark.FIRST_TOKEN, admitted, first)).toList(),
        there.stream()
            .filter(
                other ->
                    other.at(Mark.CONNECTED) < record.at(Mark.ENDED)
                        && orElse(other.at(Mark.FIRST_TOKEN), other.at(Mark.ENDED)) > first
                        && other.at(Mark.CONNECTED) != 0)
            .sorted(
                Comparator.comparingInt((FlightRecord other) -> computedTokens(other)).reversed())
            .toList(),
        (int)
            beside.stream()
                .filter(
                    other ->
                        other.at(Mark.ADMITTED) != 0
                            && other.at(Mark.ADMITTED) < came
                            && other.at(Mark.ENDED) > came)
                .count());
  }

  /** Of one that runs no attempt has ended. */
  private static @Nullable String replica(FlightRecord other) {
    Decision decision = other.decision();
    return other.attempts().isEmpty() && decision != null ? decision.chosen() : other.replica();
  }

  private static boolean within(FlightRecord other, Mark mark, long from, long to) {
    return other.at(mark) > from && other.at(mark) <= to;
  }

  private static long orElse(long nanos, long other) {
    return nanos == 0 ? other : nanos;
  }

  /** Of its prompt, those that were not cached. */
  static int computedTokens(FlightRecord other) {
    int told = 0;
    for (RequestTimeline timeline : other.timelines()) {
      told += timeline.prefill() == null ? 0 : timeline.prefill().tokens();
    }
    int prompt = Math.max(0, other.usage().promptTokens());
    return told > 0 ? told : Math.max(0, prompt - Math.max(0, other.usage().cachedTokens()));
  }

  static int computedTokens(List<FlightRecord> others) {
    return others.stream().mapToInt(OtherRequests::computedTokens).sum();
  }
}
