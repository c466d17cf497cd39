package dev.switchboard.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LogEncoderTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String OURS = "dev.switchboard.gateway.http.Settlement";

  private final LogEncoder encoder = new LogEncoder();
  private final LoggerContext context = new LoggerContext();

  @Test
  void aLineSaysWhenInWhichZoneAndWho() {
    encoder.setSource("w3");

    assertEquals(
        "2026-01-31T12:00:00.000Z INFO  w3 Settlement request_end request=r-1 trace=ab"
            + " status=200\n",
        line(OURS, "request_end request={} trace={} status={}", null, "r-1", "ab", 200));
  }

  @Test
  void whatIsNullIsLeftOut() {
    assertEquals(
        "request_end request=r-1 status=200 end",
        text(
            "request_end request={} trace={} status={} reason=\"{}\" end", "r-1", null, 200, null));
    assertEquals("from null to a", text("from {} to {}", null, "a"));
  }

  @Test
  void noValueEndsItsFieldOrItsLineOrSpeaksToATerminal() {
    assertEquals(
        "a x=\"b c=d\" y=\"  [2J\" z=\"q\\\" w=1\"",
        text("a x={} y={} z=\"{}\"", "b c=d", "\n\u001b[2J", "q\" w=1"));
  }

  @Test
  void whatOthersSayIsOneValue() {
    String line = line("io.netty.Foo", "lost {} \n 2026-01-31 faked", null, "it");

    assertTrue(line.endsWith("Foo message=\"lost it   2026-01-31 faked\"\n"), line);
  }

  @Test
  void aStackTraceIsIndented() {
    String line = line(OURS, "fault", new IllegalStateException("x\n2026 faked"));

    String[] lines = line.split("\n", -1);
    assertTrue(lines[1].startsWith("\tjava.lang.IllegalStateException: x"), line);
    for (int i = 1; i < lines.length - 1; i++) {
      assertTrue(lines[i].startsWith("\t"), line);
    }
  }

  @Test
  void asJsonALineIsAnObjectWithTheIdsAtItsTop() throws Exception {
    encoder.setFormat(LogFormat.JSON);
    String line =
        line(
            OURS,
            "request_end request={} trace={} status={} replica={} level={} goes_on={} why=\"{}\"",
            new IllegalStateException("x"),
            "r\n1",
            "ab",
            200,
            null,
            3,
            true,
            "a \"b\"");

    assertEquals(line.length() - 1, line.indexOf('\n'));
    JsonNode json = JSON.readTree(line);
    assertEquals("2026-01-31T12:00:00.000Z", json.path("time").asText());
    assertEquals("INFO", json.path("level").asText());
    assertEquals("gateway", json.path("source").asText());
    assertEquals("Settlement", json.path("logger").asText());
    assertEquals("request_end", json.path("event").asText());
    assertEquals("r\n1", json.path("request_id").asText());
    assertEquals("ab", json.path("trace_id").asText());
    assertEquals(
        "{\"status\":200,\"level\":3,\"goes_on\":true,\"why\":\"a \\\"b\\\"\"}",
        json.path("fields").toString());
    assertTrue(json.path("stack").asText().contains("IllegalStateException: x"), line);
  }

  @Test
  void itKnowsItsOwnLines() {
    assertTrue(LogEncoder.wrote(line(OURS, "a", null)));
    assertTrue(LogEncoder.wrote("\tat x.Y.z(Y.java:1)"));
    encoder.setFormat(LogFormat.JSON);
    assertTrue(LogEncoder.wrote(line(OURS, "a", null)));
    assertFalse(LogEncoder.wrote("WARNING: something"));
    assertFalse(LogEncoder.wrote(""));
  }

  @Test
  void anUnknownFormatIsNamed() {
    assertEquals(LogFormat.JSON, LogFormat.of("json"));
    assertTrue(
        String.valueOf(
                assertThrows(IllegalArgumentException.class, () -> LogFormat.of("xml"))
                    .getMessage())
            .contains("xml"));
  }

  private String text(String pattern, @Nullable Object... values) {
    String line = line(OURS, pattern, null, values);
    return line.substring(line.indexOf("Settlement ") + "Settlement ".length(), line.length() - 1);
  }

  private String line(
      String logger, String pattern, @Nullable Throwable thrown, @Nullable Object... values) {
    Logger its = context.getLogger(logger);
    LoggingEvent event = new LoggingEvent("", its, Level.INFO, pattern, thrown, values);
    event.setInstant(Instant.parse("2026-01-31T12:00:00Z"));
    return new String(encoder.encode(event), StandardCharsets.UTF_8);
  }
}
