package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * One answer of a real worker, as its client reads it: told to the ledger event by event, and kept
 * as text, so that two answers can be compared. Written by the client's thread, read by any.
 */
final class AnswerLog implements HttpReader.Sink {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int BROKEN_STREAM = 502;

  private final ClientLedger.Entry entry;
  private final boolean stream;
  private final long begunNanos = System.nanoTime();
  private final ByteArrayOutputStream event = new ByteArrayOutputStream();
  private final StringBuilder text = new StringBuilder();
  private String head = "";
  private int status;
  private int last;
  private long firstNanos;
  private long lastNanos;
  private long longestGapNanos;
  private String finishReason = "";
  private String problem = "";
  private boolean done;
  private int generated;
  private volatile int tokens;
  private volatile boolean ended;

  AnswerLog(ClientLedger.Entry entry, boolean stream) {
    this.entry = entry;
    this.stream = stream;
  }

  /** Its request's own. */
  String id() {
    return entry.id();
  }

  @Override
  public void head(byte[] bytes, int length) {
    head = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    status = Integer.parseInt(head.substring(9, 12));
    entry.status(status);
  }

  @Override
  public void body(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      event.write(bytes[i]);
      if (events() && bytes[i] == '\n' && last == '\n') {
        event(event.toString(StandardCharsets.UTF_8).strip());
        event.reset();
      }
      last = bytes[i];
    }
  }

  private boolean events() {
    return stream && status == 200;
  }

  private void event(String said) {
    if (!said.startsWith("data: ")) {
      problem = "not an event: " + said;
    } else if (said.equals("data: [DONE]")) {
      done = true;
      entry.done();
    } else {
      try {
        chunk(JSON.readTree(said.substring("data: ".length())));
      } catch (JsonProcessingException e) {
        problem = "not JSON: " + said;
      }
    }
  }

  private void chunk(JsonNode chunk) {
    if (chunk.has("error")) {
      problem = chunk.path("error").toString();
      entry.error(BROKEN_STREAM);
    }
    JsonNode choice = chunk.path("choices").path(0);
    String content = choice.at("/delta/content").asText("");
    if (!content.isEmpty()) {
      token(content);
    }
    if (choice.path("finish_reason").isTextual()) {
      finishReason = choice.path("finish_reason").asText();
      entry.finishReason();
    }
    if (chunk.path("usage").isObject()) {
      generated = chunk.at("/usage/completion_tokens").asInt();
      entry.prompted(chunk.at("/usage/prompt_tokens").asInt(-1));
      text.append('\n').append(generated);
    }
  }

  private void token(String content) {
    long now = System.nanoTime();
    int count = tokens;
    firstNanos = count == 0 ? now : firstNanos;
    longestGapNanos = count == 0 ? 0 : Math.max(longestGapNanos, now - lastNanos);
    lastNanos = now;
    text.append(content);
    entry.token();
    tokens = count + 1;
  }

  @Override
  public void end() {
    if (!events()) {
      String body = event.toString(StandardCharsets.UTF_8);
      text.append(body);
      whole(body);
    }
    ended = true;
    entry.generated(generated);
    entry.end();
  }

  /** By its own account. */
  private void whole(String body) {
    try {
      JsonNode usage = JSON.readTree(body).path("usage");
      generated = usage.path("completion_tokens").asInt();
      entry.prompted(usage.path("prompt_tokens").asInt(-1));
    } catch (JsonProcessingException e) {
      generated = 0;
    }
  }

  /** The connection ended before the answer did. */
  void broke(String how) {
    if (!ended) {
      problem = how;
      entry.broke();
    }
  }

  /** The client goes away before the answer ended. */
  void leave() {
    if (!ended) {
      entry.leave();
    }
  }

  /** The server closed the connection before it had the whole head. */
  void neverSent() {
    if (!ended) {
      entry.neverSent();
    }
  }

  /** Pieces of content so far. */
  int tokens() {
    return tokens;
  }

  boolean ended() {
    return ended;
  }

  /** Whether it is the whole of a good answer. */
  boolean good() {
    return ended && status == 200 && (!stream || done) && problem.isEmpty();
  }

  /** 0 where none came. */
  int status() {
    return status;
  }

  /** The value of a header; empty where it has none of that name. */
  String header(String name) {
    String from = "\r\n" + name.toLowerCase(Locale.ROOT) + ":";
    int at = head.toLowerCase(Locale.ROOT).indexOf(from);
    return at < 0 ? "" : head.substring(at + from.length(), head.indexOf('\r', at + 2)).strip();
  }

  /** When its first token came; 0 for never, and of what came as a whole. */
  long firstNanos() {
    return firstNanos;
  }

  /** Tokens by its own account. */
  int generated() {
    return generated;
  }

  /** Whether the server closes the connection behind it. */
  boolean closes() {
    return head.toLowerCase(Locale.ROOT).contains("\r\nconnection: close");
  }

  double longestGapMs() {
    return longestGapNanos / 1e6;
  }

  long begunNanos() {
    return begunNanos;
  }

  /** All that it says: two answers to one request and seed say the same. */
  String said() {
    return text + "\n" + finishReason;
  }

  /** What is wrong with it, for people. */
  String complaint() {
    String why = problem.isEmpty() ? text.toString() : problem;
    return "status "
        + status
        + " after "
        + tokens
        + " pieces: "
        + why.substring(0, Math.min(300, why.length()));
  }
}
