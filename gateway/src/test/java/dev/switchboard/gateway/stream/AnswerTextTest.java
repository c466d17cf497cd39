package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AnswerTextTest {

  @Test
  void theDeltasOfEachChoiceAreJoined() {
    AnswerText text = new AnswerText(100);

    text.events(event(0, "He").appendBuffer(event(1, "Hi")).appendString(": a comment\n\n"));
    text.events(event(0, "llo").appendString("data: [DONE]\n\n"));

    assertEquals(said("Hello") + "," + said("Hi"), inner(text.messages()));
  }

  @Test
  void aWholeAnswerIsOneMessageForEachChoice() {
    AnswerText chat = new AnswerText(100);
    chat.whole(Buffer.buffer("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"));
    AnswerText completion = new AnswerText(100);
    completion.whole(Buffer.buffer("{\"choices\":[{\"index\":0,\"text\":\"b\"}]}"));

    assertEquals(said("a"), inner(chat.messages()));
    assertEquals(said("b"), inner(completion.messages()));
  }

  @Test
  void whatIsTooLongIsCutBetweenTwoCharacters() {
    AnswerText text = new AnswerText(4);
    text.events(event(0, "aé"));
    text.events(event(0, "éb"));
    text.events(event(0, "c"));

    assertEquals(said("aé…"), inner(text.messages()));
  }

  @Test
  void whatIsNoJsonSaysNothing() {
    AnswerText text = new AnswerText(4);
    text.events(Buffer.buffer("data: {broken\n\n"));

    assertEquals("[]", text.messages());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'messages':[{'role':'system','content':'a'}]} | [{'role':'system','parts':[{'type':'text','content':'a'}]}]",
        "{'messages':[{'role':'user','content':[{'type':'text','text':'b'},{'type':'image_url','image_url':{'url':'x'}}]}]}"
            + " | [{'role':'user','parts':[{'type':'text','content':'b'},{'type':'image_url'}]}]",
        "{'prompt':'c'} | [{'role':'user','parts':[{'type':'text','content':'c'}]}]",
        "{'prompt':['d','e']} | [{'role':'user','parts':[{'type':'text','content':'d'},{'type':'text','content':'e'}]}]",
        "{'prompt':[1,2]} | [{'role':'user','parts':[]}]",
        "{'messages':[{'role':'user','content':'0123456789'},{'role':'user','content':'x'}]}"
            + " | [{'role':'user','parts':[{'type':'text','content':'01234567…'}]},{'role':'user','parts':[{'type':'text','content':''}]}]"
      },
      quoteCharacter = '`')
  void aRequestsTextsAreToldUpToTheBound(String request, String messages) {
    byte[] body = request.replace('\'', '"').getBytes(StandardCharsets.UTF_8);

    assertEquals(messages.replace('\'', '"'), AnswerText.ofRequest(body, 8));
  }

  private static Buffer event(int choice, String text) {
    return Buffer.buffer(
        "data: {\"choices\":[{\"index\":"
            + choice
            + ",\"delta\":{\"content\":\""
            + text
            + "\"}}]}\n\n");
  }

  private static String said(String text) {
    return "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" + text + "\"}]}";
  }

  private static String inner(String array) {
    return array.substring(1, array.length() - 1);
  }
}
