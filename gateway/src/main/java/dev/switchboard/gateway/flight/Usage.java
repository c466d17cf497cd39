package dev.switchboard.gateway.flight;

import dev.switchboard.timeline.RequestTimeline;
import java.util.List;

/** Token counts of an answer; −1 where nobody said. */
public record Usage(int promptTokens, int cachedTokens, int completionTokens) {
  public static final Usage NONE = new Usage(-1, -1, -1);

  /** What the worker's timelines say, for a stream whose client did not ask for usage. */
  static Usage of(List<RequestTimeline> timelines) {
    if (timelines.isEmpty()) {
      return NONE;
    }
    int prompt = 0;
    int cached = 0;
    int completion = 0;
    for (RequestTimeline timeline : timelines) {
      RequestTimeline.Phase prefill = timeline.prefill();
      if (prefill != null && timeline.choice() == 0) {
        prompt += prefill.tokens() + prefill.cachedTokens();
        cached += prefill.cachedTokens();
      }
      RequestTimeline.Phase decode = timeline.decode();
      completion += timeline.firstTokenNanos() == 0 ? 0 : 1;
      completion += decode == null ? 0 : decode.tokens();
    }
    return new Usage(prompt, cached, completion);
  }
}
