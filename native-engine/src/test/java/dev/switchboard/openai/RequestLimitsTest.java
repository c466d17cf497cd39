package dev.switchboard.openai;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RequestLimitsTest {
  /** Small ones, so that a test's body is small. */
  private static final RequestParser PARSER =
      new RequestParser(new RequestLimits(4096, 8, 256, 512, 32, 20, 3, 2, 4, 10));

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``                          | is empty",
        "`   `                       | must be a JSON object",
        "[]                          | must be a JSON object",
        "`\"x\"`                     | must be a JSON object",
        "null                        | must be a JSON object",
        "{                           | ends in the middle of a value at line 1",
        "{'a':                       | ends in the middle",
        "{'a':1,}                    | is not valid JSON at line 1, column 8",
        "{'a':01}                    | is not valid JSON",
        "{'a':NaN}                   | is not valid JSON",
        "{'a':+1}                    | is not valid JSON",
        "{a:1}                       | is not valid JSON",
        "{'a':'\\x'}                 | is not valid JSON",
        "{'a':1}{'b':2}              | goes on after its JSON object",
        "{'a':1} x                   | is not valid JSON",
        "{'a':1,'a':2}               | names a field twice",
        "{'b':{'a':1,'a':2}}         | names a field twice",
        "{/**/}                      | is not valid JSON",
      })
  void malformedBodyIsRefusedWithItsPosition(String body, String complaint) {
    ApiError error = chatError(Bodies.bytes(body));

    assertEquals(400, error.status());
    assertNull(error.param());
    assertTrue(error.message().contains(complaint), error.message());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'a':[[[[[[[[1]]]]]]]]}",
        "{'a':123456789012345678901}",
        "{'a':1.12345678901234567890}",
        "{'a234567890123456789012345678901234567890':1}"
      })
  void deepLongAndWideBodiesExceedALimit(String body) {
    ApiError error = chatError(Bodies.bytes(body));

    assertEquals(400, error.status());
    assertTrue(error.message().contains("exceeds a limit"), error.message());
  }

  @Test
  void longStringExceedsALimit() {
    assertTrue(
        chatError(Bodies.bytes("{'a':'" + "x".repeat(513) + "'}"))
            .message()
            .contains("exceeds a limit"));
  }

  @Test
  void manyValuesExceedALimit() {
    String ones = IntStream.range(0, 300).mapToObj(i -> "1").collect(Collectors.joining(","));

    assertTrue(
        chatError(Bodies.bytes("{'a':[" + ones + "]}")).message().contains("exceeds a limit"));
  }

  @Test
  void bodyAboveTheLimitIsTooLarge() {
    ApiError error = chatError(new byte[4097]);

    assertEquals(413, error.status());
    assertTrue(error.message().contains("4096 bytes"));
  }

  @Test
  void bodyThatIsNotUtf8IsRefused() {
    byte[] truncated = {'{', '"', (byte) 0xc3, '"', ':', '1', '}'};

    assertEquals(400, chatError(truncated).status());
    assertTrue(chatError("{\"a\":1}".getBytes(UTF_16LE)).message().contains("UTF-8"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fffe22", // no character begins so
        "80", // a continuation alone
        "c3", // cut at the body's end
        "e282", // cut later
        "e28222", // cut by the next character
        "c0af", // overlong /
        "c080", // overlong zero
        "e08080", // overlong in three
        "f0808080", // overlong in four
        "eda080", // half of a surrogate pair
        "eda0bdedb880", // a pair, each half encoded by itself
        "f4908080", // above the last code point
        "f888808080" // five bytes
      })
  void bytesThatAreNoCharacterAreRefusedWithTheirPlace(String hex) {
    for (int before : new int[] {0, 8190, 20_000}) {
      byte[] start = ("{\"a\":\"" + "x".repeat(before)).getBytes(UTF_8);
      byte[] wrong = HexFormat.of().parseHex(hex);
      byte[] body = Arrays.copyOf(start, start.length + wrong.length);
      System.arraycopy(wrong, 0, body, start.length, wrong.length);

      ApiError error = Bodies.error(body);

      assertEquals(400, error.status());
      assertTrue(
          error.message().contains("must be UTF-8, but is not at byte " + (start.length + 1)),
          error.message());
    }
  }

  @Test
  void charactersOfEveryLengthAreTakenWhereverTheyLie() {
    for (int before = 8185; before < 8195; before++) {
      String prompt = "x".repeat(before) + "é€😀\u0000\u007f\uffff".replace("\u0000", "");

      TextCompletionRequest request = Bodies.text("{'model':'m','prompt':'" + prompt + "'}");

      assertEquals(new TextCompletionRequest.TextPrompt(prompt), request.prompts().getFirst());
    }
  }

  @Test
  void complaintDoesNotRepeatTheBody() {
    byte[] body = "{\"messages\": secret-word}".getBytes(UTF_8);

    assertTrue(!chatError(body).message().contains("secret"));
  }

  @Test
  void messagesToolsAndPromptsAreCounted() {
    String message = "{'role':'user','content':'a'}";
    String tool = "{'function':{'name':'f'}}";

    assertEquals("messages", chatParam("'messages':[" + repeat(message, 4) + "]"));
    assertEquals(
        "tools", chatParam("'messages':[" + message + "],'tools':[" + repeat(tool, 3) + "]"));
    assertEquals("prompt", textParam("'prompt':[" + repeat("'a'", 5) + "]"));
    assertEquals("prompt", textParam("'prompt':[" + repeat("1", 11) + "]"));
    assertEquals("prompt", textParam("'prompt':[[1,2,3,4,5,6],[1,2,3,4,5]]"));
    assertEquals("n", textParam("'prompt':['a','b'],'n':3"));
  }

  private static String repeat(String element, int times) {
    return String.join(",", Collections.nCopies(times, element));
  }

  private static String chatParam(String fields) {
    return String.valueOf(chatError(Bodies.bytes("{'model':'m'," + fields + "}")).param());
  }

  private static String textParam(String fields) {
    byte[] body = Bodies.bytes("{'model':'m'," + fields + "}");
    return String.valueOf(
        assertThrows(ApiException.class, () -> PARSER.parseText(body)).error().param());
  }

  private static ApiError chatError(byte[] body) {
    return assertThrows(ApiException.class, () -> PARSER.parseChat(body)).error();
  }
}
