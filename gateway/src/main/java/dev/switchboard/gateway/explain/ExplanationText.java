package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.routing.Decision;
import java.util.List;
import java.util.Locale;

/** An explanation as a paragraph. */
final class ExplanationText {
  private final FlightRecord record;
  private final Explanation told;
  private final StringBuilder text = new StringBuilder();

  private ExplanationText(FlightRecord record, Explanation told) {
    this.record = record;
    this.told = told;
  }

  static String of(FlightRecord record, Explanation told) {
    ExplanationText words = new ExplanationText(record, told);
    words.course();
    words.culprit();
    words.ahead();
    words.alternative();
    return words.text.toString();
  }

  @SuppressWarnings("AnnotateFormatMethod") // The annotation would be a dependency of its own.
  private ExplanationText say(String format, Object... values) {
    if (!text.isEmpty()) {
      text.append(' ');
    }
    text.append(String.format(Locale.ROOT, format, values));
    return this;
  }

  private static String ms(double millis) {
    return millis >= 10_000
        ? String.format(Locale.ROOT, "%.1f s", millis / 1000)
        : String.format(Locale.ROOT, millis < 10 ? "%.1f ms" : "%.0f ms", millis);
  }

  private void course() {
    String first =
        record.ttftNanos() < 0 || !record.stream()
            ? ""
            : "; its first token came after " + ms(record.ttftNanos() / 1e6);
    say("It took %s, outcome %s%s.", ms(told.wallMs()), record.outcome().label(), first);
    if (record.outcome() != Outcome.OK && record.failure() != null) {
      say("%s", record.failure().error().message());
    }
  }

  private void culprit() {
    double share = told.wallMs() > 0 ? 100 * told.culpritMs() / told.wallMs() : 0;
    if (told.culprit() == Culprit.OWN_WORK) {
      say(
          "Nothing held it up: most of its time, %s, was %s.",
          ms(told.dominantMs()), told.dominant().label());
      return;
    }
    say("What held it up was %s: %s, %.0f %% of its time.", cause(), ms(told.culpritMs()), share);
    if (told.dominant().label().startsWith("decode_compute")) {
      say("Its own tokens took %s.", ms(told.dominantMs()));
    }
  }

  private String cause() {
    String replica = String.valueOf(record.replica());
    return switch (told.culprit()) {
      case OWN_WORK -> "nothing";
      case LATE_CONNECTION -> "its connection, which was accepted late or shook hands slowly";
      case SLOW_BODY -> "its client, which sent the body slowly";
      case LONG_QUEUE -> "the queue";
      case NO_REPLICA -> "that no replica could take it";
      case RETRY -> "an attempt that failed before the one that served it";
      case MIGRATION -> "the move of its stream from " + from() + " to " + replica;
      case COLD_PREFIX -> "its prompt, of which " + cached() + " was cached at " + replica;
      case NEIGHBOURS_PREFILL -> "the prompts of other requests in its steps" + neighbours();
      case PREEMPTION -> "that its blocks were taken back for others at " + replica;
      case SLOW_RANK ->
          "the rank " + told.rank() + " of " + replica + ", for which the others waited";
      case HOST_CONTENTION -> "the machine of " + replica + ", whose ranks had work and no core";
      case STOPPED_WORKER -> "the process of " + replica + ", which stood still";
      case SLOW_UPSTREAM -> "the server " + replica + ", which tells nothing of itself";
      case GATEWAY_LATE -> "the gateway, whose event loop did not run";
      case SLOW_READER -> "its client, which did not read";
    };
  }

  /** Where the stream was that the last move took away; who could not go on with it had nothing. */
  private String from() {
    String from = "its replica";
    String at = from;
    for (FlightRecord.Attempt attempt : record.attempts()) {
      FlightRecord.Move move = attempt.move();
      if (move == null) {
        at = attempt.replica();
      } else if (move.resumedNanos() != 0) {
        from = at;
        at = attempt.replica();
      }
    }
    return from.equals("its replica") ? at : from;
  }

  private String cached() {
    int prompt = record.usage().promptTokens();
    int cached = Math.max(0, record.usage().cachedTokens());
    return prompt < 0 ? "little" : cached + " of " + prompt + " tokens";
  }

  private String neighbours() {
    return told.neighbours().isEmpty()
        ? ""
        : " (" + told.neighbourTokens() + " tokens, " + list(told.neighbours()) + ")";
  }

  private static String list(List<String> ids) {
    return String.join(", ", ids) + (ids.size() == Explanation.MOST_NAMED ? ", …" : "");
  }

  private void ahead() {
    Explanation.Ahead ahead = told.ahead();
    double waited = ahead.gatewayMs() + ahead.workerMs();
    if (told.culprit() != Culprit.LONG_QUEUE && waited < 0.05 * told.wallMs()) {
      return;
    }
    say(
        "It waited %s in the gateway's queue, where %d went before it, and %s in its worker's,"
            + " where %d with %d prompt tokens to compute did; %d ran when it came%s.",
        ms(ahead.gatewayMs()),
        ahead.admittedFirst(),
        ms(ahead.workerMs()),
        ahead.firstAtReplica(),
        ahead.promptTokens(),
        ahead.running(),
        ahead.whole() ? "" : ", of those that are known yet");
  }

  private void alternative() {
    Alternative other = told.alternative();
    Decision decision = record.decision();
    String chosen = decision == null ? null : decision.chosen();
    String replica = other.replica();
    if (decision == null) {
      say("It was sent nowhere.");
    } else if (replica == null) {
      say("There was no other replica.");
    } else if (other.rejected() != null) {
      say(
          "No other replica could take it: %s was left out (%s). Without that it could have been"
              + " chosen.",
          replica, other.rejected());
    } else if (chosen != null) {
      say(
          "At %s the first token was expected after %s, at %s, where it went, after %s%s.",
          replica,
          ms(other.predictedTtftMs()),
          chosen,
          ms(other.chosenTtftMs()),
          Double.isNaN(other.measuredTtftMs())
              ? ""
              : ", and it took " + ms(other.measuredTtftMs()));
      otherwise(decision, replica, other);
    }
  }

  private void otherwise(Decision decision, String replica, Alternative other) {
    if (other.fewerTokens() > 0) {
      say(
          "With %d prompt tokens fewer waiting there %s would have been as soon.",
          other.fewerTokens(), replica);
    } else if (other.fewerTokens() < 0) {
      say("Even with no prompt waiting there %s would not have been as soon.", replica);
    } else {
      say(
          "The policy %s chose it for more than that: %s scored %.2f worse.",
          decision.policy(), replica, other.scoreMargin());
    }
  }
}
