package dev.switchboard.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Request bodies for tests, written with single quotes. */
final class Bodies {
  private static final RequestParser PARSER = new RequestParser(RequestLimits.DEFAULT);

  private Bodies() {}

  static byte[] bytes(String body) {
    return body.replace('\'', '"').getBytes(UTF_8);
  }

  static ChatCompletionRequest chat(String body) {
    return PARSER.parseChat(bytes(body));
  }

  /** A minimal chat with more fields. */
  static ChatCompletionRequest chatWith(String fields) {
    return chat(chatBody(fields));
  }

  static String chatBody(String fields) {
    return "{'model':'m','messages':[{'role':'user','content':'hi'}]," + fields + "}";
  }

  static TextCompletionRequest text(String body) {
    return PARSER.parseText(bytes(body));
  }

  static TextCompletionRequest textWith(String fields) {
    return text("{'model':'m','prompt':'hi'," + fields + "}");
  }

  /** What a chat of these bytes is refused with. */
  static ApiError error(byte[] body) {
    return assertThrows(ApiException.class, () -> PARSER.parseChat(body)).error();
  }

  static ApiError chatError(String body) {
    return assertThrows(ApiException.class, () -> chat(body), body).error();
  }

  static ApiError textError(String body) {
    return assertThrows(ApiException.class, () -> text(body), body).error();
  }
}
