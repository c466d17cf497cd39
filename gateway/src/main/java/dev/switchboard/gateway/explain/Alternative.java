package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.Rates;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the next best replica would have come to, as was known when the last one was chosen.
 *
 * @param replica the one that would have been next; null where there was no other
 * @param rejected why it could not be chosen; null where it could
 * @param predictedTtftMs from its being sent there to the first token
 * @param chosenTtftMs the same of the chosen one; NaN where none was chosen
 * @param measuredTtftMs of the chosen one, as it was; NaN where there was no first token, or an
 *     answer that came whole has none of its own, or the stream began at another one
 * @param scoreMargin by how much the chosen one was better, in the policy's own measure; NaN where
 *     it could not be chosen
 * @param fewerTokens prompt tokens that would have to be computed less there for it to be as soon;
 *     0 where it was, −1 where no number would do
 */
public record Alternative(
    @Nullable String replica,
    @Nullable String rejected,
    double predictedTtftMs,
    double chosenTtftMs,
    double measuredTtftMs,
    double scoreMargin,
    int fewerTokens) {
  private static final Alternative NONE =
      new Alternative(null, null, Double.NaN, Double.NaN, Double.NaN, Double.NaN, -1);

  static Alternative of(FlightRecord record) {
    Decision decision = record.decision();
    Candidate winner = decision == null ? null : decision.winner();
    Candidate next = decision == null ? null : next(decision.candidates(), winner);
    if (next == null) {
      return NONE;
    }
    double chosen = winner == null ? Double.NaN : winner.prediction().ttftMs();
    double other = next.prediction().ttftMs();
    Candidate compared = next.rejected() == null ? winner : null;
    return new Alternative(
        next.replica(),
        next.rejected(),
        other,
        chosen,
        measured(record),
        compared == null ? Double.NaN : next.score() - compared.score(),
        compared == null ? -1 : fewerTokens(next, other - chosen));
  }

  /** The best of those that could have been chosen, else one that could not. */
  private static @Nullable Candidate next(List<Candidate> all, @Nullable Candidate winner) {
    return all.stream()
        .filter(each -> winner == null || !each.replica().equals(winner.replica()))
        .min(
            Comparator.comparing((Candidate each) -> each.rejected() != null)
                .thenComparingDouble(each -> each.rejected() == null ? each.score() : 0))
        .orElse(null);
  }

  private static double measured(FlightRecord record) {
    long first = record.at(Mark.FIRST_TOKEN);
    return first == 0 || !record.stream() || record.moves() > 0
        ? Double.NaN
        : (first - record.at(Mark.ROUTED)) / 1e6;
  }

  private static int fewerTokens(Candidate next, double behindMs) {
    Rates rates = next.view().own().rates();
    double tokenMs = rates.promptTokenMs() * Math.exp(rates.ttftSlowdown());
    if (behindMs <= 0) {
      return 0;
    }
    double tokens = tokenMs > 0 ? Math.ceil(behindMs / tokenMs) : Double.POSITIVE_INFINITY;
    return tokens <= next.view().load().waitingTokens() ? (int) tokens : -1;
  }
}
