package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.stream.AnswerText;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.telemetry.Stragglers;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is done with the record of a request that is over: the recorder, the metrics, the tenant's
 * use, the ranks that were slow, its spans and its line in the log.
 *
 * @param body of the request, which its trace may tell
 * @param said what was answered, for the same; null for none
 */
record Settlement(Call call, Slo slo, Buffer body, @Nullable AnswerText said) {
  private static final Logger LOG = LoggerFactory.getLogger(Settlement.class);

  void settle(FlightRecord record) {
    GatewayContext gateway = call.gateway();
    long begun = gateway.metrics().threadNanos();
    CleanupSteps.all(
        () -> gateway.recorder().add(record),
        () -> count(record),
        () -> tell(record, call.nowNanos()));
    gateway.metrics().recorded(begun);
    if (record.outcome() != Outcome.OK || gateway.traces().logsAll()) {
      log(record);
    }
  }

  private void tell(FlightRecord record, long begun) {
    GatewayContext gateway = call.gateway();
    PhaseBreakdown breakdown = PhaseBreakdown.of(record);
    Stragglers stragglers = Stragglers.of(record, gateway.fleet()::find);
    List<String> waitedFor = places(gateway.metrics().blamed(record, slo, stragglers));
    gateway.metrics().finished(record, breakdown, slo, call.trace().exemplar(), waitedFor);
    gateway
        .events()
        .ended(record, slo, gateway.recorder().slow(record), begun, call.flight().aheadNanos());
    if (!waitedFor.isEmpty()) {
      gateway.recorder().waited(record, waitedFor);
    }
    gateway.recorder().tail().ended(record, waitedFor);
    tell(record, breakdown, stragglers);
  }

  /** Tokens that nobody told are none, as the metrics have it. */
  private static void log(FlightRecord record) {
    Usage used = record.usage();
    LOG.info(
        "request_end request={} trace={} endpoint={} outcome={} status={} replica={} wall_ms={}"
            + " prompt_tokens={} completion_tokens={} pieces={}",
        record.id(),
        record.traceId(),
        record.endpoint(),
        record.outcome().label(),
        record.status(),
        record.replica(),
        record.wallNanos() / 1_000_000,
        Math.max(0, used.promptTokens()),
        Math.max(0, used.completionTokens()),
        record.contentEvents());
  }

  /** Of the hour and day in which it ends: what it held over midnight, it held of the new day. */
  private void count(FlightRecord record) {
    Usage used = record.usage();
    call.gateway()
        .usage()
        .add(
            call.caller().tenant(),
            call.wallMs(),
            used.promptTokens(),
            used.cachedTokens(),
            used.completionTokens());
  }

  /** Makes its spans: now, or when the workers have said what their answers did not. */
  private void tell(FlightRecord record, PhaseBreakdown breakdown, Stragglers stragglers) {
    GatewayContext gateway = call.gateway();
    RequestTrace trace = call.trace();
    long now = call.nowNanos();
    RequestTrace.Telling telling =
        trace.judge(
            record, slo, gateway.recorder().slow(record), gateway.traces(), gateway.metrics(), now);
    Future<Map<Integer, EngineAnswer>> answers = answers(record, telling, now);
    if (telling.nothing()) {
      return;
    }
    Future<RequestTrace.Afterwards> known =
        content()
            .compose(
                content ->
                    answers.map(
                        found ->
                            new RequestTrace.Afterwards(
                                found,
                                stragglers,
                                gateway.steps(),
                                call.nowNanos(),
                                content.orElse(null))));
    if (known.succeeded()) {
      trace.finish(record, breakdown, telling, known.result());
    } else {
      known.onSuccess(told -> finish(record, breakdown, telling, told));
    }
  }

  private static List<String> places(List<Stragglers.Rank> ranks) {
    return ranks.isEmpty()
        ? List.of()
        : ranks.stream().map(rank -> rank.stage() + "." + rank.rank()).distinct().toList();
  }

  /** Later, when nothing else measures what it takes. */
  private void finish(
      FlightRecord record,
      PhaseBreakdown breakdown,
      RequestTrace.Telling telling,
      RequestTrace.Afterwards known) {
    long begun = call.gateway().metrics().threadNanos();
    call.trace().finish(record, breakdown, telling, known);
    call.gateway().metrics().recorded(begun);
  }

  /** Asks replicas where spans will tell it, or the record is one that stays. */
  private Future<Map<Integer, EngineAnswer>> answers(
      FlightRecord record, RequestTrace.Telling telling, long nowNanos) {
    GatewayContext gateway = call.gateway();
    boolean asks =
        telling.asks()
            || (gateway.recorder().interesting(record)
                && EngineDetail.lacks(record)
                && gateway.traces().mayKeep(nowNanos));
    if (!asks) {
      return Future.succeededFuture(Map.of());
    }
    return new EngineDetail(
            call.loop().timers(), call.loop().client(), gateway.fleet(), gateway.recorder())
        .of(record, telling.steps());
  }

  /** What was said, where the tenant's traces tell it. */
  private Future<Optional<RequestTrace.Content>> content() {
    AnswerText answer = said;
    if (answer == null) {
      return Future.succeededFuture(Optional.empty());
    }
    byte[] asked = body.getBytes();
    int most = call.gateway().traces().contentBytes(call.caller().tenant());
    return call.loop()
        .work(
            asked.length,
            () ->
                Optional.of(
                    new RequestTrace.Content(
                        AnswerText.ofRequest(asked, most),
                        answer.messages(),
                        AnswerText.stops(asked, most))));
  }
}
