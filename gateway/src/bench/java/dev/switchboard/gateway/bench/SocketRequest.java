package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * One HTTP request to a server on a Unix socket, which the JDK's client does not speak to. For
 * answers of a worker that are JSON: their length is told.
 */
public final class SocketRequest {
  private SocketRequest() {}

  /** What was answered. */
  public record Answer(int status, String body) {}

  /**
   * Sends it and reads the whole answer.
   *
   * @param body JSON; empty for none
   */
  public static Answer send(Path socket, String method, String path, String body)
      throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    String head =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + "Content-Type: application/json\r\nContent-Length: "
            + bytes.length
            + "\r\n\r\n";
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      write(channel, head.getBytes(StandardCharsets.US_ASCII));
      write(channel, bytes);
      return answer(
          new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  private static void write(SocketChannel channel, byte[] bytes) throws IOException {
    ByteBuffer left = ByteBuffer.wrap(bytes);
    while (left.hasRemaining()) {
      int _ = channel.write(left);
    }
  }

  private static Answer answer(String text) throws IOException {
    int end = text.indexOf("\r\n\r\n");
    if (end < 0 || !text.matches("(?s)HTTP/1\\.1 \\d{3} .*")) {
      throw new IOException("no HTTP answer but " + text.length() + " bytes");
    }
    return new Answer(Integer.parseInt(text.substring(9, 12)), text.substring(end + 4));
  }
}
