package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where the time of a request went that the gateway did not serve. */
class ServerTimingIT {
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

  private static void assertTold(int status, HttpResponse<String> answer) {
    assertEquals(status, answer.statusCode(), answer::body);
    String told = answer.headers().firstValue("Server-Timing").orElse("");
    assertTrue(told.matches("accept;dur=\\d+\\.\\d{3}, .*total;dur=\\d+\\.\\d{3}"), told);
  }
}
