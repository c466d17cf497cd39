package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Every attribute of the spans of a request, each number in its place. */
class RequestSpansTest {
  private static final long MS = 1_000_000;
  private static final long BEGUN = 1_795_000_000_000L * MS;
  private static final Slo SLO = new Slo("interactive", 300, 50, 2000, 7);
  private static final Stragglers STRAGGLERS =
      new Stragglers(List.of(new Stragglers.Rank("w0", 1, 3)));

  private final Exported exported = new Exported();
  private final FlightRecord record = record();

  RequestSpansTest() {
    var tracer = SdkTracerProvider.builder().addSpanProcessor(exported.processor()).build().get("");
    RequestSpans spans =
        new RequestSpans(
            tracer,
            Context.root(),
            TraceDetail.RANKS,
            record,
            PhaseBreakdown.of(record),
            STRAGGLERS,
            new StepSpans(tracer, "gateway"),
            0);
    spans.beginning(List.of("slow", "asked"), true);
    spans.engine(Context.root(), "w0", Objects.requireNonNull(PhaseBreakdown.of(record).engine()));
  }

  @Test
  void admissionTellsWhatWasWantedAndWhatItTook() {
    assertEquals(
        Map.ofEntries(
            Map.entry("slo_class", "interactive"),
            Map.entry("slo_ttft_ms", "300"),
            Map.entry("slo_tpot_ms", "50.0"),
            Map.entry("deadline_ms", "2000"),
            Map.entry("priority", "7"),
            Map.entry("receive_ms", "1.0"),
            Map.entry("parse_ms", "2.0"),
            Map.entry("queue_ms", "4.0"),
            Map.entry("kept", "true"),
            Map.entry("kept_for", "[slow, asked]"),
            Map.entry("waited_for", "[w0 stage 1 rank 3]"),
            Map.entry("slo_missed_ms", "300.0")),
        told("switchboard.admit"));
  }

  @Test
  void routingTellsWhoWasChosenOfWhom() {
    assertEquals(
        Map.of(
            "policy", "slo",
            "attempts", "1",
            "replica", "w0",
            "requested_model", "alias",
            "fallback_reason", "no_ready_replica",
            "shadow_policy", "random",
            "shadow_replica", "w1"),
        told("switchboard.route"));
    List<Map<String, String>> candidates =
        exported.named("switchboard.route").getEvents().stream()
            .map(event -> told(event.getAttributes()))
            .toList();
    assertEquals(
        List.of(
            Map.ofEntries(
                Map.entry("replica", "w0"),
                Map.entry("in_flight", "3"),
                Map.entry("running", "5"),
                Map.entry("waiting", "2"),
                Map.entry("report_age_ms", "40"),
                Map.entry("others", "4"),
                Map.entry("own_waiting", "11"),
                Map.entry("overdue_ms", "17.0"),
                Map.entry("weight", "0.5"),
                Map.entry("cost", "1.5"),
                Map.entry("prefix_tokens", "64"),
                Map.entry("predicted_ttft_ms", "20.0"),
                Map.entry("predicted_ttft_p90_ms", "30.0"),
                Map.entry("predicted_tpot_ms", "8.0"),
                Map.entry("predicted_tpot_p90_ms", "9.0"),
                Map.entry("score", "0.25")),
            Map.ofEntries(
                Map.entry("replica", "w1"),
                Map.entry("in_flight", "0"),
                Map.entry("running", "0"),
                Map.entry("waiting", "0"),
                Map.entry("report_age_ms", "-1"),
                Map.entry("others", "0"),
                Map.entry("own_waiting", "0"),
                Map.entry("overdue_ms", "0.0"),
                Map.entry("weight", "1.0"),
                Map.entry("cost", "0.0"),
                Map.entry("prefix_tokens", "0"),
                Map.entry("predicted_ttft_ms", "1.0"),
                Map.entry("predicted_ttft_p90_ms", "2.0"),
                Map.entry("predicted_tpot_ms", "3.0"),
                Map.entry("predicted_tpot_p90_ms", "4.0"),
                Map.entry("rejected", "draining"))),
        candidates);
  }

  @Test
  void theEngineTellsItsPhases() {
    assertEquals(Map.of("choice", "0", "preemptions", "1"), told("engine.queue"));
    Map<String, String> prefill = told("engine.prefill");
    prefill.remove("clock_error_ms");
    assertEquals(
        Map.of(
            "choice", "0",
            "tokens", "200",
            "cached_tokens", "64",
            "recomputed_tokens", "16",
            "steps", "2",
            "wait_ms", "3.0",
            "slowest_step", "7",
            "slowest_step_ms", "40.0"),
        prefill);
    Map<String, String> decode = told("engine.decode");
    decode.remove("clock_error_ms");
    assertEquals(
        Map.of(
            "choice", "0", "tokens", "63", "cached_tokens", "0", "steps", "63", "wait_ms", "5.0"),
        decode);
  }

  @Test
  void eachLaneTellsWhatItDidAndWhomItKeptWaiting() {
    assertEquals(
        Map.ofEntries(
            Map.entry("stage", "1"),
            Map.entry("rank", "3"),
            Map.entry("compute_ms", "30.0"),
            Map.entry("all_reduce_wait_ms", "6.0"),
            Map.entry("receive_wait_ms", "5.0"),
            Map.entry("send_ms", "4.0"),
            Map.entry("sample_ms", "3.0"),
            Map.entry("copy_ms", "2.0"),
            Map.entry("off_cpu_ms", "9.0"),
            Map.entry("steps", "2"),
            Map.entry("straggler_share", "0.5"),
            Map.entry("straggler", "true"),
            Map.entry("bytes", "4096"),
            Map.entry("late_ms", "8.0"),
            Map.entry("longest_late_ms", "7.0"),
            Map.entry("latest_at", Collective.of(5).toString())),
        told("stage 1 › rank 3"));
  }

  private Map<String, String> told(String span) {
    return told(exported.named(span).getAttributes());
  }

  /** All of ours, without what all of them begin with. */
  private static Map<String, String> told(Attributes attributes) {
    Map<String, String> told = new TreeMap<>();
    attributes.forEach(
        (key, value) ->
            told.put(key.getKey().replaceFirst("^switchboard\\.", ""), value.toString()));
    return told;
  }

  private static FlightRecord record() {
    Flight flight = new Flight("r", () -> BEGUN + 300 * MS);
    flight.endpoint("chat");
    flight.model("m");
    flight.slo(SLO);
    flight.stream(true);
    flight.decision(decision());
    flight.mark(Mark.ACCEPTED, BEGUN);
    flight.mark(Mark.RECEIVED, BEGUN + MS);
    flight.mark(Mark.PARSED, BEGUN + 3 * MS);
    flight.mark(Mark.ADMITTED, BEGUN + 7 * MS);
    flight.mark(Mark.ROUTED, BEGUN + 8 * MS);
    flight.mark(Mark.CONNECTED, BEGUN + 9 * MS);
    flight.mark(Mark.ANSWERED, BEGUN + 20 * MS);
    flight.mark(Mark.FIRST_TOKEN, BEGUN + 60 * MS);
    flight.mark(Mark.UPSTREAM_ENDED, BEGUN + 299 * MS);
    flight.attempt(
        new FlightRecord.Attempt(1, "w0", BEGUN + 8 * MS, BEGUN + 299 * MS, null, false, null));
    flight.timelines(List.of(timeline()), new EngineStamps(BEGUN + 9 * MS, BEGUN + 298 * MS));
    return flight.finish(Outcome.OK, 200, null);
  }

  private static Decision decision() {
    Workload.Snapshot own = new Workload.Snapshot(11, 0, 0, 17, 0, 0, 1, Rates.UNKNOWN);
    ReplicaView busy =
        ReplicaView.of("w0", "m")
            .withInFlight(3)
            .withReport(5, 2, 100, 40)
            .withOwn(own)
            .withWeight(0.5)
            .withCost(1.5);
    ReplicaView leaving = ReplicaView.of("w1", "m").withState("DRAINING");
    return new Decision(
        "slo",
        "alias",
        "m",
        "w0",
        List.of(
            new Decision.Candidate(busy, null, 0.25, new Prediction(20, 30, 8, 9, 10), 64),
            new Decision.Candidate(
                leaving, "draining", Double.NaN, new Prediction(1, 2, 3, 4, 10), 0)),
        new Decision.Shadow("random", "w1"),
        new Decision.Fallback("alias", "m", "no_ready_replica"));
  }

  private static Phase prefill() {
    Lane lane =
        new Lane(
            1,
            3,
            BEGUN + 15 * MS,
            BEGUN + 58 * MS,
            30 * MS,
            6 * MS,
            5 * MS,
            4 * MS,
            3 * MS,
            2 * MS,
            9 * MS,
            2,
            1,
            4096,
            8 * MS,
            7 * MS,
            Collective.of(5));
    Step slowest =
        new Step(
            7,
            BEGUN + 15 * MS,
            BEGUN + 16 * MS,
            BEGUN + 56 * MS,
            Calls.NONE,
            1,
            4,
            4,
            List.of(1L),
            List.of());
    return new Phase(
        BEGUN + 14 * MS,
        BEGUN + 59 * MS,
        200,
        64,
        16,
        2,
        3 * MS,
        Critical.NONE,
        slowest,
        List.of(lane));
  }

  private static RequestTimeline timeline() {
    return new RequestTimeline(
        "r",
        0,
        BEGUN + 10 * MS,
        BEGUN + 12 * MS,
        BEGUN + 14 * MS,
        BEGUN + 59 * MS,
        BEGUN + 297 * MS,
        1,
        prefill(),
        new Phase(
            BEGUN + 59 * MS,
            BEGUN + 297 * MS,
            63,
            0,
            0,
            63,
            5 * MS,
            Critical.NONE,
            null,
            List.of()),
        List.of());
  }
}
