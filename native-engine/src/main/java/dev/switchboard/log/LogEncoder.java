package dev.switchboard.log;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.EncoderBase;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes events of the log as lines: {@code 2026-01-31T12:00:00.000Z INFO gateway Fleet
 * replica_state replica=w0 …}, with a stack trace in further lines that begin with a tab; or as
 * JSON, one object a line, with the same in {@code time}, {@code level}, {@code source}, {@code
 * logger}, {@code event}, {@code message} and {@code stack}, the ids of request and trace in {@code
 * request_id} and {@code trace_id}, and the other fields in {@code fields}.
 */
public final class LogEncoder extends EncoderBase<ILoggingEvent> {
  private static final byte[] NOTHING = new byte[0];
  private static final JsonFactory JSON = new JsonFactory();
  private static final DateTimeFormatter TIME =
      new DateTimeFormatterBuilder().appendInstant(3).toFormatter();

  private static final Pattern EVENT =
      Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z [A-Z]+ ");

  private final LogStack stack = new LogStack();
  private volatile String source = "gateway";
  private volatile LogFormat format = LogFormat.TEXT;

  /** Who logs: the gateway, or a worker by its id. */
  public void setSource(String name) {
    source = name;
  }

  public void setFormat(LogFormat other) {
    format = other;
  }

  /** Has all of this process's log written so, where it is written by this. */
  public static void format(LogFormat wanted) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context
        .getLogger(Logger.ROOT_LOGGER_NAME)
        .iteratorForAppenders()
        .forEachRemaining(
            appender -> {
              if (appender instanceof OutputStreamAppender<?> stream
                  && stream.getEncoder() instanceof LogEncoder encoder) {
                encoder.setFormat(wanted);
              }
            });
  }

  /** Whether a line is one that this writes: an event, or a part of a stack trace. */
  public static boolean wrote(String line) {
    return line.startsWith("\t")
        || line.startsWith("{\"time\":\"")
        || EVENT.matcher(line).lookingAt();
  }

  @Override
  public byte[] encode(ILoggingEvent event) {
    return format == LogFormat.TEXT ? text(event).getBytes(StandardCharsets.UTF_8) : json(event);
  }

  private String text(ILoggingEvent event) {
    StringBuilder line = new StringBuilder(160);
    line.append(time(event)).append(' ');
    String level = event.getLevel().toString();
    line.append(level).repeat(' ', Math.max(1, 6 - level.length()));
    line.append(source).append(' ').append(logger(event)).append(' ');
    return line.append(LogFields.of(event).text()).append('\n').append(stack.of(event)).toString();
  }

  private byte[] json(ILoggingEvent event) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    try (JsonGenerator json = JSON.createGenerator(out)) {
      LogFields told = LogFields.of(event);
      json.writeStartObject();
      json.writeStringField("time", time(event));
      json.writeStringField("level", event.getLevel().toString());
      json.writeStringField("source", source);
      json.writeStringField("logger", logger(event));
      if (told.event() != null) {
        json.writeStringField("event", told.event());
      }
      String own = told.event() == null ? event.getFormattedMessage() : told.text();
      json.writeStringField("message", own);
      fields(json, told);
      String thrown = stack.of(event);
      if (!thrown.isEmpty()) {
        json.writeStringField("stack", thrown);
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("memory takes bytes", e);
    }
    out.write('\n');
    return out.toByteArray();
  }

  private static void fields(JsonGenerator json, LogFields told) throws IOException {
    for (LogFields.Field field : told.fields()) {
      if (id(field)) {
        json.writeStringField(field.name() + "_id", field.value().toString());
      }
    }
    if (told.fields().stream().allMatch(LogEncoder::id)) {
      return;
    }
    json.writeObjectFieldStart("fields");
    for (LogFields.Field field : told.fields()) {
      if (!id(field)) {
        json.writeFieldName(field.name());
        value(json, field.value());
      }
    }
    json.writeEndObject();
  }

  private static boolean id(LogFields.Field field) {
    return field.name().equals("request") || field.name().equals("trace");
  }

  private static void value(JsonGenerator json, Object value) throws IOException {
    switch (value) {
      case Integer number -> json.writeNumber(number);
      case Long number -> json.writeNumber(number);
      case Boolean flag -> json.writeBoolean(flag);
      default -> json.writeString(value.toString());
    }
  }

  private static String time(ILoggingEvent event) {
    return TIME.format(Instant.ofEpochMilli(event.getTimeStamp()));
  }

  private static String logger(ILoggingEvent event) {
    String name = event.getLoggerName();
    return name.substring(name.lastIndexOf('.') + 1);
  }

  @Override
  public byte[] headerBytes() {
    return NOTHING;
  }

  @Override
  public byte[] footerBytes() {
    return NOTHING;
  }
}
