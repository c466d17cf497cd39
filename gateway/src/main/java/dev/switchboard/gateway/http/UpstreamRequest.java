package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.AttemptId;
import io.opentelemetry.context.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A request as replicas get it; of the client's own headers none goes on but its trace. */
final class UpstreamRequest {
  /** Milliseconds that remain until the request's deadline. */
  private static final String DEADLINE = "X-Switchboard-Deadline-Ms";

  /** The worker stops this much later, so that the gateway says first that the deadline passed. */
  private static final long GRACE_MS = 20;

  private static final List<String> TRACE_HEADERS = List.of("traceparent", "tracestate");

  private final Call call;
  private final Flight flight;
  private final RequestHead asked;
  private final Buffer body;
  private final BodySpans spans;
  private final String model;
  private final int mostTokens;
  private final boolean prioritized;

  /**
   * @param asked its deadline and priority, its salt and whether it wants each step told
   * @param spans of the body
   * @param model as the body names it
   * @param mostTokens of each choice, where its tenant's quota says; else 0
   * @param prioritized whether the body says a priority, which is then the one that counts
   */
  UpstreamRequest(
      Call call,
      RequestHead asked,
      Buffer body,
      BodySpans spans,
      String model,
      int mostTokens,
      boolean prioritized) {
    this.call = call;
    this.flight = call.flight();
    this.asked = asked;
    this.body = body;
    this.spans = spans;
    this.model = model;
    this.mostTokens = mostTokens;
    this.prioritized = prioritized;
  }

  /**
   * Writes the head.
   *
   * @param replica a worker of ours is asked for its timeline
   * @param attempt what a worker of ours shall call it
   * @param traced the attempt's own trace
   * @param answeredBytes of the body come before the request: what was answered elsewhere
   */
  void head(
      HttpClientRequest upstream,
      Replica replica,
      AttemptId attempt,
      Context traced,
      int answeredBytes) {
    upstream.putHeader("Content-Type", "application/json");
    upstream.putHeader("Accept", flight.stream() ? "text/event-stream" : "application/json");
    upstream.putHeader(RequestIds.HEADER, flight.id());
    if (replica.worker()) {
      forWorker(upstream, attempt, answeredBytes);
      urgency(upstream);
    }
    trace(upstream, traced);
  }

  private void forWorker(HttpClientRequest upstream, AttemptId attempt, int answeredBytes) {
    upstream.putHeader("X-Switchboard-Timeline", asked.steps() ? "full" : "summary");
    upstream.putHeader(AttemptId.HEADER, attempt.toString());
    String salt = asked.salt();
    if (salt != null) {
      upstream.putHeader(CacheSalt.HEADER, salt);
    }
    if (call.replays()) {
      upstream.putHeader("X-Switchboard-Replay", "tokens");
    }
    if (answeredBytes > 0) {
      upstream.putHeader("X-Switchboard-Continue", Integer.toString(answeredBytes));
    }
  }

  /** What a worker of ours needs to stop in time and to serve first what is urgent. */
  private void urgency(HttpClientRequest upstream) {
    Slo slo = asked.slo();
    if (slo.deadlineMs() > 0) {
      long nanos = slo.deadlineNanos(flight.at(Mark.ACCEPTED)) - flight.now();
      upstream.putHeader(DEADLINE, Long.toString(Math.max(0, nanos / 1_000_000) + GRACE_MS));
    }
    // Said of every request, since a worker else goes by what the body says.
    upstream.putHeader("X-Priority", Integer.toString(slo.priority()));
  }

  /** The attempt's own trace headers; without an agent the client's, as they came. */
  private void trace(HttpClientRequest upstream, Context traced) {
    call.gateway().propagator().inject(traced, upstream, UpstreamRequest::putHeader);
    if (call.trace().traceId() == null) {
      HttpServerRequest client = call.request();
      for (String name : TRACE_HEADERS) {
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

  /**
   * The body as it came, but for the model's name where the replica knows it by another one, for
   * the bound that a quota sets, and for the direction of its priority where that is another one.
   */
  Buffer body(Replica replica) {
    String own = replica.ownModelName();
    Buffer named = own.equals(model) ? body : spans.renamed(body, own);
    if (prioritized && replica.lowerIsSooner()) {
      int theirs = -asked.slo().priority();
      named = Buffer.buffer(BodySpans.prioritized(named.getBytes(), theirs));
    }
    if (mostTokens == 0) {
      return named;
    }
    boolean newer = replica.maxCompletionTokens() && call.endpoint() == Endpoint.CHAT;
    String bound = newer ? "max_completion_tokens" : "max_tokens";
    return Buffer.buffer(BodySpans.limited(named.getBytes(), bound, mostTokens));
  }
}
