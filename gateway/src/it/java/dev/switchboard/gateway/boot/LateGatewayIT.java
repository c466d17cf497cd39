package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients of a gateway that did not run for longer than it waits for them, or nearly so. */
@Tag("timing")
class LateGatewayIT {
  private static final int CLIENTS = 40;
  private static final int WAITS_MS = 3000;
  private static final int STOPPED_MS = 3 * WAITS_MS / 2;
  private static final String REQUEST = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  private static final String CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
  private static final int BODY_BYTES = 6 << 20;
  private static final String ANSWERED = "HTTP/1.1 200";

  @TempDir private Path folder;

  /** Half of them have asked before. */
  @Test
  void whatTheySentMeanwhileIsAnswered() throws Exception {
    Path config = folder.resolve("up.yaml");
    List<Socket> clients = new ArrayList<>();
    try (FakeUpstream upstream = new FakeUpstream()) {
      Files.writeString(
          config,
          """
          upstreams: [{url: "%s", models: [m]}]
          deadlines: {header-ms: %d, keep-alive-ms: %d}
          """
              .formatted(upstream.url(), WAITS_MS, WAITS_MS));
      try (GatewayProcess gateway =
          GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady()) {
        for (int i = 0; i < CLIENTS; i++) {
          clients.add(new Socket(gateway.api("").getHost(), gateway.api("").getPort()));
        }
        for (Socket each : clients.subList(0, CLIENTS / 2)) {
          send(each);
          assertEquals(ANSWERED, status(each));
        }

        List<String> answers = whatIsSentToAStopped(gateway, clients);

        assertEquals(Collections.nCopies(CLIENTS, ANSWERED), answers);
      } finally {
        for (Socket each : clients) {
          each.close();
        }
      }
    }
  }

  /** More of a body than a loop reads at once, of which all waits in the socket. */
  @Test
  void aBodyThatArrivedMeanwhileIsRead() throws Exception {
    Path config = folder.resolve("body.yaml");
    try (FakeUpstream upstream = new FakeUpstream()) {
      upstream.script((request, body) -> request.response().end("{}"));
      Files.writeString(
          config,
          """
          upstreams: [{url: "%s", models: [m]}]
          deadlines: {body-ms: %d}
          """
              .formatted(upstream.url(), WAITS_MS));
      try (GatewayProcess gateway =
              GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
          Socket client = new Socket(gateway.api("").getHost(), gateway.api("").getPort())) {
        byte[] body = largeBody();
        client.getOutputStream().write(head(body.length));
        // The gateway has read the head when it says so.
        client.getInputStream().readNBytes(CONTINUE.length());
        long pid = gateway.process().pid();
        GatewayProcess.signal("-STOP", pid);
        Thread sending = Thread.ofVirtual().start(() -> sendAll(client, body));
        pause();
        GatewayProcess.signal("-CONT", pid);
        sending.join();

        assertEquals(ANSWERED, status(client));
      }
    }
  }

  private static void pause() {
    Stopwatch stopped = Stopwatch.start();
    Await.until(() -> stopped.millis() >= STOPPED_MS);
  }

  private static byte[] largeBody() {
    String json = InProcessGateway.chat(false) + " ".repeat(BODY_BYTES);
    return json.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] head(int length) {
    String head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            + "Content-Type: application/json\r\nContent-Length: "
            + length
            + "\r\n\r\n";
    return head.getBytes(StandardCharsets.US_ASCII);
  }

  private static void sendAll(Socket client, byte[] body) {
    try {
      client.getOutputStream().write(body);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> whatIsSentToAStopped(GatewayProcess gateway, List<Socket> clients)
      throws Exception {
    long pid = gateway.process().pid();
    GatewayProcess.signal("-STOP", pid);
    for (Socket each : clients) {
      send(each);
    }
    pause();
    GatewayProcess.signal("-CONT", pid);
    List<String> answers = new ArrayList<>();
    for (Socket each : clients) {
      answers.add(status(each));
    }
    return answers;
  }

  private static void send(Socket client) throws IOException {
    client.getOutputStream().write(REQUEST.getBytes(StandardCharsets.US_ASCII));
  }

  /** The beginning of the next answer, which is read; "closed" where there is none. */
  private static String status(Socket client) throws IOException {
    try {
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        int next = client.getInputStream().read();
        if (next < 0) {
          return "closed";
        }
        head.append((char) next);
      }
      String length = head.toString().replaceAll("(?is).*content-length: (\\d+).*", "$1");
      client.getInputStream().readNBytes(Integer.parseInt(length));
      return head.substring(0, ANSWERED.length());
    } catch (IOException e) {
      return "closed";
    }
  }
}
