package dev.switchboard.gateway.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LineSplitterTest {
  private final List<String> lines = new ArrayList<>();
  private final LineSplitter splitter =
      new LineSplitter(5, line -> lines.add(new String(line, UTF_8)));

  private boolean add(String piece) {
    return splitter.add(Buffer.buffer(piece));
  }

  @Test
  void whereverPiecesEndTheLinesAreTheSame() {
    String all = "one\n\ntwo\n12345\n\n\nlast\nrest";
    for (int size = 1; size <= all.length(); size++) {
      lines.clear();
      LineSplitter some = new LineSplitter(5, line -> lines.add(new String(line, UTF_8)));
      for (int from = 0; from < all.length(); from += size) {
        String piece = all.substring(from, Math.min(all.length(), from + size));
        assertTrue(some.add(Buffer.buffer(piece)));
      }
      assertEquals(List.of("one", "two", "12345", "last"), lines, "pieces of " + size);
    }
  }

  @Test
  void aLineThatIsTooLongIsNotToldWhole() {
    assertFalse(add("one\n123456\n"));
    assertEquals(List.of("one"), lines);
  }

  @Test
  void aLineThatGetsTooLongOverPiecesIsFoundBeforeItsEnd() {
    assertTrue(add("123"));
    assertTrue(add("45"));
    assertFalse(add("6"));
  }

  @Test
  void aLineThatGetsTooLongWithItsLastPieceIsNotTold() {
    assertTrue(add("12345"));
    assertFalse(add("6\n"));
    assertEquals(List.of(), lines);
  }
}
