package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.switchboard.scheduler.EngineStep;
import dev.switchboard.timeline.RequestTimeline.Lane;
import java.io.IOException;
import java.util.List;

/**
 * The document of {@code /engine/v1/steps}: a row of numbers for each lane of each step, for there
 * are many. What a row holds is said once, in {@code lane_fields}.
 */
final class StepsJson {
  private static final List<String> LANE_FIELDS =
      List.of(
          "stage",
          "rank",
          "start_us",
          "end_us",
          "compute_us",
          "all_reduce_wait_us",
          "receive_wait_us",
          "send_us",
          "sample_us",
          "copy_us",
          "off_cpu_us",
          "late_us",
          "bytes");

  private StepsJson() {}

  static String of(ServedModel.Topology topology, List<EngineStep> steps) {
    return Json.object(
        json -> {
          json.writeNumberField("stages", topology.stages());
          json.writeNumberField("ranks", topology.ranks());
          json.writeArrayFieldStart("lane_fields");
          for (String field : LANE_FIELDS) {
            json.writeString(field);
          }
          json.writeEndArray();
          json.writeArrayFieldStart("steps");
          for (EngineStep step : steps) {
            json.writeStartObject();
            step(json, step);
            json.writeEndObject();
          }
          json.writeEndArray();
        });
  }

  private static void step(JsonGenerator json, EngineStep step) throws IOException {
    json.writeNumberField("step", step.step());
    json.writeNumberField("submit_ns", step.submitNanos());
    json.writeNumberField("start_ns", step.startNanos());
    json.writeNumberField("end_ns", step.endNanos());
    json.writeNumberField("requests", step.requests());
    json.writeNumberField("tokens", step.tokens());
    json.writeNumberField("prompt_tokens", step.promptTokens());
    json.writeNumberField("gap_off_cpu_us", step.gapOffCpuNanos() / 1000);
    json.writeArrayFieldStart("lanes");
    for (Lane lane : step.lanes()) {
      json.writeStartArray();
      lane(json, lane, step.startNanos());
      json.writeEndArray();
    }
    json.writeEndArray();
  }

  /** In the order of the fields; its times since the step's start. */
  private static void lane(JsonGenerator json, Lane lane, long startNanos) throws IOException {
    json.writeNumber(lane.stage());
    json.writeNumber(lane.rank());
    json.writeNumber((lane.startNanos() - startNanos) / 1000);
    json.writeNumber((lane.endNanos() - startNanos) / 1000);
    json.writeNumber(lane.computeNanos() / 1000);
    json.writeNumber(lane.allReduceWaitNanos() / 1000);
    json.writeNumber(lane.receiveWaitNanos() / 1000);
    json.writeNumber(lane.sendNanos() / 1000);
    json.writeNumber(lane.sampleNanos() / 1000);
    json.writeNumber(lane.copyNanos() / 1000);
    json.writeNumber(lane.offCpuNanos() / 1000);
    json.writeNumber(lane.lateNanos() / 1000);
    json.writeNumber(lane.bytes());
  }
}
