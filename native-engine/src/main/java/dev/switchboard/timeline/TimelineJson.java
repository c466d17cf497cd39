package dev.switchboard.timeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A timeline as JSON, the way worker and gateway exchange it: snake-case names, times as Unix epoch
 * nanoseconds and durations as nanoseconds under names that end in {@code _ns}. A reader ignores
 * names it does not know, so a newer worker can say more.
 */
public final class TimelineJson {
  /** Above what any worker sends; a foreign or broken one must not fill the gateway's memory. */
  private static final int MOST_STEPS = 100_000;

  private static final int MOST_LANES = 4096;

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
    Fields fields = new Fields(json, "timeline");
    return new RequestTimeline(
        fields.text("request_id"),
        fields.integer("choice"),
        fields.number("received_ns"),
        fields.number("tokenized_ns"),
        fields.number("scheduled_ns"),
        fields.number("first_token_ns"),
        fields.number("finished_ns"),
        fields.integer("preemptions"),
        fields.nullable("prefill", TimelineJson::readPhase),
        fields.nullable("decode", TimelineJson::readPhase),
        fields.list("steps", MOST_STEPS, TimelineJson::readStep));
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

  private static Phase readPhase(Fields fields) {
    return new Phase(
        fields.number("start_ns"),
        fields.number("end_ns"),
        fields.integer("tokens"),
        fields.integer("cached_tokens"),
        (int) fields.numberOrNone("recomputed_tokens"),
        fields.integer("steps"),
        fields.number("wait_ns"),
        readCritical(fields),
        fields.nullable("slowest", TimelineJson::readStep),
        fields.list("lanes", MOST_LANES, TimelineJson::readLane));
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

  private static Critical readCritical(Fields phase) {
    Critical critical =
        phase.nullable(
            "critical",
            fields ->
                new Critical(
                    fields.number("compute_ns"),
                    fields.number("collective_wait_ns"),
                    fields.number("transfer_ns"),
                    fields.number("sample_ns"),
                    fields.numberOrNone("off_cpu_ns"),
                    fields.numberOrNone("neighbour_prefill_ns")));
    return critical == null ? Critical.NONE : critical;
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

  private static Step readStep(Fields fields) {
    return new Step(
        fields.number("step"),
        fields.number("submit_ns"),
        fields.number("start_ns"),
        fields.number("end_ns"),
        new Calls(
            fields.numberOrNone("submit_call_ns"),
            fields.numberOrNone("submit_return_ns"),
            fields.numberOrNone("await_return_ns")),
        fields.integer("request_tokens"),
        fields.integer("batch_tokens"),
        fields.integer("batch_requests"),
        fields.numbers("members", Step.MOST_MEMBERS),
        fields.list("lanes", MOST_LANES, TimelineJson::readLane));
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

  private static Lane readLane(Fields fields) {
    return new Lane(
        fields.integer("stage"),
        fields.integer("rank"),
        fields.number("start_ns"),
        fields.number("end_ns"),
        fields.number("compute_ns"),
        fields.number("all_reduce_wait_ns"),
        fields.number("receive_wait_ns"),
        fields.number("send_ns"),
        fields.number("sample_ns"),
        fields.number("copy_ns"),
        fields.numberOrNone("off_cpu_ns"),
        fields.integer("steps"),
        fields.integer("straggler_steps"),
        fields.number("bytes"),
        fields.numberOrNone("late_ns"),
        fields.numberOrNone("longest_late_ns"),
        Collective.of((int) fields.numberOrNone("latest_at")));
  }

  private static <T> JsonNode writeNullable(@Nullable T value, Function<T, ObjectNode> writer) {
    return value == null ? JsonNodeFactory.instance.nullNode() : writer.apply(value);
  }

  private static <T> ArrayNode writeList(List<T> values, Function<T, ObjectNode> writer) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode(values.size());
    values.forEach(value -> array.add(writer.apply(value)));
    return array;
  }

  /** Reads fields of one object and names the one that is wrong. */
  private record Fields(JsonNode json, String path) {
    Fields {
      if (!json.isObject()) {
        throw new IllegalArgumentException(path + " must be an object");
      }
    }

    String text(String name) {
      JsonNode value = json.path(name);
      require(value.isTextual(), name, "a string");
      return value.textValue();
    }

    int integer(String name) {
      JsonNode value = json.path(name);
      require(value.isIntegralNumber() && value.canConvertToInt(), name, "an int");
      return value.intValue();
    }

    long number(String name) {
      JsonNode value = json.path(name);
      require(value.isIntegralNumber() && value.canConvertToLong(), name, "a long");
      return value.longValue();
    }

    /** 0 where the name is missing. */
    long numberOrNone(String name) {
      return json.has(name) ? number(name) : 0;
    }

    /** None where the name is missing. */
    List<Long> numbers(String name, int most) {
      JsonNode array = json.path(name);
      if (array.isMissingNode()) {
        return List.of();
      }
      require(array.isArray() && array.size() <= most, name, "an array of at most " + most);
      List<Long> list = new ArrayList<>(array.size());
      for (JsonNode element : array) {
        require(element.isIntegralNumber() && element.canConvertToLong(), name, "of longs");
        list.add(element.longValue());
      }
      return list;
    }

    <T> @Nullable T nullable(String name, Function<Fields, T> reader) {
      JsonNode value = json.path(name);
      return value.isMissingNode() || value.isNull() ? null : reader.apply(at(value, name));
    }

    <T> List<T> list(String name, int most, Function<Fields, T> reader) {
      JsonNode array = json.path(name);
      require(array.isArray() && array.size() <= most, name, "an array of at most " + most);
      List<T> list = new ArrayList<>(array.size());
      array.forEach(element -> list.add(reader.apply(at(element, name))));
      return list;
    }

    private Fields at(JsonNode value, String name) {
      return new Fields(value, path + "." + name);
    }

    private void require(boolean holds, String name, String wanted) {
      if (!holds) {
        throw new IllegalArgumentException(path + "." + name + " must be " + wanted);
      }
    }
  }
}
