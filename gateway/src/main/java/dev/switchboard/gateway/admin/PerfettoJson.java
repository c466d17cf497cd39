package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One request in the trace event format that Perfetto and Chrome's tracing view open: the gateway's
 * event loop, the engine's loop and every stage and rank on one clock, that of the gateway.
 *
 * <p>Times are microseconds since the request was accepted. A lane's slice spans a step of the
 * whole batch; how much of it was computing and how much waiting stands in its arguments, for the
 * order of the two inside a step is not recorded.
 */
final class PerfettoJson {
  private static final double NANOS_PER_US = 1e3;
  private static final int GATEWAY = 1;
  private static final int FIRST_ENGINE = 2;
  private static final int EVENT_LOOP = 1;
  private static final int ATTEMPTS = 2;
  private static final int STALLS = 3;
  private static final int REQUEST = 1;
  private static final int SUBMIT = 2;
  private static final int HANDED_OVER = 3;
  private static final int AWAIT = 4;
  private static final int FIRST_LANE = 10;
  private static final int LANES_PER_STAGE = 64;
  private static final int TRACKS_PER_CHOICE = 10_000;

  private final ObjectNode document = JsonNodeFactory.instance.objectNode();
  private final ArrayNode events = document.putArray("traceEvents");
  private final Set<Long> named = new HashSet<>();
  private final FlightRecord record;
  private final long origin;
  private int engine = FIRST_ENGINE;
  private boolean detailed;

  private PerfettoJson(FlightRecord record) {
    this.record = record;
    this.origin = record.at(Mark.ACCEPTED);
  }

  static ObjectNode of(FlightRecord record) {
    return new PerfettoJson(record).write();
  }

  private ObjectNode write() {
    document.put("displayTimeUnit", "ms");
    ObjectNode about = document.putObject("metadata");
    about.put("request", record.id()).put("model", record.model());
    about.put("outcome", record.outcome().label()).put("replica", record.replica());
    about.put("trace_id", record.traceId());
    process(GATEWAY, "gateway");
    gateway();
    PhaseBreakdown.Engine served = PhaseBreakdown.of(record).engine();
    if (served != null) {
      about.put("clock_offset_us", served.offsetNanos() / NANOS_PER_US);
      about.put("clock_error_us", served.errorNanos() / NANOS_PER_US);
      engine("engine worker " + record.replica(), served);
    }
    for (FlightRecord.Attempt attempt : record.attempts()) {
      if (record.engines().asked().get(attempt.number()) instanceof EngineAnswer.Reported told) {
        engine("engine worker " + attempt.replica() + ", " + name(attempt), told.engine());
      }
    }
    return document;
  }

  private static String name(FlightRecord.Attempt attempt) {
    return (attempt.hedge() ? "hedge " : "attempt ") + attempt.number();
  }

  /** Each has a process of its own. */
  private void engine(String name, PhaseBreakdown.Engine told) {
    process(engine, name);
    detailed = told.timelines().stream().anyMatch(each -> !each.steps().isEmpty());
    told.timelines().forEach(this::generation);
    steps(told.timelines());
    engine++;
  }

  // ------------------------------------------------------------------ gateway

  private void gateway() {
    thread(GATEWAY, EVENT_LOOP, "event loop");
    Mark[] marks = Mark.values();
    long from = origin;
    for (int i = 1; i < marks.length; i++) {
      long to = record.at(marks[i]);
      if (to != 0) {
        slice(GATEWAY, EVENT_LOOP, "until " + word(marks[i]), from, to);
        from = Math.max(from, to);
      }
    }
    thread(GATEWAY, ATTEMPTS, "attempts");
    for (FlightRecord.Attempt attempt : record.attempts()) {
      String name = name(attempt) + " at " + attempt.replica();
      ObjectNode slice = slice(GATEWAY, ATTEMPTS, name, attempt.startNanos(), attempt.endNanos());
      slice.putObject("args").put("error", attempt.error());
    }
    for (FlightRecord.Interval stall : record.stalls()) {
      thread(GATEWAY, STALLS, "client");
      slice(GATEWAY, STALLS, "does not read", stall.startNanos(), stall.endNanos());
    }
  }

  private static String word(Mark mark) {
    return mark.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  // ------------------------------------------------------------------ engine

  private void generation(RequestTimeline timeline) {
    int track = REQUEST + timeline.choice() * TRACKS_PER_CHOICE;
    thread(engine, track, "choice " + timeline.choice());
    slice(engine, track, "tokenize", timeline.receivedNanos(), timeline.tokenizedNanos());
    if (timeline.scheduledNanos() != 0) {
      slice(engine, track, "queue", timeline.tokenizedNanos(), timeline.scheduledNanos());
    }
    phase(track, "prefill", timeline.prefill());
    phase(track, "decode", timeline.decode());
  }

  private void phase(int track, String name, @Nullable Phase phase) {
    if (phase == null) {
      return;
    }
    ObjectNode slice = slice(engine, track, name, phase.startNanos(), phase.endNanos());
    slice
        .putObject("args")
        .put("tokens", phase.tokens())
        .put("cached_tokens", phase.cachedTokens())
        .put("recomputed_tokens", phase.recomputedTokens())
        .put("steps", phase.steps())
        .put("wait_us", phase.waitNanos() / NANOS_PER_US);
    // Without step detail the lanes of the whole phase are all there is.
    if (!detailed) {
      phase.lanes().forEach(lane -> lane(lane, name));
    }
  }

  private void steps(List<RequestTimeline> timelines) {
    Set<Long> written = new HashSet<>();
    for (RequestTimeline timeline : timelines) {
      for (Step step : timeline.steps()) {
        if (written.add(step.step())) {
          step(step);
        }
      }
    }
  }

  private void step(Step step) {
    String name = "step " + step.step();
    calls(step.calls(), step, name);
    thread(engine, HANDED_OVER, "submit to start");
    slice(engine, HANDED_OVER, name, step.submitNanos(), step.startNanos())
        .putObject("args")
        .put("request_tokens", step.requestTokens())
        .put("batch_tokens", step.batchTokens())
        .put("batch_requests", step.batchRequests());
    step.lanes().forEach(lane -> lane(lane, name));
  }

  /** What it takes to cross from the JVM into the engine and back. */
  private void calls(Calls calls, Step step, String name) {
    if (!calls.equals(Calls.NONE)) {
      thread(engine, SUBMIT, "FFM call sb_submit");
      slice(engine, SUBMIT, name, calls.submitNanos(), calls.submittedNanos());
      thread(engine, AWAIT, "FFM call sb_await, from the engine's end to its return");
      slice(engine, AWAIT, name, step.endNanos(), calls.awaitedNanos());
    }
  }

  private void lane(Lane lane, String name) {
    int track = FIRST_LANE + lane.stage() * LANES_PER_STAGE + lane.rank();
    thread(engine, track, "stage " + lane.stage() + " rank " + lane.rank());
    ObjectNode args =
        slice(engine, track, name, lane.startNanos(), lane.endNanos()).putObject("args");
    args.put("compute_us", lane.computeNanos() / NANOS_PER_US)
        .put("all_reduce_wait_us", lane.allReduceWaitNanos() / NANOS_PER_US)
        .put("receive_wait_us", lane.receiveWaitNanos() / NANOS_PER_US)
        .put("send_us", lane.sendNanos() / NANOS_PER_US)
        .put("sample_us", lane.sampleNanos() / NANOS_PER_US)
        .put("copy_us", lane.copyNanos() / NANOS_PER_US)
        .put("off_cpu_us", lane.offCpuNanos() / NANOS_PER_US)
        .put("bytes", lane.bytes())
        .put("straggler", lane.stragglerSteps() > 0);
    if (lane.lateNanos() > 0) {
      args.put("late_us", lane.lateNanos() / NANOS_PER_US)
          .put("longest_late_us", lane.longestLateNanos() / NANOS_PER_US)
          .put("latest_at", lane.latestAt().toString());
    }
  }

  // ------------------------------------------------------------------ events

  private void process(int pid, String name) {
    event("M", pid, 0, "process_name").putObject("args").put("name", name);
  }

  /** Names a track once; tracks are shown in the order of their numbers. */
  private void thread(int pid, int tid, String name) {
    if (named.add((long) pid << 32 | tid)) {
      event("M", pid, tid, "thread_name").putObject("args").put("name", name);
      event("M", pid, tid, "thread_sort_index").putObject("args").put("sort_index", tid);
    }
  }

  private ObjectNode slice(int pid, int tid, String name, long fromNanos, long toNanos) {
    ObjectNode event = event("X", pid, tid, name);
    event.put("ts", (fromNanos - origin) / NANOS_PER_US);
    return event.put("dur", Math.max(0, toNanos - fromNanos) / NANOS_PER_US);
  }

  private ObjectNode event(String kind, int pid, int tid, String name) {
    return events.addObject().put("ph", kind).put("pid", pid).put("tid", tid).put("name", name);
  }
}
