package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConstraintBenchTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--vocabulary=/no/such/file            | --vocabulary: io: '/no/such/file' is not a file",
        "--vocabulary=pom.xml                  | --vocabulary: not-gguf:",
        "--vocabulary=EMPTY                    | --vocabulary: missing-key:",
        "--size=256                            | --size must be from 257 to 1000000",
        "--tokens=0                            | --tokens must be at least 1",
        "--schemas=/no/such/folder             | --schemas: '/no/such/folder' is not a folder",
        "--schemas=EMPTY                       | --schemas: '",
        "--schemas=. --at-least=101            | --at-least must be from 0 to 100",
        "--parts=speed                         | Invalid value for option '--parts'",
      })
  void aWrongOptionIsOneLineAndTheUsage(String argument, String complaint, @TempDir Path folder)
      throws IOException {
    StringWriter errors = new StringWriter();
    // Version 3, no tensor and no key.
    byte[] nothing = Arrays.copyOf(new byte[] {'G', 'G', 'U', 'F', 3}, 24);
    Path empty = Files.write(folder.resolve("empty.gguf"), nothing);
    String option = argument.replace("EMPTY", empty.toString());

    int code =
        ConstraintBench.commandLine()
            .setErr(new PrintWriter(errors))
            .execute(option.split(" ", -1));

    assertEquals(2, code);
    assertTrue(errors.toString().startsWith(complaint), errors::toString);
    assertTrue(errors.toString().contains("Usage: bench constraint"), errors::toString);
    assertFalse(errors.toString().contains("\tat "), errors::toString);
  }

  @ParameterizedTest
  @CsvSource({"50, 0", "66.6, 0", "66.7, 1", "100, 1"})
  void fewerSchemasThanWantedAreAFailure(String atLeast, int expected, @TempDir Path folder)
      throws IOException {
    Files.writeString(folder.resolve("number.json"), "{\"type\":\"integer\",\"maximum\":9}");
    Files.writeString(folder.resolve("word.json"), "{\"enum\":[\"a\",\"b\"]}");
    Files.writeString(folder.resolve("wrong.json"), "{\"type\":\"nothing\"}");
    List<String> arguments =
        List.of(
            "--schemas=" + folder,
            "--answers-to=" + folder.resolve("answers.jsonl"),
            "--at-least=" + atLeast);

    int code = ConstraintBench.commandLine().execute(arguments.toArray(String[]::new));

    assertEquals(expected, code);
    assertTrue(Files.size(folder.resolve("answers.jsonl")) > 0);
  }

  @Test
  void aFreshMachineCompilesWithAFilesVocabulary() throws IOException {
    String file = "src/test/resources/golden/tokenizers/bytes-qwen2.gguf";

    CompileBench.Compiled good =
        CompileBench.inFreshJvm("schema: person", List.of("--vocabulary", file));
    CompileBench.Compiled bad = CompileBench.inFreshJvm("foo**", List.of("--size", "300"));

    assertEquals("compiled", good.outcome());
    assertTrue(good.ms() > 0);
    assertFalse(bad.outcome().equals("compiled"), bad::outcome);
  }

  @Test
  void aFreshMachineMayWarmUpBefore() throws IOException {
    List<String> warmed = List.of("--size", "300", ConstraintBench.WARM_UP);

    CompileBench.Compiled alone = CompileBench.inFreshJvm(ConstraintBench.WARM_UP_ALONE, warmed);
    CompileBench.Compiled good = CompileBench.inFreshJvm("schema: person", warmed);

    assertTrue(alone.outcome().endsWith("tokens followed"), alone::outcome);
    assertTrue(alone.ms() > 0);
    assertEquals("compiled", good.outcome());
  }
}
