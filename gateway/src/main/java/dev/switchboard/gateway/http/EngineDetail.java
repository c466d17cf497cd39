package dev.switchboard.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.EngineAnswer;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import dev.switchboard.timers.Timers;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks workers after a request what their answers did not tell: of attempts that broke, moved or
 * were given up anything, and of others each step, which would burden every answer and is seldom
 * read. What they told stays in the recorder, whoever asked, so that a worker's end takes nothing
 * away of it. Who does not answer soon is gone, or has more to do than this. Never fails: why a
 * worker did not tell is an answer too.
 */
public final class EngineDetail {
  private static final Logger LOG = LoggerFactory.getLogger(EngineDetail.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TIMEOUT_MS = 1000;
  private static final int MOST_BYTES = 8 << 20;

  /** A worker notices a closed connection after its present step. */
  private static final int AGAIN_MS = 50;

  private static final int MOST_TRIES = 5;

  private final Timers timers;
  private final UpstreamClient client;
  private final Fleet fleet;
  private final FlightRecorder recorder;

  public EngineDetail(Timers timers, UpstreamClient client, Fleet fleet, FlightRecorder recorder) {
    this.timers = timers;
    this.client = client;
    this.fleet = fleet;
    this.recorder = recorder;
  }

  /**
   * The record with all that its replicas still know of it: each step of the last one, and what the
   * others did. May be called for any request that is over.
   */
  public Future<FlightRecord> complete(FlightRecord record) {
    return ask(record, untold(record))
        .map(answers -> record.with(record.engines().and(answers)))
        .compose(this::withSteps);
  }

  private Future<FlightRecord> withSteps(FlightRecord record) {
    if (record.timelines().isEmpty() || record.tellsSteps()) {
      return Future.succeededFuture(record);
    }
    return ask(String.valueOf(record.replica()), record.id())
        .map(told -> record.with(record.engines().withTimelines(timelines(told))))
        .otherwise(record);
  }

  /** Whether something of it is known to its replicas only. */
  static boolean lacks(FlightRecord record) {
    return !untold(record).isEmpty();
  }

  /**
   * What replicas say of a request that has just ended, by the attempt's number.
   *
   * @param steps whether each step of the attempt that served is wanted too
   */
  Future<Map<Integer, EngineAnswer>> of(FlightRecord record, boolean steps) {
    return ask(record, steps ? lastOfEach(record).values() : untold(record));
  }

  /** Keeps what was said of attempts, but for their steps: many would displace other requests. */
  private void keep(FlightRecord record, Map<Integer, EngineAnswer> answers) {
    Map<Integer, EngineAnswer> summed = new HashMap<>();
    for (FlightRecord.Attempt attempt : untold(record)) {
      EngineAnswer answer = answers.get(attempt.number());
      if (answer != null) {
        summed.put(attempt.number(), answer.withoutSteps());
      }
    }
    recorder.heard(record, summed);
  }

  /** Those whose replicas did not tell with an answer. */
  private static Collection<FlightRecord.Attempt> untold(FlightRecord record) {
    Map<String, FlightRecord.Attempt> byReplica = lastOfEach(record);
    if (!record.timelines().isEmpty()) {
      byReplica.remove(String.valueOf(record.replica()));
    }
    return byReplica.values();
  }

  /** Of several at one replica it knows the last. */
  private static Map<String, FlightRecord.Attempt> lastOfEach(FlightRecord record) {
    Map<String, FlightRecord.Attempt> byReplica = new LinkedHashMap<>();
    for (FlightRecord.Attempt attempt : record.attempts()) {
      byReplica.put(attempt.replica(), attempt);
    }
    return byReplica;
  }

  private Future<Map<Integer, EngineAnswer>> ask(
      FlightRecord record, Collection<FlightRecord.Attempt> attempts) {
    Map<Integer, EngineAnswer> answers = new HashMap<>();
    List<Future<?>> asked = new ArrayList<>(attempts.size());
    for (FlightRecord.Attempt attempt : attempts) {
      asked.add(
          ask(attempt.replica(), record.id())
              .<EngineAnswer>map(told -> new EngineAnswer.Reported(engine(attempt, told)))
              .otherwise(cause -> new EngineAnswer.Missing(why(record, attempt, cause)))
              .onSuccess(answer -> answers.put(attempt.number(), answer)));
    }
    return asked.isEmpty()
        ? Future.succeededFuture(answers)
        : Future.join(asked).map(done -> answers).onSuccess(told -> keep(record, told));
  }

  /** Why a replica tells nothing. */
  private static final class NothingTold extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final EngineAnswer.Why why;

    NothingTold(EngineAnswer.Why why) {
      super(why.label(), null, false, false);
      this.why = why;
    }
  }

  private static EngineAnswer.Why why(
      FlightRecord record, FlightRecord.Attempt attempt, Throwable cause) {
    LOG.debug(
        "timeline_missing request={} trace={} replica={}",
        record.id(),
        record.traceId(),
        attempt.replica(),
        cause);
    return switch (cause) {
      case NothingTold nothing -> nothing.why;
      case UpstreamClient.StatusException status when status.status() == 404 ->
          EngineAnswer.Why.UNKNOWN_THERE;
      default -> EngineAnswer.Why.NO_ANSWER;
    };
  }

  /** A document that has timelines, or a failure. */
  private Future<JsonNode> ask(String replica, String id) {
    Replica found = fleet.find(replica);
    UpstreamAddress address = found == null ? null : found.address();
    if (found != null && !found.worker()) {
      return Future.failedFuture(new NothingTold(EngineAnswer.Why.NO_TIMELINES));
    }
    return found == null || address == null
        ? Future.failedFuture(new NothingTold(EngineAnswer.Why.REPLICA_GONE))
        : ask(address, id, MOST_TRIES);
  }

  private Future<JsonNode> ask(UpstreamAddress address, String id, int tries) {
    String path = "/engine/v1/requests/" + id + "/timeline?detail=steps";
    return client
        .get(address, path, TIMEOUT_MS, MOST_BYTES)
        .map(EngineDetail::read)
        .compose(
            told -> {
              if (!told.path("timelines").isEmpty()) {
                return Future.succeededFuture(told);
              }
              return tries > 1
                  ? later().compose(again -> ask(address, id, tries - 1))
                  : Future.failedFuture(new NothingTold(EngineAnswer.Why.NOT_ENDED));
            });
  }

  private Future<Void> later() {
    Promise<Void> come = Promise.promise();
    timers.after(AGAIN_MS, come::complete);
    return come.future();
  }

  private static JsonNode read(Buffer body) {
    try {
      return JSON.readTree(body.getBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<RequestTimeline> timelines(JsonNode told) {
    List<RequestTimeline> timelines = new ArrayList<>();
    told.path("timelines").forEach(each -> timelines.add(TimelineJson.read(each)));
    return timelines;
  }

  private static PhaseBreakdown.Engine engine(FlightRecord.Attempt attempt, JsonNode told) {
    // It wrote this later than the attempt ended.
    EngineStamps stamps = new EngineStamps(told.path("received_ns").asLong(), 0);
    return PhaseBreakdown.Engine.of(
        timelines(told), stamps, attempt.startNanos(), attempt.endNanos());
  }
}
