package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.http.RunningRequest;
import dev.switchboard.gateway.telemetry.KeepReason;
import java.util.List;

/** Requests as lines of a list, with what only the recorder and the configuration know of them. */
record RequestLines(FlightRecorder recorder, String traceUrl) {
  private static final double NANOS_PER_MS = 1e6;

  /** Of one that is over. */
  ObjectNode of(FlightRecord record, List<String> waitedFor) {
    return with(FlightJson.summary(record), record, waitedFor);
  }

  /** All that is known of one that is over. */
  ObjectNode timeline(FlightRecord record, boolean full, List<String> waitedFor) {
    return with(FlightJson.timeline(record, full), record, waitedFor);
  }

  private ObjectNode with(ObjectNode json, FlightRecord record, List<String> waitedFor) {
    ArrayNode ranks = json.putArray("waited_for");
    waitedFor.forEach(ranks::add);
    ArrayNode kept = json.putArray("kept_for");
    KeepReason.of(record, record.slo(), recorder.slow(record))
        .forEach(reason -> kept.add(reason.label()));
    if (record.tellsSteps()) {
      kept.add(KeepReason.ASKED.label());
    }
    if (!traceUrl.isEmpty() && record.traceId() != null) {
      json.put("trace_url", traceUrl.replace(AdminConfig.TRACE_ID, record.traceId()));
    }
    return json;
  }

  /** Of one that runs. */
  ObjectNode of(RunningRequest request) {
    FlightRecord record = request.record();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", record.id()).put("phase", request.phase().label());
    json.put("accepted_at", FlightJson.instant(record.at(Mark.ACCEPTED)));
    json.put("endpoint", record.endpoint()).put("model", record.model());
    json.put("tenant", record.tenant()).put("slo_class", record.sloClass());
    json.put("priority", record.slo().priority()).put("stream", record.stream());
    json.put("replica", request.replica()).put("migrations", record.moves());
    json.put("running_ms", record.wallNanos() / NANOS_PER_MS);
    long ttft = record.ttftNanos();
    json.put("ttft_ms", ttft < 0 ? null : ttft / NANOS_PER_MS);
    json.put("tokens", request.tokens()).put("trace_id", record.traceId());
    if (!traceUrl.isEmpty() && record.traceId() != null) {
      json.put("trace_url", traceUrl.replace(AdminConfig.TRACE_ID, record.traceId()));
    }
    return json;
  }
}
