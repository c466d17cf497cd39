package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Servers that answer requests with what is no answer, whatever its status says. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WrongAnswerIT {
  private static final String GOOD = "{\"choices\":[],\"from\":\"other\"}";

  private FakeUpstream wrong;
  private InProcessGateway gateway;

  @BeforeAll
  void start() throws Exception {
    wrong = new FakeUpstream();
    gateway = InProcessGateway.before("retry: {attempts: 1}\ncircuit: {failures: 1000}\n", wrong);
  }

  @BeforeEach
  void ready() throws Exception {
    gateway.awaitEveryReplica();
  }

  @AfterAll
  void stop() {
    gateway.close();
    wrong.close();
  }

  private static void answers(FakeUpstream server, int status, String type, String body) {
    server.script(
        (request, read) -> {
          if (!type.isEmpty()) {
            request.response().putHeader("Content-Type", type);
          }
          request.response().setStatusCode(status).end(body);
        });
  }

  private HttpResponse<String> ask(boolean stream) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(stream));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          200 | text/html; charset=utf-8 | <html>secret-page</html> | a page (text/html)
          200 | TEXT/HTML                | {"choices":[]}           | a page (text/html)
          200 | ''                       | ''                       | no JSON
          200 | application/json         | ''                       | no JSON
          200 | application/json         | "secret-page"            | no JSON
          200 | application/json         | {"choices":[             | no JSON
          200 | text/plain               | secret-page              | no JSON
          204 | ''                       | ''                       | no JSON
          301 | ''                       | secret-page              | a redirect (status 301)
          302 | text/html                | secret-page              | a redirect (status 302)
          401 | application/json         | {"error":"secret-page"}  | refused the gateway's key (status 401)
          403 | application/json         | {"error":"secret-page"}  | refused the gateway's key (status 403)
          """)
  void isOurOwn502AndAFailureOfTheReplica(int status, String type, String body, String why)
      throws Exception {
    answers(wrong, status, type, body);
    double failed = gateway.attempts("u0", "failed");

    HttpResponse<String> whole = ask(false);
    HttpResponse<String> stream = ask(true);

    for (HttpResponse<String> answer : List.of(whole, stream)) {
      assertEquals(502, answer.statusCode(), answer::body);
      assertTrue(answer.body().contains("\"code\":\"upstream_failed\""), answer::body);
      assertTrue(answer.body().contains(why), answer::body);
      assertFalse(answer.body().contains("secret"), answer::body);
      assertTrue(answer.headers().firstValue("Location").isEmpty());
    }
    assertEquals(failed + 2, gateway.attempts("u0", "failed"));
  }

  @Test
  void anErrorThatIsTheRequestsGoesOnAsItCame() throws Exception {
    answers(wrong, 400, "text/plain", "no such parameter");

    HttpResponse<String> answer = ask(false);

    assertEquals(400, answer.statusCode());
    assertEquals("no such parameter", answer.body());
  }

  @Test
  void anotherReplicaAnswersInstead() throws Exception {
    try (FakeUpstream page = new FakeUpstream();
        FakeUpstream good = new FakeUpstream();
        InProcessGateway two =
            InProcessGateway.before("routing: {policy: round-robin}\n", page, good)) {
      answers(page, 200, "text/html", "<html>");
      answers(good, 200, "application/json", GOOD);

      for (int i = 0; i < 4; i++) {
        HttpResponse<String> answer = two.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
        assertEquals(200, answer.statusCode(), answer::body);
        assertEquals(GOOD, answer.body());
      }
      assertTrue(two.attempts("u0", "failed") >= 1);
    }
  }
}
