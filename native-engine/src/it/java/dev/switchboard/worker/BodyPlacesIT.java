package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Who has a place in the room for bodies keeps it for as long as something of the body is there.
 */
class BodyPlacesIT {
  private static final String CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

  /** Of two large bodies the second waits for the first; four of 17 000 bytes fit beside them. */
  private static final int ROOM_BYTES = 300_000;

  private static final String CHUNKED =
      String.join(
          "\r\n",
          "POST /v1/chat/completions HTTP/1.1",
          "Host: localhost",
          "Connection: close",
          "Content-Type: application/json",
          "Transfer-Encoding: chunked",
          "",
          "");

  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch rendering = new CountDownLatch(1);
  private final WorkerFixture worker =
      new WorkerFixture(
              WorkerFixture.answering("ab"), settings -> Settings.bodyRoom(settings, ROOM_BYTES))
          .serve(this::render);

  /** Stays until it is let go, or breaks, where the first message says so. */
  private ChatTemplate.Rendered render(Map<String, ? extends @Nullable Object> variables) {
    if (String.valueOf(variables.get("messages")).contains("content=held")) {
      rendering.countDown();
      awaitQuietly(held);
    }
    if (String.valueOf(variables.get("messages")).contains("content=broken")) {
      throw new AssertionError("a template that breaks");
    }
    return new ChatTemplate.Rendered("x", new int[0]);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void end() {
    held.countDown();
    worker.close();
  }

  @Test
  void aBodyKeepsItsPlaceUntilItsConstraintIsCompiled() throws Exception {
    List<Socket> others = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      others.add(send(chat("held", 17_000, "")));
    }
    assertTrue(rendering.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    others.add(send(chat("free", 270_000, ",\"response_format\":{\"type\":\"json_object\"}")));
    Await.until("large bodies", BodyPlacesIT::largeBodiesArePrepared);

    try (Socket next = ask(270_000)) {
      assertUnread(next);
      held.countDown();

      assertEquals(CONTINUE, interim(next));
    }
    for (Socket other : others) {
      other.close();
    }
  }

  @Test
  void aBodyWhoseLengthNobodyToldHasNoMoreThanWhatCame() throws Exception {
    List<Socket> others = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      others.add(worker.raw(CHUNKED + "a\r\n{\"model\":\"\r\n"));
    }

    try (Socket next = ask(200_000)) {
      assertEquals(CONTINUE, interim(next));
    }
    for (Socket other : others) {
      other.close();
    }
  }

  @Test
  void oneThatComesInManyChunksIsReadWhenThereIsRoomAgain() throws Exception {
    Socket large = ask(200_000);
    assertEquals(CONTINUE, interim(large));
    String body = chat("free", 150_000, "");
    Socket chunked = worker.raw(CHUNKED + Integer.toHexString(body.length()) + "\r\n" + body);
    assertUnread(chunked);
    large.close();
    chunked.getOutputStream().write("\r\n0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));

    String answer = WorkerFixture.readAll(chunked);
    assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
  }

  @Test
  void whoseWorkBreaksIsAnsweredAndLeavesItsPlace() throws Exception {
    int status = worker.post("/v1/chat/completions", chat("broken", 270_000, "")).statusCode();

    assertEquals(500, status);
    try (Socket next = ask(270_000)) {
      assertEquals(CONTINUE, interim(next));
    }
  }

  private static boolean largeBodiesArePrepared() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(
            thread ->
                thread.getName().equals("prepare-large")
                    && thread.getState() == Thread.State.TIMED_WAITING);
  }

  /** Whatever the event loop had to do before is done: nothing was said to the one that asks. */
  private void assertUnread(Socket asking) throws IOException {
    for (int i = 0; i < 3; i++) {
      assertEquals(200, worker.get("/livez").statusCode());
    }
    assertEquals(0, asking.getInputStream().available());
  }

  private static String interim(Socket socket) throws IOException {
    byte[] bytes = socket.getInputStream().readNBytes(CONTINUE.length());
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private Socket ask(int bytes) throws IOException {
    return worker.raw(head(bytes) + "Expect: 100-continue\r\n\r\n");
  }

  private Socket send(String body) throws IOException {
    assertTrue(body.length() < ROOM_BYTES);
    return worker.raw(head(body.length()) + "\r\n" + body);
  }

  private static String head(int bytes) {
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        + "Content-Type: application/json\r\nContent-Length: "
        + bytes
        + "\r\n";
  }

  private static String chat(String content, int bytes, String more) {
    return "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\""
        + content
        + "\"}],\"user\":\"x\",\"unknown\":\""
        + "y".repeat(bytes)
        + "\""
        + more
        + "}";
  }
}
