package dev.switchboard.worker;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import java.util.List;

/** The {@code switchboard} object: which replica answered, when, and what it spent the time on. */
final class TimelineDocument {
  private TimelineDocument() {}

  /**
   * @param receivedNanos and sentNanos: the replica's stamps of the request's header and of this
   *     document, from which the reader estimates the offset of the clocks
   */
  static String write(
      String replica,
      long receivedNanos,
      long sentNanos,
      List<RequestTimeline> timelines,
      boolean steps) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("replica", replica).put("received_ns", receivedNanos).put("sent_ns", sentNanos);
    ArrayNode array = json.putArray("timelines");
    for (RequestTimeline timeline : timelines) {
      array.add(TimelineJson.write(steps ? timeline : withoutSteps(timeline)));
    }
    return json.toString();
  }

  private static RequestTimeline withoutSteps(RequestTimeline timeline) {
    return new RequestTimeline(
        timeline.requestId(),
        timeline.choice(),
        timeline.receivedNanos(),
        timeline.tokenizedNanos(),
        timeline.scheduledNanos(),
        timeline.firstTokenNanos(),
        timeline.finishedNanos(),
        timeline.preemptions(),
        timeline.prefill(),
        timeline.decode(),
        List.of());
  }
}
