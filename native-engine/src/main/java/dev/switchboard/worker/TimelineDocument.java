package dev.switchboard.worker;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Step;
import dev.switchboard.timeline.TimelineJson;
import java.util.List;

/** The {@code switchboard} object: which replica answered, when, and what it spent the time on. */
final class TimelineDocument {
  /** What is told of each step. */
  enum Steps {
    NONE,
    /** What it cost, in an answer: who shared a step is not for clients to know. */
    COST,
    ALL;

    private List<Step> of(RequestTimeline timeline, int rows) {
      return switch (this) {
        case NONE -> List.of();
        case COST -> first(timeline.steps(), rows).stream().map(Step::withoutMembers).toList();
        case ALL -> first(timeline.steps(), rows);
      };
    }

    private static List<Step> first(List<Step> steps, int rows) {
      int told = 0;
      for (int left = rows; told < steps.size(); told++) {
        left -= 1 + steps.get(told).lanes().size();
        if (left < 0) {
          break;
        }
      }
      return steps.subList(0, told);
    }
  }

  /**
   * Of all timelines of a document together, each of which has the same part of it: a row for a
   * step and one for each lane in it. A row takes about a kibibyte of the heap while it is written.
   */
  private static final int MOST_ROWS = 8192;

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
      Steps steps) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("replica", replica).put("received_ns", receivedNanos).put("sent_ns", sentNanos);
    ArrayNode array = json.putArray("timelines");
    int rows = MOST_ROWS / Math.max(1, timelines.size());
    for (RequestTimeline timeline : timelines) {
      array.add(TimelineJson.write(timeline.withSteps(steps.of(timeline, rows))));
    }
    return json.toString();
  }
}
