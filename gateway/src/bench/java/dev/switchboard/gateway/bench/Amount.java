package dev.switchboard.gateway.bench;

import dev.switchboard.bench.OptionCheck;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How much a command measures, in options that all of them have. */
final class Amount {
  @Option(
      names = "--preset",
      defaultValue = "STANDARD",
      description = {
        "how much where no option says (standard);",
        "quick: one short round; standard: three rounds"
      })
  private Preset preset = Preset.STANDARD;

  @Option(names = "--rounds", description = "rounds, medians are shown (the preset's)")
  private @Nullable Integer rounds;

  @Option(names = "--seconds", description = "of each measurement (the preset's)")
  private @Nullable Integer seconds;

  @Option(
      names = "--warm-seconds",
      description = {
        "of load on each server before the first round, at most; it ends when a",
        "request costs no less than before (the preset's)"
      })
  private @Nullable Integer warmSeconds;

  @Option(
      names = "--rate",
      defaultValue = "500",
      description = "requests a second where latency is measured (500)")
  private int rate;

  @Option(names = "--json", paramLabel = "FILE", description = "writes every sample there")
  private @Nullable Path json;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec spec;

  void check() {
    requirePositive("--rounds", rounds);
    requirePositive("--seconds", seconds);
    requirePositive("--warm-seconds", warmSeconds);
    requirePositive("--rate", rate);
  }

  void requireFile(String option, @Nullable Path file) {
    if (file != null && !Files.isReadable(file)) {
      throw wrong(option + ": cannot read " + file);
    }
  }

  void requirePositive(String option, @Nullable Integer value) {
    if (value != null) {
      OptionCheck.requirePositive(spec, option, value);
    }
  }

  /** Ends the command with this line and its usage. */
  private CommandLine.ParameterException wrong(String message) {
    return OptionCheck.wrong(spec, message);
  }

  Preset preset() {
    return preset;
  }

  int rounds() {
    return rounds == null ? preset.rounds : rounds;
  }

  int seconds() {
    return seconds == null ? preset.seconds : seconds;
  }

  int warmSeconds() {
    return warmSeconds == null ? preset.warmSeconds : warmSeconds;
  }

  int rate() {
    return rate;
  }

  /** So much of each workload. */
  Workload.Plan plan(@Nullable Integer streams) {
    return new Workload.Plan(
        rate,
        seconds(),
        TestBed.CONNECTIONS,
        streams == null ? preset.streams : streams,
        TestBed.INTERVAL_NANOS);
  }

  @Nullable Path json() {
    return json;
  }
}
