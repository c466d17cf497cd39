package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Text to tokens and back over a socket; a token here is a byte, 256 is BOS and 257 the end. */
class TokenizeIT {
  private static final String TOKENIZE = "/tokenize";
  private static final String DETOKENIZE = "/detokenize";

  private static WorkerFixture worker;

  @BeforeAll
  static void start() {
    worker = new WorkerFixture(WorkerFixture.answering("ok")).serve();
  }

  @AfterAll
  static void stop() {
    worker.close();
  }

  private static HttpResponse<String> post(String path, String more) {
    return worker.post(path, ("{'model':'test-model'," + more + "}").replace('\'', '"'));
  }

  private static JsonNode answer(String path, String more) {
    HttpResponse<String> response = post(path, more);
    assertEquals(200, response.statusCode(), response.body());
    return json(response.body());
  }

  @Test
  void aPromptBecomesTheTokensThatACompletionComputes() {
    assertEquals(
        json("{\"count\":3,\"max_model_len\":4096,\"tokens\":[256,104,105],\"token_strs\":null}"),
        answer(TOKENIZE, "'prompt':'hi'"));
  }

  @Test
  void tokensAreSpelledWhenAskedFor() {
    assertEquals(
        json("[\"h\",\"i\"]"),
        answer(TOKENIZE, "'prompt':'hi','add_special_tokens':false,'return_token_strs':true")
            .path("token_strs"));
  }

  @Test
  void controlTokensThatAreSpelledOutAreReadAsACompletionReadsThem() {
    assertEquals(json("[256,257]"), answer(TOKENIZE, "'prompt':'<end>'").path("tokens"));
    assertEquals(
        6, answer(TOKENIZE, "'prompt':'<end>','parse_special':false").path("count").asInt());
  }

  @Test
  void anEmptyPromptHasNoTokensOfItsOwn() {
    assertEquals(
        0, answer(TOKENIZE, "'prompt':'','add_special_tokens':false").path("count").asInt());
    assertEquals(1, answer(TOKENIZE, "'prompt':''").path("count").asInt());
  }

  @Test
  void aChatIsRenderedFirst() {
    String messages = "'messages':[{'role':'user','content':'hi'}]";

    JsonNode completion =
        json(
            worker
                .post(
                    "/v1/chat/completions",
                    ("{'model':'test-model'," + messages + "}").replace('\'', '"'))
                .body());

    assertEquals(
        completion.path("usage").path("prompt_tokens").asInt(),
        answer(TOKENIZE, messages).path("count").asInt());
  }

  @Test
  void tokensBecomeTextAndControlTokensTheirNames() {
    assertEquals(
        "<bos>é<end>", answer(DETOKENIZE, "'tokens':[256,195,169,257]").path("prompt").asText());
    assertEquals("", answer(DETOKENIZE, "'tokens':[]").path("prompt").asText());
  }

  @Test
  void aLongBodyIsWorkedOnElsewhereAndAnswered() {
    String text = "a".repeat(100_000);
    String tokens =
        IntStream.range(0, 100_000).mapToObj(i -> "97").collect(Collectors.joining(","));

    assertEquals(100_001, answer(TOKENIZE, "'prompt':'" + text + "'").path("count").asInt());
    assertEquals(text, answer(DETOKENIZE, "'tokens':[" + tokens + "]").path("prompt").asText());
  }

  @Test
  void anAnswerThatWouldBeTooLongIsRefused() {
    HttpResponse<String> response = post(TOKENIZE, "'prompt':'" + "a".repeat(131_073) + "'");

    JsonNode error = json(response.body()).path("error");
    assertEquals(400, response.statusCode());
    assertEquals("prompt", error.path("param").asText());
    assertTrue(error.path("message").asText().contains("131073 tokens"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "/tokenize;{'prompt':'x'};400;model",
        "/tokenize;{'model':'test-model'};400;prompt",
        "/tokenize;{'model':'test-model','prompt':[1]};400;prompt",
        "/tokenize;{'model':'test-model','prompt':'x','messages':[]};400;messages",
        "/tokenize;{'model':'test-model','messages':[]};400;messages",
        "/tokenize;{'model':'test-model','prompt':'x','return_token_strs':1};400;return_token_strs",
        "/tokenize;{'model':'other','prompt':'x'};404;model",
        "/detokenize;{'model':'test-model'};400;tokens",
        "/detokenize;{'model':'test-model','tokens':[1,258]};400;tokens[1]",
        "/detokenize;{'model':'test-model','tokens':[-1]};400;tokens[0]",
        "/detokenize;{'model':'test-model','tokens':'x'};400;tokens",
        "/detokenize;{'model':'other','tokens':[]};404;model",
      })
  void aBadRequestNamesItsField(String path, String body, int status, String param) {
    HttpResponse<String> response = worker.post(path, body.replace('\'', '"'));

    assertEquals(status, response.statusCode(), response.body());
    assertEquals(param, json(response.body()).path("error").path("param").asText());
  }

  @Test
  void otherMethodsAreNamedAsNotAllowed() {
    assertEquals(405, worker.get(TOKENIZE).statusCode());
    assertEquals(405, worker.get(DETOKENIZE).statusCode());
  }

  @Test
  void aModelThatIsNotLoadedYetHasNoTokens() {
    try (WorkerFixture loading = new WorkerFixture(WorkerFixture.answering("ok"))) {
      assertEquals(
          503, loading.post(TOKENIZE, "{\"model\":\"test-model\",\"prompt\":\"x\"}").statusCode());
    }
  }
}
