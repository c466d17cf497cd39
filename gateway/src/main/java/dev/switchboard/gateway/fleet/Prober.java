package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Tls;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks replicas how they are: their state at every poll, and a one-token canary through every rank
 * while they warm up and when they were idle for long. Runs on one event loop; one question at a
 * time per replica.
 */
public final class Prober {
  private static final Logger LOG = LoggerFactory.getLogger(Prober.class);

  /** A parent that is not sampled: the agent's client span of a probe is of no use to anybody. */
  private static final Context UNTRACED =
      Context.root()
          .with(
              Span.wrap(
                  SpanContext.create(
                      "00000000000000000000000000000001",
                      "0000000000000001",
                      TraceFlags.getDefault(),
                      TraceState.getDefault())));

  private final Fleet fleet;
  private final WorkersConfig config;
  private final NanoClock clock;
  private final BiConsumer<Replica, ReplicaReport> reports;
  private final Vertx vertx;
  private final HttpClient client;
  private final Map<String, Probe> probes = new HashMap<>();
  private volatile long timer = -1;

  /** A worker's canary itself gives up after this long. */
  private static final long CANARY_NANOS = 2_000_000_000L;

  /** A turn that comes later than this was late, and what was late here is nobody's silence. */
  private static final long LATE_NANOS = 200_000_000;

  private static final class Probe {
    boolean asking;
    int failures;
    long provenNanos;
    long askedNanos;
    long patienceNanos;
    long silentSinceNanos;
  }

  /**
   * @param reports told of every report, on the prober's event loop
   */
  public Prober(
      Vertx vertx,
      Fleet fleet,
      WorkersConfig config,
      NanoClock clock,
      BiConsumer<Replica, ReplicaReport> reports) {
    this.vertx = vertx;
    this.fleet = fleet;
    this.config = config;
    this.clock = clock;
    this.reports = reports;
    this.client =
        vertx.createHttpClient(new HttpClientOptions().setConnectTimeout(1000).setKeepAlive(true));
  }

  /** Polls until it is stopped. */
  public void start() {
    timer = vertx.setPeriodic(1, Math.min(config.statePollMs(), 100), new Ticker());
  }

  public void stop() {
    vertx.cancelTimer(timer);
  }

  /** Warming replicas are looked at ten times a second, the others at the configured pace. */
  private final class Ticker implements Handler<Long> {
    private long polledNanos;
    private long lastNanos;

    @Override
    public void handle(Long timer) {
      long now = clock.epochNanos();
      long late = lastNanos == 0 ? 0 : Math.max(0, now - lastNanos - LATE_NANOS);
      lastNanos = now;
      boolean poll = now - polledNanos >= config.statePollMs() * 1_000_000;
      if (poll) {
        polledNanos = now;
      }
      for (Replica replica : fleet.replicas()) {
        Probe probe = probes.computeIfAbsent(replica.id(), id -> new Probe());
        probe.askedNanos += late;
        URI address = replica.address();
        if (address != null && !probe.asking) {
          look(replica, address, probe, poll, now);
        } else if (address != null) {
          listen(replica, probe, now);
        }
      }
    }
  }

  private void look(Replica replica, URI address, Probe probe, boolean poll, long now) {
    switch (replica.state()) {
      case WARMING -> canary(replica, address, probe);
      case READY, STANDBY -> {
        boolean idle =
            now - Math.max(probe.provenNanos, replica.lastUsedNanos())
                > config.canaryIdleMs() * 1_000_000;
        if (poll && idle && replica.local()) {
          canary(replica, address, probe);
        } else if (poll) {
          state(replica, address, probe);
        }
      }
      case CORDONED, DRAINING, EJECTED, DRAINED -> {
        if (poll) {
          state(replica, address, probe);
        }
      }
      case STARTING, RESTARTING, FAILED, STOPPED -> {}
    }
  }

  private void canary(Replica replica, URI address, Probe probe) {
    Future<Buffer> answer =
        replica.local()
            ? ask(
                replica,
                HttpMethod.POST,
                address,
                "/engine/v1/canary",
                config.canaryTimeoutMs(),
                299)
            : ask(replica, HttpMethod.GET, address, "/v1/models", config.stateTimeoutMs(), 499);
    asks(probe, CANARY_NANOS);
    answer.onComplete(
        result -> {
          answers(replica, probe, result.succeeded());
          if (result.succeeded()) {
            proven(replica, probe);
          } else {
            failed(replica, probe, "canary: " + result.cause().getMessage());
          }
        });
  }

  private void proven(Replica replica, Probe probe) {
    probe.failures = 0;
    probe.provenNanos = clock.epochNanos();
    fleet.proven(replica);
  }

  private void asks(Probe probe, long extraNanos) {
    probe.asking = true;
    probe.askedNanos = clock.epochNanos();
    probe.patienceNanos = config.unresponsiveMs() * 1_000_000 + extraNanos;
  }

  private void answers(Replica replica, Probe probe, boolean well) {
    probe.asking = false;
    if (well) {
      replica.heard(clock.epochNanos());
      probe.silentSinceNanos = 0;
    }
  }

  /**
   * A worker that was asked and says nothing, to nobody: streams from it count as signs of life, so
   * a busy one is not taken for a stopped one.
   */
  private void listen(Replica replica, Probe probe, long now) {
    long quietSince = Math.max(replica.heardNanos(), probe.askedNanos);
    if (!replica.local() || now - quietSince < probe.patienceNanos) {
      return;
    }
    if (probe.silentSinceNanos == 0) {
      probe.silentSinceNanos = quietSince;
      silent(replica);
    } else if (config.hungRestartMs() > 0
        && now - probe.silentSinceNanos >= config.hungRestartMs() * 1_000_000) {
      LOG.warn("worker_hung replica={} silent_ms={}", replica.id(), config.hungRestartMs());
      probe.silentSinceNanos = now;
      fleet.kill(replica);
    }
  }

  private void silent(Replica replica) {
    String why = "it says nothing for " + config.unresponsiveMs() + " ms";
    for (ReplicaState state :
        new ReplicaState[] {ReplicaState.READY, ReplicaState.STANDBY, ReplicaState.CORDONED}) {
      replica.tryTransition(state, ReplicaState.EJECTED, why);
    }
    replica.askToLeave(Guest.Leave.SILENT);
  }

  private void state(Replica replica, URI address, Probe probe) {
    Future<ReplicaReport> answer =
        replica.local()
            ? ask(
                    replica,
                    HttpMethod.GET,
                    address,
                    "/engine/v1/state",
                    config.stateTimeoutMs(),
                    299)
                .map(body -> StateReader.read(body.getBytes(), clock.epochNanos()))
            : ask(replica, HttpMethod.GET, address, "/v1/models", config.stateTimeoutMs(), 499)
                .map(ReplicaReport.NONE);
    asks(probe, 0);
    answer.onComplete(
        result -> {
          answers(replica, probe, result.succeeded());
          if (result.failed()) {
            failed(replica, probe, "state: " + result.cause().getMessage());
            return;
          }
          probe.failures = 0;
          replica.report(result.result());
          reports.accept(replica, result.result());
          if (replica.circuit().mayReturn(clock.epochNanos())) {
            replica.tryTransition(ReplicaState.EJECTED, ReplicaState.WARMING, "answers again");
          }
        });
  }

  private void failed(Replica replica, Probe probe, String why) {
    probe.failures++;
    LOG.debug(
        "probe_failed replica={} failures={} reason=\"{}\"", replica.id(), probe.failures, why);
    if (probe.failures >= config.ejectAfter()) {
      replica.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, why);
      replica.tryTransition(ReplicaState.STANDBY, ReplicaState.EJECTED, why);
    }
  }

  private Future<Buffer> ask(
      Replica replica,
      HttpMethod method,
      URI base,
      String path,
      long timeoutMs,
      int highestGoodStatus) {
    RequestOptions options =
        Tls.trusting(
            new RequestOptions()
                .setMethod(method)
                .setAbsoluteURI(base + path)
                .setTimeout(timeoutMs)
                .setFollowRedirects(false),
            replica.access().tlsCaFile());
    String authorization = replica.access().authorization();
    if (authorization != null) {
      options.putHeader("Authorization", authorization);
    }
    try (Scope _ = UNTRACED.makeCurrent()) {
      return client
          .request(options)
          .compose(HttpClientRequest::send)
          .compose(
              response ->
                  response.statusCode() <= highestGoodStatus
                      ? response.body()
                      : response
                          .body()
                          .compose(body -> Future.failedFuture("status " + response.statusCode())));
    }
  }
}
