package dev.switchboard.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoldenTokenizerTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final String SEPARATOR = "\n__ggml_vocab_test__\n";

  @TestFactory
  List<DynamicTest> everyGoldenTextEncodesToTheSameIds() {
    return List.of("llama-spm", "phi-3", "gpt-2", "starcoder", "bert-bge").stream()
        .map(name -> DynamicTest.dynamicTest(name, () -> compare(name)))
        .toList();
  }

  private static void compare(String name) throws IOException {
    Path file = GOLDEN.resolve("ggml-vocab-" + name + ".gguf");
    String[] inputs = Files.readString(Path.of(file + ".inp")).split(SEPARATOR, -1);
    String[] outputs = Files.readString(Path.of(file + ".out")).split("\n", -1);
    Tokenizer tokenizer = load(file);

    assertEquals(inputs.length, outputs.length);
    for (int i = 0; i < inputs.length; i++) {
      int[] wanted =
          Arrays.stream(outputs[i].strip().split(" "))
              .filter(id -> !id.isEmpty())
              .mapToInt(Integer::parseInt)
              .toArray();

      assertArrayEquals(wanted, tokenizer.encode(inputs[i]), name + ": " + inputs[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "phi-3", "gpt-2", "starcoder"})
  void everyGoldenTextDecodesToItself(String name) throws IOException {
    Path file = GOLDEN.resolve("ggml-vocab-" + name + ".gguf");
    Tokenizer tokenizer = load(file);

    for (String text : Files.readString(Path.of(file + ".inp")).split(SEPARATOR, -1)) {
      assertEquals(text, tokenizer.decode(tokenizer.encode(text)), name);
    }
  }

  private static Tokenizer load(Path file) {
    try (GgufFile gguf = GgufFile.open(file)) {
      return Tokenizers.from(gguf);
    }
  }
}
