package dev.switchboard.bench;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.NativeMachine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Prefill and decode speed of the engine, beside the read bandwidth of the same threads measured in
 * the same rounds: a decode step reads every weight once, so bandwidth is its ceiling.
 */
@Command(
    name = "bench engine",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures prefill and decode, in tokens per second, medians over rounds.",
      "Each round also measures the machine's read bandwidth and its int8 and BF16 peaks;",
      "decode is reported as a share of the first, prefill of the others."
    })
final class EngineBench implements Callable<Integer> {
  @Option(
      names = "--preset",
      defaultValue = "STANDARD",
      description = {
        "what is measured where no option says (standard);",
        "quick: two models, one short round; standard: six models, three rounds;",
        "extended: gemma3, phi3 and every type of keys and values"
      })
  private Preset preset = Preset.STANDARD;

  @Option(
      names = "--model",
      paramLabel = "FILE.gguf",
      description = "model to measure; repeat for several")
  private List<Path> models = new ArrayList<>();

  @Option(
      names = "--shape",
      paramLabel = "NAME:FORMAT",
      description = {
        "model of a published shape with random weights, written once to .switchboard/models.",
        "NAME: smollm2-135m qwen2.5-0.5b qwen3-0.6b tinyllama-1.1b llama3.2-1b gemma3-270m",
        "  gemma3-1b phi3-mini",
        "FORMAT: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL Q2_K Q3_K Q4_K Q5_K Q6_K",
        "default without --model: the preset's"
      })
  private List<String> shapes = new ArrayList<>();

  @Option(
      names = "--kv",
      split = ",",
      description = "keys and values, one after the other: ${COMPLETION-CANDIDATES} (the preset's)")
  private List<ExecutorConfig.KvType> kvTypes = new ArrayList<>();

  @Option(names = "--threads", description = "threads per rank (default: the cores, shared out)")
  private int threads;

  @Option(names = "--stages", defaultValue = "1", description = "pipeline stages (1)")
  private int stages;

  @Option(names = "--ranks", defaultValue = "1", description = "tensor-parallel ranks (1)")
  private int ranks;

  @Option(
      names = "--isa",
      defaultValue = "AUTO",
      description = "kernels: ${COMPLETION-CANDIDATES} (AUTO)")
  private ExecutorConfig.Isa isa = ExecutorConfig.Isa.AUTO;

  @Option(names = "--prompt", defaultValue = "512", description = "prefill length in tokens (512)")
  private int prompt;

  @Option(names = "--tokens", description = "tokens per decode pass (the preset's)")
  private @Nullable Integer tokens;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,2,4,8",
      description = "sequences decoded together (1,2,4,8)")
  private int[] batches = {};

  @Option(
      names = "--depth",
      defaultValue = "32",
      description = "tokens each sequence has before it is decoded (32)")
  private int depth;

  @Option(names = "--rounds", description = "rounds, medians are shown (the preset's)")
  private @Nullable Integer rounds;

  @Option(
      names = "--busy-core",
      description = "also decodes while another process keeps a core busy")
  private boolean busyCore;

  @Option(
      names = "--llama-bench",
      paramLabel = "FILE",
      description = {
        "llama.cpp's llama-bench, measured beside in every round;",
        "llama-batched-bench is looked for in the same folder"
      })
  private @Nullable Path llamaBench;

  @Option(names = "--json", paramLabel = "FILE", description = "writes every sample there")
  private @Nullable Path json;

  @Spec private @Nullable CommandSpec spec;

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new EngineBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    if (threads == 0) {
      threads =
          Math.max(1, Runtime.getRuntime().availableProcessors() / Math.max(1, stages * ranks));
    }
    int tokensPerPass = tokens == null ? preset.tokens : tokens;
    int times = rounds == null ? preset.rounds : rounds;
    check(tokensPerPass, times);
    ExecutorConfig layout =
        ExecutorConfig.defaults().withIsa(isa).withLayout(stages, ranks, threads);
    LlamaCpp peer = llamaBench == null ? null : peer(llamaBench, stages * ranks * threads);
    BenchReport report = new BenchReport(machine(times), batches);
    for (Path file : files()) {
      for (ExecutorConfig.KvType kv : kvTypes.isEmpty() ? preset.kvTypes() : kvTypes) {
        ModelBench.Plan plan =
            new ModelBench.Plan(layout, kv, prompt, depth, tokensPerPass, batches, busyCore);
        report.add(measure(new ModelBench(file, plan, peer), times));
      }
    }
    report.print(System.out);
    if (json != null) {
      report.write(json);
    }
    return 0;
  }

  private static ModelResult measure(ModelBench bench, int rounds) throws IOException {
    for (int round = 1; round <= rounds; round++) {
      System.err.printf("%s: round %d of %d%n", bench.result().model, round, rounds);
      bench.round();
    }
    return bench.result();
  }

  private LlamaCpp peer(Path bench, int peerThreads) {
    try {
      return LlamaCpp.at(bench, peerThreads);
    } catch (IllegalArgumentException missing) {
      throw wrong("--llama-bench: " + missing.getMessage());
    }
  }

  private void check(int tokensPerPass, int times) {
    if (threads < 0) {
      throw wrong("--threads must be at least 0");
    }
    OptionCheck.requirePositive(spec, "--stages", stages);
    OptionCheck.requirePositive(spec, "--ranks", ranks);
    OptionCheck.requirePositive(spec, "--prompt", prompt);
    OptionCheck.requirePositive(spec, "--depth", depth);
    OptionCheck.requirePositive(spec, "--tokens", tokensPerPass);
    OptionCheck.requirePositive(spec, "--rounds", times);
    for (int batch : batches) {
      OptionCheck.requirePositive(spec, "--batch", batch);
    }
  }

  /** Ends the command with this line and its usage. */
  private CommandLine.ParameterException wrong(String message) {
    return OptionCheck.wrong(spec, message);
  }

  private List<Path> files() throws IOException {
    if (models.isEmpty() && shapes.isEmpty()) {
      shapes = preset.shapes();
    }
    List<Path> files = new ArrayList<>(models);
    Path directory =
        Path.of(System.getProperty("switchboard.home", ".")).resolve(".switchboard/models");
    for (String shape : shapes) {
      files.add(file(directory, shape));
    }
    return files;
  }

  private Path file(Path directory, String shape) throws IOException {
    String[] parts = shape.split(":", 2);
    if (parts.length != 2) {
      throw wrong("--shape wants NAME:FORMAT, not '" + shape + "'");
    }
    ModelShape dimensions;
    SyntheticModel.Format format;
    try {
      dimensions = ModelShape.of(parts[0]);
      format = SyntheticModel.Format.of(parts[1]);
    } catch (IllegalArgumentException unknown) {
      throw wrong("--shape " + shape + ": " + unknown.getMessage());
    }
    return SyntheticModel.at(directory, dimensions, format);
  }

  private String machine(int times) {
    NativeMachine machine = NativeMachine.probe();
    ExecutorConfig.Isa kernels = isa == ExecutorConfig.Isa.AUTO ? machine.bestIsa() : isa;
    return String.format(
        "%d cores, %s, %d stage(s) x %d rank(s) x %d thread(s), medians of %d round(s)",
        machine.cores(), kernels.name().toLowerCase(Locale.ROOT), stages, ranks, threads, times);
  }
}
