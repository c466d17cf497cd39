package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EventStreamTest {
  private static List<EventStream.Message> read(String text) throws IOException {
    List<EventStream.Message> messages = new ArrayList<>();
    EventStream.read(
        new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), messages::add);
    return messages;
  }

  @Test
  void readsTypeIdAndData() throws IOException {
    List<EventStream.Message> messages =
        read("retry: 2000\n\nid: 7\nevent: audit\ndata: {\"é\":1}\n\n");

    assertEquals(List.of(new EventStream.Message("audit", "7", "{\"é\":1}")), messages);
  }

  @Test
  void commentsSayThatItLives() throws IOException {
    assertEquals("", read(": still here\n\n").getFirst().type());
  }

  @Test
  void aLineWithoutEndIsNotKept() {
    String endless = "data: " + "x".repeat(1 << 19);

    assertThrows(IOException.class, () -> read(endless));
  }

  @Test
  void anEventOfLinesWithoutEndIsNotKept() {
    String endless = ("data: " + "x".repeat(1 << 10) + "\n").repeat(1 << 9);

    assertThrows(IOException.class, () -> read(endless));
  }
}
