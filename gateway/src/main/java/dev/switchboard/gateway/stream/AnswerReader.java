package dev.switchboard.gateway.stream;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.flight.AnswerNames;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads from an answer, or a chunk of one, what the flight wants to know.
 *
 * <p>The text is passed over and not kept: only its names, usage, the choices' finish reasons, an
 * error and our own {@code switchboard} object become values. That object is taken out by cutting
 * its bytes, so what a foreign server says beside it goes on as it came.
 */
public final class AnswerReader {
  private static final Logger LOG = LoggerFactory.getLogger(AnswerReader.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String SWITCHBOARD = "switchboard";
  private static final String TIMES = "time_ms";

  /** A longer id or name is not remembered. */
  private static final int MAX_NAME_CHARS = 256;

  private final byte[] bytes;
  private final int from;
  private final JsonParser parser;
  private @Nullable JsonNode usage;
  private @Nullable JsonNode error;
  private @Nullable JsonNode switchboard;
  private @Nullable String finishReason;
  private @Nullable String id;
  private @Nullable String model;
  private int cutFrom;
  private int cutTo;
  private int objectEnd;
  private int answerEnd;

  private AnswerReader(byte[] bytes, int from, int length) throws IOException {
    this.bytes = bytes;
    this.from = from;
    this.parser = JSON.createParser(bytes, from, length);
  }

  /**
   * What an answer says.
   *
   * @param errorMessage of the upstream's own error object; null when there is none
   * @param errorCode of it; null when there is none
   * @param errorType of it; null when there is none
   * @param cutFrom where the bytes of our object begin, the comma before it included
   * @param cutTo where they end; not above {@code cutFrom} when there is none
   * @param objectEnd where our object itself ends
   * @param end of the whole answer
   */
  public record Answer(
      @Nullable Usage usage,
      @Nullable String finishReason,
      AnswerNames names,
      @Nullable JsonNode switchboard,
      @Nullable String errorMessage,
      @Nullable String errorCode,
      @Nullable String errorType,
      int cutFrom,
      int cutTo,
      int objectEnd,
      int end) {

    /** The error, where it is the request that is to blame and no replica would answer it. */
    public @Nullable ApiError refusal() {
      return errorMessage != null && ApiError.INVALID_REQUEST.equals(errorType)
          ? new ApiError(400, ApiError.INVALID_REQUEST, errorCode, null, errorMessage)
          : null;
    }

    /** Tells the flight. */
    public void tell(Flight flight) {
      if (usage != null) {
        flight.usage(usage);
      }
      if (finishReason != null) {
        flight.finishReason(finishReason);
      }
      if (!names.equals(AnswerNames.NONE)) {
        flight.names(names);
      }
      if (switchboard != null) {
        timelines(switchboard, flight);
      }
    }

    /** The same bytes without our object. */
    public Buffer without(byte[] bytes, int from, int to) {
      Buffer rest = Buffer.buffer(to - from);
      if (cutTo <= cutFrom) {
        return rest.appendBytes(bytes, from, to - from);
      }
      return rest.appendBytes(bytes, from, cutFrom - from).appendBytes(bytes, cutTo, to - cutTo);
    }

    /** The same bytes with where the time went in our object, which may have to be made for it. */
    public Buffer withTimes(byte[] bytes, int from, int to, String times) {
      JsonNode ours = switchboard;
      if (ours != null && (!ours.isObject() || ours.has(TIMES))) {
        return Buffer.buffer(to - from).appendBytes(bytes, from, to - from);
      }
      String member = "\"" + TIMES + "\":" + times;
      int at = (ours == null ? end : objectEnd) - 1;
      boolean empty = ours == null ? bytes[at - 1] == '{' : ours.isEmpty();
      String added = ours == null ? "\"" + SWITCHBOARD + "\":{" + member + "}" : member;
      return Buffer.buffer(to - from + added.length() + 1)
          .appendBytes(bytes, from, at - from)
          .appendString(empty ? added : "," + added)
          .appendBytes(bytes, at, to - at);
    }
  }

  /**
   * Reads an answer or a chunk of it; on any thread.
   *
   * @throws IOException when it is not a JSON object
   */
  public static Answer read(byte[] bytes, int from, int length) throws IOException {
    AnswerReader reader = new AnswerReader(bytes, from, length);
    try (JsonParser parser = reader.parser) {
      reader.members(parser);
    }
    return reader.answer();
  }

  private void members(JsonParser json) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new IOException("not a JSON object");
    }
    int end = position();
    boolean first = true;
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      switch (name) {
        case "usage" -> usage = JSON.readTree(json);
        case "error" -> error = JSON.readTree(json);
        case "choices" -> choices(json);
        case "id" -> id = name(json);
        case "model" -> model = name(json);
        case SWITCHBOARD -> ours(json, end, first);
        default -> json.skipChildren();
      }
      json.finishToken();
      end = position();
      first = false;
    }
    answerEnd = position();
  }

  private static @Nullable String name(JsonParser json) throws IOException {
    if (json.currentToken() == JsonToken.VALUE_STRING
        && json.getText().length() <= MAX_NAME_CHARS) {
      return json.getText();
    }
    json.skipChildren();
    return null;
  }

  /** Behind the last token, whose text was read to its end. */
  private int position() {
    return from + (int) parser.currentLocation().getByteOffset();
  }

  private void ours(JsonParser json, int end, boolean first) throws IOException {
    if (switchboard != null) {
      throw new IOException("two " + SWITCHBOARD + " objects");
    }
    switchboard = JSON.readTree(json);
    cutFrom = end;
    cutTo = position();
    objectEnd = cutTo;
    if (first) {
      while (bytes[cutTo] == ' ' || bytes[cutTo] == ',') {
        cutTo++;
      }
    }
  }

  private void choices(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      json.skipChildren();
      return;
    }
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (json.currentToken() == JsonToken.START_OBJECT) {
        choice(json);
      } else {
        json.skipChildren();
      }
    }
  }

  private void choice(JsonParser json) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      boolean reason = json.currentName().equals("finish_reason");
      if (json.nextToken() == JsonToken.VALUE_STRING && reason) {
        finishReason = json.getText();
      } else {
        json.skipChildren();
      }
    }
  }

  private Answer answer() {
    JsonNode failed = error;
    return new Answer(
        usage == null || !usage.isObject() ? null : usage(usage),
        finishReason,
        new AnswerNames(id, model),
        switchboard,
        failed == null || !failed.isObject()
            ? null
            : failed.path("message").asText("unknown error"),
        failed == null ? null : failed.path("code").asText(null),
        failed == null ? null : failed.path("type").asText(null),
        cutFrom,
        cutTo,
        objectEnd,
        answerEnd);
  }

  private static Usage usage(JsonNode usage) {
    return new Usage(
        usage.path("prompt_tokens").asInt(-1),
        usage.path("prompt_tokens_details").path("cached_tokens").asInt(0),
        usage.path("completion_tokens").asInt(-1));
  }

  /** Gives a worker's document to the flight; one that cannot be read costs its detail only. */
  private static void timelines(JsonNode switchboard, Flight flight) {
    List<RequestTimeline> timelines = new ArrayList<>();
    try {
      for (JsonNode timeline : switchboard.path("timelines")) {
        timelines.add(TimelineJson.read(timeline));
      }
    } catch (IllegalArgumentException e) {
      LOG.warn(
          "timeline_unreadable request={} trace={} reason=\"{}\"",
          flight.id(),
          flight.traceId(),
          e.getMessage());
      return;
    }
    if (!timelines.isEmpty()) {
      flight.timelines(
          timelines,
          new EngineStamps(
              switchboard.path("received_ns").asLong(), switchboard.path("sent_ns").asLong()));
    }
  }
}
