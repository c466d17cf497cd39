package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.openai.TextCompletionRequest.TextPrompt;
import dev.switchboard.openai.TextCompletionRequest.TokenPrompt;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextCompletionRequestTest {

  @Test
  void promptIsAString() {
    assertEquals(List.of(new TextPrompt("hi")), prompts("'hi'"));
    assertEquals(List.of(new TextPrompt("")), prompts("''"));
  }

  @Test
  void promptIsAListOfStrings() {
    assertEquals(List.of(new TextPrompt("a"), new TextPrompt("b")), prompts("['a','b']"));
  }

  @Test
  void promptIsAListOfTokens() {
    List<TextCompletionRequest.Prompt> prompts = prompts("[1,2,3]");

    assertEquals(1, prompts.size());
    assertArrayEquals(new int[] {1, 2, 3}, ((TokenPrompt) prompts.getFirst()).tokens());
  }

  @Test
  void promptIsAListOfTokenLists() {
    List<TextCompletionRequest.Prompt> prompts = prompts("[[1],[2,3]]");

    assertEquals(2, prompts.size());
    assertArrayEquals(new int[] {2, 3}, ((TokenPrompt) prompts.get(1)).tokens());
  }

  @Test
  void echoAllowsToGenerateNothing() {
    TextCompletionRequest request = Bodies.textWith("'echo':true,'max_tokens':0,'logprobs':0");

    assertTrue(request.echo());
    assertEquals(0, request.options().maxTokens());
    assertEquals(0, request.options().topLogprobs());
  }

  @Test
  void bestOfMayEqualN() {
    assertEquals(2, Bodies.textWith("'n':2,'best_of':2,'suffix':''").options().n());
  }

  @Test
  void whatAsksForNothingIsTaken() {
    String neutral =
        "'length_penalty':1,'typical_p':1.0,'repeat_penalty':1,'n_predict':-1,'top_n_sigma':-1,"
            + "'num_predict':-1,'samplers':[],'top_a':0,'include_stop_str_in_output':false,"
            + "'skip_special_tokens':true,'min_tokens':0,'truncate_prompt_tokens':null,'ebnf':'',"
            + "'best_of':1";

    assertEquals(1, Bodies.textWith(neutral).options().n());
  }

  @Test
  void minusOneIsAsManyTokensAsThereIsRoomFor() {
    assertNull(Bodies.textWith("'max_tokens':-1").options().maxTokens());
    assertNull(Bodies.chatWith("'max_tokens':-1").options().maxTokens());
    assertNull(Bodies.chatWith("'max_completion_tokens':-1.0").options().maxTokens());
  }

  @Test
  void upToSixteenStops() {
    assertEquals(
        16, Bodies.textWith("'stop':[" + "'a',".repeat(15) + "'a']").options().stop().size());
  }

  @Test
  void textsAreReadWithTheirControlTokensUnlessTheRequestSaysElse() {
    assertEquals(new TextReading(true, true), Bodies.textWith("'echo':false").reading());
    assertEquals(
        new TextReading(false, false),
        Bodies.textWith("'parse_special':false,'add_special_tokens':false").reading());
  }

  @Test
  void aSuffixIsReadAndAnEmptyOneIsNone() {
    assertEquals("b", Bodies.textWith("'suffix':'b'").suffix());
    assertNull(Bodies.textWith("'suffix':''").suffix());
  }

  @Test
  void upToTwentyLogprobs() {
    assertEquals(20, Bodies.textWith("'logprobs':20").options().topLogprobs());
  }

  private static List<TextCompletionRequest.Prompt> prompts(String prompt) {
    return Bodies.text("{'model':'m','prompt':" + prompt + "}").prompts();
  }
}
