package dev.switchboard.gateway.stream;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.flight.AnswerNames;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.openai.ApiError;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.buffer.BufferInternal;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads from an answer, or a chunk of one, what the flight wants to know.
 *
 * <p>The text is passed over and not kept: only its names, usage, the choices' finish reasons, an
 * error and our own {@code switchboard} object become values. That object is taken out by cutting
 * its bytes, so what a foreign server says beside it goes on as it came.
 */
public final class AnswerReader {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A longer id, name, reason or code is not remembered. */
  private static final int MAX_NAME_CHARS = 256;

  /** Of what an upstream says of its error, in the log and in the record. */
  private static final int MAX_MESSAGE_CHARS = 2048;

  private final byte[] bytes;
  private final int from;
  private final JsonParser parser;
  private @Nullable Usage usage;
  private @Nullable JsonNode error;
  private @Nullable SwitchboardObject ours;
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
   * @param ours our own object; null when there is none
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
      @Nullable SwitchboardObject ours,
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
      if (ours != null) {
        ours.tell(flight);
      }
    }

    /** The same bytes without our object. */
    public Buffer without(byte[] bytes, int from, int to) {
      int cut = Math.max(0, cutTo - cutFrom);
      Buffer rest = Buffer.buffer(to - from - cut);
      if (cut == 0) {
        return rest.appendBytes(bytes, from, to - from);
      }
      return rest.appendBytes(bytes, from, cutFrom - from).appendBytes(bytes, cutTo, to - cutTo);
    }

    /**
     * The same of a whole answer, whose bytes nobody needs any more: what stands behind our object,
     * a brace most of the time, moves to its place.
     */
    public Buffer cutOut(byte[] whole) {
      int cut = Math.max(0, cutTo - cutFrom);
      if (cut > 0) {
        System.arraycopy(whole, cutTo, whole, cutFrom, whole.length - cutTo);
      }
      return BufferInternal.buffer(Unpooled.wrappedBuffer(whole, 0, whole.length - cut));
    }

    /** The same bytes with where the time went in our object, which may have to be made for it. */
    public Buffer withTimes(byte[] bytes, int from, int to, String times) {
      if (ours != null && (!ours.object() || ours.times())) {
        return Buffer.buffer(to - from).appendBytes(bytes, from, to - from);
      }
      String member = "\"" + SwitchboardObject.TIMES + "\":" + times;
      int at = (ours == null ? end : objectEnd) - 1;
      boolean empty = ours == null ? bytes[at - 1] == '{' : ours.empty();
      String added = ours == null ? "\"" + SwitchboardObject.NAME + "\":{" + member + "}" : member;
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
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      int named = name.equals(SwitchboardObject.NAME) ? named() : 0;
      json.nextToken();
      switch (name) {
        case "usage" -> usage = usage(json);
        case "error" -> error = JSON.readTree(json);
        case "choices" -> choices(json);
        case "id" -> id = name(json);
        case "model" -> model = name(json);
        case SwitchboardObject.NAME -> ours(json, named);
        default -> json.skipChildren();
      }
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

  /** Where the name begins that was just read. */
  private int named() {
    return from + (int) parser.currentTokenLocation().getByteOffset();
  }

  private void ours(JsonParser json, int named) throws IOException {
    if (ours != null) {
      throw new IOException("two " + SwitchboardObject.NAME + " objects");
    }
    ours = SwitchboardObject.read(json);
    json.finishToken();
    if (named < from) {
      // In another encoding than UTF-8 nobody knows where it stands.
      return;
    }
    objectEnd = position();
    cutTo = objectEnd;
    int before = before(named);
    boolean first = bytes[before] != ',';
    cutFrom = (first ? before : before(before)) + 1;
    while (first && (bytes[cutTo] == ' ' || bytes[cutTo] == ',')) {
      cutTo++;
    }
  }

  /** The last place before another one that is no white space. */
  private int before(int place) {
    int at = place - 1;
    while (bytes[at] <= ' ') {
      at--;
    }
    return at;
  }

  private static @Nullable Usage usage(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      json.skipChildren();
      return null;
    }
    int prompt = -1;
    int cached = 0;
    int completion = -1;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      json.nextToken();
      switch (name) {
        case "prompt_tokens" -> prompt = count(json);
        case "completion_tokens" -> completion = count(json);
        case "prompt_tokens_details" -> cached = cached(json);
        default -> {}
      }
      json.skipChildren();
    }
    // An object without a number says nothing: it is then counted as where there is none.
    return prompt < 0 && completion < 0 ? null : new Usage(prompt, cached, completion);
  }

  private static int count(JsonParser json) throws IOException {
    return json.currentToken() == JsonToken.VALUE_NULL ? -1 : json.getValueAsInt(-1);
  }

  private static int cached(JsonParser json) throws IOException {
    int cached = 0;
    if (json.currentToken() == JsonToken.START_OBJECT) {
      for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
        json.nextToken();
        cached = name.equals("cached_tokens") ? json.getValueAsInt(0) : cached;
        json.skipChildren();
      }
    }
    return cached;
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
      json.nextToken();
      if (reason) {
        String told = name(json);
        finishReason = told == null ? finishReason : told;
      } else {
        json.skipChildren();
      }
    }
  }

  private static @Nullable String name(JsonNode told) {
    String text = told.asText(null);
    return text == null || text.length() > MAX_NAME_CHARS ? null : text;
  }

  private static String message(String told) {
    return told.length() > MAX_MESSAGE_CHARS ? told.substring(0, MAX_MESSAGE_CHARS) + "…" : told;
  }

  private Answer answer() {
    JsonNode failed = error;
    return new Answer(
        usage,
        finishReason,
        new AnswerNames(id, model),
        ours,
        failed == null || !failed.isObject()
            ? null
            : message(failed.path("message").asText("unknown error")),
        failed == null ? null : name(failed.path("code")),
        failed == null ? null : name(failed.path("type")),
        cutFrom,
        cutTo,
        objectEnd,
        answerEnd);
  }
}
