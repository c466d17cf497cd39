package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway that stops owes to the connections it has. */
class FarewellIT {
  private static final int LINGER_MS = 2000;
  private static final int STREAMS = 40;

  private static String chat(boolean stream) {
    String body = InProcessGateway.chat(stream);
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  @Test
  void aConnectionThatWasNotToldIsServedOnceMoreHoweverLongItsStreamTook() throws Exception {
    AtomicReference<@Nullable HttpServerResponse> open = new AtomicReference<>();
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script(
          (request, body) -> {
            if (body.toString().contains("\"stream\":true")) {
              HttpServerResponse events = FakeUpstream.events(request);
              events.write(FakeUpstream.content("a"));
              open.set(events);
            } else {
              request.response().end("{\"choices\":[]}");
            }
          });
      InProcessGateway gateway =
          InProcessGateway.before("shutdown: {linger-ms: " + LINGER_MS + "}", upstream);
      URI api = gateway.api("");
      try (Socket kept = new Socket(api.getHost(), api.getPort())) {
        BufferedReader reader =
            new BufferedReader(
                new InputStreamReader(kept.getInputStream(), StandardCharsets.US_ASCII));
        send(kept, chat(true));
        assertEquals("HTTP/1.1 200 OK", reader.readLine());
        HttpServerResponse events =
            Objects.requireNonNull(Await.until("the stream", open::get, opened -> opened != null));
        Thread stopping = Thread.ofPlatform().start(gateway::close);
        Await.until("the end of the listener", () -> refuses(api));
        upstream
            .vertx()
            .setTimer(
                LINGER_MS + 500, over -> events.end(FakeUpstream.finish() + FakeUpstream.done()));

        String line = reader.readLine();
        while (!line.equals("0")) {
          line = reader.readLine();
        }
        send(kept, chat(false));
        String answer = String.join("\n", reader.lines().toList()).strip();
        stopping.join();

        assertTrue(answer.startsWith("HTTP/1.1 200 OK"), answer);
        assertTrue(answer.contains("onnection: close"), answer);
      }
    }
  }

  /**
   * Streams, whole answers, a stream whose client begins to read only then, and one that has ended
   * but for what its client has not read.
   */
  @Test
  void whatHasNotEndedWhenTheGraceEndsEndsWithAnError(@TempDir Path folder) throws Exception {
    Path config = folder.resolve("up.yaml");
    CountDownLatch begun = new CountDownLatch(STREAMS + 3);
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script((request, body) -> neverEnds(request, body.toString(), begun));
      Files.writeString(
          config,
          "{upstreams: [{url: \""
              + upstream.url()
              + "\", models: [m]}], shutdown: {finish-ms: 500, linger-ms: 0},"
              + " admission: {replica-concurrency: 256}}");
      try (GatewayProcess gateway =
              GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
          Clients clients = new Clients(gateway.api(""))) {
        List<Socket> streams = clients.open(STREAMS, chat(true));
        List<Socket> wholes = clients.open(5, chat(false));
        // The second one never reads, which holds nobody up.
        Socket slow = clients.open(2, chat(true).replace("\"x\"", "\"y\"")).getFirst();
        Socket unread = clients.open(1, chat(true).replace("\"x\"", "\"z\"")).getFirst();
        assertTrue(begun.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
        for (Socket stream : streams) {
          assertEquals('H', stream.getInputStream().read());
        }

        // To end it by its handle would close its events.
        GatewayProcess.signal("-TERM", gateway.process().pid());
        JsonNode stopping = gateway.await(event -> event.path("event").asText().equals("stopping"));
        long withinMs = stopping.path("within_ms").asLong();
        StringBuilder first = new StringBuilder();
        while (first.indexOf("\r\n0\r\n\r\n") < 0) {
          first.append((char) streams.getFirst().getInputStream().read());
        }

        FutureTask<String> unreadRest = new FutureTask<>(() -> text(unread));
        Thread.ofVirtual().start(unreadRest);
        assertEndsWithError(text(slow));
        String rest = unreadRest.get();
        assertTrue(rest.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n"), () -> end(rest));
        assertEndsWithError(first.toString());
        for (Socket stream : streams.subList(1, STREAMS)) {
          assertEndsWithError(text(stream));
        }
        for (Socket whole : wholes) {
          assertTrue(text(whole).startsWith("HTTP/1.1 503 "));
        }
        // 500 and what clients may read, the parts of the gateway, its workers' stop-ms, its store.
        assertEquals(500 + 3000 + 4 * 5000 + 10_000 + 5000 + 10_000, withinMs);
        assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
        assertEquals(0, gateway.process().exitValue());
      }
    }
  }

  private static void neverEnds(HttpServerRequest request, String body, CountDownLatch begun) {
    if (body.contains("\"z\"")) {
      endsAtOnce(request, begun);
    } else if (body.contains("\"stream\":true")) {
      HttpServerResponse events = FakeUpstream.events(request);
      // More than all buffers on the way to a client that does not read.
      int pieces = body.contains("\"y\"") ? 400 : 1;
      for (int i = 0; i < pieces; i++) {
        events.write(FakeUpstream.content("a".repeat(pieces == 1 ? 1 : 8192)));
      }
      begun.countDown();
    }
  }

  /** Its one event is whole, and its end there, before anything of it goes to the client. */
  private static void endsAtOnce(HttpServerRequest request, CountDownLatch begun) {
    HttpServerResponse events = FakeUpstream.events(request);
    String event = FakeUpstream.content("a".repeat(256 << 10));
    events.write(event.substring(0, event.length() - 1));
    Objects.requireNonNull(Vertx.currentContext(), "on its event loop")
        .owner()
        .setTimer(
            200,
            read -> {
              events.end("\n" + FakeUpstream.finish() + FakeUpstream.done());
              begun.countDown();
            });
  }

  private static String text(Socket client) throws IOException {
    return new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
  }

  private static String end(String answer) {
    return answer.substring(Math.max(0, answer.length() - 600));
  }

  private static void assertEndsWithError(String answer) {
    String end = end(answer);
    assertTrue(end.contains("\"code\":\"draining\""), end);
    assertTrue(end.endsWith("\r\n0\r\n\r\n"), end);
    assertFalse(answer.contains("[DONE]"), end);
  }

  /** Plain sockets that each sent one request. */
  private record Clients(URI api, List<Socket> sockets) implements AutoCloseable {
    Clients(URI api) {
      this(api, new ArrayList<>());
    }

    List<Socket> open(int count, String request) throws IOException {
      List<Socket> opened = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.setReceiveBufferSize(16 << 10);
        socket.setSoTimeout(Await.LIMIT_MS);
        socket.connect(new InetSocketAddress(api.getHost(), api.getPort()));
        send(socket, request);
        opened.add(socket);
      }
      return opened;
    }

    @Override
    public void close() throws IOException {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static boolean refuses(URI api) {
    try (Socket _ = new Socket(api.getHost(), api.getPort())) {
      return false;
    } catch (IOException refused) {
      return true;
    }
  }
}
