package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where the time of a request went that the gateway did not serve. */
class ServerTimingIT {
  private static final String CHAT = "POST " + InProcessGateway.CHAT;

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  @Test
  void aRefusalForWantOfQuotaTellsIt() throws Exception {
    String yaml = "tenants: [{name: default, requests-per-minute: 1}]";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, upstream)) {
      gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertTold(429, refused);
    }
  }

  @Test
  void soDoErrorsOfRequestsThatReachNoReplica() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      assertTold(400, gateway.post(InProcessGateway.CHAT, "{"));
      assertTold(
          404,
          gateway.post(
              InProcessGateway.CHAT,
              "{\"model\":\"nobody\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}"));
    }
  }

  @Test
  void everyAnswerTellsItOnce() throws Exception {
    String yaml =
        "http: {max-body-bytes: 1024, max-header-bytes: 4096, max-uri-bytes: 4096}\n"
            + "deadlines: {keep-alive-ms: 100}";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, upstream)) {
      String key = gateway.adminBody("/admin/v1/keys", "{\"name\":\"a\"}").path("key").asText();
      String caller = "Authorization: Bearer " + key + "\r\n";
      String chunks = caller + "Transfer-Encoding: chunked\r\n";

      assertToldOnce(gateway, 200, "GET /livez", "");
      assertToldOnce(gateway, 200, "HEAD /readyz", "");
      assertToldOnce(gateway, 200, "GET /openapi.json", "");
      assertToldOnce(gateway, 200, "GET /v1/models", caller);
      assertToldOnce(gateway, 401, "GET /v1/models", "");
      assertToldOnce(gateway, 404, "GET /v1/models/nobody", caller);
      assertToldOnce(gateway, 404, "GET /nowhere", "");
      assertToldOnce(gateway, 405, "PUT /v1/models", caller);
      assertToldOnce(gateway, 405, "TRACE /nowhere", "");
      assertToldOnce(gateway, 413, CHAT, caller + "Content-Length: 2000\r\n");
      assertToldOnce(gateway, 415, CHAT, caller + "Content-Encoding: gzip\r\n");
      assertToldOnce(gateway, 400, CHAT, caller + "Content-Length: 1\r\n\r\n{");
      assertToldOnce(gateway, 400, CHAT, chunks + "\r\nxyz\r\n");
      assertToldOnce(gateway, 400, "GET /livez", "A : b\r\n");
      assertToldOnce(gateway, 414, "GET /" + "a".repeat(5000), "");
      assertToldOnce(gateway, 431, "GET /livez", "A: " + "b".repeat(5000) + "\r\n");
    }
  }

  /**
   * @param request its method and target
   * @param rest of its head, and its body
   */
  private static void assertToldOnce(
      InProcessGateway gateway, int status, String request, String rest) throws Exception {
    String answer =
        answer(
            gateway.api(""),
            request + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + rest + "\r\n");

    assertTrue(
        answer.matches("(?s)HTTP/1[.][01] " + status + " .*"), () -> request + ": " + answer);
    List<String> told = answer.lines().filter(line -> line.startsWith("Server-Timing")).toList();
    assertEquals(1, told.size(), () -> request + ": " + answer);
    assertTrue(
        told.getFirst().matches("Server-Timing: (.*, )?total;dur=\\d+\\.\\d{3}"), told::toString);
  }

  /** Everything until the gateway closes: a client that closes its side first has left. */
  private static String answer(URI listener, String bytes) throws IOException {
    try (Socket socket = new Socket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(Await.LIMIT_MS);
      socket.getOutputStream().write(bytes.getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static void assertTold(int status, HttpResponse<String> answer) {
    assertEquals(status, answer.statusCode(), answer::body);
    String told = answer.headers().firstValue("Server-Timing").orElse("");
    assertTrue(told.matches("accept;dur=\\d+\\.\\d{3}, .*total;dur=\\d+\\.\\d{3}"), told);
  }
}
