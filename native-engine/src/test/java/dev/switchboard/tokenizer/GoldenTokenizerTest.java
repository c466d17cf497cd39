package dev.switchboard.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.switchboard.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Texts become the ids that the models' own tokenizers make of them: with the vocabularies of the
 * resources, or with {@code -Dswitchboard.golden.tokenizers} those of a folder.
 */
class GoldenTokenizerTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final String SEPARATOR = "\n__ggml_vocab_test__\n";

  @TestFactory
  List<DynamicTest> everyGoldenTextEncodesToTheSameIds() throws IOException {
    String folder = System.getProperty("switchboard.golden.tokenizers", GOLDEN.toString());
    try (Stream<Path> files = Files.list(Path.of(folder))) {
      List<DynamicTest> tests =
          files
              .filter(file -> file.toString().endsWith(".gguf"))
              .sorted()
              .map(file -> DynamicTest.dynamicTest(file.toString(), () -> compare(file)))
              .toList();
      assertFalse(tests.isEmpty());
      return tests;
    }
  }

  private static void compare(Path file) throws IOException {
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

      assertArrayEquals(wanted, tokenizer.encode(inputs[i]), inputs[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ggml-vocab-llama-spm",
        "ggml-vocab-phi-3",
        "ggml-vocab-gpt-2",
        "ggml-vocab-starcoder",
        "part-of-qwen3",
        "part-of-mistral"
      })
  void everyGoldenTextDecodesToItself(String name) throws IOException {
    Path file = GOLDEN.resolve(name + ".gguf");
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
