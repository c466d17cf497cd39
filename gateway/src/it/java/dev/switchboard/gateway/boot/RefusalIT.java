package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpResponse;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every refusal: its status, an OpenAI error object, and the field at fault. */
class RefusalIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  @RegisterExtension
  static final AnsweringGateway SERVED =
      new AnsweringGateway("http: {port: 0, max-body-bytes: 4096}");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | 400 | model",
        "{\"model\":1,\"messages\":[]} | 400 | model",
        "{\"model\":\"m\"} | 400 | messages",
        "{\"model\":\"m\",\"messages\":\"x\"} | 400 | messages",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"n\":1000}"
            + "| 400 | n",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
            + "\"temperature\":9} | 400 | temperature",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
            + "\"top_logprobs\":21} | 400 | top_logprobs",
        "{\"model\":\"nobody\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"
            + "| 404 | model"
      })
  void aBadChatNamesItsField(String body, int status, String param) throws Exception {
    HttpResponse<String> answer = SERVED.gateway().post(InProcessGateway.CHAT, body);

    JsonNode error = JSON.readTree(answer.body()).path("error");
    assertEquals(status, answer.statusCode());
    assertEquals(param, error.path("param").asText());
    assertEquals("invalid_request_error", error.path("type").asText());
    assertFalse(error.path("message").asText().isEmpty());
    assertTrue(answer.headers().firstValue("X-Request-Id").isPresent());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {"not json | 400", "[1] | 400", "` ` | 400", "{\"model\":\"m\" | 400"})
  void aBodyThatIsNoJsonObjectIsRefused(String body, int status) throws Exception {
    assertEquals(status, SERVED.gateway().post(InProcessGateway.CHAT, body).statusCode());
    assertEquals(status, SERVED.gateway().post("/v1/completions", body).statusCode());
  }

  @Test
  void aFormContentTypeIsReadAsJson() throws Exception {
    HttpResponse<String> answer =
        SERVED
            .gateway()
            .post(
                InProcessGateway.CHAT,
                InProcessGateway.chat(false),
                "Content-Type",
                "application/x-www-form-urlencoded");

    assertEquals(200, answer.statusCode());
  }

  @Test
  void aLargeBodyIsRefusedByItsLengthAndByItsBytes() throws Exception {
    String declared =
        SERVED
            .gateway()
            .raw(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    String chunked =
        SERVED
            .gateway()
            .raw(
                "POST /v1/chat/completions HTTP/1.1\r\n"
                    + "Host: x\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n"
                    + "2000\r\n"
                    + "x".repeat(0x2000)
                    + "\r\n0\r\n\r\n");

    assertTrue(declared.startsWith("HTTP/1.1 413 "), declared);
    assertTrue(chunked.startsWith("HTTP/1.1 413 "), chunked);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "POST /v1/chat/completions HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{} | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\n"
            + "Content-Length: 2\\r\\n\\r\\n{} | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nContent-Encoding: gzip\\r\\n"
            + "Content-Length: 2\\r\\n\\r\\n{} | 415",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\n"
            + "Transfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\n"
            + "Content-Length: 3\\r\\n\\r\\n{} | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: -1\\r\\n\\r\\n | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: foo\\r\\n"
            + "\\r\\n{} | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\n"
            + "Transfer-Encoding: gzip, chunked\\r\\n\\r\\n0\\r\\n\\r\\n | 400",
        "POST /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n"
            + "Transfer-Encoding: identity\\r\\n\\r\\n0\\r\\n\\r\\n | 400",
        "GET /livez HTTP/1.1\\r\\nHost: a\\r\\nX: b\\r\\n c\\r\\n\\r\\n | 400",
        "GET /livez HTTP/1.1\\r\\nHost: a\\r\\n\\tb\\r\\n\\r\\n | 400",
        "GET /livez HTTP/1.1\\r\\n\\r\\n | 400",
        "GET /livez HTTP/1.1\\r\\nHost: a b\\r\\n\\r\\n | 400",
        "GET livez HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 400",
        "GET /v1/chat/completions HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 405",
        "FOO /v1/models HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 405",
        "DELETE /v1/models/m HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 405",
        "GET /v1/nothing HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 404",
        "GET /v1/models/nobody HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n | 404",
        "nonsense\\r\\n\\r\\n | 400"
      })
  void aBadHeadIsRefused(String bytes, int status) throws Exception {
    String answer = SERVED.gateway().raw(bytes.strip().replace("\\r\\n", "\r\n"));

    // Where the request line could not be read, its version is not known either.
    assertTrue(answer.matches("(?s)HTTP/1\\.[01] " + status + " .*"), answer);
    assertTrue(answer.contains("{\"error\":{\"message\":"), answer);
    String head = answer.toLowerCase(Locale.ROOT);
    assertTrue(head.contains("\r\nx-request-id: "), answer);
    assertTrue(head.contains("\r\nx-switchboard-reason: "), answer);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Transfer-Encoding: foo", "Transfer-Encoding: chunked, foo", "X: a\r\n b"})
  void whatFollowsARefusedHeadIsNotReadAsARequest(String header) throws Exception {
    String answer =
        SERVED
            .gateway()
            .raw(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                    + header
                    + "\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");

    assertTrue(answer.startsWith("HTTP/1.1 400 "), answer);
    assertEquals(1, answer.split("HTTP/1.1 ", -1).length - 1, answer);
  }

  @Test
  void aBodyMayHoldWhatAHeadMayNot() throws Exception {
    String body = "{\r\n \"model\": 1}";
    String answer =
        SERVED
            .gateway()
            .raw(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
                    + body.length()
                    + "\r\n\r\n"
                    + body
                    + "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");

    assertTrue(answer.contains("\"param\":\"model\""), answer);
    assertTrue(answer.endsWith("{\"status\":\"live\"}"), answer);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/livez", "/readyz", "/v1/models", "/v1/models/m"})
  void headIsAnsweredLikeGetWithoutTheBody(String path) throws Exception {
    String answer =
        SERVED
            .gateway()
            .raw(
                "HEAD "
                    + path
                    + " HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");

    assertTrue(answer.matches("(?s)HTTP/1.1 200 OK\r\n[^{]*HTTP/1.1 200 OK\r\n.*live.*"), answer);
  }

  @ParameterizedTest
  @CsvSource({"/v1/nothing, 404", "/v1/chat/completions, 405", "/v1/models/nobody, 404"})
  void aRefusedRequestWithoutABodyLeavesTheConnectionOpen(String path, int status)
      throws Exception {
    String answer =
        SERVED
            .gateway()
            .raw(
                "GET "
                    + path
                    + " HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");

    assertTrue(answer.startsWith("HTTP/1.1 " + status + " "), answer);
    assertFalse(answer.toLowerCase(Locale.ROOT).contains("connection: close"), answer);
    assertTrue(answer.endsWith("{\"status\":\"live\"}"), answer);
  }

  @Test
  void aLongUriOrHeaderIsRefused() throws Exception {
    String uri = SERVED.gateway().raw("GET /" + "a".repeat(5000) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    String header =
        SERVED.gateway().raw("GET / HTTP/1.1\r\nHost: a\r\nX: " + "a".repeat(20_000) + "\r\n\r\n");

    assertTrue(uri.startsWith("HTTP/1.0 414 "), uri);
    assertTrue(header.startsWith("HTTP/1.1 431 "), header);
  }

  @Test
  void aWrongMethodSaysWhichIsRight() throws Exception {
    HttpResponse<String> answer = SERVED.gateway().get(SERVED.gateway().api(InProcessGateway.CHAT));

    assertEquals(405, answer.statusCode());
    assertEquals("POST", answer.headers().firstValue("Allow").orElse(""));
  }

  @Test
  void anUpgradeToHttp2IsNotAnswered() throws Exception {
    String answer =
        SERVED
            .gateway()
            .raw(
                String.join(
                    "\r\n",
                    "GET /livez HTTP/1.1",
                    "Host: a",
                    "Connection: Upgrade, HTTP2-Settings",
                    "Upgrade: h2c",
                    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
                    "",
                    ""));
    String preface = SERVED.gateway().raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
    assertFalse(preface.contains("200 OK"), preface);
  }

  @Test
  void aRequestIdIsHonouredWhenItIsPlainAndReplacedWhenNot() throws Exception {
    HttpResponse<String> plain =
        SERVED.gateway().post(InProcessGateway.CHAT, "{}", "X-Request-Id", "my-id_1.2");
    HttpResponse<String> odd =
        SERVED.gateway().post(InProcessGateway.CHAT, "{}", "X-Request-Id", "a b\u00e4");

    assertEquals("my-id_1.2", plain.headers().firstValue("X-Request-Id").orElse(""));
    assertTrue(odd.headers().firstValue("X-Request-Id").orElse("").matches("[0-9a-f]{32}"));
  }

  @Test
  void withKeysARequestNeedsOne() throws Exception {
    String hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    try (InProcessGateway guarded =
        InProcessGateway.before(
            "auth: {keys: [{name: app, sha256: " + hash + "}]}", SERVED.upstream())) {
      HttpResponse<String> none = guarded.post(InProcessGateway.CHAT, InProcessGateway.chat(false));
      HttpResponse<String> right =
          guarded.post(
              InProcessGateway.CHAT,
              InProcessGateway.chat(false),
              "Authorization",
              "Bearer secret");

      assertEquals(401, none.statusCode());
      assertEquals(401, guarded.post("/tokenize", "{}").statusCode());
      assertEquals(401, guarded.post("/detokenize", "{}").statusCode());
      assertEquals(
          "invalid_api_key", JSON.readTree(none.body()).path("error").path("code").asText());
      assertEquals(200, right.statusCode());
      assertEquals(200, guarded.get(guarded.api("/livez")).statusCode());
    }
  }

  @Test
  void withoutAReadyReplicaTheAnswerIs503WithRetryAfter() throws Exception {
    try (InProcessGateway alone = InProcessGateway.unready("", URI.create("http://127.0.0.1:1"))) {
      HttpResponse<String> answer = alone.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(503, answer.statusCode());
      assertEquals("1", answer.headers().firstValue("Retry-After").orElse(""));
      assertEquals(503, alone.get(alone.api("/readyz")).statusCode());
      assertEquals(200, alone.get(alone.api("/livez")).statusCode());
      assertEquals(503, alone.get(alone.admin("/readyz")).statusCode());
    }
  }
}
