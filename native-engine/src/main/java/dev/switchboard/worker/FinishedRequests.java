package dev.switchboard.worker;

import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The timelines of the requests that finished last, bounded by count and by memory. On the event
 * loop.
 */
final class FinishedRequests {
  private static final long REQUEST_BYTES = 256;
  private static final long STEP_BYTES = 96;
  private static final long LANE_BYTES = 128;
  private static final long MEMBER_BYTES = 8;

  /** One request; of two with the same id the later one is found. */
  record Finished(
      String requestId, long receivedNanos, List<RequestTimeline> timelines, long bytes) {}

  private final ArrayDeque<Finished> oldestFirst = new ArrayDeque<>();
  private final Map<String, Finished> byId = new HashMap<>();
  private final int limit;
  private final long limitBytes;
  private long bytes;

  FinishedRequests(int limit, long limitBytes) {
    this.limit = limit;
    this.limitBytes = limitBytes;
  }

  void add(String requestId, long receivedNanos, List<RequestTimeline> timelines) {
    long size = timelines.stream().mapToLong(FinishedRequests::bytes).sum();
    Finished added = new Finished(requestId, receivedNanos, List.copyOf(timelines), size);
    oldestFirst.add(added);
    byId.put(requestId, added);
    bytes += size;
    while (oldestFirst.size() > limit || (bytes > limitBytes && oldestFirst.size() > 1)) {
      forget(oldestFirst.removeFirst());
    }
  }

  @Nullable Finished find(String requestId) {
    return byId.get(requestId);
  }

  int size() {
    return oldestFirst.size();
  }

  private void forget(Finished oldest) {
    bytes -= oldest.bytes();
    byId.remove(oldest.requestId(), oldest);
  }

  private static long bytes(RequestTimeline timeline) {
    long steps = timeline.steps().stream().mapToLong(FinishedRequests::bytes).sum();
    return REQUEST_BYTES + bytes(timeline.prefill()) + bytes(timeline.decode()) + steps;
  }

  private static long bytes(@Nullable Phase phase) {
    return phase == null ? 0 : STEP_BYTES + LANE_BYTES * phase.lanes().size();
  }

  private static long bytes(Step step) {
    return STEP_BYTES + MEMBER_BYTES * step.members().size() + LANE_BYTES * step.lanes().size();
  }
}
