package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.gguf.TensorRole;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The engine's log-probabilities against exact arithmetic (float64 on the dequantised weights) and
 * its greedy tokens against llama.cpp's, for every architecture and weight type.
 */
class GoldenModelTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final int PROMPTS = 3;
  private static final int TOKENS = 24;

  @TestFactory
  List<DynamicTest> logprobsAreAsCloseToExactAsTheFormatAllows() throws IOException {
    return forEveryModel(Isa.AUTO, GoldenModelTest::compareLogprobs);
  }

  @TestFactory
  List<DynamicTest> greedyTokensEqualWhereverTheGapExceedsTheErrors() throws IOException {
    return forEveryModel(Isa.AUTO, GoldenModelTest::compareGreedy);
  }

  /** The kernels for CUDA, on the device of the native tests. */
  @TestFactory
  List<DynamicTest> anEmulatedDeviceGoesOnWithTheSameTokens() throws IOException {
    return forEveryModel(Isa.CUDA, (model, runner) -> compareGreedy(model, runner, 1, 8));
  }

  /** All tokens behind all prompts, which is too much of an emulation for every build. */
  @Tag("computation")
  @TestFactory
  List<DynamicTest> anEmulatedDeviceGoesOnWithTheSameTokensBehindEveryPrompt() throws IOException {
    return forEveryModel(Isa.CUDA, GoldenModelTest::compareGreedy);
  }

  private interface Comparison {
    void compare(JsonNode model, Runner runner);
  }

  private static List<DynamicTest> forEveryModel(Isa isa, Comparison comparison)
      throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (String set : List.of("golden.json", "architectures.json", "formats.json")) {
      JsonNode golden = new ObjectMapper().readTree(GOLDEN.resolve(set).toFile());
      for (JsonNode model : golden.get("models")) {
        String file = model.get("model").asText();
        tests.add(DynamicTest.dynamicTest(file, () -> run(file, model, isa, comparison)));
      }
    }
    assertEquals(29, tests.size());
    return tests;
  }

  /** What smaller keys and values cost: on models whose weights are exact. */
  @TestFactory
  List<DynamicTest> logprobsStayCloseWithSmallerKv() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    JsonNode golden = new ObjectMapper().readTree(GOLDEN.resolve("golden.json").toFile());
    for (JsonNode model : golden.get("models")) {
      String file = model.get("model").asText();
      if (file.contains("-F32")) {
        tests.add(kvTest(model, file, KvType.BF16, new Allowed(0.002, 0.01)));
        tests.add(kvTest(model, file, KvType.Q8_0, new Allowed(0.005, 0.025)));
      }
    }
    assertFalse(tests.isEmpty());
    return tests;
  }

  private static DynamicTest kvTest(JsonNode model, String file, KvType kv, Allowed allowed) {
    return DynamicTest.dynamicTest(
        file + " " + kv,
        () -> {
          try (Executor executor = open(file, kv, Isa.AUTO)) {
            compareLogprobs(model, new Runner(executor), kv + " " + file, allowed);
          }
        });
  }

  /**
   * The golden answers are of contexts within the original one. Above it a Phi-3 has to compute bit
   * for bit what it would within, were its long factors the short ones.
   */
  @Test
  void aContextAboveTheOriginalTakesTheLongFactors(@TempDir Path folder) throws IOException {
    Path file = GOLDEN.resolve("models/tiny-phi3-F32.gguf");
    Path exchanged = folder.resolve("exchanged.gguf");
    int original;
    try (GgufFile gguf = GgufFile.open(file)) {
      original = ModelDescription.of(gguf).rope().originalContext();
    }
    exchangeFactors(file, exchanged);

    float[] within = scores(file, original);
    float[] above = scores(file, original + 1);

    assertArrayEquals(scores(exchanged, original), above);
    assertArrayEquals(scores(exchanged, original + 1), within);
    for (int i = 1; i < within.length; i++) {
      assertNotEquals(within[i], above[i]);
    }
  }

  private static void exchangeFactors(Path from, Path to) throws IOException {
    String one;
    String other;
    try (GgufFile gguf = GgufFile.open(from)) {
      List<ModelDescription.Weight> weights = ModelDescription.of(gguf).weights();
      one = factors(weights, TensorRole.ROPE_FACTORS_LONG);
      other = factors(weights, TensorRole.ROPE_FACTORS_SHORT);
    }
    StringBuilder file = new StringBuilder(Files.readString(from, StandardCharsets.ISO_8859_1));
    int atOne = file.indexOf(one);
    int atOther = file.indexOf(other);
    file.replace(atOne, atOne + one.length(), other);
    file.replace(atOther, atOther + other.length(), one);
    Files.writeString(to, file, StandardCharsets.ISO_8859_1);
  }

  private static String factors(List<ModelDescription.Weight> weights, TensorRole role) {
    byte[] bytes =
        weights.stream()
            .filter(weight -> weight.role() == role)
            .findFirst()
            .orElseThrow()
            .data()
            .toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** Log-probabilities of one token after the first, the fourth, the seventh of a text. */
  private static float[] scores(Path file, int context) {
    int[] text = new Random(3).ints(200, 0, 384).toArray();
    float[] scores = new float[text.length / 3];
    try (Executor executor = open(file, KvType.F32, context, Isa.AUTO)) {
      Runner runner = new Runner(executor);
      runner.begin(text);
      for (int i = 0; i < scores.length; i++) {
        runner.computeUpTo(text, 3 * i);
        scores[i] = (float) runner.score(text, 7);
      }
    }
    return scores;
  }

  private static void run(String file, JsonNode model, Isa isa, Comparison comparison) {
    try (Executor executor = open(file, KvType.F16, isa)) {
      comparison.compare(model, new Runner(executor));
    }
  }

  private static Executor open(String file, KvType kv, Isa isa) {
    // What llama.cpp was given, which decides between Phi-3's sets of factors.
    return open(GOLDEN.resolve("models").resolve(file), kv, 512, isa);
  }

  private static Executor open(Path file, KvType kv, int context, Isa isa) {
    // An emulated step has no time to keep.
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withKv(kv, 32, 16)
            .withSteps(1, 128, 128)
            .withIsa(isa)
            .withFaults(false, 0);
    try (GgufFile gguf = GgufFile.open(file)) {
      ModelDescription model = ModelDescription.of(gguf).withContext(context);
      return NativeExecutor.open(model, config, (done, total) -> {});
    }
  }

  /** Largest mean and largest single error allowed for a model. */
  private record Allowed(double mean, double max) {
    static Allowed of(JsonNode model) {
      String file = model.get("model").asText();
      if (file.contains("-F32") || file.contains("-F16")) {
        return new Allowed(0.002, 0.002);
      }
      if (file.contains("-BF16")) {
        return new Allowed(0.01, 0.01);
      }
      JsonNode peer = model.get("llama_cpp_error");
      return new Allowed(1.25 * peer.get("mean").asDouble(), 2 * peer.get("max").asDouble());
    }
  }

  private static void compareLogprobs(JsonNode model, Runner runner) {
    compareLogprobs(model, runner, model.get("model").asText(), Allowed.of(model));
  }

  private static void compareLogprobs(JsonNode model, Runner runner, String name, Allowed allowed) {
    double sum = 0;
    double max = 0;
    int count = 0;
    for (JsonNode golden : model.get("cases")) {
      int[] prompt = ints(golden.get("prompt_tokens"));
      runner.begin(prompt);
      for (JsonNode position : golden.get("positions")) {
        runner.computeUpTo(prompt, position.get("position").asInt());
        for (JsonNode candidate : position.get("exact_logprobs")) {
          double ours = runner.score(prompt, candidate.get(0).asInt());
          double error = Math.abs(ours - candidate.get(1).asDouble());
          sum += error;
          max = Math.max(max, error);
          count++;
        }
      }
    }
    String errors = String.format("mean %.5f max %.5f, allowed %s", sum / count, max, allowed);
    System.out.println("golden " + name + " " + errors);
    assertEquals(170, count);
    assertTrue(sum / count <= allowed.mean && max <= allowed.max, errors);
  }

  private static void compareGreedy(JsonNode model, Runner runner) {
    compareGreedy(model, runner, PROMPTS, TOKENS);
  }

  private static void compareGreedy(JsonNode model, Runner runner, int prompts, int tokens) {
    double tolerance = 2 * Allowed.of(model).max;
    assertEquals(PROMPTS, model.get("cases").size());
    for (int number = 0; number < prompts; number++) {
      JsonNode golden = model.get("cases").get(number);
      int[] prompt = ints(golden.get("prompt_tokens"));
      int[] greedy = ints(golden.get("greedy_continuation"));
      int[] all = Arrays.copyOf(prompt, prompt.length + greedy.length);
      System.arraycopy(greedy, 0, all, prompt.length, greedy.length);
      runner.begin(prompt);
      assertEquals(TOKENS, greedy.length);
      for (int i = 0; i < tokens; i++) {
        runner.computeUpTo(all, prompt.length + i - 1);
        double gap = runner.gapTo(all, greedy[i]);

        // The golden file has no gaps inside a continuation, so ours stand for them.
        assertTrue(gap <= tolerance, "token " + i + " differs over a gap of " + gap);
      }
    }
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  /** One sequence on row 0, computed position by position. */
  private static final class Runner {
    private static final int CHUNK = 128;

    private final Executor executor;
    private final StepPlan plan = new StepPlan(1, CHUNK, CHUNK);
    private long step;
    private int computed;

    Runner(Executor executor) {
      this.executor = executor;
    }

    void begin(int[] prompt) {
      executor.begin(0, Sampling.GREEDY, prompt, prompt.length, prompt.length);
      computed = 0;
    }

    /** Computes every position before this one. */
    void computeUpTo(int[] tokens, int position) {
      while (computed < position) {
        int end = Math.min(position, computed + CHUNK);
        entry(tokens, computed, end, 0);
        step();
        computed = end;
      }
    }

    /** Log-probability of a token after the computed ones and the next; computes the next again. */
    double score(int[] tokens, int target) {
      entry(tokens, computed, computed + 1, 0);
      plan.output(target);
      StepResult result = step();
      assertEquals(target, result.token(0));
      return result.logprob(0);
    }

    /** Computes the next; how far our best token behind it is above this one, 0 if it is that. */
    double gapTo(int[] tokens, int wanted) {
      entry(tokens, computed, computed + 1, Executor.MAX_TOP_LOGPROBS);
      plan.output(wanted);
      StepResult result = step();
      computed++;
      return result.topToken(0, 0) == wanted ? 0 : result.topLogprob(0, 0) - result.logprob(0);
    }

    private void entry(int[] tokens, int from, int end, int top) {
      plan.reset(++step);
      plan.entry(0, from, top, true);
      for (int block = 0; block * 32 < end; block++) {
        plan.block(block);
      }
      for (int position = from; position < end; position++) {
        plan.token(tokens[position]);
      }
    }

    private StepResult step() {
      executor.submit(plan);
      StepResult result = executor.await(600_000_000_000L);
      assertNotNull(result);
      assertTrue(result.ok(), result.message());
      return result;
    }
  }
}
