package dev.switchboard.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The peer: llama.cpp's {@code llama-bench} for one sequence and its {@code llama-batched-bench},
 * looked for beside it, for several. Both are the reader's own build.
 */
final class LlamaCpp {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path bench;
  private final Path batchedBench;
  private final int threads;

  private LlamaCpp(Path bench, int threads) {
    this.bench = bench;
    this.batchedBench = bench.resolveSibling("llama-batched-bench");
    this.threads = threads;
  }

  /** That of a {@code llama-bench}, with threads as many as the engine beside it has. */
  static LlamaCpp at(Path bench, int threads) {
    LlamaCpp peer = new LlamaCpp(bench.toAbsolutePath(), threads);
    for (Path binary : List.of(peer.bench, peer.batchedBench)) {
      if (!Files.isExecutable(binary)) {
        throw new IllegalArgumentException(binary + " is not an executable file");
      }
    }
    return peer;
  }

  double prefill(Path model, int tokens) throws IOException {
    return single(model, tokens, 0);
  }

  double decode(Path model, int tokens) throws IOException {
    return single(model, 0, tokens);
  }

  private double single(Path model, int prompt, int tokens) throws IOException {
    String output =
        CommandOutput.of(
            bench.toString(),
            "-m",
            model.toString(),
            "-t",
            Integer.toString(threads),
            "-p",
            Integer.toString(prompt),
            "-n",
            Integer.toString(tokens),
            "-r",
            "1",
            "-o",
            "json");
    return JSON.readTree(output).path(0).path("avg_ts").asDouble(Double.NaN);
  }

  /** Decode of each of some numbers of sequences together, after prompts of some length. */
  double[] decode(Path model, int[] batches, int prompt, int tokens) throws IOException {
    int context = Arrays.stream(batches).max().orElse(1) * (prompt + tokens);
    String sizes =
        Arrays.stream(batches).mapToObj(String::valueOf).collect(Collectors.joining(","));
    String output =
        CommandOutput.of(
            batchedBench.toString(),
            "-m",
            model.toString(),
            "-t",
            Integer.toString(threads),
            "-tb",
            Integer.toString(threads),
            "-c",
            Integer.toString(context),
            "-npp",
            Integer.toString(prompt),
            "-ntg",
            Integer.toString(tokens),
            "-npl",
            sizes,
            "--output-format",
            "jsonl");
    List<Double> speeds = new ArrayList<>();
    for (String line : output.lines().filter(line -> line.startsWith("{")).toList()) {
      JsonNode row = JSON.readTree(line);
      speeds.add(row.path("speed_tg").asDouble(Double.NaN));
    }
    if (speeds.size() != batches.length) {
      throw new IOException(batchedBench + " gave " + speeds.size() + " results: " + output);
    }
    return speeds.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
