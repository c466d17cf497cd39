package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.switchboard.testing.Await;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whole answers in the memory that there is for them, two of one request among them. */
class AnswerMemoryIT {
  /** More than the sockets take between a server and a client that does not read. */
  private static final int LARGE_BYTES = 12 << 20;

  /** More than they take between a server and a gateway that does not read. */
  private static final int MIDDLE_BYTES = 2 << 20;

  private static final int SMALL_BUFFER_BYTES = 64 << 10;

  /** In which a loop that may read on has read all of such an answer. */
  private static final int TURNS = 200;

  private static final String BEGINNING = "{\"choices\":[],\"pad\":\"";

  private final AtomicReference<HttpServerRequest> far = new AtomicReference<>();
  private final AtomicReference<HttpServerRequest> near = new AtomicReference<>();
  private FakeUpstream region;
  private FakeUpstream here;
  private InProcessGateway gateway;

  @BeforeEach
  void start() throws Exception {
    region = new FakeUpstream();
    here = new FakeUpstream();
    region.script(
        (request, body) -> {
          request.response().setChunked(true).write(BEGINNING);
          far.set(request);
        });
    here.script(this::near);
    gateway = InProcessGateway.of(config()).awaitEveryReplica();
  }

  private String config() {
    return """
    http: {event-loops: 1, answer-memory-bytes: 1048576}
    upstreams:
      - {url: "%s", models: [big], engine: vllm}
      - {url: "%s", models: [small], engine: vllm}
    edge: [{name: big, local: small, late-ms: 300, answer-late-ms: 300}]
    """
        .formatted(region.url(), here.url());
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    region.close();
    here.close();
  }

  private void near(HttpServerRequest request, Buffer body) {
    if (body.toString().contains("fill")) {
      request.response().end(answer(LARGE_BYTES));
    } else if (body.toString().contains("both")) {
      request.response().setChunked(true).write(BEGINNING);
      near.set(request);
    } else {
      request.response().end(answer(0));
    }
  }

  private static Buffer answer(int bytes) {
    return Buffer.buffer(BEGINNING).appendBuffer(rest(bytes));
  }

  private static Buffer rest(int bytes) {
    return Buffer.buffer("x".repeat(bytes) + "\"}");
  }

  private static String chat(String model, String says) {
    return InProcessGateway.chat(false)
        .replace("\"m\"", '"' + model + '"')
        .replace("\"x\"", '"' + says + '"');
  }

  /** Its answer takes all memory until it is closed. */
  private Socket clientThatDoesNotRead() throws Exception {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(SMALL_BUFFER_BYTES);
    socket.connect(new InetSocketAddress(gateway.api("").getHost(), gateway.api("").getPort()));
    String body = chat("small", "fill");
    String request =
        "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
            .formatted(InProcessGateway.CHAT, body.length(), body);
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    assertEquals('H', socket.getInputStream().read());
    return socket;
  }

  /** One that the region begins to answer, and then the local model as well. */
  private CompletableFuture<HttpResponse<String>> askBoth() throws Exception {
    CompletableFuture<HttpResponse<String>> both =
        gateway
            .client()
            .sendAsync(
                HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
                    .POST(HttpRequest.BodyPublishers.ofString(chat("big", "both")))
                    .build(),
                BodyHandlers.ofString());
    Await.until("the region's request", () -> far.get() != null);
    return both;
  }

  private void turns() throws Exception {
    for (int turn = 0; turn < TURNS; turn++) {
      HttpResponse<String> other = gateway.post(InProcessGateway.CHAT, chat("small", "between"));
      assertEquals(200, other.statusCode(), other::body);
    }
  }

  private static void assertWhole(CompletableFuture<HttpResponse<String>> asked) throws Exception {
    HttpResponse<String> answer = asked.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertEquals(200, answer.statusCode());
    assertEquals(MIDDLE_BYTES, answer.body().length() - answer(0).length());
  }

  @Test
  void theFirstOfTwoAnswersWaitsForRoomThoughTheSecondHasBegun() throws Exception {
    CompletableFuture<HttpResponse<String>> both = askBoth();
    Await.until("the request here", () -> near.get() != null);
    turns();
    try (Socket _ = clientThatDoesNotRead()) {
      Future<Void> written = far.get().response().end(rest(MIDDLE_BYTES));
      turns();

      assertFalse(written.isComplete(), "it was read on");
    }
    assertWhole(both);
  }

  @Test
  void theFirstOfTwoAnswersGoesOnWhenThereIsRoomAgain() throws Exception {
    CompletableFuture<HttpResponse<String>> both;
    try (Socket _ = clientThatDoesNotRead()) {
      both = askBoth();
      Future<Void> _ = far.get().response().end(rest(MIDDLE_BYTES));
      Await.until("the request here", () -> near.get() != null);
      turns();
    }

    assertWhole(both);
  }
}
