package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonSchemaTest {
  private final Answers answers = new Answers(TestTokenizer.bytes());

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "true                                      | {'a':[1,-2.5e3,'x',null,true]} | 01",
        "{}                                        | 'text'                   | {'a':}",
        "{'type':'null'}                           | null                     | 0",
        "{'type':['string','null']}                | 'a\\u00e9\\n'            | 1",
        "{'type':'string'}                         | '\\ud83d\\ude00'         | '\\ud83d'",
        "{'type':'string','minLength':2}           | 'é日'                    | '日'",
        "{'type':'string','maxLength':2}           | '\\u0041😀'              | 'abc'",
        "{'pattern':'b'}                           | 'abc'                    | 'ac'",
        "{'pattern':'^a+$'}                        | 'aa'                     | 'ab'",
        "{'pattern':'a','maxLength':3}             | 'bba'                    | 'bbba'",
        "{'format':'date'}                         | '2024-02-28'             | '2024-02-30'",
        "{'format':'uuid'}     | '01234567-89ab-cdef-0123-456789abcdef'       | '01234567'",
        "{'enum':['a',1,null]}                     | null                     | 'b'",
        "{'enum':['a','ab',{'b':[]}]}              | {'b':[]}                 | {'b':[1]}",
        "{'const':'x\"y'}                          | 'x\\\"y'                 | 'x'",
        "{'enum':[1,'a'],'type':'string'}          | 'a'                      | 1",
        "{'type':'integer'}                        | -12                      | 1.5",
        "{'type':'integer','minimum':7}            | 123                      | 6",
        "{'type':'integer','minimum':-3,'maximum':12} | -3                    | -4",
        "{'type':'integer','minimum':-3,'maximum':12} | 12                    | 13",
        "{'type':'integer','exclusiveMaximum':10}  | 9                        | 10",
        "{'type':'integer','exclusiveMinimum':0}   | 1                        | 0",
        "{'type':'number'}                         | -1.5e-10                 | .5",
        "{'type':'number','minimum':0.5}           | 0.50                     | 0.49",
        "{'type':'number','maximum':2.25}          | 2.25                     | 2.251",
        "{'type':'number','exclusiveMaximum':2.25} | 2.2499                   | 2.25",
        "{'type':'number','minimum':-1,'maximum':1}| -0.75                    | -1.01",
        "{'type':'number','exclusiveMinimum':0}    | 0.001                    | 0.000",
        "{'type':'number','multipleOf':0.01}       | 1.25                     | 1.255",
        "{'type':'number','multipleOf':1,'minimum':3} | 3                     | 3.5",
        "{'multipleOf':0.01,'minimum':1.005}       | 1.01                     | 1.00",
        "{'multipleOf':0.01,'minimum':1.005}       | 2                        | 1.011",
        "{'multipleOf':0.1,'minimum':-0.25,'exclusiveMaximum':0.3} | -0.2     | 0.3",
        "{'multipleOf':0.1,'exclusiveMinimum':9.9,'maximum':10} | 10.0       | 9.9",
        "{'multipleOf':3}                          | 27                       | 28",
        "{'multipleOf':3}                          | -1002                    | -1001",
        "{'multipleOf':0.25,'minimum':-1}          | -0.75                    | -0.8",
        "{'multipleOf':0.25,'minimum':-1}          | 3.5                      | -1.25",
        "{'multipleOf':2.5,'exclusiveMaximum':10}  | 7.5                      | 10",
        "{'multipleOf':1000}                       | 12000                    | 12100",
        "{'type':'integer','multipleOf':0.4,'maximum':9} | 8                  | 4.0",
        "{'type':'integer','multipleOf':7,'minimum':10,'maximum':20} | 14     | 7",
        "{'allOf':[{'multipleOf':4},{'multipleOf':6}]} | 24                   | 6",
        "{'oneOf':[{'type':'integer'},{'type':'number'}]} | 0.5               | 1",
        "{'oneOf':[{'type':'integer'},{'type':'number'}]} | -1.25             | 2.0",
        "{'oneOf':[{'multipleOf':3},{'multipleOf':5}],'type':'integer'} | 9   | 30",
        "{'oneOf':[{'multipleOf':3},{'multipleOf':5}],'type':'integer'} | 10  | 7",
        "{'type':'number','oneOf':[{'minimum':0},{'maximum':10}]} | 10.5      | 10",
        "{'type':'number','oneOf':[{'minimum':0},{'maximum':10}]} | -3        | 0.0",
        "{'type':'number','oneOf':[{'enum':[1,2.5]},{'minimum':2}]} | 1.0     | 2.5",
        "{'type':'number','oneOf':[{'enum':[1,2.5]},{'minimum':2}]} | 2       | 1.5",
        "{'type':'string','oneOf':[{'pattern':'a'},{'maxLength':2}]} | 'xax'  | 'a'",
        "{'type':'string','oneOf':[{'pattern':'a'},{'maxLength':2}]} | 'xy'   | 'xyz'",
        "{'oneOf':[{'enum':['a','b']},{'pattern':'^[bc]$'}]} | 'c'            | 'b'",
        "{'oneOf':[{'enum':['a',true]},{'type':'boolean'},{'type':['null','string']}]} | false | 'a'",
        "{'oneOf':[{'enum':['a',true]},{'type':'boolean'},{'type':['null','string']}]} | null | true",
        "{'properties':{'a':{},'b':{}},'oneOf':[{'required':['a']},{'required':['b']}]} | {'b':1} |"
            + " {'a':1,'b':1}",
        "{'properties':{'a':{},'b':{}},'oneOf':[{'required':['a']},{'required':['b']}]} | {'a':1} |"
            + " {}",
        "{'properties':{'a':{},'b':{}},'oneOf':[{'required':['a']},{'required':['a','b']}]} |"
            + " {'a':1} | {'a':1,'b':1}",
        "{'oneOf':[{'properties':{'a':{'type':'null'}},'required':['a']},{'required':['b']}]} |"
            + " {'a':null} | {'a':null,'b':1}",
        "{'allOf':[{'pattern':'a'},{'pattern':'^.b'}]} | 'aba'                 | 'acb'",
        "{'allOf':[{'pattern':'1$'},{'format':'date'},{'pattern':'^2'}]} | '2024-02-01' |"
            + " '2024-02-02'",
        "{'type':'array'}                          | [1, 'a',[]]              | [1,]",
        "{'items':{'type':'integer'}}              | [1,2]                    | [1,'a']",
        "{'items':{},'minItems':1,'maxItems':2}    | [1,2]                    | []",
        "{'items':{},'minItems':1,'maxItems':2}    | [1]                      | [1,2,3]",
        "{'prefixItems':[{'type':'null'}],'items':{'type':'integer'}} | [null,1] | [1]",
        "{'prefixItems':[{'type':'null'}],'items':false} | []                 | [null,1]",
        "{'type':'array','maxItems':0}             | []                       | [1]",
        "{'type':'object'}                         | {'a':1, 'b':{}}          | {'a'}",
        "{'properties':{'a':{'type':'integer'},'b':{}},'required':['b']} | {'b':1} | {'a':1}",
        "{'properties':{'a':{'type':'integer'},'b':{}},'required':['b']} | {'a':1,'b':2} | {}",
        "{'properties':{'a':{}},'additionalProperties':false} | {}            | {'b':1}",
        "{'properties':{'a':{}},'additionalProperties':{'type':'null'}} | {'ab':null} | {'ab':1}",
        "{'properties':{'ab':{'const':1}},'additionalProperties':true} | {'ab':1,'a':2} | {'ab':2}",
        "{'additionalProperties':{'type':'integer'}} | {'x':1,'y':2}           | {'x':'y'}",
        "{'type':'object','maxProperties':1}       | {'a':1}                  | {'a':1,'b':1}",
        "{'type':'object','minProperties':1}       | {'a':1}                  | {}",
        "{'required':['z']}                        | {'z':[]}                 | {}",
        "{'anyOf':[{'type':'integer'},{'type':'null'}]} | null                | 'a'",
        "{'oneOf':[{'type':'integer'},{'type':'string'}]} | 'a'               | null",
        "{'allOf':[{'minimum':3},{'maximum':5}],'type':'integer'} | 4         | 6",
        "{'$ref':'#/$defs/n','$defs':{'n':{'type':'null'}}} | null            | 1",
        "{'$defs':{'t':{'properties':{'v':{'type':'integer'},'n':{'$ref':'#/$defs/t'}}}},'$ref':'#/$defs/t'}"
            + " | {'v':1,'n':{'n':{}}} | {'n':1}"
      })
  void writesWhatTheSchemaAllowsAndNothingElse(String schema, String valid, String invalid) {
    ConstraintSource source = new ConstraintSource.JsonSchema(quoted(schema));

    assertTrue(answers.accepts(source, quoted(valid)), schema + " should allow " + valid);
    assertFalse(answers.accepts(source, quoted(invalid)), schema + " should forbid " + invalid);
  }

  private static String quoted(String text) {
    return text.replace("\"", "\\\"").replace('\'', '"').replace("\\\\\"", "\\\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'properties':{'a':{'not':{}}}}         | properties.a.not | is not supported",
        "{'patternProperties':{}}                | patternProperties | is not supported",
        "{'items':{'if':{}}}                     | items.if | is not supported",
        "{'type':'array','uniqueItems':true}     | uniqueItems | is not supported",
        "{'contains':{}}                         | contains | is not supported",
        "{'multipleOf':0}                        | multipleOf | must be above 0, with at most 10000"
            + " last places",
        "{'multipleOf':10001}                    | multipleOf | must be above 0, with at most 10000"
            + " last places",
        "{'type':'date'}                         | type | must be one of object, array, string,"
            + " number, integer, boolean, null",
        "{'minLength':-1}                        | minLength | must be an integer of 0 or more",
        "{'minimum':'1'}                         | minimum | must be a number",
        "{'minimum':1e400}                       | minimum | must have at most 40 digits",
        "{'pattern':'('}                         | pattern | has an unmatched (",
        "{'pattern':1}                           | pattern | must be a string",
        "{'format':'iri'}                        | format | is not one of those supported",
        "{'enum':[]}                             | enum | must be an array that is not empty",
        "{'enum':['a'],'minLength':1}            | minLength | beside enum or const is not"
            + " supported",
        "{'anyOf':[]}                            | anyOf | must be an array that is not empty",
        "{'anyOf':[1]}                           | anyOf[0] | must be an object or a boolean",
        "{'oneOf':[{'type':'array'},{'type':'array','items':{}}]} | oneOf | has the schemas 0 and 1,"
            + " which one value may match; use anyOf",
        "{'oneOf':[{'type':'null'},{'format':'date'},{'maxLength':3}]} | oneOf | has the schemas 1"
            + " and 2, which one value may match; use anyOf",
        "{'oneOf':[{'properties':{'a':{}}},{'properties':{'b':{}}}]} | oneOf | has the schemas 0 and"
            + " 1, which one value may match; use anyOf",
        "{'allOf':[{'pattern':'a'},{'pattern':1}]} | pattern | must be a string",
        "{'pattern':['a','b']}                   | pattern | must be a string",
        "{'allOf':[{'minItems':1,'uniqueItems':true},{'uniqueItems':false}]} | uniqueItems | in"
            + " several schemas that hold at once is not supported",
        "{'allOf':[{'properties':{'a':{}}},{'additionalProperties':false}]} | additionalProperties"
            + " | beside other properties in what holds at once is not supported",
        "{'required':['a'],'additionalProperties':false} | required | has a name that"
            + " additionalProperties forbids",
        "{'required':'a'}                        | required | must be an array of strings",
        "{'properties':[]}                       | properties | must be an object",
        "{'properties':{'a':{}},'minProperties':1} | minProperties | above the number of required"
            + " ones is not supported",
        "{'properties':{'a':{},'b':{}},'maxProperties':1} | maxProperties | below the number of"
            + " possible ones is not supported",
        "{'$ref':'http://x'}                     | $ref | must begin with #/: other references are"
            + " not supported",
        "{'$ref':'#/$defs/x'}                    | $ref | refers to nothing",
        "{'$ref':'#'}                            | `` | is left-recursive in rule #",
        "{'type':'object','properties':{'a':{'$ref':'#'}},'required':['a']} | `` | cannot be"
            + " satisfied by any answer",
        "false                                   | `` | cannot be satisfied by any answer",
        "{'type':'integer','minimum':2,'maximum':1} | `` | cannot be satisfied by any answer",
        "[]                                      | `` | must be an object or a boolean",
        "{                                       | `` | is not JSON"
      })
  void namesTheKeywordItDoesNotEnforce(String schema, String path, String complaint) {
    ConstraintException refused =
        assertThrows(
            ConstraintException.class,
            () ->
                answers
                    .compiler()
                    .compile(new ConstraintSource.JsonSchema(schema.replace('\'', '"'))));

    assertEquals(complaint, refused.complaint());
    assertEquals(path, refused.path());
  }

  @Test
  void aPatternsQuotesAreEscaped() {
    ConstraintSource source =
        new ConstraintSource.JsonSchema("{\"pattern\":\"^[\\\"\\\\\\\\]+$\"}");

    assertTrue(answers.accepts(source, "\"\\\"\\\\\""));
    assertFalse(answers.accepts(source, "\"\"\""));
  }

  @Test
  void nestingEndsWhereAnswersAreStillWhole() {
    ConstraintSource source =
        new ConstraintSource.JsonSchema("{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"}");

    assertTrue(answers.accepts(source, "[".repeat(60) + "]".repeat(60)));
    assertFalse(answers.accepts(source, "[".repeat(70) + "]".repeat(70)));
  }

  @Test
  void whiteSpaceIsBounded() {
    ConstraintSource source = new ConstraintSource.JsonObject();

    assertTrue(answers.accepts(source, "{\n  \"a\": [\n    1, 2\n  ]\n}"));
    assertTrue(answers.accepts(source, "{\n" + "\t".repeat(64) + "\"a\":1}"));
    assertFalse(answers.accepts(source, "{\n" + " ".repeat(65) + "\"a\":1}"));
    assertFalse(answers.accepts(source, "{\n\n\"a\":1}"));
    assertFalse(answers.accepts(source, "{  \"a\":1}"));
    assertFalse(answers.accepts(source, " {}"));
    assertFalse(answers.accepts(source, "{} "));
    assertFalse(answers.accepts(source, "[]"));
  }

  /** The limit of 50 ms is a count of steps, see {@link CompileBudgetTest}; no clock is read. */
  @Test
  @Timeout(60)
  void schemasMadeToExplodeAreRefusedByTheirSizeOrTheCountOfSteps() {
    String values =
        IntStream.range(0, 100_000).mapToObj(i -> "\"" + i + "\"").collect(Collectors.joining(","));
    String nested = "{\"items\":".repeat(200) + "true" + "}".repeat(200);
    String wide = "{\"anyOf\":[" + "{\"$ref\":\"#/$defs/a\"},".repeat(500) + "true]";

    assertEquals(
        "is too large: its automaton has more than 1 MiB",
        complaint("{\"enum\":[" + values + "]}"));
    assertEquals("is nested more than 64 levels deep", complaint(nested));
    assertEquals(
        "is too large: its automaton has more than 1 MiB",
        complaint("{\"type\":\"string\",\"maxLength\":100000}"));
    assertEquals("is too complex to compile", complaint("{\"pattern\":\"(a|b)*a(a|b){40}\"}"));
    assertEquals(
        "is left-recursive in rule #/$defs/a",
        complaint(
            wide
                + ",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"},{\"type\":\"null\"}]}}}"));
  }

  private String complaint(String schema) {
    return assertThrows(
            ConstraintException.class,
            () -> answers.compiler().compile(new ConstraintSource.JsonSchema(schema)))
        .complaint();
  }
}
