package dev.switchboard.gateway.stream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads from an answer what the flight wants to know, and takes our own object out of it. */
public final class AnswerReader {
  private static final Logger LOG = LoggerFactory.getLogger(AnswerReader.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String SWITCHBOARD = "switchboard";

  private AnswerReader() {}

  /**
   * An answer, or a chunk of one.
   *
   * @param changed our object was taken out: the bytes must be written anew
   * @param error the upstream's own error object was in it
   */
  public record Read(ObjectNode root, boolean changed, boolean error) {
    public byte[] bytes() throws JsonProcessingException {
      return JSON.writeValueAsBytes(root);
    }
  }

  /**
   * Parses an answer or a chunk of it.
   *
   * @param keepTimeline leave the {@code switchboard} object for the client
   * @throws IOException when it is not a JSON object
   */
  public static Read read(byte[] bytes, int from, int length, Flight flight, boolean keepTimeline)
      throws IOException {
    return read(parse(bytes, from, length), flight, keepTimeline);
  }

  /**
   * An answer as a tree; on any thread.
   *
   * @throws IOException when it is not a JSON object
   */
  public static ObjectNode parse(byte[] bytes, int from, int length) throws IOException {
    if (!(JSON.readTree(bytes, from, length) instanceof ObjectNode root)) {
      throw new IOException("not a JSON object");
    }
    return root;
  }

  /** Tells the flight what a parsed answer says, and takes our object out of it. */
  public static Read read(ObjectNode root, Flight flight, boolean keepTimeline) {
    usage(root.path("usage"), flight);
    finishReason(root.path("choices"), flight);
    timelines(root.path(SWITCHBOARD), flight);
    boolean changed = !keepTimeline && root.remove(SWITCHBOARD) != null;
    return new Read(root, changed, root.path("error").isObject());
  }

  private static void usage(JsonNode usage, Flight flight) {
    if (usage.isObject()) {
      flight.usage(
          new Usage(
              usage.path("prompt_tokens").asInt(-1),
              usage.path("prompt_tokens_details").path("cached_tokens").asInt(0),
              usage.path("completion_tokens").asInt(-1)));
    }
  }

  private static void finishReason(JsonNode choices, Flight flight) {
    for (JsonNode choice : choices) {
      if (choice.path("finish_reason").isTextual()) {
        flight.finishReason(choice.path("finish_reason").asText());
      }
    }
  }

  /** Gives a worker's document to the flight; one that cannot be read costs its detail only. */
  private static void timelines(JsonNode switchboard, Flight flight) {
    List<RequestTimeline> timelines = new ArrayList<>();
    try {
      for (JsonNode timeline : switchboard.path("timelines")) {
        timelines.add(TimelineJson.read(timeline));
      }
    } catch (IllegalArgumentException e) {
      LOG.warn("timeline_unreadable request={} reason=\"{}\"", flight.id(), e.getMessage());
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
