package dev.switchboard.bench;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.NativeMachine;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
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
      "Each round also measures the machine's read bandwidth; decode is reported as a share of it."
    })
final class EngineBench implements Callable<Integer> {
  private static final int DECODE_PROMPT = 128;
  private static final int KV_BLOCK_TOKENS = 32;
  private static final int BANDWIDTH_MIB = 256;

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
        "NAME: smollm2-135m qwen2.5-0.5b qwen3-0.6b tinyllama-1.1b llama3.2-1b",
        "FORMAT: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL Q2_K Q3_K Q4_K Q5_K Q6_K",
        "default without --model: smollm2-135m:Q8_0 smollm2-135m:Q4_0 tinyllama-1.1b:Q4_0"
      })
  private List<String> shapes = new ArrayList<>();

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

  @Option(names = "--tokens", defaultValue = "64", description = "tokens per decode pass (64)")
  private int tokens;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,2,4,8",
      description = "sequences decoded together (1,2,4,8)")
  private int[] batches = {};

  @Option(names = "--rounds", defaultValue = "5", description = "rounds, medians are shown (5)")
  private int rounds;

  @Option(names = "--quick", description = "one round, short passes")
  private boolean quick;

  @Spec private @Nullable CommandSpec spec;

  private final PrintStream out = System.out;

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new EngineBench()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    check();
    if (quick) {
      rounds = 1;
      tokens = Math.min(tokens, 16);
    }
    if (threads == 0) {
      threads = Math.max(1, Runtime.getRuntime().availableProcessors() / (stages * ranks));
    }
    List<Path> files = files();
    heading();
    for (Path file : files) {
      measure(file);
    }
    return 0;
  }

  private void check() {
    if (threads < 0) {
      throw wrong("--threads must be at least 0");
    }
    requirePositive("--stages", stages);
    requirePositive("--ranks", ranks);
    requirePositive("--prompt", prompt);
    requirePositive("--tokens", tokens);
    requirePositive("--rounds", rounds);
    for (int batch : batches) {
      requirePositive("--batch", batch);
    }
  }

  private void requirePositive(String option, int value) {
    if (value < 1) {
      throw wrong(option + " must be at least 1");
    }
  }

  /** Ends the command with this line and its usage. */
  private CommandLine.ParameterException wrong(String message) {
    return new CommandLine.ParameterException(Objects.requireNonNull(spec).commandLine(), message);
  }

  private List<Path> files() throws IOException {
    if (models.isEmpty() && shapes.isEmpty()) {
      shapes = List.of("smollm2-135m:Q8_0", "smollm2-135m:Q4_0", "tinyllama-1.1b:Q4_0");
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

  private void heading() {
    out.printf(
        "%s, %d stage(s) x %d rank(s) x %d thread(s), medians of %d round(s)%n",
        machine(), stages, ranks, threads, rounds);
    out.printf(
        "%-28s %9s %12s %10s %10s %8s",
        "model", "MiB/token", "prefill", "decode", "GB/s", "of read");
    for (int i = 1; i < batches.length; i++) {
      out.printf(" %10s", "batch " + batches[i]);
    }
    out.println();
  }

  private String machine() {
    NativeMachine machine = NativeMachine.probe();
    ExecutorConfig.Isa kernels = isa == ExecutorConfig.Isa.AUTO ? machine.bestIsa() : isa;
    return machine.cores() + " cores, " + kernels.name().toLowerCase(Locale.ROOT);
  }

  private void measure(Path path) throws IOException {
    int most = Arrays.stream(batches).max().orElse(1);
    int positions = Math.max(prompt, DECODE_PROMPT + tokens) + 1;
    int blocks = most * EngineRun.blocks(positions, KV_BLOCK_TOKENS);
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withKv(ExecutorConfig.KvType.F16, KV_BLOCK_TOKENS, blocks)
            .withIsa(isa)
            .withLayout(stages, ranks, threads);
    try (GgufFile file = GgufFile.open(path);
        Executor executor =
            NativeExecutor.open(ModelDescription.of(file), config, (done, total) -> {})) {
      rows(path, executor, new EngineRun(executor, most, positions));
    }
  }

  private void rows(Path path, Executor executor, EngineRun run) {
    double[] bandwidth = new double[rounds];
    double[] prefill = new double[rounds];
    double[][] decode = new double[batches.length][rounds];
    double[] share = new double[rounds];
    long bytes = executor.info().memory().weightBytesPerToken();
    run.decode(1, DECODE_PROMPT, 2);
    for (int round = 0; round < rounds; round++) {
      bandwidth[round] =
          NativeMachine.readBandwidth(threads * stages * ranks, (long) BANDWIDTH_MIB << 20, 3);
      prefill[round] = run.prefill(prompt);
      for (int i = 0; i < batches.length; i++) {
        decode[i][round] = run.decode(batches[i], DECODE_PROMPT, tokens);
      }
      share[round] = decode[0][round] / batches[0] * bytes / bandwidth[round];
    }
    print(path, bytes, prefill, decode, share);
  }

  private void print(Path path, long bytes, double[] prefill, double[][] decode, double[] share) {
    double single = median(decode[0]);
    out.printf(
        Locale.ROOT,
        "%-28s %9.1f %8.0f t/s %6.1f t/s %10.1f %7.0f%%",
        path.getFileName().toString().replace(".gguf", ""),
        bytes / 1048576.0,
        median(prefill),
        single,
        single / batches[0] * bytes / 1e9,
        median(share) * 100);
    for (int i = 1; i < batches.length; i++) {
      out.printf(Locale.ROOT, " %6.0f t/s", median(decode[i]));
    }
    out.println();
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
