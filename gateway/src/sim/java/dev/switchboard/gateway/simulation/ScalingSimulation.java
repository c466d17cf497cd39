package dev.switchboard.gateway.simulation;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The main class of {@code ./switchboard bench scaling}: it is no part of the product, as the
 * simulator is not.
 */
@Command(
    name = "bench scaling",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Scales one model over simulated days with bursts, batch jobs, starts of 20 to 120 s and",
      "machines that are taken away, by the gateway's rule and by the usual ones with every target",
      "that could suit them. Ends with 1 where on days on which nothing was chosen a usual rule",
      "misses as few requests as the gateway's at its replica-hours, or takes as few replica-hours",
      "at its misses."
    })
public final class ScalingSimulation implements Callable<Integer> {
  @Option(
      names = "--days",
      defaultValue = "6",
      paramLabel = "N",
      description = "days on which nothing was chosen (${DEFAULT-VALUE})")
  private int days;

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ScalingSimulation()).execute(arguments));
  }

  @Override
  public Integer call() {
    if (days < 1 || days > 1000) {
      throw new IllegalArgumentException("--days must be 1 to 1000, not " + days);
    }
    System.out.println(ScalingComparison.chosen().run().table("chosen on these two days"));
    ScalingComparison.Outcome outcome = ScalingComparison.others(days).run();
    System.out.printf("%n%s%n", outcome.table("on others"));
    System.out.printf(
        "%nchanges of the desired number by the gateway's rule: %d a day%n", outcome.changes());
    for (ScalingComparison.Line line : outcome.lines()) {
      System.out.printf("%n%s, target / seconds before fewer%n", line.rule());
      line.best()
          .forEach(
              each ->
                  System.out.printf(
                      "  %-14s %6.1f replica-hours %7.3f %% missed%n",
                      each.setting(), each.hours(), 100 * each.share()));
    }
    return outcome.best() ? 0 : 1;
  }
}
