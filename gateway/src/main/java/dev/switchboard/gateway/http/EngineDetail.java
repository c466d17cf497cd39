package dev.switchboard.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks workers after a request what their answers did not tell: of attempts that broke, moved or
 * were given up anything, and of others each step, which would burden every answer and is seldom
 * read. Who does not answer soon is gone, or has more to do than this.
 */
public final class EngineDetail {
  private static final Logger LOG = LoggerFactory.getLogger(EngineDetail.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TIMEOUT_MS = 1000;
  private static final int MOST_BYTES = 8 << 20;

  /** A worker notices a closed connection after its present step. */
  private static final int AGAIN_MS = 50;

  private static final int MOST_TRIES = 5;

  private final Vertx vertx;
  private final UpstreamClient client;
  private final Fleet fleet;

  public EngineDetail(Vertx vertx, UpstreamClient client, Fleet fleet) {
    this.vertx = vertx;
    this.client = client;
    this.fleet = fleet;
  }

  /**
   * The record with each step of its last replica, as long as that remembers it; never fails. May
   * be called for any request that is over.
   */
  public Future<FlightRecord> withSteps(FlightRecord record) {
    Source source = lacksSteps(record) ? source(String.valueOf(record.replica())) : null;
    if (source == null) {
      return Future.succeededFuture(record);
    }
    return ask(source, record.id(), 1)
        .map(
            told ->
                told.path("timelines").isEmpty() ? record : record.withTimelines(timelines(told)))
        .otherwise(record);
  }

  private static boolean lacksSteps(FlightRecord record) {
    return !record.timelines().isEmpty() && !record.tellsSteps();
  }

  /**
   * By the attempt's number; never fails.
   *
   * @param steps whether each step of the attempt that served is wanted too
   */
  Future<Map<Integer, Story.Engine>> of(FlightRecord record, boolean steps) {
    Map<Integer, Story.Engine> found = new HashMap<>();
    List<Future<?>> asked = new ArrayList<>();
    for (FlightRecord.Attempt attempt : unknown(record, steps)) {
      Source source = source(attempt.replica());
      if (source != null) {
        asked.add(
            ask(source, record.id(), MOST_TRIES)
                .map(told -> tell(attempt, told, found))
                .onFailure(cause -> LOG.debug("timeline_missing request={}", record.id(), cause)));
      }
    }
    return asked.isEmpty()
        ? Future.succeededFuture(found)
        : Future.join(asked).transform(done -> Future.succeededFuture(found));
  }

  /** Of several at one replica it knows the last. */
  private static Iterable<FlightRecord.Attempt> unknown(FlightRecord record, boolean steps) {
    Map<String, FlightRecord.Attempt> byReplica = new HashMap<>();
    for (FlightRecord.Attempt attempt : record.attempts()) {
      byReplica.put(attempt.replica(), attempt);
    }
    if (!record.timelines().isEmpty() && !steps) {
      byReplica.remove(String.valueOf(record.replica()));
    }
    return byReplica.values();
  }

  /** A worker that can be asked, and how. */
  private record Source(URI address, UpstreamAccess access) {}

  /** Null of a server that keeps no timelines, and of a worker that is gone. */
  private @Nullable Source source(String id) {
    Replica replica = fleet.find(id);
    URI address = replica == null || !replica.worker() ? null : replica.address();
    return replica == null || address == null ? null : new Source(address, replica.access());
  }

  private Future<JsonNode> ask(Source source, String id, int tries) {
    String path = "/engine/v1/requests/" + id + "/timeline?detail=steps";
    return client
        .get(
            source.address,
            path,
            source.access.tlsCaFile(),
            source.access.authorization(),
            TIMEOUT_MS,
            MOST_BYTES)
        .map(EngineDetail::read)
        .compose(
            told ->
                told.path("timelines").isEmpty() && tries > 1
                    ? vertx.timer(AGAIN_MS).compose(again -> ask(source, id, tries - 1))
                    : Future.succeededFuture(told));
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

  private static boolean tell(
      FlightRecord.Attempt attempt, JsonNode told, Map<Integer, Story.Engine> found) {
    List<RequestTimeline> timelines = timelines(told);
    if (!timelines.isEmpty()) {
      // It wrote this later than the attempt ended.
      EngineStamps stamps = new EngineStamps(told.path("received_ns").asLong(), 0);
      found.put(
          attempt.number(),
          Story.Engine.of(timelines, stamps, attempt.startNanos(), attempt.endNanos()));
    }
    return !timelines.isEmpty();
  }
}
