package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.PackedBytes.Reader;
import dev.switchboard.gateway.flight.PackedBytes.Writer;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Load;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import java.util.HashMap;
import java.util.Map;

/**
 * A flight record as bytes and back. A record is some forty objects, and thousands are kept for a
 * while each: to copy them is most of what a collection of the young generation would have to do,
 * and it stops every request. Bytes without references are copied at once.
 */
final class FlightCodec {
  private static final ReplicaView.Circuit[] CIRCUITS = ReplicaView.Circuit.values();
  private static final Outcome[] OUTCOMES = Outcome.values();
  private static final EngineAnswer.Why[] WHYS = EngineAnswer.Why.values();
  private static final ThreadLocal<Writer> WRITER = ThreadLocal.withInitial(Writer::new);

  private FlightCodec() {}

  static byte[] pack(FlightRecord record) {
    Writer to = WRITER.get();
    to.start(record.at(Flight.Mark.ACCEPTED));
    to.text(record.id());
    to.text(record.endpoint());
    to.text(record.model());
    to.text(record.tenant());
    slo(to, record.slo());
    to.flag(record.stream());
    to.constant(record.outcome());
    to.number(record.status());
    to.optional(record.failure(), FlightCodec::failure);
    to.text(record.traceId());
    to.number(record.marks().length);
    for (long mark : record.marks()) {
      to.moment(mark);
    }
    to.optional(record.decision(), FlightCodec::decision);
    to.list(record.attempts(), FlightCodec::attempt);
    parameters(to, record.parameters());
    to.number(record.usage().promptTokens());
    to.number(record.usage().cachedTokens());
    to.number(record.usage().completionTokens());
    to.text(record.finishReason());
    to.text(record.names().id());
    to.text(record.names().model());
    to.number(record.contentEvents());
    to.number(record.longestGapNanos());
    to.list(record.stalls(), FlightCodec::interval);
    waits(to, record.waits());
    engines(to, record.engines());
    return to.toBytes();
  }

  static FlightRecord unpack(byte[] bytes) {
    Reader from = new Reader(bytes);
    return new FlightRecord(
        from.text(),
        from.text(),
        from.text(),
        from.text(),
        slo(from),
        from.flag(),
        from.constant(OUTCOMES),
        from.integer(),
        from.optional(FlightCodec::failure),
        from.optionalText(),
        marks(from),
        from.optional(FlightCodec::decision),
        from.list(FlightCodec::attempt),
        parameters(from),
        new Usage(from.integer(), from.integer(), from.integer()),
        from.optionalText(),
        new AnswerNames(from.optionalText(), from.optionalText()),
        from.integer(),
        from.number(),
        from.list(FlightCodec::interval),
        waits(from),
        engines(from));
  }

  private static void slo(Writer to, Slo slo) {
    to.text(slo.name());
    to.number(slo.ttftMs());
    to.real(slo.tpotMs());
    to.number(slo.deadlineMs());
    to.number(slo.priority());
  }

  private static Slo slo(Reader from) {
    return new Slo(from.text(), from.integer(), from.real(), from.integer(), from.integer());
  }

  private static long[] marks(Reader from) {
    long[] marks = new long[from.integer()];
    for (int i = 0; i < marks.length; i++) {
      marks[i] = from.moment();
    }
    return marks;
  }

  private static void failure(Writer to, Failure failure) {
    ApiError error = failure.error();
    to.constant(failure.outcome());
    to.number(error.status());
    to.text(error.type());
    to.text(error.code());
    to.text(error.param());
    to.text(error.message());
    to.number(failure.retryAfterSeconds());
    to.text(failure.timingJson());
    to.text(failure.limit());
  }

  private static Failure failure(Reader from) {
    return new Failure(
        from.constant(OUTCOMES),
        new ApiError(
            from.integer(), from.text(), from.optionalText(), from.optionalText(), from.text()),
        from.integer(),
        from.optionalText(),
        from.optionalText());
  }

  private static void decision(Writer to, Decision decision) {
    to.text(decision.policy());
    to.text(decision.requested());
    to.text(decision.model());
    to.text(decision.chosen());
    to.list(decision.candidates(), FlightCodec::candidate);
    to.optional(
        decision.shadow(),
        (writer, shadow) -> {
          writer.text(shadow.policy());
          writer.text(shadow.chosen());
        });
    to.optional(
        decision.fallback(),
        (writer, fallback) -> {
          writer.text(fallback.from());
          writer.text(fallback.to());
          writer.text(fallback.reason());
        });
  }

  private static Decision decision(Reader from) {
    return new Decision(
        from.text(),
        from.text(),
        from.text(),
        from.optionalText(),
        from.list(FlightCodec::candidate),
        from.optional(reader -> new Decision.Shadow(reader.text(), reader.optionalText())),
        from.optional(
            reader -> new Decision.Fallback(reader.text(), reader.text(), reader.text())));
  }

  private static void candidate(Writer to, Decision.Candidate candidate) {
    view(to, candidate.view());
    to.text(candidate.rejected());
    to.real(candidate.score());
    Prediction prediction = candidate.prediction();
    to.real(prediction.ttftMs());
    to.real(prediction.ttftP90Ms());
    to.real(prediction.tpotMs());
    to.real(prediction.tpotP90Ms());
    to.real(prediction.outputTokens());
    to.real(candidate.prefixTokens());
  }

  private static Decision.Candidate candidate(Reader from) {
    return new Decision.Candidate(
        view(from),
        from.optionalText(),
        from.real(),
        new Prediction(from.real(), from.real(), from.real(), from.real(), from.real()),
        from.real());
  }

  private static void view(Writer to, ReplicaView view) {
    to.text(view.id());
    to.text(view.model());
    to.flag(view.routable());
    to.text(view.state());
    to.number(view.inFlight());
    to.number(view.running());
    to.number(view.waiting());
    to.number(view.waitingTokens());
    to.number(view.reportAgeMs());
    to.number(view.others());
    workload(to, view.own());
    to.real(view.weight());
    to.real(view.cost());
    to.number(view.maxConcurrency());
    to.constant(view.circuit());
    to.real(view.kvUsed());
  }

  private static ReplicaView view(Reader from) {
    return new ReplicaView(
        from.text(),
        from.text(),
        from.flag(),
        from.text(),
        from.integer(),
        from.integer(),
        from.integer(),
        from.number(),
        from.number(),
        from.integer(),
        workload(from),
        from.real(),
        from.real(),
        from.integer(),
        from.constant(CIRCUITS),
        from.real());
  }

  private static void workload(Writer to, Workload.Snapshot own) {
    to.number(own.waiting());
    to.real(own.waitingTokens());
    to.number(own.running());
    to.real(own.overdueMs());
    to.real(own.urgency());
    to.real(own.paceMs());
    to.real(own.prefixTrust());
    rates(to, own.rates());
    to.list(own.line(), FlightCodec::waiting);
  }

  private static void waiting(Writer to, Workload.Waiting waiting) {
    to.number(waiting.priority());
    to.real(waiting.load().waiting());
    to.real(waiting.load().waitingTokens());
    to.real(waiting.load().running());
  }

  private static Workload.Waiting waiting(Reader from) {
    return new Workload.Waiting(from.integer(), new Load(from.real(), from.real(), from.real()));
  }

  private static Workload.Snapshot workload(Reader from) {
    return new Workload.Snapshot(
        from.integer(),
        from.real(),
        from.integer(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        rates(from),
        from.list(FlightCodec::waiting));
  }

  private static void rates(Writer to, Rates rates) {
    to.real(rates.overheadMs());
    to.real(rates.promptTokenMs());
    to.real(rates.runningMs());
    to.real(rates.waitingMs());
    to.real(rates.stepMs());
    to.real(rates.batchMs());
    to.real(rates.mixMs());
    to.real(rates.mixTokens());
    to.real(rates.ttftSlowdown());
    to.real(rates.tpotSlowdown());
    to.real(rates.ttftSpread());
    to.real(rates.tpotSpread());
    to.real(rates.answerTokens());
    to.number(rates.atNanos());
    to.number(rates.samples());
  }

  private static Rates rates(Reader from) {
    return new Rates(
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.real(),
        from.number(),
        from.number());
  }

  private static void attempt(Writer to, FlightRecord.Attempt attempt) {
    to.number(attempt.number());
    to.text(attempt.replica());
    to.moment(attempt.startNanos());
    to.moment(attempt.endNanos());
    to.text(attempt.error());
    to.flag(attempt.hedge());
    to.optional(
        attempt.move(),
        (writer, move) -> {
          writer.text(move.cause());
          writer.moment(move.lostNanos());
          writer.moment(move.cutNanos());
          writer.moment(move.resumedNanos());
        });
  }

  private static FlightRecord.Attempt attempt(Reader from) {
    return new FlightRecord.Attempt(
        from.integer(),
        from.text(),
        from.moment(),
        from.moment(),
        from.optionalText(),
        from.flag(),
        from.optional(
            reader ->
                new FlightRecord.Move(
                    reader.text(), reader.moment(), reader.moment(), reader.moment())));
  }

  private static void parameters(Writer to, RequestParameters parameters) {
    to.number(parameters.choices());
    to.optional(parameters.maxTokens(), Writer::integer);
    to.optional(parameters.temperature(), Writer::real);
    to.optional(parameters.topP(), Writer::real);
    to.optional(parameters.topK(), Writer::integer);
    to.optional(parameters.presencePenalty(), Writer::real);
    to.optional(parameters.frequencyPenalty(), Writer::real);
    to.optional(parameters.seed(), Writer::number);
    to.flag(parameters.json());
  }

  private static RequestParameters parameters(Reader from) {
    return new RequestParameters(
        from.integer(),
        from.optional(Reader::integer),
        from.optional(Reader::real),
        from.optional(Reader::real),
        from.optional(Reader::integer),
        from.optional(Reader::real),
        from.optional(Reader::real),
        from.optional(Reader::number),
        from.flag());
  }

  private static void interval(Writer to, FlightRecord.Interval interval) {
    to.moment(interval.startNanos());
    to.moment(interval.endNanos());
  }

  private static FlightRecord.Interval interval(Reader from) {
    return new FlightRecord.Interval(from.moment(), from.moment());
  }

  private static void waits(Writer to, Waits waits) {
    to.list(waits.replica(), FlightCodec::interval);
    to.list(waits.loop(), FlightCodec::interval);
    to.list(waits.unread(), FlightCodec::interval);
    to.moment(waits.lostNanos());
    to.moment(waits.connectedNanos());
    to.number(waits.socketNanos());
    to.number(waits.tlsNanos());
  }

  private static Waits waits(Reader from) {
    return new Waits(
        from.list(FlightCodec::interval),
        from.list(FlightCodec::interval),
        from.list(FlightCodec::interval),
        from.moment(),
        from.moment(),
        from.number(),
        from.number());
  }

  private static void engines(Writer to, Engines engines) {
    to.list(engines.timelines(), FlightCodec::timeline);
    to.moment(engines.stamps().receivedNanos());
    to.moment(engines.stamps().sentNanos());
    to.number(engines.asked().size());
    engines
        .asked()
        .forEach(
            (attempt, answer) -> {
              to.number(attempt);
              answer(to, answer);
            });
  }

  private static Engines engines(Reader from) {
    var timelines = from.list(FlightCodec::timeline);
    EngineStamps stamps = new EngineStamps(from.moment(), from.moment());
    int answers = from.integer();
    Map<Integer, EngineAnswer> asked = HashMap.newHashMap(answers);
    for (int i = 0; i < answers; i++) {
      asked.put(from.integer(), answer(from));
    }
    return new Engines(timelines, stamps, asked);
  }

  private static void answer(Writer to, EngineAnswer answer) {
    switch (answer) {
      case EngineAnswer.Reported told -> {
        to.flag(true);
        to.list(told.engine().timelines(), FlightCodec::timeline);
        to.number(told.engine().offsetNanos());
        to.number(told.engine().errorNanos());
        to.flag(told.engine().clamped());
      }
      case EngineAnswer.Missing missing -> {
        to.flag(false);
        to.constant(missing.why());
      }
    }
  }

  private static EngineAnswer answer(Reader from) {
    if (from.flag()) {
      return new EngineAnswer.Reported(
          new PhaseBreakdown.Engine(
              from.list(FlightCodec::timeline), from.number(), from.number(), from.flag()));
    }
    return new EngineAnswer.Missing(from.constant(WHYS));
  }

  private static void timeline(Writer to, RequestTimeline timeline) {
    to.text(timeline.requestId());
    to.number(timeline.choice());
    to.moment(timeline.receivedNanos());
    to.moment(timeline.tokenizedNanos());
    to.moment(timeline.scheduledNanos());
    to.moment(timeline.firstTokenNanos());
    to.moment(timeline.finishedNanos());
    to.number(timeline.preemptions());
    to.optional(timeline.prefill(), FlightCodec::phase);
    to.optional(timeline.decode(), FlightCodec::phase);
    to.list(timeline.steps(), FlightCodec::step);
  }

  private static RequestTimeline timeline(Reader from) {
    return new RequestTimeline(
        from.text(),
        from.integer(),
        from.moment(),
        from.moment(),
        from.moment(),
        from.moment(),
        from.moment(),
        from.integer(),
        from.optional(FlightCodec::phase),
        from.optional(FlightCodec::phase),
        from.list(FlightCodec::step));
  }

  private static void phase(Writer to, RequestTimeline.Phase phase) {
    to.moment(phase.startNanos());
    to.moment(phase.endNanos());
    to.number(phase.tokens());
    to.number(phase.cachedTokens());
    to.number(phase.recomputedTokens());
    to.number(phase.steps());
    to.number(phase.waitNanos());
    critical(to, phase.critical());
    to.optional(phase.slowest(), FlightCodec::step);
    to.list(phase.lanes(), FlightCodec::lane);
  }

  private static RequestTimeline.Phase phase(Reader from) {
    return new RequestTimeline.Phase(
        from.moment(),
        from.moment(),
        from.integer(),
        from.integer(),
        from.integer(),
        from.integer(),
        from.number(),
        critical(from),
        from.optional(FlightCodec::step),
        from.list(FlightCodec::lane));
  }

  private static void critical(Writer to, RequestTimeline.Critical critical) {
    to.number(critical.computeNanos());
    to.number(critical.collectiveWaitNanos());
    to.number(critical.transferNanos());
    to.number(critical.sampleNanos());
    to.number(critical.offCpuNanos());
    to.number(critical.neighbourPrefillNanos());
  }

  private static RequestTimeline.Critical critical(Reader from) {
    return new RequestTimeline.Critical(
        from.number(), from.number(), from.number(), from.number(), from.number(), from.number());
  }

  private static void step(Writer to, RequestTimeline.Step step) {
    to.number(step.step());
    to.moment(step.submitNanos());
    to.moment(step.startNanos());
    to.moment(step.endNanos());
    to.moment(step.calls().submitNanos());
    to.moment(step.calls().submittedNanos());
    to.moment(step.calls().awaitedNanos());
    to.number(step.requestTokens());
    to.number(step.batchTokens());
    to.number(step.batchRequests());
    to.list(step.members(), Writer::number);
    to.list(step.lanes(), FlightCodec::lane);
  }

  private static RequestTimeline.Step step(Reader from) {
    return new RequestTimeline.Step(
        from.number(),
        from.moment(),
        from.moment(),
        from.moment(),
        new RequestTimeline.Calls(from.moment(), from.moment(), from.moment()),
        from.integer(),
        from.integer(),
        from.integer(),
        from.list(Reader::number),
        from.list(FlightCodec::lane));
  }

  private static void lane(Writer to, RequestTimeline.Lane lane) {
    to.number(lane.stage());
    to.number(lane.rank());
    to.moment(lane.startNanos());
    to.moment(lane.endNanos());
    to.number(lane.computeNanos());
    to.number(lane.allReduceWaitNanos());
    to.number(lane.receiveWaitNanos());
    to.number(lane.sendNanos());
    to.number(lane.sampleNanos());
    to.number(lane.copyNanos());
    to.number(lane.offCpuNanos());
    to.number(lane.steps());
    to.number(lane.stragglerSteps());
    to.number(lane.bytes());
    to.number(lane.lateNanos());
    to.number(lane.longestLateNanos());
    to.number(lane.latestAt().kind().number());
    to.number(lane.latestAt().layer());
  }

  private static RequestTimeline.Lane lane(Reader from) {
    return new RequestTimeline.Lane(
        from.integer(),
        from.integer(),
        from.moment(),
        from.moment(),
        from.number(),
        from.number(),
        from.number(),
        from.number(),
        from.number(),
        from.number(),
        from.number(),
        from.integer(),
        from.integer(),
        from.number(),
        from.number(),
        from.number(),
        new Collective(Collective.Kind.of(from.integer()), from.integer()));
  }
}
