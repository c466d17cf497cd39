package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
        "{'oneOf':[{'enum':['a',true]},{'type':'boolean'},{'type':['null','string']}]} | false |"
            + " 'a'",
        "{'oneOf':[{'enum':['a',true]},{'type':'boolean'},{'type':['null','string']}]} | null |"
            + " true",
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
        // What earlier drafts said otherwise.
        "{'items':[{'type':'null'}],'additionalItems':{'type':'integer'}} | [null,1] | [1]",
        "{'minimum':3,'exclusiveMinimum':true}     | 4                        | 3",
        "{'dependencies':{'a':['b']},'properties':{'a':{},'b':{}}} | {'b':1}  | {'a':1}",
        "{'dependentRequired':{'a':['b']},'properties':{'a':{},'b':{}}} | {'a':1,'b':1} | {'a':1}",
        "{'dependentSchemas':{'a':{'required':['b']}},'properties':{'a':{},'b':{}}} | {} | {'a':1}",
        "{'$id':'http://x/y','$defs':{'n':{'$anchor':'k','type':'null'}},'$ref':'#k'} | null | 1",
        "{'$defs':{'n':{'type':'string'},'l':{'$id':'l','$defs':{'n':{'type':'null'}},"
            + "'$ref':'#/$defs/n'}},'$ref':'#/$defs/l'} | null | 'x'",
        "{'type':'array','items':{'$id':'l','type':['array','null'],'items':{'$ref':'#'}}}"
            + " | [[null]] | null",
        "{'$defs':{'a/b~c d':{'$id':'l','$defs':{'n':{'type':'null'}},'items':{'$ref':"
            + "'#/$defs/n'}}},'$ref':'l'} | [null] | [1]",
        "{'$defs':{'n':{'type':'null'},'l':{'$id':'l','$ref':'#/$defs/n'}},'$ref':'l'} | null | 1",
        "{'$schema':'http://json-schema.org/draft-07/schema#','definitions':{'n':{'type':'null'},"
            + "'l':{'$id':'l','definitions':{'n':{'type':'string'}},'$ref':'#/definitions/n'}},"
            + "'$ref':'#/definitions/l'} | null | 'x'",
        "{'const':{'$id':'l','n':1,'$ref':'#/n'}} | {'$id':'l','n':1,'$ref':'#/n'} | 1",
        "{'$id':'http://x/y','$defs':{'n':{'type':'null'}},'$ref':'http://x/y#/$defs/n'} | null |"
            + " 1",
        // Conditions.
        "{'type':'string','not':{'pattern':'^a'}}  | 'ba'                     | 'ab'",
        "{'type':'string','not':{'enum':['a','b']}} | 'c'                     | 'a'",
        "{'not':{'type':['object','string','null']}} | [1]                    | 'a'",
        "{'not':{'const':1},'type':'integer'}      | 11                       | 1",
        "{'not':{'required':['a']},'properties':{'a':{},'b':{}}} | {'b':1}    | {'a':1}",
        "{'type':'number','not':{'multipleOf':5}}  | 12                       | 15",
        "{'type':'array','not':{'items':{'type':'null'}}} | [null,1]          | [null]",
        "{'properties':{'k':{'enum':['x','y']},'v':{}},'required':['k'],"
            + "'if':{'properties':{'k':{'const':'x'}}},'then':{'required':['v']}} | {'k':'y'} |"
            + " {'k':'x'}",
        "{'properties':{'k':{'enum':['x','y']},'v':{}},'required':['k'],"
            + "'if':{'properties':{'k':{'const':'x'}}},'else':{'required':['v']}} | {'k':'x'} |"
            + " {'k':'y'}",
        "{'oneOf':[{'type':'array','items':{'type':'integer'}},{'type':'array','minItems':1}]} |"
            + " ['a'] | [1]",
        // Names by pattern.
        "{'patternProperties':{'^x-':{'type':'integer'}}} | {'x-a':1}         | {'x-a':'b'}",
        "{'patternProperties':{'^x-':{'type':'integer'}}} | {}                | {'y':1}",
        "{'patternProperties':{'^x':{},'y$':{'type':'null'}}} | {'xa':1,'xy':null} | {'xy':1}",
        "{'patternProperties':{'^x':{'type':'null'}},'additionalProperties':{'type':'integer'}} |"
            + " {'a':1,'xa':null} | {'xa':1}",
        "{'properties':{'xa':{'maximum':5}},'patternProperties':{'^x':{'minimum':3}}} | {'xa':4} |"
            + " {'xa':2}",
        "{'propertyNames':{'pattern':'^[a-c]+$'}}  | {'ab':1}                 | {'d':1}",
        "{'propertyNames':{'enum':['a','b']},'additionalProperties':{'type':'null'}} | {'b':null} |"
            + " {'c':null}",
        "{'propertyNames':{'maxLength':2}}         | {'ab':1}                 | {'abc':1}",
        // Counts.
        "{'properties':{'a':{},'b':{}},'minProperties':1} | {'b':1}           | {}",
        "{'properties':{'a':{},'b':{},'c':{}},'maxProperties':2} | {'a':1,'c':1} |"
            + " {'a':1,'b':1,'c':1}",
        "{'properties':{'a':{}},'additionalProperties':true,'minProperties':2} | {'a':1,'b':1} |"
            + " {'a':1}",
        "{'properties':{'a':{}},'additionalProperties':{'type':'null'},'maxProperties':1} |"
            + " {'b':null} | {'a':1,'b':null}",
        "{'contains':{'type':'null'}}              | [1,null]                 | [1]",
        "{'items':{'type':'integer'},'contains':{'minimum':5},'minContains':2} | [5,1,6] | [5,1]",
        "{'items':{'enum':['a','b']},'uniqueItems':true} | ['b','a']          | ['a','a']",
        "{'items':{'type':'boolean'},'uniqueItems':true,'minItems':2} | [true,false] | [true]",
        "{'items':{'enum':[1,2,3,4,5,6,7,8,9]},'uniqueItems':true,'maxItems':2} | [1,9] | [1,2,3]",
        "{'items':{'type':'string'},'uniqueItems':true} | ['a','','ab','b'] | ['a','b','a']",
        "{'uniqueItems':true}                      | [1,'1',true,[1],[],null] | [[1],[1]]",
        "{'uniqueItems':true}                      | [0.5,5,-5]               | [1.0]",
        "{'items':{'type':'integer'},'uniqueItems':true} | [1,12,123,2]        | [12,1,12]",
        "{'items':{'type':'number'},'uniqueItems':true} | [0.1,0.01,1]         | [1,0.1,0.10]",
        "{'prefixItems':[{'const':1}],'items':{'type':'integer'},'uniqueItems':true} | [1, 2] | [1,"
            + " 1]",
        "{'items':{'properties':{'a':{},'b':{}}},'uniqueItems':true} | [{'a':1},{'a':1,'b':2}] |"
            + " [{'a':1,'b':2},{'a':1,'b':2}]",
        "{'items':{'enum':[1,1.0,2]},'uniqueItems':true} | [2,1]              | [1,1]",
        "{'anyOf':[{'items':{'type':'string'}},{'uniqueItems':true}]} | ['a'] | ['a','a']",
        "{'items':{'type':'array','items':{'type':'integer'},'uniqueItems':true},'uniqueItems':true}"
            + " | [[1,2],[2,1],[1]] | [[1,2],[1,2]]",
        "{'items':{'type':'integer'},'contains':{'minimum':5},'uniqueItems':true} | [1,6] | [6,6]",
        "{'items':{'type':'integer'},'contains':{'minimum':5},'maxContains':1} | [5,1] | [5,6]",
        "{'items':{'type':'integer'},'contains':{'minimum':5},'minContains':0,'maxContains':1} |"
            + " [] | [5,6]",
        "{'items':{'type':'integer'},'contains':{'minimum':5},'minContains':2,'maxContains':2} |"
            + " [5,1,6] | [5]",
        "{'prefixItems':[{'type':'integer'},{'type':'string'}],'contains':{'type':'string'},"
            + "'maxContains':1} | [1,'a'] | [1,'a','b']",
        "{'enum':[[1],[1,'a']],'prefixItems':[{}],'unevaluatedItems':false} | [1] | [1,'a']",
        "{'enum':[{'a':1},{'b':1}],'properties':{'a':{}},'unevaluatedProperties':false} | {'a':1} |"
            + " {'b':1}",
        "{'unevaluatedProperties':false,'allOf':[{'properties':{'a':{}}}]} | {'a':1} | {'b':1}",
        "{'enum':['a','bb'],'maxLength':1}         | 'a'                      | 'bb'",
        "{'enum':[{'a':1},{'b':1}],'required':['b']} | {'b':1}                | {'a':1}",
        // What holds at once.
        "{'allOf':[{'properties':{'a':{}}},{'additionalProperties':false}]} | {} | {'a':1}",
        "{'allOf':[{'anyOf':[{'minimum':5},{'maximum':1}]},{'anyOf':[{'multipleOf':2},"
            + "{'multipleOf':3}]}],'type':'integer'} | 6 | 5",
        "{'allOf':[{'$ref':'#/$defs/t'}],'$defs':{'t':{'properties':{'n':{'allOf':[{'$ref':"
            + "'#/$defs/t'}]},'v':{'type':'null'}}}}} | {'n':{'n':{'v':null}}} | {'n':{'v':1}}",
        "{'allOf':[{'$ref':'#/$defs/t'},{'required':['v']}],'$defs':{'t':{'properties':{'n':{"
            + "'allOf':[{'$ref':'#'}]},'v':{}}}}} | {'n':{'v':1},'v':2} | {'n':{},'v':1}",
        // What a schema has not evaluated it does not see in one that holds at once.
        "{'allOf':[{'properties':{'a':{}}},{'properties':{'b':{}},'unevaluatedProperties':false}]}"
            + " | {} | {'a':1}",
        "{'allOf':[{'unevaluatedProperties':false},{'properties':{'a':{}}}]} | {} | {'a':1}",
        "{'allOf':[{'properties':{'a':{},'b':{}}},{'properties':{'b':{}},"
            + "'unevaluatedProperties':{'type':'null'}}]} | {'a':null,'b':1} | {'a':1}",
        "{'properties':{'a':{}},'$ref':'#/$defs/n','$defs':{'n':{'unevaluatedProperties':false}}} |"
            + " {} | {'a':1}",
        "{'properties':{'a':{}},'anyOf':[{'properties':{'b':{}},'unevaluatedProperties':false}]} |"
            + " {'b':1} | {'a':1}",
        "{'unevaluatedProperties':false,'allOf':[{'properties':{'a':{}},"
            + "'additionalProperties':{'type':'null'},'unevaluatedProperties':false}]} |"
            + " {'a':1,'b':null} | {'b':1}",
        "{'allOf':[{'maxItems':1},{'items':{'type':'null'},'unevaluatedItems':false}]} | [null] |"
            + " [1]",
        "{'items':{'type':'integer'},'allOf':[{'unevaluatedItems':false}]} | [] | [1]",
        "{'minItems':1,'allOf':[{'prefixItems':[{}],'unevaluatedItems':false}]} | [1] | [1,2]",
        "{'type':'object','allOf':[{'allOf':[{'properties':{'a':{}}}],'properties':{'b':{}},"
            + "'unevaluatedProperties':false}]} | {'b':1,'a':1} | {'c':1}",
        // Nor does it see what is in a `not`, or in an `if` that does not hold.
        "{'properties':{'a':{}},'unevaluatedProperties':false,'not':{'not':{'properties':{'a':{},"
            + "'b':{}}}}} | {'a':1} | {'b':1}",
        "{'properties':{'a':{}},'unevaluatedProperties':{'type':'null'},'not':{'not':{"
            + "'properties':{'b':{}}}}} | {'a':1,'b':null} | {'b':1}",
        "{'properties':{'a':{}},'unevaluatedProperties':false,'not':{'properties':{'b':{'type':"
            + "'null'}},'required':['b']}} | {'a':1} | {'b':1}",
        "{'unevaluatedProperties':false,'allOf':[{'properties':{'a':{}},'not':{'not':{'anyOf':["
            + "{'$ref':'#/$defs/b'}]}}}],'$defs':{'b':{'properties':{'b':{}}}}} | {'a':1} | {'b':1}",
        "{'if':{'properties':{'b':{'const':1}},'required':['b']},'then':{'properties':{'c':{}}},"
            + "'else':{'properties':{'a':{}}},'unevaluatedProperties':false} | {'b':1,'c':2} |"
            + " {'b':2}",
        // Of several schemas of one name the one that is in no other document is meant.
        "{'$defs':{'n':{'$dynamicAnchor':'k','type':'null'},'l':{'$id':'l','items':{'$dynamicRef':"
            + "'#k'},'$defs':{'k':{'$dynamicAnchor':'k'}}}},'$ref':'l'} | [null] | [1]",
        "{'$defs':{'v':{'enum':[{'$anchor':'k'}]},'s':{'$anchor':'k','type':'null'}},'$ref':'#k'}"
            + " | null | 1",
        // Looking ahead from the start.
        "{'pattern':'^(?!ab)[a-c]+$'}              | 'ba'                     | 'abc'",
        "{'pattern':'^(?=.*[0-9])(?=.*[a-z]).{2,4}$'} | 'a1'                  | 'ab'",
        "{'pattern':'^(?=.{2,3}$)a*b*$'}           | 'abb'                    | 'abbb'",
        "{'pattern':'^(?=.{2,3}\\\\.?$)a*[.]?$'}     | 'aa.'                    | 'aaaa'",
        "{'pattern':'^(?=.{2,9}\\\\.?$)a*[.]?$'}     | 'aaaaaaaa.'              | 'aaaaaaaaaa'",
        "{'pattern':'^(?=.{1,253}\\\\.?$)[a-z](?:[a-z-]{0,61}[a-z])?$','format':'hostname'} | 'a-b'"
            + " | 'a-'",
        "{'pattern':'^P(T(?=[0-9])([0-9]H)?([0-9]M)?)?$'} | 'PT1H'            | 'PT'",
        "{'pattern':'^a]$'}                        | 'a]'                     | 'a'",
        // No number that is written reaches these.
        "{'type':'number','minimum':-1.8e308,'maximum':1.8e308} | 1e9            | '1'",
        "{'type':'number','exclusiveMinimum':-1.8e308,'maximum':3} | -7           | 4",
        "{'pattern':'^[a-z]{2,3}$'}                | 'abc'                    | 'abcd'",
        "{'pattern':'^a*$','minLength':2,'maxLength':3} | 'aaa'               | 'a'",
        "{'pattern':'^(ab)*$','minLength':3,'maxLength':5} | 'abab'           | 'abababab'",
        "{'format':'email','maxLength':7}          | 'a@bc.de'                | 'ab@bc.de'",
        "{'type':'integer','format':'int32'}      | -2147483648              | 2147483648",
        "{'format':'nobody-knows','unknown':1}     | 'x'                      | 1",
        "{'$defs':{'t':{'properties':{'v':{'type':'integer'},'n':{'$ref':'#/$defs/t'}}}},'$ref':'#/$defs/t'}"
            + " | {'v':1,'n':{'n':{}}} | {'n':1}"
      })
  void writesWhatTheSchemaAllowsAndNothingElse(String schema, String valid, String invalid) {
    ConstraintSource source = new ConstraintSource.JsonSchema(quoted(schema));

    assertTrue(answers.accepts(source, quoted(valid)), schema + " should allow " + valid);
    assertFalse(answers.accepts(source, quoted(invalid)), schema + " should forbid " + invalid);
  }

  @Test
  void comparingLongListsIsWork() {
    String values =
        IntStream.range(0, 30_000).mapToObj(i -> i + ".0").collect(Collectors.joining(","));
    String others =
        IntStream.range(0, 30_000).mapToObj(Integer::toString).collect(Collectors.joining(","));
    String schema = "{\"enum\":[" + values + "],\"not\":{\"enum\":[" + others + "]}}";

    ConstraintException refused =
        assertThrows(
            ConstraintException.class,
            () -> answers.compiler().compile(new ConstraintSource.JsonSchema(schema)));

    assertEquals("is too complex to compile", refused.complaint());
  }

  private static String quoted(String text) {
    return text.replace("\"", "\\\"").replace('\'', '"').replace("\\\\\"", "\\\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'properties':{'a':{'not':{'uniqueItems':true}}}} | properties.a.not.uniqueItems | is not"
            + " supported in what must not match",
        "{'items':{'if':{'format':'date'},'then':false}} | items.if.format | is not supported in"
            + " what must not match",
        "{'items':{'type':'object'},'uniqueItems':true} | uniqueItems | is not supported for items"
            + " that have names that are not listed",
        "{'items':{'additionalProperties':{'type':'null'}},'uniqueItems':true} | uniqueItems | is"
            + " not supported for items that have names that are not listed",
        "{'items':{'anyOf':[{'properties':{'a':{},'b':{}}},{'properties':{'b':{},'a':{}}}]},"
            + "'uniqueItems':true} | uniqueItems | is not supported for items that have the same"
            + " names in another order",
        "{'items':{'properties':{'a':{'const':1234567890123456}}},'uniqueItems':true} | uniqueItems"
            + " | is not supported for items that have numbers of more than 15 digits",
        "{'contains':{'format':'date'},'maxContains':2} | contains.format | is not supported in"
            + " what must not match",
        "{'contains':{},'maxContains':65}        | maxContains | above 64 is not supported",
        "{'propertyNames':{'anyOf':[{'maxLength':2},{'pattern':'^x'}]}} | propertyNames.anyOf | is"
            + " not supported in propertyNames",
        "{'pattern':'(?<=a)b'}                   | pattern | looks ahead or behind or sets flags,"
            + " which is not supported",
        "{'multipleOf':0}                        | multipleOf | must be above 0, with at most 10000"
            + " last places",
        "{'multipleOf':10001}                    | multipleOf | must be above 0, with at most 10000"
            + " last places",
        "{'type':'date'}                         | type | must be one of object, array, string,"
            + " number, integer, boolean, null",
        "{'minLength':-1}                        | minLength | must be an integer of 0 or more",
        "{'minimum':'1'}                         | minimum | must be a number",
        "{'minimum':1e400}                       | minimum | must have at most 40 digits",
        "{'maximum':-1e400}                      | maximum | must have at most 40 digits",
        "{'minimum':-1e100}                      | minimum | must have at most 40 digits",
        "{'not':{'pattern':'^(?=.{2,3}a?$)'}}    | not | looks ahead, which is not supported here",
        "{'pattern':'('}                         | pattern | has an unmatched (",
        "{'pattern':1}                           | pattern | must be a string",
        "{'enum':[]}                             | enum | must be an array that is not empty",
        "{'enum':[1e1000000000,3],'multipleOf':7} | enum | must have at most 40 digits",
        "{'enum':[1e1000000000,3],'not':{'multipleOf':7}} | enum | must have at most 40 digits",
        "{'anyOf':[]}                            | anyOf | must be an array that is not empty",
        "{'anyOf':[1]}                           | anyOf[0] | must be an object or a boolean",
        "{'oneOf':[{'type':'array'},{'type':'array','items':{}}]} | `` | cannot be satisfied by any"
            + " answer",
        "{'oneOf':[{'type':'null'},{'format':'date'},{'maxLength':3}]} | oneOf | has the schemas 1"
            + " and 2, which one value may match; use anyOf",
        "{'oneOf':[{'properties':{'a':{}}},{'properties':{'b':{}}}]} | `` | cannot be satisfied by"
            + " any answer",
        "{'allOf':[{'pattern':'a'},{'pattern':1}]} | pattern | must be a string",
        "{'pattern':['a','b']}                   | pattern | must be a string",
        "{'required':['a'],'additionalProperties':false} | `` | cannot be satisfied by any answer",
        "{'required':'a'}                        | required | must be an array of strings",
        "{'properties':[]}                       | properties | must be an object",
        "{'additionalProperties':{},'minProperties':2} | minProperties | above the number of names"
            + " that are known is not supported",
        "{'$ref':'http://x'}                     | $ref | must begin with #/: other references are"
            + " not supported",
        "{'properties':{'a':{}},'allOf':[{'anyOf':[{'properties':{'b':{}}},{'type':'null'}],"
            + "'unevaluatedProperties':false}]} | unevaluatedProperties | beside anyOf is not"
            + " supported in one of several schemas that hold at once",
        "{'type':'array','unevaluatedItems':false,'not':{'not':{'items':{}}}} | unevaluatedItems |"
            + " beside what a not says of items is not supported",
        "{'$defs':{'m':{'$id':'m','$defs':{'x':{'$anchor':'k','type':'null'}}},"
            + "'n':{'$id':'n','$defs':{'x':{'$anchor':'k'}}}},'items':{'$ref':'#k'}} | items.$ref |"
            + " refers to a name that several schemas have",
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'type':'string','maxLength':4000}",
        "{'type':'string','minLength':3000,'maxLength':65536}",
        "{'format':'uri','maxLength':4000}",
        "{'format':'hostname','minLength':5,'maxLength':200}",
        "{'pattern':'^[a-z]+$','maxLength':4000}",
        "{'pattern':'^.{1,9000}$'}",
        "{'properties':{'a':{'format':'email'},'b':{'format':'email'},'c':{'format':'uri'},"
            + "'d':{'format':'ipv6'},'e':{'format':'date-time'},'f':{'format':'uri','maxLength':99},"
            + "'g':{'format':'email','maxLength':99},'h':{'type':'string','maxLength':9999}}}"
      })
  void lengthsAndFormatsTakeFewStates(String schema) {
    ConstraintSource source = new ConstraintSource.JsonSchema(quoted(schema));

    assertTrue(answers.compiler().automaton(source).states < 7_000, schema);
  }

  /** What properties of one format share is compiled once, whatever their lengths. */
  @ParameterizedTest
  @CsvSource({"360, 64, 64", "18, 64, 97"})
  void formatsMayStandInAnyNumber(int properties, int first, int second) {
    List<String> formats =
        List.of(
            "email", "uri", "uuid", "date-time", "ipv4", "ipv6", "duration", "hostname", "time");
    String all =
        IntStream.range(0, properties)
            .mapToObj(
                i ->
                    "\"p%d\":{\"format\":\"%s\",\"maxLength\":%d}"
                        .formatted(
                            i,
                            formats.get(i % formats.size()),
                            i / formats.size() % 2 == 0 ? first : second))
            .collect(Collectors.joining(","));
    ConstraintSource source = new ConstraintSource.JsonSchema("{\"properties\":{" + all + "}}");

    String most = "{\"p0\":\"%s@b.co\",\"p14\":\"2001:db8::1\"}";
    assertTrue(answers.accepts(source, most.formatted("a".repeat(59))));
    assertFalse(answers.accepts(source, most.formatted("a".repeat(60))));
  }

  @Test
  void aCountEndsWhereItsLengthDoes() {
    ConstraintSource source =
        new ConstraintSource.JsonSchema("{\"type\":\"string\",\"minLength\":90,\"maxLength\":100}");

    assertFalse(answers.accepts(source, '"' + "é".repeat(89) + '"'));
    assertTrue(answers.accepts(source, '"' + "é".repeat(90) + '"'));
    assertTrue(answers.accepts(source, '"' + "\\n".repeat(100) + '"'));
    assertFalse(answers.accepts(source, '"' + "a".repeat(101) + '"'));
  }

  @Test
  void whatNobodyKnowsIsTold() {
    Constraint constraint =
        answers
            .compiler()
            .compile(
                new ConstraintSource.JsonSchema(
                    "{\"title\":\"t\",\"x-a\":1,\"properties\":{\"a\":{\"form\":1,\"format\":\"color\"}}}"));

    assertEquals(List.of("properties.a.form", "properties.a.format"), constraint.ignored());
  }

  /** They are in the specification, and a client may send them: pydantic's Pattern is a regex. */
  @ParameterizedTest
  @ValueSource(strings = {"regex", "uri-template", "idn-email", "idn-hostname"})
  void aFormatThatIsNotEnforcedIsAnAnnotationAndTold(String format) {
    ConstraintSource source =
        new ConstraintSource.JsonSchema(
            "{\"type\":\"string\",\"maxLength\":4,\"format\":\"%s\"}".formatted(format));

    assertEquals(List.of("format"), answers.compiler().compile(source).ignored());
    assertTrue(answers.accepts(source, "\"(é{\""));
    assertFalse(answers.accepts(source, "\"12345\""));
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
        complaint("{\"type\":\"array\",\"maxItems\":100000}"));
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
