package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code config check} says of names that a file itself has nobody for. */
class ConfigCheckTest {
  private static final String FILE =
      """
      upstreams: [{url: "http://10.0.0.7:8000", models: [large]}]
      routes: [{name: chat, targets: [{model: small}], fallbacks: [large]}]
      edge: [{name: chat, local: tiny}]
      """;

  @TempDir private Path folder;

  private String check(int status, String yaml) throws Exception {
    Path file = Files.writeString(folder.resolve("c.yaml"), yaml);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream to = new PrintStream(said, true, StandardCharsets.UTF_8);
    int ended = ConfigMain.run(to, to, "check", file.toString());
    String text = said.toString(StandardCharsets.UTF_8).replace(file.toString(), "c.yaml");
    assertEquals(status, ended, text);
    return text;
  }

  @Test
  void aNameThatTheStoreMayHaveIsANote() throws Exception {
    assertEquals(
        """
        note: routes[0].targets[0].model: no replica serves small; served are large; valid if the store has it
        note: edge[0].local: nobody serves tiny; valid if the store has it
        c.yaml is valid: 3 keys differ from the defaults
        """,
        check(0, FILE));
  }

  @Test
  void aStoreThatEndsWithItsGatewayHasNone() throws Exception {
    assertEquals(
        """
        c.yaml:2: routes[0].targets[0].model: no replica serves small; served are large
        c.yaml:3: edge[0].local: nobody serves tiny
        c.yaml: 2 mistakes
        """,
        check(1, FILE + "store: {url: \"jdbc:h2:mem:a\"}\n"));
  }
}
