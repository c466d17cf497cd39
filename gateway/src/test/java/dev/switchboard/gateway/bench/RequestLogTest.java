package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RequestLogTest {
  private static final String LINE =
      "2026-11-27T08:00:00.000 INFO  gateway Settlement request_end request=client-7"
          + " endpoint=chat outcome=client_gone status=200 replica=chaos-0 wall_ms=12"
          + " prompt_tokens=20 completion_tokens=0 pieces=3\n";
  private static final RequestEnd END = new RequestEnd("client-7", "client_gone", 200, 20, 0, 3);

  @TempDir private Path folder;
  private Path file;
  private RequestLog log;

  @BeforeEach
  void begin() throws IOException {
    file = folder.resolve("gateway.log");
    Files.createFile(file);
    log = new RequestLog(file);
  }

  private void write(String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.APPEND);
  }

  @Test
  void linesThatTellSomethingElseAreLeftOut() throws IOException {
    write("chaos-0 listening on 1234\n" + LINE + "\n");

    assertEquals(List.of(END), log.ends());
  }

  @Test
  void eachLineIsReadOnceAndOnlyWhenItIsWhole() throws IOException {
    write(LINE + LINE.substring(0, 150));
    assertEquals(List.of(END), log.ends());
    assertEquals(List.of(END), log.ends());

    write(LINE.substring(150));
    assertEquals(List.of(END, END), log.ends());
  }

  @Test
  void aLineThatLacksAFieldIsNotOverlooked() throws IOException {
    write(LINE.replace(" pieces=3", ""));

    assertThrows(IllegalArgumentException.class, log::ends);
  }
}
