package dev.switchboard.timeline;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A timeline as JSON, the way worker and gateway exchange it: snake-case names, times as Unix epoch
 * nanoseconds and durations as nanoseconds under names that end in {@code _ns}. A reader ignores
 * names it does not know, so a newer worker can say more.
 */
public final class TimelineJson {
  private TimelineJson() {}

  /** The timeline as a tree. */
  public static ObjectNode write(RequestTimeline timeline) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("request_id", timeline.requestId()).put("choice", timeline.choice());
    json.put("received_ns", timeline.receivedNanos());
    json.put("tokenized_ns", timeline.tokenizedNanos());
    json.put("scheduled_ns", timeline.scheduledNanos());
    json.put("first_token_ns", timeline.firstTokenNanos());
    json.put("finished_ns", timeline.finishedNanos());
    json.put("preemptions", timeline.preemptions());
    json.set("prefill", writeNullable(timeline.prefill(), TimelineJson::writePhase));
    json.set("decode", writeNullable(timeline.decode(), TimelineJson::writePhase));
    json.set("steps", writeList(timeline.steps(), TimelineJson::writeStep));
    return json;
  }

  /**
   * The timeline in a tree.
   *
   * @throws IllegalArgumentException naming the field that is missing or of another type
   */
  public static RequestTimeline read(JsonNode json) {
    try (JsonParser parser = json.traverse()) {
      parser.nextToken();
      return read(parser);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The timeline that a parser is at the beginning of. It is at its end afterwards, or where what
   * is wrong stands.
   *
   * @throws IllegalArgumentException naming the field that is missing or of another type
   * @throws IOException where it is no JSON
   */
  public static RequestTimeline read(JsonParser json) throws IOException {
    return TimelineReader.read(json);
  }

  private static ObjectNode writePhase(Phase phase) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("start_ns", phase.startNanos()).put("end_ns", phase.endNanos());
    json.put("tokens", phase.tokens()).put("cached_tokens", phase.cachedTokens());
    if (phase.recomputedTokens() > 0) {
      json.put("recomputed_tokens", phase.recomputedTokens());
    }
    json.put("steps", phase.steps()).put("wait_ns", phase.waitNanos());
    json.set("critical", writeCritical(phase.critical()));
    json.set("slowest", writeNullable(phase.slowest(), TimelineJson::writeStep));
    json.set("lanes", writeList(phase.lanes(), TimelineJson::writeLane));
    return json;
  }

  private static ObjectNode writeCritical(Critical critical) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("compute_ns", critical.computeNanos())
        .put("collective_wait_ns", critical.collectiveWaitNanos())
        .put("transfer_ns", critical.transferNanos())
        .put("sample_ns", critical.sampleNanos())
        .put("off_cpu_ns", critical.offCpuNanos())
        .put("neighbour_prefill_ns", critical.neighbourPrefillNanos());
  }

  private static ObjectNode writeStep(Step step) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("step", step.step()).put("submit_ns", step.submitNanos());
    json.put("start_ns", step.startNanos()).put("end_ns", step.endNanos());
    json.put("submit_call_ns", step.calls().submitNanos());
    json.put("submit_return_ns", step.calls().submittedNanos());
    json.put("await_return_ns", step.calls().awaitedNanos());
    json.put("request_tokens", step.requestTokens());
    json.put("batch_tokens", step.batchTokens()).put("batch_requests", step.batchRequests());
    if (!step.members().isEmpty()) {
      step.members().forEach(json.putArray("members")::add);
    }
    json.set("lanes", writeList(step.lanes(), TimelineJson::writeLane));
    return json;
  }

  private static ObjectNode writeLane(Lane lane) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("stage", lane.stage()).put("rank", lane.rank());
    json.put("start_ns", lane.startNanos()).put("end_ns", lane.endNanos());
    json.put("compute_ns", lane.computeNanos());
    json.put("all_reduce_wait_ns", lane.allReduceWaitNanos());
    json.put("receive_wait_ns", lane.receiveWaitNanos());
    json.put("send_ns", lane.sendNanos()).put("sample_ns", lane.sampleNanos());
    json.put("copy_ns", lane.copyNanos()).put("off_cpu_ns", lane.offCpuNanos());
    json.put("steps", lane.steps()).put("straggler_steps", lane.stragglerSteps());
    json.put("bytes", lane.bytes());
    if (lane.lateNanos() > 0) {
      json.put("late_ns", lane.lateNanos()).put("longest_late_ns", lane.longestLateNanos());
      json.put("latest_at", lane.latestAt().piece());
    }
    return json;
  }

  private static <T> JsonNode writeNullable(@Nullable T value, Function<T, ObjectNode> writer) {
    return value == null ? JsonNodeFactory.instance.nullNode() : writer.apply(value);
  }

  private static <T> ArrayNode writeList(List<T> values, Function<T, ObjectNode> writer) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode(values.size());
    values.forEach(value -> array.add(writer.apply(value)));
    return array;
  }
}
