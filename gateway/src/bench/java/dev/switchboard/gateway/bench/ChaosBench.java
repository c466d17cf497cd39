package dev.switchboard.gateway.bench;

import dev.switchboard.bench.SmallModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Kills, stops and drains real workers, ends gateways and lets clients misbehave, at full size, and
 * says whether anybody else noticed. After each scenario the gateway's record of each request must
 * agree with what its client saw, and its metrics with all of them together.
 */
@Command(
    name = "bench chaos",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Kills, stops and drains real workers under load, ends a gateway, and lets clients",
      "misbehave; ends with status 1 when a promise is broken. Needs about nine minutes."
    })
public final class ChaosBench implements Callable<Integer> {

  @Option(
      names = "--preset",
      defaultValue = "STANDARD",
      description = {
        "how much (standard); quick: small and about three minutes; standard: 200 streams,",
        "30 drains, 1000 silent clients, 1000 cancels a second for 30 seconds"
      })
  private ChaosPlan.Size preset = ChaosPlan.Size.STANDARD;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "NAME",
      completionCandidates = Labels.class,
      converter = Scenarios.class,
      description = "only these: ${COMPLETION-CANDIDATES}")
  private List<ChaosScenario> only = new ArrayList<>();

  @Option(names = "--json", paramLabel = "FILE", description = "writes every figure there")
  private @Nullable Path json;

  /** Their names, for the help. */
  static final class Labels extends ArrayList<String> {
    private static final long serialVersionUID = 1;

    Labels() {
      super(Stream.of(ChaosScenario.values()).map(ChaosScenario::label).toList());
    }
  }

  /** Reads a name. */
  static final class Scenarios implements CommandLine.ITypeConverter<ChaosScenario> {
    @Override
    public ChaosScenario convert(String label) {
      try {
        return ChaosScenario.of(label);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new ChaosBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    ChaosReport report = new ChaosReport(machine());
    Path directory = Files.createTempDirectory("switchboard-chaos");
    try {
      Path model = SmallModel.at(directory);
      for (ChaosScenario scenario : only.isEmpty() ? List.of(ChaosScenario.values()) : only) {
        System.err.println(scenario.label() + ": " + scenario.title());
        Path own = Files.createDirectories(directory.resolve(scenario.label()));
        ChaosStage stage = new ChaosStage(own, model, preset.plan());
        report.add(scenario, stage);
        run(scenario, stage);
      }
    } finally {
      TestBed.delete(directory);
    }
    report.print(System.out);
    if (json != null) {
      report.write(json);
    }
    return report.kept() ? 0 : 1;
  }

  private static void run(ChaosScenario scenario, ChaosStage stage) {
    try {
      scenario.run(stage);
    } catch (IOException e) {
      stage.promise(false, "it could not go on: " + e.getMessage());
    }
  }

  private String machine() {
    return String.format(
        Locale.ROOT,
        "%d cores, nothing pinned; preset %s",
        Runtime.getRuntime().availableProcessors(),
        preset.name().toLowerCase(Locale.ROOT));
  }
}
