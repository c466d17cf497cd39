package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.vertx.core.buffer.Buffer;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What load and clients do must neither be blamed on a replica nor hold the gateway. */
class BlameIT extends TwoUpstreams {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ANSWER = "{\"choices\":[]}";

  @Test
  void whoWaitsForAConnectionOfThePoolIsServedLater() throws Exception {
    first.script(
        (request, body) -> first.vertx().setTimer(400, id -> request.response().end(ANSWER)));
    try (InProcessGateway gateway =
        InProcessGateway.before(
            "http: {port: 0, max-upstream-connections: 1}\ndeadlines: {connect-ms: 100}", first)) {
      CompletableFuture<HttpResponse<String>> one = later(gateway);
      CompletableFuture<HttpResponse<String>> other = later(gateway);

      assertEquals(200, one.get(10, TimeUnit.SECONDS).statusCode());
      assertEquals(200, other.get(10, TimeUnit.SECONDS).statusCode());
    }
  }

  @Test
  void whoFindsNoConnectionInTimeIsToldToComeAgain() throws Exception {
    first.script((request, body) -> {});
    try (InProcessGateway gateway =
        InProcessGateway.before(
            "http: {port: 0, max-upstream-connections: 1}\n"
                + "deadlines: {first-token-ms: 300, answer-ms: 5000}",
            first)) {
      CompletableFuture<HttpResponse<String>> holding = later(gateway);
      InProcessGateway.await(() -> !first.seen.isEmpty());
      HttpResponse<String> waiting =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(503, waiting.statusCode());
      assertEquals("1", waiting.headers().firstValue("Retry-After").orElse(""));
      assertEquals(
          "no_connection_free", JSON.readTree(waiting.body()).path("error").path("code").asText());
      assertEquals(1, gateway.attempts("u0", "abandoned"));
      assertEquals(0, gateway.attempts("u0", "failed"));
      holding.cancel(true);
    }
  }

  @Test
  void a429IsTriedOnceElsewhere() throws Exception {
    first.script((request, body) -> request.response().setStatusCode(429).end("{\"error\":{}}"));
    second.script((request, body) -> request.response().end(ANSWER));
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      for (int i = 0; i < 2; i++) {
        HttpResponse<String> answer =
            gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

        assertEquals(200, answer.statusCode());
        assertEquals("u1", answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
      }
      assertEquals(1, gateway.attempts("u0", "shed"));
    }
  }

  @Test
  void a429OfEveryReplicaIsPassedOn() throws Exception {
    FakeUpstream.Script busy =
        (request, body) ->
            request
                .response()
                .setStatusCode(429)
                .putHeader("Retry-After", "7")
                .end("{\"error\":{\"code\":\"overloaded\"}}");
    first.script(busy);
    second.script(busy);
    try (InProcessGateway gateway = InProcessGateway.before("", first, second)) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(429, answer.statusCode());
      assertEquals("7", answer.headers().firstValue("Retry-After").orElse(""));
      assertEquals(2, first.seen.size() + second.seen.size());
    }
  }

  @Test
  void aClientThatLeavesIsNoFailureOfTheReplica() throws Exception {
    first.script((request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    try (InProcessGateway gateway = InProcessGateway.before("", first)) {
      HttpResponse<InputStream> answer =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", "gone");
      answer.body().close();
      gateway.timeline("gone");

      assertEquals(1, gateway.attempts("u0", "abandoned"));
      assertEquals(0, gateway.attempts("u0", "failed"));
    }
  }

  @Test
  void aClientThatDoesNotReadAWholeAnswerIsCutOff() throws Exception {
    Buffer large = Buffer.buffer("{\"choices\":[],\"x\":\"" + "x".repeat(8 << 20) + "\"}");
    first.script((request, body) -> request.response().end(large));
    try (InProcessGateway gateway =
            InProcessGateway.before("deadlines: {write-stall-ms: 300}", first);
        Socket socket = lazyClient(gateway)) {
      JsonNode timeline = gateway.timeline("lazy");

      assertEquals("client_gone", timeline.path("outcome").asText());
      assertEquals("The client did not read.", timeline.path("error").asText());
      assertEquals(0, gateway.fleet().replicas().getFirst().inFlight());
      assertTrue(readable(socket) < large.length(), "the connection was cut");
    }
  }

  @Test
  void aClientThatReadsSlowlyGetsItsWholeAnswer() throws Exception {
    Buffer large = Buffer.buffer("{\"choices\":[],\"x\":\"" + "x".repeat(16 << 20) + "\"}");
    first.script((request, body) -> request.response().end(large));
    try (InProcessGateway gateway =
            InProcessGateway.before("deadlines: {write-stall-ms: 1000}", first);
        Socket socket = lazyClient(gateway)) {
      InputStream in = socket.getInputStream();
      long read = 0;
      // More than the kernel's buffers at a time, and longer in all than a stall may last.
      for (int i = 0; i < 16; i++) {
        read += in.readNBytes(1 << 20).length;
        Thread.sleep(100);
      }
      read += in.readAllBytes().length;

      assertTrue(read > large.length(), "it was cut after " + read + " bytes");
    }
  }

  /** Asks for a whole answer and reads nothing of it yet. */
  private static Socket lazyClient(InProcessGateway gateway) throws Exception {
    URI api = gateway.api("");
    String body = InProcessGateway.chat(false);
    Socket socket = new Socket();
    socket.setReceiveBufferSize(8192);
    socket.connect(new InetSocketAddress(api.getHost(), api.getPort()));
    socket.setSoTimeout(10_000);
    String head =
        "POST "
            + InProcessGateway.CHAT
            + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: lazy\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n";
    socket.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
    return socket;
  }

  private static long readable(Socket socket) {
    long read = 0;
    byte[] buffer = new byte[64 << 10];
    try {
      for (int n = 0; n >= 0; n = socket.getInputStream().read(buffer)) {
        read += n;
      }
    } catch (java.net.SocketTimeoutException e) {
      throw new AssertionError("the connection is still open", e);
    } catch (java.io.IOException reset) {
      // As good an end as any other.
      return read;
    }
    return read;
  }

  private static CompletableFuture<HttpResponse<String>> later(InProcessGateway gateway) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }
}
