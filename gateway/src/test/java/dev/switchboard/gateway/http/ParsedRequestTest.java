package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import org.junit.jupiter.api.Test;

class ParsedRequestTest {
  private final RequestParser parser = new RequestParser(RequestLimits.DEFAULT);

  private int answers(Endpoint endpoint, String body) {
    byte[] bytes = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    return ParsedRequest.parse(parser, endpoint, bytes, null).answers();
  }

  @Test
  void everyChoiceOfEveryPromptIsAnAnswer() {
    assertEquals(
        6, answers(Endpoint.COMPLETIONS, "{'model':'m','prompt':['a','b'],'n':3,'max_tokens':1}"));
    assertEquals(
        2,
        answers(Endpoint.CHAT, "{'model':'m','messages':[{'role':'user','content':'a'}],'n':2}"));
  }

  @Test
  void everyTextThatIsReadForItselfIsAnAnswer() {
    assertEquals(1, answers(Endpoint.EMBEDDINGS, "{'model':'m','input':'a'}"));
    assertEquals(3, answers(Endpoint.EMBEDDINGS, "{'model':'m','input':['a','b','c']}"));
    assertEquals(2, answers(Endpoint.RERANK, "{'model':'m','query':'q','documents':['a','b']}"));
  }

  @Test
  void noMoreTextsCountThanAWorkerReadsAtOnce() {
    String texts = String.join(",", Collections.nCopies(500, "'a'"));

    assertEquals(128, answers(Endpoint.EMBEDDINGS, "{'model':'m','input':[" + texts + "]}"));
    assertEquals(
        128, answers(Endpoint.RERANK, "{'model':'m','query':'q','documents':[" + texts + "]}"));
  }
}
