package dev.switchboard.gateway.flight;

import dev.switchboard.timeline.RequestTimeline;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What engines said of a request.
 *
 * @param timelines in the answer, on the worker's clock; empty from a foreign server, and where the
 *     answer broke
 * @param stamps of the worker that told them
 * @param asked by the attempt's number: what replicas said afterwards
 */
public record Engines(
    List<RequestTimeline> timelines, EngineStamps stamps, Map<Integer, EngineAnswer> asked) {
  public static final Engines NONE = new Engines(List.of(), EngineStamps.NONE, Map.of());

  public Engines {
    timelines = List.copyOf(timelines);
    asked = Map.copyOf(asked);
  }

  /** The same timelines with more in them. */
  public Engines withTimelines(List<RequestTimeline> told) {
    return new Engines(told, stamps, asked);
  }

  /** And what replicas say now; what was told before stays where less is told now. */
  public Engines and(Map<Integer, EngineAnswer> answers) {
    Map<Integer, EngineAnswer> all = new HashMap<>(asked);
    answers.forEach(
        (attempt, answer) -> all.merge(attempt, answer, (before, now) -> now.after(before)));
    return new Engines(timelines, stamps, all);
  }
}
