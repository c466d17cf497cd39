package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.gateway.flight.AnswerNames;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
        "{'a':1,'switchboard':{'timelines':[]}} |"
            + " {'a':1,'switchboard':{'timelines':[],'time_ms':{'total':1.000}}}",
        "{'a':1, 'switchboard' : {'x':'}'} , 'b':2} | {'a':1, 'switchboard' :"
            + " {'x':'}','time_ms':{'total':1.000}} , 'b':2}",
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
        "{'a':1, 'switchboard' : {'x':'}'} , 'b':2} | {'a':1 , 'b':2}",
        "{'a':1 , 'switchboard':{'x':1},'b':2} | {'a':1,'b':2}",
        "{ 'switchboard':{'x':1} , 'b':2} | {'b':2}",
        "{'switchboard':null} | {}",
        "{'a':{'switchboard':1},'switchboard':7,'b':2} | {'a':{'switchboard':1},'b':2}",
        "{'switchboard':{'timelines':[{'choice':{}}],'x':[1]},'b':2} | {'b':2}"
      })
  void ourObjectIsCutOutAndNothingElseChanges(String answer, String told) throws IOException {
    byte[] bytes = answer.replace('\'', '"').getBytes(StandardCharsets.UTF_8);

    AnswerReader.Answer read = AnswerReader.read(bytes, 0, bytes.length);

    assertEquals(told.replace('\'', '"'), read.without(bytes, 0, bytes.length).toString());
    assertEquals(told.replace('\'', '"'), read.cutOut(bytes).toString());
  }

  /** A record holds it for as long as it is kept, and each list of requests tells it. */
  @Test
  void ofWhatAServerSaysAtLengthLittleIsRemembered() throws IOException {
    String much = "x".repeat(1 << 20);
    String answer =
        "{'choices':[{'finish_reason':'$'}],'id':'$','model':'$','error':{'message':'$','code':'$',"
            + "'type':'$'}}";
    byte[] bytes = answer.replace('\'', '"').replace("$", much).getBytes(StandardCharsets.UTF_8);
    AnswerReader.Answer read = AnswerReader.read(bytes, 0, bytes.length);
    bytes = answer.replace('\'', '"').replace("$", "short").getBytes(StandardCharsets.UTF_8);
    AnswerReader.Answer told = AnswerReader.read(bytes, 0, bytes.length);

    assertNull(read.finishReason());
    assertEquals(AnswerNames.NONE, read.names());
    assertEquals(2049, String.valueOf(read.errorMessage()).length());
    assertNull(read.errorCode());
    assertNull(read.errorType());
    assertEquals("short", told.finishReason());
    assertEquals("short", told.errorMessage());
    assertEquals("short", told.errorCode());
  }

  @Test
  void whatIsSaidOfTokensAndTimesBecomesTheFlights() throws IOException {
    Flight flight = new Flight("r", () -> 1);
    RequestTimeline told = new RequestTimeline("r", 0, 1, 2, 3, 4, 5, 0, null, null, List.of());
    String timeline = TimelineJson.write(told).toString();
    byte[] bytes =
        ("{\"usage\":{\"prompt_tokens\":7,\"prompt_tokens_details\":{\"x\":[1],\"cached_tokens\":5},"
                + "\"completion_tokens\":3},\"switchboard\":{\"received_ns\":11,\"timelines\":["
                + timeline
                + ","
                + timeline
                + "],\"sent_ns\":12}}")
            .getBytes(StandardCharsets.UTF_8);

    AnswerReader.read(bytes, 0, bytes.length).tell(flight);

    assertEquals(new Usage(7, 5, 3), flight.usage());
    assertEquals(List.of(told, told), flight.timelines());
  }

  /** Who says nothing with it is charged as who does not say it. */
  @ParameterizedTest
  @ValueSource(strings = {"{}", "{'prompt_tokens':null}", "{'prompt_tokens_details':{}}", "[]"})
  void aUsageWithoutNumbersIsNone(String usage) throws IOException {
    Flight flight = new Flight("r", () -> 1);
    byte[] bytes = ("{'usage':" + usage + "}").replace('\'', '"').getBytes(StandardCharsets.UTF_8);

    AnswerReader.read(bytes, 0, bytes.length).tell(flight);

    assertEquals(Usage.NONE, flight.usage());
  }

  /** The rest of the answer is good, and its client gets it. */
  @Test
  void aTimelineThatCannotBeReadCostsItsDetailOnly() throws IOException {
    Flight flight = new Flight("r", () -> 1);
    byte[] bytes =
        "{\"switchboard\":{\"timelines\":[{\"prefill\":{\"lanes\":[{\"rank\":\"x\"}]}}]},\"model\":\"m\"}"
            .getBytes(StandardCharsets.UTF_8);

    AnswerReader.Answer read = AnswerReader.read(bytes, 0, bytes.length);
    read.tell(flight);

    assertEquals(
        "timeline.prefill.lanes.rank must be an int", Objects.requireNonNull(read.ours()).fault());
    assertEquals(List.of(), flight.timelines());
    assertEquals("m", read.names().model());
  }
}
