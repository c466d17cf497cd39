package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The policies side by side. In virtual time a seed always comes to the same, so the table of
 * docs/benchmarks is held to what comes out.
 */
@Tag("computation")
@Tag("night")
@ExtendWith(QuietFleet.class)
class PolicyComparisonTest {
  private static final List<String> POLICIES =
      List.of("slo", "least-loaded", "power-of-two", "prefix-affinity", "round-robin", "weighted");
  private static final int SEEDS = 18;

  private static final Path PAGE =
      Path.of(System.getProperty("switchboard.home", ".."), "docs/benchmarks/policies.md");

  /** By how much chance may favour another policy in so few runs. */
  private static final double CHANCE = 0.01;

  @Test
  void theSloPolicyIsTheBestOrNearlySoInEveryScenarioAndThePageSaysHowGoodAllAre()
      throws IOException {
    StringBuilder table = new StringBuilder("| Scenario |");
    POLICIES.forEach(policy -> table.append(" `").append(policy).append("` |"));
    table.append("\n|---|").append("---|".repeat(POLICIES.size()));
    for (Scenarios scenario : Scenarios.values()) {
      table.append("\n| ").append(scenario.title()).append(" |");
      double slo = 0;
      for (String policy : POLICIES) {
        double share = share(scenario, policy);
        slo = policy.equals("slo") ? share : slo;
        table.append(String.format(Locale.ROOT, " %.1f %% |", 100 * share));
        double best = slo;
        assertTrue(
            share <= slo + CHANCE,
            () -> scenario + ": " + policy + " " + share + " beats slo " + best);
      }
    }
    System.out.println(table);
    assertEquals(
        table.toString(),
        tableOfThePage("| Scenario | `" + POLICIES.getFirst()),
        () -> "the table of docs/benchmarks/policies.md is stale; this is the new one:\n" + table);
  }

  /** The table there that begins so. */
  static String tableOfThePage(String header) throws IOException {
    String page = Files.readString(PAGE);
    int begin = page.indexOf(header);
    return begin < 0 ? "" : page.substring(begin, page.indexOf("\n\n", begin));
  }

  private static double share(Scenarios scenario, String policy) {
    double[] shares =
        LongStream.rangeClosed(1, SEEDS)
            .parallel()
            .mapToDouble(seed -> scenario.run(seed, policy).share())
            .toArray();
    // One after the other: in which order a parallel stream adds depends on the machine.
    return Arrays.stream(shares).sum() / SEEDS;
  }
}
