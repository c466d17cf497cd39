package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a gateway that stops owes to the connections it has. */
class FarewellIT {
  private static final int LINGER_MS = 300;

  private static String chat(boolean stream) {
    String body = InProcessGateway.chat(stream);
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
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
        InProcessGateway.await(() -> open.get() != null);
        Thread stopping = Thread.ofPlatform().start(gateway::close);
        InProcessGateway.await(() -> refuses(api));
        Thread.sleep(3 * LINGER_MS);

        HttpServerResponse events = open.get();
        if (events != null) {
          events.end(FakeUpstream.finish() + FakeUpstream.done());
        }
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
