package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that shut down their writing side behind a request, and get the answer or have left. */
class HalfCloseIT {
  private static final String LAST = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  private final BlockingQueue<HttpServerRequest> asked = new LinkedBlockingQueue<>();

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    gateway = InProcessGateway.before("", upstream);
  }

  @AfterAll
  static void stop() throws Exception {
    gateway.close();
    upstream.close();
  }

  @BeforeEach
  void answerLater() {
    upstream.closed.clear();
    upstream.script((request, body) -> asked.add(request));
  }

  private static Socket sent(String head, boolean stream) throws Exception {
    Socket socket = new Socket(gateway.api("").getHost(), gateway.api("").getPort());
    socket.setSoTimeout(Await.LIMIT_MS);
    String body = InProcessGateway.chat(stream);
    String request =
        "POST " + InProcessGateway.CHAT + head + "Content-Length: " + body.length() + "\r\n\r\n";
    socket.getOutputStream().write((request + body).getBytes(StandardCharsets.UTF_8));
    socket.shutdownOutput();
    return socket;
  }

  private static String read(Socket socket) throws Exception {
    return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /** The request, once the gateway has surely read that the client's side is closed. */
  private HttpServerRequest arrived() throws Exception {
    HttpServerRequest request = asked.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    assertEquals(200, gateway.get(gateway.api("/livez")).statusCode());
    return Objects.requireNonNull(request);
  }

  @ParameterizedTest
  @ValueSource(strings = {LAST, " HTTP/1.0\r\nHost: localhost\r\n"})
  void whoSaidThatItIsTheLastRequestGetsTheWholeAnswer(String head) throws Exception {
    try (Socket socket = sent(head, false)) {
      HttpServerRequest request = arrived();
      request
          .response()
          .putHeader("Content-Type", "application/json")
          .end("{\"choices\":[],\"by\":\"one\"}");

      String answer = read(socket);

      assertTrue(answer.contains(" 200 "), answer);
      assertTrue(answer.contains("\"by\":\"one\""), answer);
    }
  }

  @Test
  void aStreamGoesOnToItsEndToo() throws Exception {
    try (Socket socket = sent(LAST, true)) {
      HttpServerResponse response = FakeUpstream.events(arrived());
      response.write(FakeUpstream.role() + FakeUpstream.content("a"));
      String first = until(socket, "\"content\":\"a\"");
      response.write(FakeUpstream.content("b") + FakeUpstream.finish());
      response.end(FakeUpstream.done());

      String answer = first + read(socket);
      assertTrue(answer.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n"), answer);
    }
  }

  private static String until(Socket socket, String text) throws Exception {
    StringBuilder read = new StringBuilder();
    while (read.indexOf(text) < 0) {
      int next = socket.getInputStream().read();
      assertTrue(next >= 0, read::toString);
      read.append((char) next);
    }
    return read.toString();
  }

  @Test
  void whoDidNotSaySoHasLeft() throws Exception {
    try (Socket socket = sent(" HTTP/1.1\r\nHost: localhost\r\n", false)) {
      assertEquals("", read(socket));
    }

    left();
  }

  /** Nothing of a request is left. */
  private static void left() {
    Await.until("requests in flight", HalfCloseIT::inFlight, left -> left == 0);
  }

  private static double inFlight() throws Exception {
    return new MetricsText(gateway.get(gateway.admin("/metrics")).body())
        .sum("switchboard_requests_in_flight");
  }

  @Test
  void whoLeftAfterAllIsNoticedByWhatIsSent() throws Exception {
    HttpServerResponse response;
    try (Socket _ = sent(LAST, true)) {
      response = FakeUpstream.events(arrived());
    }

    // The first bytes are answered by a reset, which what follows finds.
    Await.until(
        "the reset",
        () -> {
          response.write(FakeUpstream.content("a"));
          return !upstream.closed.isEmpty();
        });
    left();
  }

  @Test
  void aRequestThatWasNotSentToItsEndHasLeft() throws Exception {
    String head = "POST " + InProcessGateway.CHAT + LAST + "Content-Length: 100\r\n\r\n{";

    assertEquals("", gateway.raw(head));
  }
}
