package dev.switchboard.worker;

import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.strings;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.timeline.EpochClock;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * A model that cannot be served says what is missing before anything is taken for it: the models
 * here have 384 MiB of weights, in files with holes, so that taking them would show.
 */
class RefusedModelTest {
  private static final int MIB = 1 << 20;
  private static final int WEIGHTS_MIB = 384;
  private static final int LAYERS = 16;
  private static final int FFN = 1 << 16;

  @TempDir Path directory;

  @TestFactory
  List<DynamicTest> whatIsMissingIsNamedAndNothingIsTaken() {
    String q = "blk.0.attn_q.weight";
    return List.of(
        refuses(
            "architecture",
            "'mamba' is not one of llama, qwen2, ",
            large().put("general.architecture", string("mamba"))),
        refuses("type", "'" + q + "' is IQ4_XS", iq4xs()),
        refuses("tensor", "'blk.0.ffn_down.weight'", large().removeTensor("blk.0.ffn_down.weight")),
        refuses("layer", "'blk.16.attn_norm.weight'", large().put("llama.block_count", u32(17))),
        refuses(
            "experts",
            "mixture of experts (llama.expert_count)",
            large().put("llama.expert_count", u32(8))),
        refuses(
            "rope",
            "rope scaling 'su' (llama.rope.scaling.type)",
            large().put("llama.rope.scaling.type", string("su"))),
        refuses(
            "tokenizer",
            "tokenizer.ggml.model is 'rwkv'",
            large().put("tokenizer.ggml.model", string("rwkv"))),
        refuses(
            "words",
            "tokenizer.ggml.pre is 'poetry'",
            large()
                .put("tokenizer.ggml.model", string("gpt2"))
                .put("tokenizer.ggml.merges", strings(List.of()))
                .put("tokenizer.ggml.pre", string("poetry"))),
        refuses("ranks", "ranks: 3 does not divide n_heads 2", large(), 3, null),
        refuses(
            "a file of one position",
            "(--context) is 1 token: at least 2 are needed",
            large().put("llama.context_length", u32(1))),
        refuses("memory", "--memory is 600 MiB, but ", large(), 1, 600L * MIB));
  }

  @Test
  void whatIsTakenShows() throws Exception {
    Path file = write("served", large());
    long before = beginPeak();
    ServedModel model = loader(file, 1, null, new AtomicInteger()).load();

    model.engine().close();

    assertTrue(peakBytes() - before > WEIGHTS_MIB * (long) MIB);
  }

  private DynamicTest refuses(String name, String text, GgufBuilder model) {
    return refuses(name, text, model, 1, null);
  }

  private DynamicTest refuses(
      String name, String text, GgufBuilder model, int ranks, @Nullable Long memoryBytes) {
    return DynamicTest.dynamicTest(
        name,
        () -> {
          Path file = write(name, model);
          AtomicInteger reports = new AtomicInteger();
          ModelLoader loader = loader(file, ranks, memoryBytes, reports);
          long before = beginPeak();

          ModelLoadException refused = assertThrows(ModelLoadException.class, loader::load);

          long taken = peakBytes() - before;
          assertTrue(String.valueOf(refused.getMessage()).contains(text), refused.getMessage());
          assertTrue(taken < WEIGHTS_MIB / 3 * (long) MIB, taken + " bytes were taken");
          assertEquals(0, reports.get(), "loading had begun");
          assertEquals(List.of(), lanes());
        });
  }

  /** The most memory the process has had at a time since {@link #beginPeak}. */
  private static long peakBytes() throws IOException {
    long peak = 0;
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        peak = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    return peak;
  }

  private static long beginPeak() throws IOException {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5");
    return peakBytes();
  }

  /** Threads that an engine's ranks run on. */
  private static List<String> lanes() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks
          .map(RefusedModelTest::nameOf)
          .filter(name -> name.matches("sb-s\\d+r\\d+t\\d+"))
          .toList();
    }
  }

  private static String nameOf(Path task) {
    try {
      return Files.readString(task.resolve("comm")).strip();
    } catch (IOException gone) {
      return "";
    }
  }

  private static GgufBuilder large() {
    GgufBuilder model =
        llama()
            .put("llama.feed_forward_length", u32(FFN))
            .put("llama.block_count", u32(LAYERS))
            .tensor("blk.0.ffn_gate.weight", 0, 32, FFN)
            .tensor("blk.0.ffn_up.weight", 0, 32, FFN)
            .tensor("blk.0.ffn_down.weight", 0, FFN, 32)
            .dataBytes(0);
    for (int layer = 1; layer < LAYERS; layer++) {
      model.copyLayer(layer);
    }
    return model;
  }

  private static GgufBuilder iq4xs() {
    return large()
        .put("llama.embedding_length", u32(256))
        .tensor("token_embd.weight", 0, 256, 8)
        .tensor("blk.0.attn_norm.weight", 0, 256)
        .tensor("blk.0.attn_q.weight", 23, 256, 256);
  }

  private Path write(String name, GgufBuilder model) throws IOException {
    Path path = directory.resolve(name + ".gguf");
    byte[] head = model.build();
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.write(head);
      file.setLength(head.length + (WEIGHTS_MIB + 1L) * MIB);
    }
    return path;
  }

  private static ModelLoader loader(
      Path file, int ranks, @Nullable Long memoryBytes, AtomicInteger reports) {
    ModelOptions options = SmallOptions.of(file, ranks, memoryBytes, null, null);
    NativeExecutor.LoadListener listener = (done, total) -> reports.incrementAndGet();
    return new ModelLoader(options, EpochClock.system(), listener);
  }
}
