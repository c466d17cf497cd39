package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Tls;
import dev.switchboard.gateway.upstream.UpstreamClient;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.util.function.BiConsumer;

/** Asks replicas over HTTP what the {@link Vigil} wants to know. Runs on one event loop. */
public final class Prober {
  private final WorkersConfig config;
  private final NanoClock clock;
  private final BiConsumer<Replica, ReplicaReport> reports;
  private final Vertx vertx;
  private final HttpClient client;
  private final Vigil vigil;
  private volatile long timer = -1;

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
    this.config = config;
    this.clock = clock;
    this.reports = reports;
    this.vigil = new Vigil(fleet, config, this::ask);
    this.client =
        vertx.createHttpClient(new HttpClientOptions().setConnectTimeout(1000).setKeepAlive(true));
  }

  /** Polls until it is stopped. */
  public void start() {
    timer = vertx.setPeriodic(1, vigil.turnMs(), again -> vigil.turn(clock.epochNanos()));
  }

  public void stop() {
    vertx.cancelTimer(timer);
  }

  private void ask(Replica replica, URI address, Vigil.Question question) {
    switch (question) {
      case CANARY -> canary(replica, address);
      case STATE -> state(replica, address);
    }
  }

  private void canary(Replica replica, URI address) {
    Future<Buffer> answer =
        replica.worker()
            ? ask(
                replica,
                HttpMethod.POST,
                address,
                "/engine/v1/canary",
                config.canaryTimeoutMs(),
                299)
            : ask(replica, HttpMethod.GET, address, "/v1/models", config.stateTimeoutMs(), 499);
    answer
        .onSuccess(proof -> vigil.proven(replica, clock.epochNanos()))
        .onFailure(cause -> vigil.failed(replica, "canary: " + cause.getMessage()));
  }

  private void state(Replica replica, URI address) {
    Future<ReplicaReport> answer =
        replica.worker()
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
    answer
        .onSuccess(
            report -> {
              vigil.reported(replica, report, clock.epochNanos());
              reports.accept(replica, report);
            })
        .onFailure(cause -> vigil.failed(replica, "state: " + cause.getMessage()));
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
    try (Scope _ = UpstreamClient.UNTRACED.makeCurrent()) {
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
