package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.chat.ChatTemplate;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every kind of bad request gets its status and names what is wrong; the worker goes on. */
class BadRequestIT {
  private static final String POST =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";

  private static WorkerFixture worker;

  @BeforeAll
  static void start() {
    worker = new WorkerFixture(WorkerFixture.answering("ok")).serve();
  }

  @AfterAll
  static void stop() {
    worker.close();
  }

  private static void assertError(
      HttpResponse<String> response, int status, String code, String param) {
    JsonNode error = json(response.body()).path("error");
    assertEquals(status, response.statusCode(), response.body());
    assertEquals(code, error.path("code").asText(), response.body());
    assertEquals(param, error.path("param").asText(), response.body());
    assertTrue(!error.path("message").asText().isEmpty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{;400;invalid_json;null",
        "[];400;invalid_json;null",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]};400;null;model",
        "{\"model\":\"test-model\"};400;null;messages",
        "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"
            + ";404;model_not_found;model",
        "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"n\":0}"
            + ";400;null;n",
        "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
            + "\"logit_bias\":{\"258\":1}};400;null;logit_bias.258",
        "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
            + "\"temperature\":3};400;null;temperature",
      })
  void aBadChatNamesItsField(String body, int status, String code, String param) {
    assertError(worker.post(CHAT, body), status, code, param);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{\"model\":\"test-model\",\"prompt\":[258]};400;null;prompt",
        "{\"model\":\"test-model\",\"prompt\":[]};400;null;prompt",
        "{\"model\":\"test-model\",\"prompt\":\"x\",\"logprobs\":21};400;null;logprobs",
        "{\"model\":\"nope\",\"prompt\":\"x\"};404;model_not_found;model",
      })
  void aBadCompletionNamesItsField(String body, int status, String code, String param) {
    assertError(worker.post(TEXT, body), status, code, param);
  }

  @Test
  void aPromptLongerThanTheContextNamesTheField() {
    String words = "x".repeat(WorkerFixture.CONTEXT);

    HttpResponse<String> chat =
        worker.post(
            CHAT,
            "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\""
                + words
                + "\"}]}");
    HttpResponse<String> text =
        worker.post(TEXT, "{\"model\":\"test-model\",\"prompt\":\"" + words + "\"}");

    assertError(chat, 400, "context_length_exceeded", "messages");
    assertError(text, 400, "context_length_exceeded", "prompt");
  }

  @ParameterizedTest
  @CsvSource({
    "test%2Dmodel, 200, null",
    "test-model%20, 404, The model 'test-model ' does not exist.",
    "an%2Fother+one, 404, The model 'an/other+one' does not exist.",
    "test-model%2, 400, The path must be percent-encoded UTF-8.",
    "test-model%zz, 400, The path must be percent-encoded UTF-8.",
    "%c3%28, 400, The path must be percent-encoded UTF-8.",
  })
  void aModelOfAPathIsDecoded(String id, int status, String message) throws IOException {
    Socket socket =
        worker.raw(
            "GET /v1/models/" + id + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

    String answer = WorkerFixture.readAll(socket);

    assertStatus(status, answer);
    assertTrue(status == 200 || answer.contains(message), answer);
  }

  @Test
  void unknownPathsAndMethodsAreNamed() {
    HttpResponse<String> path = worker.get("/v2/nothing");
    HttpResponse<String> method = worker.get(CHAT);
    HttpResponse<String> model = worker.get("/v1/models/other");

    assertEquals(404, path.statusCode());
    assertEquals(405, method.statusCode());
    assertEquals("POST", method.headers().firstValue("Allow").orElse(""));
    assertError(model, 404, "model_not_found", "model");
  }

  @Test
  void anUnknownTimelineDetailIsRefused() {
    HttpResponse<String> response =
        worker.post(
            TEXT, "{\"model\":\"test-model\",\"prompt\":\"x\"}", "X-Switchboard-Timeline", "much");

    assertError(response, 400, "null", "X-Switchboard-Timeline");
  }

  @Test
  void encodedBodiesAreRefusedUnread() {
    HttpResponse<String> response = worker.post(TEXT, "xyz", "Content-Encoding", "gzip");

    assertEquals(415, response.statusCode());
  }

  @Test
  void aDeclaredLengthOverTheLimitIsRefusedUnread() throws IOException {
    Socket socket = worker.raw(POST + "Content-Length: 9000000\r\n\r\n");

    String answer = WorkerFixture.readAll(socket);

    assertTrue(answer.startsWith("HTTP/1.1 413 "), answer);
  }

  @Test
  void anEndlessBodyIsCutAtTheLimit() throws IOException {
    Socket socket = worker.raw(POST + "Transfer-Encoding: chunked\r\n\r\n");
    byte[] chunk = ("10000\r\n" + "x".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.US_ASCII);

    int sent = 0;
    try {
      OutputStream out = socket.getOutputStream();
      for (; sent < 4000; sent++) {
        out.write(chunk);
      }
    } catch (IOException closed) {
      // What is expected: the worker does not read on.
    }

    assertTrue(sent < 4000, "the worker read 250 MiB");
    socket.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/completions | 413 |",
        "/v1/completions | 413 | Connection: close",
        "/v1/completions | 415 | Content-Encoding: gzip",
        "/nothing | 404 |",
        "/livez | 405 |",
        "/livez | 400 | Host: again",
      })
  void whoSendsALargeBodyBeforeItReadsCanReadWhyItWasRefused(
      String path, int status, @Nullable String line) throws IOException {
    String head =
        "POST "
            + path
            + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: 12582912\r\n";
    byte[] piece = new byte[64 << 10];
    for (int i = 0; i < 10; i++) {
      Socket socket = worker.raw(head + (line == null ? "" : line + "\r\n") + "\r\n");
      for (int sent = 0; sent < 12 << 20; sent += piece.length) {
        socket.getOutputStream().write(piece);
      }

      String answer = WorkerFixture.readAll(socket);

      assertStatus(status, answer);
      assertTrue(answer.endsWith("}}"), answer);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"2 ", "2\t", "2\u0000", " 2", "2;", "2;a=", "2\u0080", "\u00ff2", "2\u00a0"})
  void aChunkSizeThatIsNotOfItsGrammarIsToldSo(String size) throws IOException {
    Socket socket =
        worker.raw(POST + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n{}\r\n0\r\n\r\n");

    assertStatus(400, WorkerFixture.readAll(socket));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET /livez HTTP/2.0 | 505",
        "GET /livez HTTP/1.2 | 505",
        "GET /livez http/1.1 | 400",
        "GET  /livez HTTP/1.1 | 400",
        "GET\t/livez HTTP/1.1 | 400",
        "GET http://y/livez HTTP/1.1 | 400",
        "GET * HTTP/1.1 | 400",
      })
  void aRequestLineThatIsNotOfItsGrammarIsToldSo(String line, int status) throws IOException {
    String answer =
        WorkerFixture.readAll(worker.raw(line.replace("\\t", "\t") + "\r\nHost: x\r\n\r\n"));

    assertStatus(status, answer);
    assertTrue(answer.contains("X-Request-Id: "), answer);
  }

  @Test
  void twoAuthorizationsAreRefused() throws IOException {
    String twice = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n";

    String answer =
        WorkerFixture.readAll(worker.raw("GET /livez HTTP/1.1\r\nHost: x\r\n" + twice + "\r\n"));

    assertStatus(400, answer);
  }

  @Test
  void longHeadersAndTargetsHaveTheirStatus() throws IOException {
    Socket headers =
        worker.raw(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Big: " + "x".repeat(20_000) + "\r\n\r\n");
    Socket target = worker.raw("GET /" + "x".repeat(9000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");

    assertStatus(431, WorkerFixture.readAll(headers));
    assertStatus(414, WorkerFixture.readAll(target));
  }

  private static void assertStatus(int status, String answer) {
    assertTrue(answer.matches("(?s)HTTP/1\\.[01] " + status + " .*"), answer);
  }

  @Test
  void whatIsNotHttpIsRefused() throws IOException {
    Socket socket = worker.raw("\u0016\u0003\u0001 nonsense\r\n\r\n");

    String answer = WorkerFixture.readAll(socket);

    assertStatus(400, answer);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\\r\\nTransfer-Encoding: gzip",
        "Transfer-Encoding: identity\\r\\nContent-Length: 36",
        "Content-Length: 36\\r\\nTransfer-Encoding: chunked",
        "Content-Length: 3\\r\\n 6",
      })
  void aBodyWhoseEndCannotBeToldIsRefusedAndTheConnectionClosed(String header) throws IOException {
    Socket socket =
        worker.raw(
            POST
                + header.replace("\\r\\n", "\r\n")
                + "\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");

    String answer = WorkerFixture.readAll(socket);

    assertStatus(400, answer);
    assertEquals(1, answer.split("X-Request-Id: ", -1).length - 1, answer);
  }

  @Test
  void aChunkedBodyOfHttp10IsRefused() throws IOException {
    Socket socket =
        worker.raw("POST /v1/completions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");

    assertStatus(400, WorkerFixture.readAll(socket));
  }

  @Test
  void aClientMayAskBeforeItSendsItsBody() throws IOException {
    String body = "{\"model\":\"test-model\",\"prompt\":\"x\"}";
    Socket socket =
        worker.raw(
            POST
                + "Expect: 100-continue\r\n"
                + "Connection: close\r\n"
                + "Content-Length: "
                + body.length()
                + "\r\n\r\n");
    byte[] interim = socket.getInputStream().readNBytes("HTTP/1.1 100 Continue\r\n\r\n".length());
    socket.getOutputStream().write(body.getBytes(StandardCharsets.US_ASCII));

    String answer = WorkerFixture.readAll(socket);

    assertTrue(new String(interim, StandardCharsets.US_ASCII).startsWith("HTTP/1.1 100 "));
    assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
  }

  @Test
  void aHeaderThatDripsInIsCutOff() throws IOException {
    try (WorkerFixture strict =
        new WorkerFixture(
            WorkerFixture.answering("ok"),
            settings -> Settings.headerTimeout(settings, Duration.ofMillis(100)))) {
      Socket socket = strict.raw("GET /livez HTTP/1.1\r\nHo");

      assertEquals("", WorkerFixture.readAll(socket));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Content-Length: 36", "Transfer-Encoding: chunked"})
  void aBodyThatDripsInIsCutOff(String framing) throws IOException {
    try (WorkerFixture strict =
        new WorkerFixture(
                WorkerFixture.answering("ok"),
                settings -> Settings.bodyTimeout(settings, Duration.ofMillis(100)))
            .serve()) {
      Socket socket = strict.raw(POST + framing + "\r\n\r\n");

      String answer = WorkerFixture.readAll(socket);

      assertStatus(408, answer);
      assertTrue(answer.contains("\"code\":\"request_timeout\""), answer);
      assertTrue(answer.contains("within 100 ms"), answer);
    }
  }

  @Test
  void aModelWithoutATemplateRefusesChatsAndServesText() {
    try (WorkerFixture bare =
        new WorkerFixture(WorkerFixture.answering("ok")).serve((ChatTemplate) null)) {
      HttpResponse<String> chat =
          bare.post(
              CHAT,
              "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
      HttpResponse<String> text = bare.post(TEXT, "{\"model\":\"test-model\",\"prompt\":\"x\"}");

      assertError(chat, 400, "null", "messages");
      assertTrue(chat.body().contains("no chat template"));
      assertEquals(200, text.statusCode());
    }
  }

  @Test
  void aTemplateThatRefusesIsQuoted() {
    ChatTemplate refusing =
        variables -> {
          throw new ChatTemplate.TemplateException("roles must alternate");
        };
    try (WorkerFixture strict = new WorkerFixture(WorkerFixture.answering("ok")).serve(refusing)) {
      HttpResponse<String> response =
          strict.post(
              CHAT,
              "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");

      assertError(response, 400, "null", "messages");
      assertTrue(response.body().contains("roles must alternate"));
    }
  }
}
