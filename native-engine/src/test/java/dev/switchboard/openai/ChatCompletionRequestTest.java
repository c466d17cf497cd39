package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.openai.ChatMessage.ArgumentForm;
import dev.switchboard.openai.ChatMessage.Role;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ChatCompletionRequestTest {
  private static final TemplateForm MAP =
      new TemplateForm(ArgumentForm.MAP, TemplateForm.ContentForm.NULL);
  private static final TemplateForm TEXT =
      new TemplateForm(ArgumentForm.TEXT, TemplateForm.ContentForm.NULL);
  private static final String WITH_CALL =
      """
      {'model':'m','messages':[
        {'role':'user','content':'Weather?'},
        {'role':'assistant','content':null,'tool_calls':[
          {'id':'c1','type':'function','function':{'name':'f','arguments':'%s'}}]},
        {'role':'tool','tool_call_id':'c1','content':'21'}]}
      """;

  @Test
  void smallestRequestHasTheDefaults() {
    GenerationOptions options = Bodies.chatWith("'x':1").options();

    assertEquals(
        new GenerationOptions(
            null, 1, 1, 0, 0, 1, 0, 0, null, Map.of(), 1, List.of(), false, false, false, -1, 0,
            null, null, false),
        options);
  }

  @Test
  void everyOptionIsRead() {
    GenerationOptions options =
        Bodies.chatWith(
                """
                'max_completion_tokens':7,'temperature':0.5,'top_p':0.9,'top_k':40,'min_p':0.05,
                'repetition_penalty':1.1,'presence_penalty':0.25,'frequency_penalty':-0.5,
                'seed':-9223372036854775808,'logit_bias':{'5':-100,'0':1.5},'n':2,
                'stop':['a','b'],'stream':true,'stream_options':{'include_usage':true},
                'ignore_eos':true,'logprobs':true,'top_logprobs':3,'priority':-5,'user':'u',
                'strict_finish':true
                """)
            .options();

    assertEquals(
        new GenerationOptions(
            7,
            0.5f,
            0.9f,
            40,
            0.05f,
            1.1f,
            0.25f,
            -0.5f,
            Long.MIN_VALUE,
            Map.of(5, -100f, 0, 1.5f),
            2,
            List.of("a", "b"),
            true,
            true,
            true,
            3,
            -5,
            "u",
            null,
            true),
        options);
  }

  @Test
  void fieldThatAsksForNothingIsAccepted() {
    Bodies.chatWith(
        """
        'temperature':null,'response_format':{'type':'text'},'modalities':['text'],'tools':[],
        'functions':[],'audio':null,'min_tokens':0,'use_beam_search':false,'guided_json':null,
        'tool_choice':'auto','parallel_tool_calls':true,'store':false,'metadata':{'a':'b'},
        'stop':null,'n':1.0,'service_tier':'auto','chat_template':null,'parse_special':false,
        'add_special_tokens':false
        """);
  }

  @Test
  void maxTokensIsReadUnderBothNames() {
    assertEquals(7, Bodies.chatWith("'max_tokens':7").options().maxTokens());
    assertEquals(8, Bodies.chatWith("'max_completion_tokens':8").options().maxTokens());
    assertEquals(
        9, Bodies.chatWith("'max_completion_tokens':9,'max_tokens':9").options().maxTokens());
  }

  @Test
  void minusOneTurnsTopKOff() {
    assertEquals(0, Bodies.chatWith("'top_k':-1").options().topK());
  }

  @Test
  void logprobsWithoutAlternativesAreZero() {
    assertEquals(0, Bodies.chatWith("'logprobs':true").options().topLogprobs());
    assertEquals(-1, Bodies.chatWith("'logprobs':false").options().topLogprobs());
  }

  @Test
  void singleStopStringIsAList() {
    assertEquals(List.of("x"), Bodies.chatWith("'stop':'x'").options().stop());
  }

  @Test
  void textPartsAreJoinedByLineBreaks() {
    ChatMessage message =
        Bodies.chat(
                """
                {'model':'m','messages':[{'role':'developer','content':[
                  {'type':'text','text':'a'},{'type':'text','text':'b'}]}]}
                """)
            .conversation()
            .messages()
            .getFirst();

    assertEquals(Role.SYSTEM, message.role());
    assertEquals("a\nb", message.content());
  }

  @Test
  void unpairedSurrogateBecomesTheReplacementCharacter() {
    ChatCompletionRequest request =
        Bodies.chat(
            "{'model':'m','messages':[{'role':'user','content':'a\\ud83d b\\ud83d\\ude00'}]}");

    assertEquals("a\ufffd b\ud83d\ude00", request.conversation().messages().getFirst().content());
  }

  @Test
  void templateSeesOnlyTheFieldsThatAreThere() {
    assertEquals(
        "{documents=null, messages=[{role=user, content=hi}], add_generation_prompt=true,"
            + " tools=null}",
        Bodies.chatWith("'x':1").conversation().templateVariables(MAP).toString());
  }

  @Test
  void templateSeesArgumentsInTheFormItWants() {
    ChatCompletionRequest request = Bodies.chat(WITH_CALL.formatted("{\\\"a\\\": [1, 2.5, null]}"));

    assertEquals("{\"a\": [1, 2.5, null]}", arguments(request, TEXT));
    assertEquals("{a=[1, 2.5, null]}", String.valueOf(arguments(request, MAP)));
  }

  @Test
  void argumentsThatAreNoObjectStayText() {
    ChatCompletionRequest request = Bodies.chat(WITH_CALL.formatted("not json"));

    assertEquals("not json", arguments(request, MAP));
    assertNull(request.conversation().messages().get(1).toolCalls().getFirst().argumentMap());
  }

  @Test
  void emptyArgumentsAreAnEmptyMap() {
    assertEquals(Map.of(), arguments(Bodies.chat(WITH_CALL.formatted("")), MAP));
    assertEquals("{}", arguments(Bodies.chat(WITH_CALL.formatted("")), TEXT));
    assertEquals("{}", arguments(Bodies.chat(WITH_CALL.formatted(" ")), TEXT));
  }

  @Test
  void toolsReachTheTemplateInTheirOrder() {
    String tools =
        "'tools':[{'type':'function','function':{'name':'f','z':1,'a':12345678901234567890}}]";

    Object seen = Bodies.chatWith(tools).conversation().templateVariables(MAP).get("tools");

    assertEquals(
        "[{type=function, function={name=f, z=1, a=12345678901234567890}}]", String.valueOf(seen));
  }

  @Test
  void toolChoiceNoneHidesTheTools() {
    String tools = "'tools':[{'type':'function','function':{'name':'f'}}]";

    assertNull(
        Bodies.chatWith(tools + ",'tool_choice':'none'")
            .conversation()
            .templateVariables(MAP)
            .get("tools"));
    assertNotNull(
        Bodies.chatWith(tools + ",'tool_choice':'auto'")
            .conversation()
            .templateVariables(MAP)
            .get("tools"));
  }

  @Test
  void toolUseHasTheFunctionsThatMayBeCalled() {
    String tools =
        "'tools':[{'type':'function','function':{'name':'b','parameters':{'minProperties':1}}},"
            + "{'type':'function','function':{'name':'a','parameters':{}}}]";
    ToolUse.Function b =
        new ToolUse.Function("b", "{\"minProperties\":1,\"type\":\"object\"}", false);
    List<ToolUse.Function> both = List.of(b, new ToolUse.Function("a", null, false));

    assertEquals(
        new ToolUse(ToolUse.Choice.AUTO, both, null, true), Bodies.chatWith(tools).toolUse());
    assertEquals(
        new ToolUse(ToolUse.Choice.NONE, List.of(), null, false),
        Bodies.chatWith(tools + ",'tool_choice':'none','parallel_tool_calls':false").toolUse());
    assertEquals(
        new ToolUse(ToolUse.Choice.REQUIRED, both, null, true),
        Bodies.chatWith(tools + ",'tool_choice':'required'").toolUse());
    assertEquals(
        new ToolUse(ToolUse.Choice.NAMED, both, "a", true),
        Bodies.chatWith(tools + ",'tool_choice':{'type':'function','function':{'name':'a'}}")
            .toolUse());
  }

  @Test
  void aFunctionThatIsThereTwiceIsNamed() {
    String tool = "{'type':'function','function':{'name':'f'}}";

    assertEquals(
        "tools[1].function.name",
        Bodies.chatError(Bodies.chatBody("'tools':[" + tool + "," + tool + "]")).param());
  }

  @Test
  void templateArgumentsBecomeVariables() {
    assertEquals(
        false,
        Bodies.chatWith("'chat_template_kwargs':{'enable_thinking':false}")
            .conversation()
            .templateVariables(MAP)
            .get("enable_thinking"));
  }

  @Test
  void rawKeepsUnknownFields() {
    assertEquals(1, Bodies.chatWith("'x':1").raw().get("x").intValue());
  }

  private static @Nullable Object arguments(ChatCompletionRequest request, TemplateForm form) {
    Map<?, ?> message = request.conversation().messages().get(1).toTemplate(form);
    List<?> calls = (List<?>) Objects.requireNonNull(message.get("tool_calls"));
    Map<?, ?> call = (Map<?, ?>) calls.getFirst();
    return ((Map<?, ?>) Objects.requireNonNull(call.get("function"))).get("arguments");
  }
}
