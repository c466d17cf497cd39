package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every field and every bound: a 400 that names the field. */
class BadRequestTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'temperature':2.01        | temperature | from 0 to 2",
        "'temperature':-0.1        | temperature | from 0 to 2",
        "'temperature':1e999       | temperature | from 0 to 2",
        "'temperature':'1'         | temperature | a number, but is a string",
        "'top_p':0                 | top_p | above 0",
        "'top_p':1e-60             | top_p | above 0",
        "'top_p':1.1               | top_p | from 0 to 1",
        "'top_k':-2                | top_k | from -1",
        "'top_k':1.5               | top_k | an integer",
        "'top_k':99999999999999999999 | top_k | an integer from",
        "'min_p':1.5               | min_p | from 0 to 1",
        "'min_p':-1                | min_p | from 0 to 1",
        "'repetition_penalty':0    | repetition_penalty | above 0",
        "'repetition_penalty':2.5  | repetition_penalty | from 0 to 2",
        "'presence_penalty':-2.5   | presence_penalty | from -2 to 2",
        "'frequency_penalty':2.5   | frequency_penalty | from -2 to 2",
        "'frequency_penalty':[]    | frequency_penalty | but is an array",
        "'seed':1.5                | seed | an integer",
        "'seed':9223372036854775808 | seed | an integer",
        "'seed':'1'                | seed | but is a string",
        "'logit_bias':[]           | logit_bias | an object, but is an array",
        "'logit_bias':{'a':1}      | logit_bias | token ids",
        "'logit_bias':{'-1':1}     | logit_bias | token ids",
        "'logit_bias':{'':1}       | logit_bias | token ids",
        "'logit_bias':{'2147483648':1} | logit_bias | token ids",
        "'logit_bias':{'5':101}    | logit_bias.5 | from -100 to 100",
        "'logit_bias':{'5':'x'}    | logit_bias.5 | a number",
        "'logit_bias':{'5':1,'05':2} | logit_bias.5 | twice",
        "'n':0                     | n | from 1 to 16",
        "'n':17                    | n | from 1 to 16",
        "'n':true                  | n | but is a boolean",
        "'stop':''                 | stop | must not be empty",
        "'stop':[1]                | stop[0] | a string, but is a number",
        "'stop':['a','']           | stop[1] | must not be empty",
        "'stop':['a','a','a','a','a','a','a','a','a','a','a','a','a','a','a','a','a'] | stop | at"
            + " most 16",
        "'stop':7                  | stop | a string or an array",
        "'stream':1                | stream | a boolean",
        "'stream':'true'           | stream | a boolean",
        "'stream_options':{}       | stream_options | stream is true",
        "'stream':true,'stream_options':3 | stream_options | an object",
        "'stream':true,'stream_options':{'include_usage':1} | stream_options.include_usage | a"
            + " boolean",
        "'ignore_eos':'no'         | ignore_eos | a boolean",
        "'priority':101            | priority | from -100 to 100",
        "'user':7                  | user | a string",
        "'min_tokens':3            | min_tokens | not supported",
        "'stop_token_ids':[1]      | stop_token_ids | not supported",
        "'structured_outputs':{'json':{}} | structured_outputs | not supported",
        "'use_beam_search':true    | use_beam_search | not supported",
        "'best_of':2               | best_of | not supported",
        "'n':2,'best_of':1         | best_of | not supported",
        "'best_of':0               | best_of | from 1",
        "'regex':''                | regex | must not be empty",
        "'guided_regex':''         | guided_regex | must not be empty",
        "'grammar':''              | grammar | must not be empty",
        "'guided_grammar':''       | guided_grammar | must not be empty",
        "'json_schema':''          | json_schema | must not be empty",
        "'guided_json':''          | guided_json | must not be empty",
        "'guided_choice':''        | guided_choice | an array",
        "'prompt_logprobs':0       | prompt_logprobs | not supported",
        "'length_penalty':0        | length_penalty | not supported",
        "'typical_p':0             | typical_p | not supported",
        "'repeat_penalty':1.1      | repeat_penalty | not supported",
        "'n_predict':8             | n_predict | not supported",
        "'max_new_tokens':8        | max_new_tokens | not supported",
        "'ebnf':'root ::= x'       | ebnf | not supported",
        "'include_stop_str_in_output':true | include_stop_str_in_output | not supported",
        "'skip_special_tokens':false | skip_special_tokens | must be true",
        "'truncate_prompt_tokens':5 | truncate_prompt_tokens | not supported",
        "'samplers':['top_k']      | samplers | not supported",
        "'top_a':0.2               | top_a | not supported",
        "'stop_regex':'a+'         | stop_regex | not supported",
        "'t_max_predict_ms':100    | t_max_predict_ms | not supported",
        "'num_predict':5           | num_predict | not supported",
        "'return_token_ids':true   | return_token_ids | not supported",
        "'stream':true,'stream_options':{'continuous_usage_stats':true} |"
            + " stream_options.continuous_usage_stats | not supported",
      })
  void optionOutOfBoundsIsNamedByBothEndpoints(String fields, String param, String complaint) {
    assertRefused(Bodies.chatError(Bodies.chatBody(fields)), param, complaint);
    assertRefused(Bodies.textError("{'model':'m','prompt':'hi'," + fields + "}"), param, complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'max_tokens':0                         | max_tokens | from 1",
        "'max_tokens':99999999                  | max_tokens | from 1 to",
        "'max_completion_tokens':-2             | max_completion_tokens | from 1",
        "'max_tokens':1,'max_completion_tokens':2 | max_completion_tokens | must not differ",
        "'logprobs':3                           | logprobs | a boolean",
        "'top_logprobs':2                       | top_logprobs | needs logprobs",
        "'logprobs':true,'top_logprobs':21      | top_logprobs | from 0 to 20",
        "'logprobs':true,'top_logprobs':-1      | top_logprobs | from 0 to 20",
        "'response_format':'json'               | response_format | an object",
        "'response_format':{}                   | response_format.type | is required",
        "'response_format':{'type':'xml'} | response_format.type | text, json_object or"
            + " json_schema",
        "'response_format':{'type':'json_schema'} | response_format.json_schema | is required",
        "'response_format':{'type':'json_schema','json_schema':{'schema':{}}} |"
            + " response_format.json_schema.name | is required",
        "'response_format':{'type':'json_schema','json_schema':{'name':'a b','schema':{}}} |"
            + " response_format.json_schema.name | letters",
        "'response_format':{'type':'json_schema','json_schema':{'name':'a'}} |"
            + " response_format.json_schema.schema | is required",
        "'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':3}} |"
            + " response_format.json_schema.schema | an object",
        "'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':{},'strict':1}}"
            + " | response_format.json_schema.strict | a boolean",
        "'regex':3                               | regex | a string",
        "'guided_regex':['a']                    | guided_regex | a string",
        "'grammar':{}                            | grammar | a string",
        "'guided_json':3                         | guided_json | an object",
        "'guided_choice':[]                      | guided_choice | must not be empty",
        "'guided_choice':['a',2]                 | guided_choice[1] | a string",
        "'regex':'a','guided_json':{}            | regex | combined with guided_json",
        "'regex':'a','ignore_eos':true           | ignore_eos | combined with regex",
        "'modalities':['text','audio']          | modalities[1] | not supported",
        "'audio':{'voice':'x'}                  | audio | not supported",
        "'functions':[{'name':'f'}]             | functions | not supported",
        "'function_call':'auto'                 | function_call | not supported",
        "'prediction':{'type':'content'}        | prediction | not supported",
        "'chat_template':'{{ 1 }}'              | chat_template | not supported",
        "'continue_final_message':true          | continue_final_message | not supported",
        "'parse_special':true                   | parse_special | not supported",
        "'add_special_tokens':true              | add_special_tokens | not supported",
        "'add_generation_prompt':'yes'          | add_generation_prompt | a boolean",
        "'chat_template_kwargs':[]              | chat_template_kwargs | an object",
        "'chat_template_kwargs':{'messages':[]} | chat_template_kwargs | variable of the server",
        "'chat_template_kwargs':{'bos_token':'x'} | chat_template_kwargs | variable of the server",
        "'tools':{}                             | tools | an array",
        "'tools':[3]                            | tools[0] | an object",
        "'tools':[{'type':'web_search'}]        | tools[0].type | not supported",
        "'tools':[{'type':'function'}]          | tools[0].function | is required",
        "'tools':[{'function':{}}]              | tools[0].function.name | is required",
        "'tools':[{'function':{'name':'f','parameters':1}}] | tools[0].function.parameters | an"
            + " object",
        "'tools':[{'function':{'name':'f','description':1}}] | tools[0].function.description | a"
            + " string",
        "'tool_choice':'required'               | tool_choice | needs tools",
        "'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':{'type':'function'}"
            + "| tool_choice.function | is required",
        "'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':{'type':'function','function':{'name':'g'}}"
            + " | tool_choice.function.name | one of the tools: f",
        "'tools':[{'function':{'name':'f'}},{'function':{'name':'f'}}] | tools[1].function.name |"
            + " 'f' is given twice",
        "'tool_choice':'maybe'                  | tool_choice | auto, none or required",
        "'tool_choice':1                        | tool_choice | a string or an object",
      })
  void chatFieldIsNamed(String fields, String param, String complaint) {
    assertRefused(Bodies.chatError(Bodies.chatBody(fields)), param, complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "                                        | messages | is required",
        "'messages':null                         | messages | is required",
        "'messages':{}                           | messages | an array",
        "'messages':[]                           | messages | must not be empty",
        "'messages':['hi']                       | messages[0] | an object, but is a string",
        "'messages':[{'content':'x'}]            | messages[0].role | is required",
        "'messages':[{'role':1,'content':'x'}]   | messages[0].role | a string",
        "'messages':[{'role':'robot','content':'x'}] | messages[0].role | one of",
        "'messages':[{'role':'</s>','content':'x'}] | messages[0].role | one of",
        "'messages':[{'role':'user'}]            | messages[0].content | is required",
        "'messages':[{'role':'user','content':null}] | messages[0].content | is required",
        "'messages':[{'role':'user','content':1}] | messages[0].content | a string or an array",
        "'messages':[{'role':'user','content':['x']}] | messages[0].content[0] | an object",
        "'messages':[{'role':'user','content':[{'type':'text'}]}] | messages[0].content[0].text |"
            + " is required",
        "'messages':[{'role':'user','content':[{'text':'a'}]}] | messages[0].content[0].type | is"
            + " required",
        "'messages':[{'role':'user','content':[{'type':'image_url','image_url':{}}]}] |"
            + " messages[0].content[0].type | not supported",
        "'messages':[{'role':'user','content':[{'type':'x'}]}] | messages[0].content[0].type | must"
            + " be text",
        "'messages':[{'role':'user','content':'x','name':''}] | messages[0].name | must not be"
            + " empty",
        "'messages':[{'role':'system','content':null}] | messages[0].content | is required",
        "'messages':[{'role':'assistant'}]       | messages[0].content | is required",
        "'messages':[{'role':'assistant','tool_calls':{}}] | messages[0].tool_calls | an array",
        "'messages':[{'role':'assistant','tool_calls':[{'id':'a'}]}] |"
            + " messages[0].tool_calls[0].function | is required",
        "'messages':[{'role':'assistant','tool_calls':[{'id':'a','function':{'name':'f'}}]}] |"
            + " messages[0].tool_calls[0].function.arguments | is required",
        "'messages':[{'role':'assistant','tool_calls':[{'id':'a','function':{'name':'f','arguments':{}}}]}]"
            + " | messages[0].tool_calls[0].function.arguments | a string",
        "'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':''}}]}]"
            + " | messages[0].tool_calls[0].id | is required",
        "'messages':[{'role':'assistant','content':'a','function_call':{'name':'f'}}] |"
            + " messages[0].function_call | not supported",
        "'messages':[{'role':'user','content':'a','tool_calls':[{}]}] | messages[0].tool_calls |"
            + " not supported",
        "'messages':[{'role':'assistant','content':'a','prefix':true}] | messages[0].prefix | not"
            + " supported",
        "'messages':[{'role':'tool','content':'x'}] | messages[0].tool_call_id | is required",
        "'messages':[{'role':'user','content':'a'},{'role':'user','content':'b'},{'role':'user','content':3}]"
            + " | messages[2].content | a string",
      })
  void messageFieldIsNamedByItsPath(String messages, String param, String complaint) {
    String body = messages == null ? "{'model':'m'}" : "{'model':'m'," + messages + "}";

    assertRefused(Bodies.chatError(body), param, complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'x':1                     | prompt | is required",
        "'prompt':1                | prompt | a string or an array",
        "'prompt':{}               | prompt | a string or an array",
        "'prompt':[]               | prompt | must not be empty",
        "'prompt':['a',1]          | prompt[1] | a string, but is a number",
        "'prompt':[1,'a']          | prompt[1] | an integer, but is a string",
        "'prompt':[1,-2]           | prompt[1] | from 0",
        "'prompt':[1,2147483648]   | prompt[1] | from 0",
        "'prompt':[1.5]            | prompt[0] | an integer",
        "'prompt':[[1],[]]         | prompt[1] | must not be empty",
        "'prompt':[[1],'a']        | prompt[1] | an array of token ids",
        "'prompt':[[1],['a']]      | prompt[1][0] | an integer",
        "'prompt':[null]           | prompt[0] | an array of token ids",
        "'prompt':'a','echo':1     | echo | a boolean",
        "'prompt':'a','suffix':1   | suffix | a string, but is a number",
        "'prompt':'a','suffix':'b','echo':true | suffix | combined with echo",
        "'prompt':'a','parse_special':1 | parse_special | a boolean",
        "'prompt':'a','add_special_tokens':1 | add_special_tokens | a boolean",
        "'prompt':'a','max_tokens':-2 | max_tokens | from 1",
        "'prompt':'a','logprobs':21 | logprobs | from 0 to 20",
        "'prompt':'a','logprobs':true | logprobs | an integer",
        "'prompt':'a','max_completion_tokens':2 | max_completion_tokens | not supported",
        "'prompt':'a','tools':[{}] | tools | not supported",
        "'prompt':'a','top_logprobs':2 | top_logprobs | not supported",
        "'prompt':'a','max_tokens':0 | max_tokens | from 1",
        "'prompt':'a','response_format':{'type':'json'} | response_format.type | json_object",
      })
  void textCompletionFieldIsNamed(String fields, String param, String complaint) {
    assertRefused(Bodies.textError("{'model':'m'," + fields + "}"), param, complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{}              | model | is required",
        "{'model':null}  | model | is required",
        "{'model':1}     | model | a string",
        "{'model':''}    | model | must not be empty",
      })
  void modelIsRequired(String body, String param, String complaint) {
    assertRefused(Bodies.chatError(body), param, complaint);
    assertRefused(Bodies.textError(body), param, complaint);
  }

  private static void assertRefused(ApiError error, String param, String complaint) {
    assertEquals(400, error.status());
    assertEquals("invalid_request_error", error.type());
    assertEquals(param, error.param());
    assertTrue(error.message().startsWith(param), error.message());
    assertTrue(error.message().contains(complaint), error.message());
  }
}
