package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What models that embed give, against exact arithmetic and llama.cpp's distance from it, and bit
 * for bit whatever runs beside a text, on however many threads and stages.
 */
class GoldenEncoderTest {
  private static final Path ENCODERS = Path.of("src/test/resources/golden/encoders");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TestFactory
  List<DynamicTest> vectorsAreAsCloseToExactAsTheFormatAllows() throws IOException {
    return onEveryModel(
        model -> {
          try (Runner runner = new Runner(file(model), layout())) {
            for (JsonNode golden : model.get("cases")) {
              float[] vector = runner.run(List.of(ints(golden.get("tokens")))).getFirst();

              double error = error(vector, golden.get("exact"));
              double allowed = allowed(model);
              System.out.printf("golden %s %.2e, allowed %.2e%n", file(model), error, allowed);
              assertTrue(error <= allowed, error + " is more than " + allowed);
            }
          }
        });
  }

  /** With every type of KV; over ranks, sums are in the order that their number alone decides. */
  @TestFactory
  List<DynamicTest> neighboursThreadsAndStagesChangeNoBit() throws IOException {
    return onEveryModel(
        model -> {
          for (KvType kv : KvType.values()) {
            ExecutorConfig one = layout().withKv(kv, 32, 16);
            assertSameBits(model, one, one.withLayout(1, 1, 3), one.withLayout(2, 1, 1));
            assertSameBits(model, one.withLayout(1, 2, 1), one.withLayout(2, 2, 2));
          }
        });
  }

  private static void assertSameBits(
      JsonNode model, ExecutorConfig narrow, ExecutorConfig... spread) {
    int[] text = ints(model.get("cases").get(1).get("tokens"));
    List<int[]> beside = List.of(random(3), text, random(61), random(1));
    float[] alone;
    try (Runner runner = new Runner(file(model), narrow)) {
      alone = runner.run(List.of(text)).getFirst();

      assertArrayEquals(alone, runner.run(beside).get(1));
    }
    for (ExecutorConfig config : spread) {
      try (Runner runner = new Runner(file(model), config)) {
        assertArrayEquals(alone, runner.run(beside).get(1));
      }
    }
  }

  @TestFactory
  List<DynamicTest> kernelsOfEveryInstructionSetGiveTheSameBits() throws IOException {
    return onEveryModel(
        model -> {
          List<int[]> texts = List.of(ints(model.get("cases").get(1).get("tokens")));
          float[] reference = embed(model, Isa.REFERENCE, texts);
          for (Isa isa : Isa.values()) {
            if (isa != Isa.AUTO && isa.compareTo(NativeMachine.probe().bestIsa()) <= 0) {
              assertArrayEquals(reference, embed(model, isa, texts), isa.name());
            }
          }
        });
  }

  private static float[] embed(JsonNode model, Isa isa, List<int[]> texts) {
    try (Runner runner = new Runner(file(model), layout().withIsa(isa))) {
      return runner.run(texts).getFirst();
    }
  }

  @TestFactory
  List<DynamicTest> twoRanksGiveNearlyTheSame() throws IOException {
    return onEveryModel(
        model -> {
          List<int[]> texts = List.of(ints(model.get("cases").get(1).get("tokens")));
          try (Runner one = new Runner(file(model), layout());
              Runner four = new Runner(file(model), layout().withLayout(2, 2, 1))) {
            float[] expected = one.run(texts).getFirst();
            float[] actual = four.run(texts).getFirst();

            // A change in a sum's last bit can become a step of the activations' rounding.
            double tolerance = file(model).contains("-F32") ? 1e-5 : 0.05;
            assertTrue(distance(expected, actual) <= tolerance);
          }
        });
  }

  @Test
  void aTextInPartsIsRefused() {
    try (Runner runner = new Runner("tiny-bert-F32.gguf", layout())) {
      runner.plan.reset(1);
      runner.plan.entry(0, 2, 0, false);
      runner.plan.block(0);
      runner.plan.token(5);
      runner.plan.output(Executor.SAMPLE);

      ExecutorException refused =
          assertThrows(ExecutorException.class, () -> runner.executor.submit(runner.plan));

      assertTrue(refused.text().contains("entries[0]: position: 2"), refused.text());
    }
  }

  private static List<DynamicTest> onEveryModel(Consumer<JsonNode> test) throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode model : JSON.readTree(ENCODERS.resolve("golden.json").toFile()).get("models")) {
      tests.add(DynamicTest.dynamicTest(file(model), () -> test.accept(model)));
    }
    assertEquals(9, tests.size());
    return tests;
  }

  /** KV in F16 costs a float model a little; a quantised one errs as its weights do. */
  private static double allowed(JsonNode model) {
    double peer = 0;
    for (JsonNode golden : model.get("cases")) {
      peer = Math.max(peer, golden.get("llama_cpp_error").asDouble());
    }
    return file(model).contains("-F32") ? 5e-4 : Math.max(5e-4, 2 * peer);
  }

  /** The largest difference over the exact vector's length; of a score, the difference. */
  private static double error(float[] vector, JsonNode exact) {
    assertEquals(exact.size(), vector.length);
    double largest = 0;
    double squares = 0;
    for (int i = 0; i < vector.length; i++) {
      largest = Math.max(largest, Math.abs(vector[i] - exact.get(i).asDouble()));
      squares += exact.get(i).asDouble() * exact.get(i).asDouble();
    }
    return vector.length == 1 ? largest : largest / Math.sqrt(squares);
  }

  private static double distance(float[] a, float[] b) {
    double squares = 0;
    double difference = 0;
    for (int i = 0; i < a.length; i++) {
      squares += a[i] * a[i];
      difference += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return Math.sqrt(difference / squares);
  }

  private static String file(JsonNode model) {
    return model.get("model").asText();
  }

  private static int[] random(int length) {
    return new Random(length).ints(length, 0, 384).toArray();
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  private static ExecutorConfig layout() {
    return ExecutorConfig.defaults().withKv(KvType.F16, 32, 16).withSteps(4, 512, 4);
  }

  /** Texts side by side in one step, each on a row and blocks of its own. */
  private static final class Runner implements AutoCloseable {
    private final Executor executor;
    private final StepPlan plan = new StepPlan(4, 512, 4);
    private long step;

    Runner(String file, ExecutorConfig config) {
      try (GgufFile gguf = GgufFile.open(ENCODERS.resolve(file))) {
        executor = NativeExecutor.open(ModelDescription.of(gguf), config, (done, total) -> {});
      }
    }

    List<float[]> run(List<int[]> texts) {
      plan.reset(++step);
      int block = 0;
      for (int row = 0; row < texts.size(); row++) {
        int[] text = texts.get(row);
        executor.begin(row, Sampling.GREEDY, text, text.length, text.length);
        plan.entry(row, 0, 0, false);
        for (int tokens = 0; tokens < text.length; tokens += 32) {
          plan.block(block++);
        }
        for (int token : text) {
          plan.token(token);
        }
        plan.output(Executor.SAMPLE);
      }
      executor.submit(plan);
      StepResult result = executor.await(10_000_000_000L);
      assertNotNull(result);
      assertTrue(result.ok(), result.message());
      List<float[]> vectors = new ArrayList<>();
      for (int i = 0; i < texts.size(); i++) {
        vectors.add(result.embedding(i));
      }
      return vectors;
    }

    @Override
    public void close() {
      executor.close();
    }
  }
}
