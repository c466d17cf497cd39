package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Unanswered;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timers.Timers;
import io.netty.channel.ConnectTimeoutException;
import io.opentelemetry.context.Scope;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.io.FileNotFoundException;
import java.net.ConnectException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks replicas over HTTP what the {@link HealthChecks} wants to know. Runs on one event loop. */
public final class Prober {
  private static final Logger LOG = LoggerFactory.getLogger(Prober.class);
  private static final String REQUESTS = "/engine/v1/requests";
  private static final String CANARY = "/engine/v1/canary";
  private static final String STATE = "/engine/v1/state";
  private static final String MODELS = "/v1/models";

  /** A list of thousands of models has less. */
  private static final int MOST_BYTES = 8 << 20;

  /** A state of some ten ranks. */
  private static final int MOST_READ_HERE = 4 << 10;

  private final NanoClock clock;
  private final Fleet fleet;
  private final Listener listener;
  private final Map<String, InFlightDiff> diffs = new HashMap<>();
  private final Vertx vertx;
  private final Timers timers;
  private final HttpClient client;
  private final HealthChecks healthChecks;
  private final ForeignLoads loads;
  private final Context loop;
  private volatile boolean stopped;

  /** Told on the prober's event loop. */
  public interface Listener {
    void reported(Replica replica, ReplicaReport report);

    /** The metrics of a foreign server were not to be read. */
    void unread(Replica replica);

    /**
     * What a worker has of this gateway was compared with what this gateway believes.
     *
     * @param orphans only the worker has so many, and for long
     * @param lost so many only the gateway believes there, and for long
     * @param newOrphans since the last comparison, and from now on cancelled
     * @param newLost likewise, and from now on looked for elsewhere
     */
    void compared(Replica replica, int orphans, int lost, int newOrphans, int newLost);
  }

  public Prober(Vertx vertx, Timers timers, Fleet fleet, NanoClock clock, Listener listener) {
    this.vertx = vertx;
    this.timers = timers;
    this.loop = vertx.getOrCreateContext();
    this.clock = clock;
    this.fleet = fleet;
    this.listener = listener;
    this.healthChecks = new HealthChecks(fleet, this::ask);
    this.loads = new ForeignLoads(clock, this::metrics, this::foreignLoad, listener::unread);
    this.client =
        vertx.createHttpClient(new HttpClientOptions().setConnectTimeout(1000).setKeepAlive(true));
  }

  /** Polls until it is stopped. */
  public void start() {
    loop.runOnContext(begin -> turn());
  }

  /** How often may change between two turns. */
  private void turn() {
    if (!stopped) {
      timers.after(healthChecks.turnMs(), this::turn);
      healthChecks.turn(clock.epochNanos());
    }
  }

  public void stop() {
    stopped = true;
  }

  private void ask(Replica replica, UpstreamAddress address, HealthChecks.Question question) {
    switch (question) {
      case CANARY -> canary(replica, address);
      case STATE -> state(replica, address);
    }
  }

  private void canary(Replica replica, UpstreamAddress address) {
    Future<Buffer> answer =
        replica.worker()
            ? ask(address, HttpMethod.POST, CANARY, fleet.config().canaryTimeoutMs())
            : models(replica, address, HealthChecks.Question.CANARY);
    answer
        .onSuccess(
            proof -> {
              if (there(replica)) {
                healthChecks.proven(replica, clock.epochNanos());
              }
            })
        .onFailure(cause -> failed(replica, address, HealthChecks.Question.CANARY, cause));
  }

  private void state(Replica replica, UpstreamAddress address) {
    if (!replica.worker()) {
      foreign(replica, address);
      return;
    }
    ask(address, HttpMethod.GET, STATE, fleet.config().stateTimeoutMs())
        .compose(this::read)
        .onSuccess(
            report -> {
              if (!there(replica)) {
                return;
              }
              healthChecks.reported(replica, report, clock.epochNanos());
              listener.reported(replica, report);
              compare(replica, address, report);
            })
        .onFailure(cause -> failed(replica, address, HealthChecks.Question.STATE, cause));
  }

  /** What many ranks say is read beside this thread, which others wait for. */
  private Future<ReplicaReport> read(Buffer body) {
    long now = clock.epochNanos();
    return body.length() > MOST_READ_HERE
        ? vertx.executeBlocking(() -> report(body, now), false).map(Objects::requireNonNull)
        : Future.succeededFuture(body).map(told -> report(told, now));
  }

  private ReplicaReport report(Buffer body, long nowNanos) {
    return StateReader.read(body.getBytes(), nowNanos, fleet.attempt(0));
  }

  /** Its models prove it; its metrics, which come on their own, only tell its load. */
  private void foreign(Replica replica, UpstreamAddress address) {
    models(replica, address, HealthChecks.Question.STATE)
        .onSuccess(
            proof -> {
              if (!there(replica)) {
                return;
              }
              healthChecks.answers(replica, clock.epochNanos());
              if (replica.access().engine() == null) {
                foreignLoad(replica, ReplicaReport.NONE);
              } else {
                loads.ask(replica, address);
              }
            })
        .onFailure(cause -> failed(replica, address, HealthChecks.Question.STATE, cause));
  }

  private void foreignLoad(Replica replica, ReplicaReport report) {
    if (there(replica)) {
      replica.report(report);
      listener.reported(replica, report);
    }
  }

  private Future<Buffer> metrics(UpstreamAddress from, String path) {
    return ask(
        from,
        HttpMethod.GET,
        path,
        fleet.config().stateTimeoutMs(),
        MetricsPage.MOST_BYTES,
        (answer, body) -> complaint("GET /metrics", answer.statusCode()));
  }

  /** What one says that is gone would make all that was kept of it anew. */
  private boolean there(Replica replica) {
    return fleet.find(replica.id()) == replica;
  }

  private void failed(
      Replica replica, UpstreamAddress address, HealthChecks.Question question, Throwable cause) {
    if (there(replica)) {
      healthChecks.failed(
          replica, question, failure(cause), () -> Unanswered.reason(address, cause));
    }
  }

  private static HealthChecks.Failure failure(Throwable cause) {
    if (refused(cause) || cause instanceof MisconfiguredException) {
      return HealthChecks.Failure.CERTAIN;
    }
    return cause instanceof TimeoutException || cause instanceof ConnectTimeoutException
        ? HealthChecks.Failure.SILENCE
        : HealthChecks.Failure.BAD_ANSWER;
  }

  /** Nobody listens there; a connection that only takes too long says less. */
  private static boolean refused(Throwable cause) {
    return cause instanceof FileNotFoundException
        || (cause instanceof ConnectException && !(cause instanceof ConnectTimeoutException));
  }

  /** Equal digests end it; else the lists say who has what alone. */
  private void compare(Replica replica, UpstreamAddress address, ReplicaReport report) {
    Long digest = report.attemptsDigest();
    if (digest == null) {
      return;
    }
    if (diffs.size() > fleet.replicas().size()) {
      diffs.keySet().removeIf(id -> fleet.find(id) == null);
    }
    InFlightDiff diff = diffs.computeIfAbsent(replica.id(), id -> new InFlightDiff());
    if (digest == AttemptId.digest(replica.sent())) {
      diff.agree();
      settle(replica, address, InFlightDiff.Drift.NONE);
      return;
    }
    ask(address, HttpMethod.GET, REQUESTS, fleet.config().stateTimeoutMs())
        .map(body -> StateReader.attempts(body.getBytes(), fleet.attempt(0)))
        .map(
            told -> {
              long now = clock.epochNanos();
              return diff.compare(replica.owed(now), fleet.sent(), told, now);
            })
        .onSuccess(drift -> settle(replica, address, drift))
        .onFailure(cause -> LOG.debug("list_failed replica={}", replica.id(), cause));
  }

  /** What nobody waits for is cancelled, and what is waited for in vain is asked to go. */
  private void settle(Replica replica, UpstreamAddress address, InFlightDiff.Drift drift) {
    if (!there(replica)) {
      return;
    }
    int orphans = drift.orphans().size();
    int lost = drift.lost().size();
    listener.compared(replica, orphans, lost, drift.newOrphans(), drift.newLost());
    if (orphans + lost == 0) {
      return;
    }
    if (drift.newOrphans() + drift.newLost() > 0) {
      LOG.warn("in_flight_drift replica={} orphans={} lost={}", replica.id(), orphans, lost);
    }
    for (long number : drift.orphans()) {
      String path = REQUESTS + "/" + fleet.attempt(number);
      ask(address, HttpMethod.DELETE, path, fleet.config().stateTimeoutMs())
          .onFailure(cause -> LOG.debug("cancel_failed replica={}", replica.id(), cause));
    }
    replica.lost(drift.lost());
  }

  /** What a foreign server says of its models, where that proves it. */
  private Future<Buffer> models(
      Replica replica, UpstreamAddress address, HealthChecks.Question question) {
    ModelList.Check check =
        !replica.access().checkModels()
            ? ModelList.Check.NONE
            : question == HealthChecks.Question.CANARY
                ? ModelList.Check.FIRST
                : ModelList.Check.STILL;
    String model = replica.ownModelName();
    int timeoutMs = Math.toIntExact(fleet.config().stateTimeoutMs());
    return ask(
        address,
        HttpMethod.GET,
        MODELS,
        timeoutMs,
        (answer, body) ->
            MisconfiguredException.of(
                ModelList.complaint(
                    check,
                    model,
                    answer.statusCode(),
                    answer.getHeader("Content-Type"),
                    answer.getHeader("Location"),
                    body.getBytes())));
  }

  /** What a worker answers, where that is good. */
  private Future<Buffer> ask(
      UpstreamAddress address, HttpMethod method, String path, long timeoutMs) {
    return ask(
        address,
        method,
        path,
        timeoutMs,
        (answer, body) -> complaint(method + " " + path, answer.statusCode()));
  }

  private static @Nullable Throwable complaint(String asked, int status) {
    if (status < 300) {
      return null;
    }
    return new BadAnswerException(
        status == 401
            ? "it refused the gateway's key (status 401)"
            : asked + " answered status " + status);
  }

  /** An answer that is not good. */
  private static class BadAnswerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadAnswerException(String why) {
      super(why, null, false, false);
    }
  }

  /** The server answers, and requests there would fail as well. */
  private static final class MisconfiguredException extends BadAnswerException {
    private static final long serialVersionUID = 1;

    private MisconfiguredException(String why) {
      super(why);
    }

    static @Nullable Throwable of(@Nullable ModelList complaint) {
      if (complaint == null) {
        return null;
      }
      return complaint.permanent()
          ? new MisconfiguredException(complaint.why())
          : new BadAnswerException(complaint.why());
    }
  }

  /**
   * The body of an answer.
   *
   * @param judge says what is wrong with it; null where nothing is
   */
  private Future<Buffer> ask(
      UpstreamAddress address,
      HttpMethod method,
      String path,
      long timeoutMs,
      BiFunction<HttpClientResponse, Buffer, @Nullable Throwable> judge) {
    return ask(address, method, path, timeoutMs, MOST_BYTES, judge);
  }

  private Future<Buffer> ask(
      UpstreamAddress address,
      HttpMethod method,
      String path,
      long timeoutMs,
      int mostBytes,
      BiFunction<HttpClientResponse, Buffer, @Nullable Throwable> judge) {
    RequestOptions options = address.request(method, path).setTimeout(timeoutMs);
    if (method.equals(HttpMethod.POST)) {
      // A worker's port refuses what a web page could send as well.
      options.putHeader("Content-Type", "application/json");
    }
    try (Scope _ = UpstreamClient.UNTRACED.makeCurrent()) {
      return UpstreamClient.connected(client, options)
          .compose(HttpClientRequest::send)
          .compose(answer -> judged(answer, mostBytes, judge))
          .timeout(timeoutMs, TimeUnit.MILLISECONDS);
    }
  }

  private static Future<Buffer> judged(
      HttpClientResponse answer,
      int mostBytes,
      BiFunction<HttpClientResponse, Buffer, @Nullable Throwable> judge) {
    return UpstreamClient.body(answer, mostBytes)
        .compose(
            body -> {
              Throwable complaint = judge.apply(answer, body);
              return complaint == null
                  ? Future.succeededFuture(body)
                  : Future.failedFuture(complaint);
            });
  }
}
