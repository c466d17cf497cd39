package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class HttpReaderTest {
  private static final String BYTES =
      "HTTP/1.1 100 Continue\r\n\r\n"
          + "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
          + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n"
          + "HTTP/1.1 204 No Content\r\n\r\n";

  private final StringBuilder told = new StringBuilder();
  private final HttpReader reader =
      new HttpReader(
          new HttpReader.Sink() {
            @Override
            public void head(byte[] bytes, int length) {
              told.append('[').append(new String(bytes, 9, 3, StandardCharsets.US_ASCII));
            }

            @Override
            public void body(byte[] bytes, int from, int to) {
              told.append(' ')
                  .append(new String(bytes, from, to - from, StandardCharsets.US_ASCII));
            }

            @Override
            public void end() {
              told.append(']');
            }
          });

  private void feed(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    reader.feed(bytes, bytes.length);
  }

  @Test
  void messagesInOneReadAreTakenApart() {
    feed(BYTES);

    assertEquals("[100[200 hello][200 abc 0123456789][204]", told.toString());
    assertTrue(reader.atBoundary());
  }

  @Test
  void messagesMayComeByteByByte() {
    for (int i = 0; i < BYTES.length(); i++) {
      feed(BYTES.substring(i, i + 1));
    }

    assertEquals("[100[200hello][200abc0123456789][204]", told.toString().replace(" ", ""));
  }

  @Test
  void inTheMiddleOfAMessageThereIsNoBoundary() {
    feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1");

    assertFalse(reader.atBoundary());
  }
}
