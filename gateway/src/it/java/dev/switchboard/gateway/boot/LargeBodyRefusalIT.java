package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who sends a large body before it reads can read why that was refused. */
class LargeBodyRefusalIT {
  /** More than the socket buffers of both sides hold. */
  private static final int BODY_BYTES = 12 << 20;

  private static final int TIMES = 20;
  private static final int AT_ONCE = 4;
  private static final String LENGTH = "Content-Length: " + BODY_BYTES + "\r\n";

  @RegisterExtension
  static final AnsweringGateway SERVED =
      new AnsweringGateway("http: {port: 0, max-body-bytes: 4096}");

  /** Sends a head and a large body, many times; whoever cannot do so or read the answer fails. */
  private static void assertReadable(URI listener, int status, String head) throws Exception {
    Callable<String> client = () -> answer(listener, head);
    try (ExecutorService clients = Executors.newFixedThreadPool(AT_ONCE)) {
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < TIMES; i++) {
        answers.add(clients.submit(client));
      }
      for (Future<String> each : answers) {
        String answer = each.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
        assertTrue(answer.startsWith("HTTP/1.1 " + status + " "), answer);
        assertTrue(answer.endsWith("}}"), answer);
      }
    }
  }

  private static String answer(URI listener, String head) throws IOException {
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(Await.LIMIT_MS);
      OutputStream out = socket.getOutputStream();
      out.write(head.getBytes(StandardCharsets.ISO_8859_1));
      byte[] piece = new byte[64 << 10];
      for (int sent = 0; sent < BODY_BYTES; sent += piece.length) {
        out.write(piece);
      }
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String post(String path, String lines) {
    return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n";
  }

  @Test
  void aBodyThatIsTooLargeByItsLength() throws Exception {
    assertReadable(SERVED.gateway().api(""), 413, post(InProcessGateway.CHAT, LENGTH));
  }

  @Test
  void anAnswerAfterWhichTheClientWantsTheConnectionClosed() throws Exception {
    assertReadable(
        SERVED.gateway().api(""),
        413,
        post(InProcessGateway.CHAT, LENGTH + "Connection: close\r\n"));
  }

  @Test
  void aBodyThatIsTooLargeByItsChunks() throws Exception {
    String chunk = Integer.toHexString(BODY_BYTES) + "\r\n";

    assertReadable(
        SERVED.gateway().api(""),
        413,
        post(InProcessGateway.CHAT, "Transfer-Encoding: chunked\r\n") + chunk);
  }

  @Test
  void aHeadThatIsRefusedBeforeItsBody() throws Exception {
    String twice = "Authorization: a\r\nAuthorization: b\r\n";
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      assertReadable(listener, 400, post("/", twice + LENGTH));
      assertReadable(listener, 431, post("/", "X: " + "a".repeat(20_000) + "\r\n" + LENGTH));
    }
  }

  @Test
  void aPathThatNobodyServes() throws Exception {
    for (URI listener : List.of(SERVED.gateway().api(""), SERVED.gateway().admin(""))) {
      assertReadable(listener, 404, post("/nothing", LENGTH));
    }
  }

  @Test
  void aChangeThatTheAdminListenerRefuses() throws Exception {
    String json = "Content-Type: application/json\r\n";

    assertReadable(SERVED.gateway().admin(""), 403, post("/admin/v1/keys", LENGTH));
    assertReadable(SERVED.gateway().admin(""), 413, post("/admin/v1/keys", json + LENGTH));
  }

  @Test
  void whoSendsForEverIsCutAfterAWhile() throws Exception {
    long sent = 0;
    URI listener = SERVED.gateway().api("");
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(
          post(InProcessGateway.CHAT, "Content-Length: 99999999999\r\n")
              .getBytes(StandardCharsets.ISO_8859_1));
      byte[] piece = new byte[64 << 10];
      while (sent < 1L << 30) {
        out.write(piece);
        sent += piece.length;
      }
    } catch (IOException cut) {
      // As it should be.
    }

    assertTrue(sent < 1L << 30, "nobody cut it");
    assertEquals(200, SERVED.gateway().get(SERVED.gateway().api("/livez")).statusCode());
  }
}
