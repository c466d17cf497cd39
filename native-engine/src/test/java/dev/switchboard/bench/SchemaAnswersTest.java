package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SchemaAnswersTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final SchemaAnswers answers =
      new SchemaAnswers(
          new SyntheticVocabulary(400), new PrintStream(said, true, StandardCharsets.UTF_8));
  private Path folder;
  private Path file;

  @BeforeEach
  void schemas(@TempDir Path temporary) throws IOException {
    folder = Files.createDirectories(temporary.resolve("schemas"));
    file = temporary.resolve("answers.jsonl");
    Path easy = Files.createDirectories(folder.resolve("easy"));
    Path hard = Files.createDirectories(folder.resolve("hard"));
    Files.writeString(easy.resolve("a.json"), "{\"enum\":[1,\"two\",null]}");
    Files.writeString(easy.resolve("b.json"), "{\"type\":\"integer\",\"minimum\":7}");
    Files.writeString(easy.resolve("notes.txt"), "none");
    Files.writeString(hard.resolve("c.json"), "{\"type\":\"string\",\"pattern\":\"(?=a)b\"}");
    Files.writeString(hard.resolve("d.json"), "{\"type\":\"array\",\"maxItems\":2}");
  }

  private List<JsonNode> written() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  @Test
  void everySchemaThatIsAcceptedHasItsAnswers() throws IOException {
    int count = answers.write(folder, file, 0, 5).answers;

    List<JsonNode> lines = written();
    assertEquals(count, lines.size());
    for (JsonNode line : lines) {
      JsonNode answer = JSON.readTree(line.path("answer").asText());
      switch (Path.of(line.path("file").asText()).getFileName().toString()) {
        case "a.json" ->
            assertTrue(List.of("1", "\"two\"", "null").contains(answer.toString()), line::toString);
        case "b.json" -> assertTrue(answer.isNumber() && answer.decimalValue().signum() > 0);
        default -> assertTrue(answer.isArray() && answer.size() <= 2, line::toString);
      }
    }
    String table = said.toString(StandardCharsets.UTF_8);
    assertTrue(table.matches("(?s).*\\| easy +\\| 2 +\\| 2 .*\\| hard +\\| 2 +\\| 1 .*"), table);
    assertTrue(table.contains("1  cannot be satisfied by any answer"), table);
  }

  @Test
  void asManyOfEachFolderAsAreWantedAreTaken() throws IOException {
    answers.write(folder, file, 1, 1);

    String table = said.toString(StandardCharsets.UTF_8);
    assertTrue(table.matches("(?s).*\\| easy +\\| 1 .*\\| hard +\\| 1 .*"), table);
  }
}
