package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.AttemptId;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/** The headers of a request to a replica; of the client's own none goes on but its trace. */
final class UpstreamHead {
  /** Milliseconds that remain until the request's deadline. */
  static final String DEADLINE = "X-Switchboard-Deadline-Ms";

  /** The worker stops this much later, so that the gateway says first that the deadline passed. */
  private static final long GRACE_MS = 20;

  private UpstreamHead() {}

  /**
   * @param replica a worker of ours is asked for its timeline, a foreign server gets its key
   * @param salt keeps the worker's prefix cache apart; null for none
   * @param steps the timeline shall tell each step
   * @param replays it shall say which tokens its events tell
   * @param attempt what a worker of ours shall call it
   * @param answeredBytes of the body come before the request: what was answered elsewhere
   */
  static void write(
      HttpClientRequest upstream,
      Flight flight,
      Replica replica,
      @Nullable String salt,
      boolean steps,
      boolean replays,
      AttemptId attempt,
      int answeredBytes) {
    upstream.putHeader("Content-Type", "application/json");
    upstream.putHeader("Accept", flight.stream() ? "text/event-stream" : "application/json");
    upstream.putHeader(RequestIds.HEADER, flight.id());
    String authorization = replica.access().authorization();
    if (authorization != null) {
      upstream.putHeader("Authorization", authorization);
    }
    if (replica.worker()) {
      upstream.putHeader("X-Switchboard-Timeline", steps ? "full" : "summary");
      upstream.putHeader(AttemptId.HEADER, attempt.toString());
      if (salt != null) {
        upstream.putHeader(CacheSalt.HEADER, salt);
      }
      if (replays) {
        upstream.putHeader("X-Switchboard-Replay", "tokens");
      }
      if (answeredBytes > 0) {
        upstream.putHeader("X-Switchboard-Continue", Integer.toString(answeredBytes));
      }
    }
  }

  /** What a worker of ours needs to stop in time and to serve first what is urgent. */
  static void urgency(HttpClientRequest upstream, Flight flight, Slo slo) {
    if (slo.deadlineMs() > 0) {
      long nanos = slo.deadlineNanos(flight.at(Mark.ACCEPTED)) - flight.now();
      upstream.putHeader(DEADLINE, Long.toString(Math.max(0, nanos / 1_000_000) + GRACE_MS));
    }
    if (slo.priority() != 0) {
      upstream.putHeader("X-Priority", Integer.toString(slo.priority()));
    }
  }

  /** The attempt's own trace headers; without an agent the client's, as they came. */
  static void trace(
      HttpClientRequest upstream,
      HttpServerRequest client,
      TextMapPropagator propagator,
      Context traced,
      boolean agent) {
    propagator.inject(traced, upstream, UpstreamHead::putHeader);
    if (!agent) {
      for (String name : new String[] {"traceparent", "tracestate"}) {
        String value = client.getHeader(name);
        if (value != null) {
          upstream.putHeader(name, value);
        }
      }
    }
  }

  private static void putHeader(@Nullable HttpClientRequest carrier, String name, String value) {
    if (carrier != null) {
      carrier.putHeader(name, value);
    }
  }
}
