package dev.switchboard.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Mutates real and built files: each either opens, with every tensor inside the file, or fails with
 * a {@link GgufException}; both within memory that the file's size bounds.
 *
 * <p>A mutation depends on its number only; a failure names the number, and {@code
 * -Dswitchboard.fuzz.first=NUMBER -Dswitchboard.fuzz.count=1} runs it alone.
 */
class GgufFuzzTest {
  private static final long FIRST = Long.getLong("switchboard.fuzz.first", 1);
  private static final long COUNT = Long.getLong("switchboard.fuzz.count", 100_000);
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final long MEMORY_PER_FILE_BYTE = 40;
  private static final long MEMORY_BYTES = 4 << 20;

  private static final long[] EXTREMES = {
    0,
    1,
    2,
    3,
    -1,
    -2,
    -32,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    1L << 24,
    1L << 30,
    Integer.MAX_VALUE,
    1L << 31,
    0xFFFFFFFFL,
    1L << 32,
    1L << 40,
    1L << 60,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE,
    Long.MAX_VALUE - 31,
    Long.MIN_VALUE,
    Long.MIN_VALUE + 32,
  };

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  void mutatedFilesOpenOrFailByName() throws IOException {
    List<GgufVictim> small = smallFiles();
    List<GgufVictim> large = vocabularies();
    long opened = 0;
    for (long number = FIRST; number < FIRST + COUNT; number++) {
      SplittableRandom random = new SplittableRandom(number);
      List<GgufVictim> from = random.nextInt(400) == 0 ? large : small;
      GgufVictim victim = from.get(random.nextInt(from.size()));
      opened += attack(victim, random, number) ? 1 : 0;
    }
    System.out.println(COUNT + " mutations from " + FIRST + ": " + opened + " files opened");
    assertNotEquals(0, opened);
  }

  private static boolean attack(GgufVictim victim, SplittableRandom random, long number) {
    MemorySegment file = victim.mutate(random, EXTREMES);
    try {
      return open(file);
    } catch (Throwable e) {
      throw new AssertionError("mutation " + number + " of " + victim.name() + ": " + e, e);
    } finally {
      victim.restore();
    }
  }

  private static boolean open(MemorySegment bytes) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    boolean opened;
    try (GgufFile file = GgufBuilder.open(bytes)) {
      opened = true;
      checkTensors(file, bytes.byteSize());
      describe(file);
      tokenize(file);
    } catch (GgufException e) {
      assertTrue(e.getMessage().startsWith(e.reason().word() + ": "));
      opened = false;
    }
    long taken = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(
        taken < MEMORY_BYTES + MEMORY_PER_FILE_BYTE * bytes.byteSize(),
        () -> taken + " bytes for a file of " + bytes.byteSize());
    return opened;
  }

  private static void describe(GgufFile file) {
    try {
      ModelDescription model = ModelDescription.of(file);
      for (ModelDescription.Weight weight : model.weights()) {
        TensorType type = weight.type();
        assertTrue(type.isSupported());
        assertEquals(
            weight.rows() * weight.cols() / type.blockElements() * type.blockBytes(),
            weight.data().byteSize());
      }
    } catch (GgufException e) {
      assertTrue(e.getMessage().length() < 1000);
    }
  }

  private static void tokenize(GgufFile file) {
    try {
      Tokenizer tokenizer = Tokenizers.from(file);
      for (int id : tokenizer.encodeTemplate("Aa Bb<|im_start|>▁ab 12", new int[] {3, 5})) {
        assertTrue(id >= 0 && id < tokenizer.size());
        tokenizer.bytes(id);
      }
    } catch (GgufException e) {
      assertTrue(e.getMessage().length() < 1000);
    }
  }

  private static void checkTensors(GgufFile file, long fileBytes) {
    List<GgufTensor> tensors = new ArrayList<>(file.tensors());
    tensors.sort(Comparator.comparingLong(tensor -> tensor.data().address()));
    long end = 0;
    for (GgufTensor tensor : tensors) {
      MemorySegment data = tensor.data();
      assertTrue(data.byteSize() > 0 && data.byteSize() <= fileBytes);
      assertTrue(data.address() >= end, "overlap");
      end = data.address() + data.byteSize();
      data.get(ValueLayout.JAVA_BYTE, 0);
      data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
    }
  }

  private static List<GgufVictim> smallFiles() throws IOException {
    List<GgufVictim> files = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      files.add(new GgufVictim("built llama", GgufBuilder.llama().build()));
    }
    files.add(new GgufVictim("built gemma3", windowed().build()));
    files.add(new GgufVictim("built phi3", GgufBuilder.phi3().build()));
    files.add(new GgufVictim("built bert", GgufBuilder.ranker().build()));
    files.add(new GgufVictim("alignment 8", GgufBuilder.llama().alignment(8).build()));
    for (String model : List.of("tiny-llama-Q4_K", "tiny-qwen2-Q4_K", "tiny-qwen3-Q4_K")) {
      files.add(read(GOLDEN.resolve("models/" + model + ".gguf")));
    }
    return files;
  }

  private static GgufBuilder windowed() {
    return GgufBuilder.gemma3()
        .put("gemma3.attention.sliding_window", GgufBuilder.u32(8))
        .put("gemma3.attention.sliding_window_pattern", GgufBuilder.u32(3))
        .put("gemma3.rope.scaling.type", GgufBuilder.string("yarn"))
        .put("gemma3.rope.scaling.factor", GgufBuilder.f32(4))
        .put("gemma3.final_logit_softcapping", GgufBuilder.f32(30));
  }

  private static List<GgufVictim> vocabularies() throws IOException {
    List<GgufVictim> files = new ArrayList<>();
    for (String name :
        List.of("words", "bytes-gpt-2", "pieces", "pieces-chat", "bytes-starcoder")) {
      files.add(read(GOLDEN.resolve("tokenizers/" + name + ".gguf")));
    }
    return files;
  }

  private static GgufVictim read(Path path) throws IOException {
    return new GgufVictim(path.getFileName() + "", Files.readAllBytes(path));
  }
}
