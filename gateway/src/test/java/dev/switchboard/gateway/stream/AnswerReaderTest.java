package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AnswerReaderTest {
  private static final String TIMES = "{'total':1.000}";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'choices':[]} | {'choices':[],'switchboard':{'time_ms':{'total':1.000}}}",
        "{} | {'switchboard':{'time_ms':{'total':1.000}}}",
        "{'switchboard':{},'a':1} | {'switchboard':{'time_ms':{'total':1.000}},'a':1}",
        "{'a':1,'switchboard':{'timelines':[]}} | {'a':1,'switchboard':{'timelines':[],'time_ms':{'total':1.000}}}",
        "{'a':1, 'switchboard' : {'x':'}'} , 'b':2} | {'a':1, 'switchboard' : {'x':'}','time_ms':{'total':1.000}} , 'b':2}",
        "{'switchboard':{'time_ms':{}}} | {'switchboard':{'time_ms':{}}}",
        "{'switchboard':7} | {'switchboard':7}"
      })
  void timesGoIntoOurObjectAndNothingElseChanges(String answer, String told) throws IOException {
    byte[] bytes = ("data: " + answer + "\n\n").replace('\'', '"').getBytes(StandardCharsets.UTF_8);

    AnswerReader.Answer read = AnswerReader.read(bytes, 6, bytes.length - 6);

    assertEquals(
        ("data: " + told + "\n\n").replace('\'', '"'),
        read.withTimes(bytes, 0, bytes.length, TIMES.replace('\'', '"')).toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'choices':[]} | {'choices':[]}",
        "{'switchboard':{'x':1},'a':1} | {'a':1}",
        "{'a':1,'switchboard':{'x':1}} | {'a':1}",
        "{'a':1, 'switchboard' : {'x':'}'} , 'b':2} | {'a':1 , 'b':2}"
      })
  void ourObjectIsCutOutAndNothingElseChanges(String answer, String told) throws IOException {
    byte[] bytes = answer.replace('\'', '"').getBytes(StandardCharsets.UTF_8);

    AnswerReader.Answer read = AnswerReader.read(bytes, 0, bytes.length);

    assertEquals(told.replace('\'', '"'), read.without(bytes, 0, bytes.length).toString());
  }
}
