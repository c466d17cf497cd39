package dev.switchboard.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.switchboard.gguf.GgufFile;
import dev.switchboard.golden.Published;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Texts become the ids that another implementation makes of them: with the project's own
 * vocabularies, and with the published ones beside the checkout or, with {@code
 * -Dswitchboard.golden.tokenizers}, those of a folder.
 */
class GoldenTokenizerTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final String SEPARATOR = "\n__ggml_vocab_test__\n";

  @TestFactory
  List<DynamicTest> everyGoldenTextEncodesToTheSameIds() throws IOException {
    List<Path> files = new ArrayList<>(own());
    List<Path> published = Published.files("switchboard.golden.tokenizers", "tokenizers", ".gguf");
    files.addAll(published);
    Published.ran(published.size(), "vocabularies");

    assertFalse(own().isEmpty());
    return files.stream()
        .map(file -> DynamicTest.dynamicTest(file.toString(), () -> compare(file)))
        .toList();
  }

  private static List<Path> own() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
    }
  }

  /** A file's own texts, or those that its folder has for all. */
  private static String[] texts(Path file) throws IOException {
    Path own = Path.of(file + ".inp");
    Path shared = file.resolveSibling("texts.inp");
    return Files.readString(Files.exists(own) ? own : shared).split(SEPARATOR, -1);
  }

  private static void compare(Path file) throws IOException {
    String[] inputs = texts(file);
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

  /** WordPiece drops case and accents. */
  @TestFactory
  List<DynamicTest> everyGoldenTextDecodesToItself() throws IOException {
    return own().stream()
        .filter(file -> !file.endsWith("words.gguf"))
        .map(file -> DynamicTest.dynamicTest(file.toString(), () -> decodesToItself(file)))
        .toList();
  }

  private static void decodesToItself(Path file) throws IOException {
    Tokenizer tokenizer = load(file);
    boolean pieces = file.getFileName().toString().startsWith("pieces");

    for (String text : texts(file)) {
      // In SentencePiece the sign for a space is a space, and text behind an added token gets one.
      if (!pieces || (!text.contains("▁") && !text.contains("<tool>"))) {
        assertEquals(text, tokenizer.decode(tokenizer.encode(text)));
      }
    }
  }

  private static Tokenizer load(Path file) {
    try (GgufFile gguf = GgufFile.open(file)) {
      return Tokenizers.from(gguf);
    }
  }
}
