package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The policies side by side; the table is in the README. */
@ExtendWith(QuietFleet.class)
class PolicyComparisonTest {
  private static final List<String> POLICIES =
      List.of("slo", "least-loaded", "power-of-two", "prefix-affinity", "round-robin", "weighted");
  private static final int SEEDS = 6;

  /** By how much chance may favour another policy in so few runs. */
  private static final double CHANCE = 0.005;

  @Test
  void theSloPolicyIsTheBestOrNearlySoInEveryScenario() {
    StringBuilder table =
        new StringBuilder("goodput as a share of the best possible%n".formatted());
    table.append("%-20s".formatted("scenario"));
    POLICIES.forEach(policy -> table.append("%17s".formatted(policy)));
    for (Scenarios scenario : Scenarios.values()) {
      table.append("%n%-20s".formatted(scenario));
      double slo = 0;
      for (String policy : POLICIES) {
        double share = share(scenario, policy);
        slo = policy.equals("slo") ? share : slo;
        table.append("%15.1f %%".formatted(100 * share));
        double best = slo;
        assertTrue(
            share <= slo + CHANCE,
            () -> scenario + ": " + policy + " " + share + " beats slo " + best);
      }
    }
    System.out.println(table);
  }

  private static double share(Scenarios scenario, String policy) {
    return LongStream.rangeClosed(1, SEEDS)
            .parallel()
            .mapToDouble(seed -> scenario.run(seed, policy).share())
            .sum()
        / SEEDS;
  }
}
