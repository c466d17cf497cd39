package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.simulation.SimulatedGateway.Kept;
import dev.switchboard.gateway.slo.Slo;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What was predicted of requests when they were sent, against what they took, over whole fleets:
 * engines that compute in steps, of which the predictor's formula knows nothing, prompts that are
 * estimated and answers of unknown length.
 */
@Tag("computation")
@ExtendWith(QuietFleet.class)
class CalibrationSimulationTest {
  private static final int SEEDS = 20;
  private static final String HEADER =
      "| Scenario | predictions | first token below its ninth decile | median error |"
          + " time per token below its ninth decile | median error |";

  /** By then of every replica something was learned. */
  private static final double LEARNED_SECOND = 10;

  private static final double LEAST_BELOW = 0.8;

  /** Likewise of times per token, of which a flood has but 300. */
  private static final double LEAST_BELOW_PER_TOKEN = 0.78;

  private static final double MOST_BELOW = 0.97;

  private static final double MEDIAN_ERROR = 0.3;

  /** Which worker still has a prefix is not told: a guess of it that is wrong is far off. */
  private static final double MEDIAN_ERROR_OF_PREFIXES = 0.45;

  /** Who else comes while a request runs is not known when it is sent. */
  private static final double MEDIAN_ERROR_PER_TOKEN = 0.8;

  /** Of a number of predictions of a kind. */
  private record Calibration(double below, double medianError) {
    static Calibration of(
        List<Kept> kept,
        ToDoubleFunction<Kept> actual,
        ToDoubleFunction<Kept> median,
        ToDoubleFunction<Kept> p90) {
      List<Kept> told = kept.stream().filter(one -> actual.applyAsDouble(one) > 0).toList();
      double[] errors =
          told.stream()
              .mapToDouble(
                  one -> Math.abs(actual.applyAsDouble(one) / median.applyAsDouble(one) - 1))
              .sorted()
              .toArray();
      double below =
          told.stream().filter(one -> actual.applyAsDouble(one) <= p90.applyAsDouble(one)).count();
      return new Calibration(below / told.size(), errors[errors.length / 2]);
    }

    static Calibration ofFirstTokens(List<Kept> kept) {
      return of(
          kept, Kept::ttftMs, one -> one.predicted().ttftMs(), one -> one.predicted().ttftP90Ms());
    }

    static Calibration ofTokens(List<Kept> kept) {
      return of(
          kept, Kept::tpotMs, one -> one.predicted().tpotMs(), one -> one.predicted().tpotP90Ms());
    }

    void holds(double least, double most, String where) {
      assertTrue(
          below >= least && below <= MOST_BELOW,
          () -> below + " are below their ninth decile, " + where);
      assertTrue(medianError <= most, () -> "the median error is " + medianError + ", " + where);
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "%.1f %% | %.0f %%", 100 * below, 100 * medianError);
    }
  }

  @Test
  void nineOfTenStayBelowTheirNinthDecileInEveryScenarioAndThePageSaysHowFarMediansAreOff()
      throws IOException {
    StringBuilder table = new StringBuilder(HEADER).append("\n|---|---|---|---|---|---|");
    for (Scenarios scenario : Scenarios.values()) {
      List<Kept> all =
          LongStream.rangeClosed(1, SEEDS)
              .parallel()
              .mapToObj(seed -> checked(scenario, seed))
              .flatMap(List::stream)
              .toList();
      table
          .append("\n| ")
          .append(scenario.title())
          .append(String.format(Locale.ROOT, " | %d | ", all.size()))
          .append(Calibration.ofFirstTokens(all))
          .append(" | ")
          .append(Calibration.ofTokens(all))
          .append(" |");
    }
    System.out.println(table);
    assertEquals(
        table.toString(),
        PolicyComparisonTest.tableOfThePage(HEADER),
        () -> "the table of docs/benchmarks/policies.md is stale; this is the new one:\n" + table);
  }

  /** What was predicted in a run, each of which has to hold by itself. */
  private static List<Kept> checked(Scenarios scenario, long seed) {
    List<Kept> kept =
        scenario.run(seed, "slo").scenario().gateway().kept().stream()
            .filter(one -> one.second() >= LEARNED_SECOND)
            .toList();
    String where = scenario + ", seed " + seed;
    Calibration.ofFirstTokens(kept)
        .holds(LEAST_BELOW, mostError(scenario), "first tokens of " + where);
    Calibration.ofTokens(kept)
        .holds(LEAST_BELOW_PER_TOKEN, MEDIAN_ERROR_PER_TOKEN, "tokens of " + where);
    return kept;
  }

  /** Whoever goes on with a stream reads what its client has like a prompt. */
  @Test
  void streamsThatMoveArePredictedByAllThatIsReadAgain() {
    Scenario scenario = new Scenario(1, "slo", 1, 1);
    for (int i = 0; i < 16; i++) {
      Request request = longAnswer(i);
      scenario.at(30, () -> scenario.gateway().arrive(request));
    }
    scenario.at(34, scenario.replicas().get(0)::kill);
    scenario.run(new ClosedLoop(scenario.random().split(), 6, 30, Slo.NONE));

    double[] ratios =
        scenario.gateway().kept().stream()
            .filter(one -> one.second() >= 34)
            .mapToDouble(one -> one.ttftMs() / one.predicted().ttftMs())
            .sorted()
            .toArray();
    assertTrue(ratios.length >= 6, () -> ratios.length + " moved");
    double median = ratios[ratios.length / 2];
    assertTrue(median > 0.5 && median < 2, () -> "they took " + median + " times as long");
  }

  private static Request longAnswer(int number) {
    Request.Seen seen = new Request.Seen(20, 0, 1000);
    return new Request(
        1_000_000 + number, Request.nanos(30), "t", Slo.NONE, 20, 1000, true, 0, 0, seen);
  }

  private static double mostError(Scenarios scenario) {
    return switch (scenario) {
      case PREFIX_HOT_SPOT, HOT_PREFIX -> MEDIAN_ERROR_OF_PREFIXES;
      default -> MEDIAN_ERROR;
    };
  }
}
