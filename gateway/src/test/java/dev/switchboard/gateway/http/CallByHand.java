package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.ReplicaForecast;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.events.RequestEvents;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ServedRequest;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.identity.ApiKeys;
import dev.switchboard.gateway.identity.AuthConfig;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.routing.RoutingConfig;
import dev.switchboard.gateway.shared.SharedLimits;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.telemetry.LoopLateness;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.gateway.telemetry.StepSpans;
import dev.switchboard.gateway.telemetry.TelemetryConfig;
import dev.switchboard.gateway.telemetry.TraceLevels;
import dev.switchboard.gateway.upstream.RetryBudget;
import dev.switchboard.gateway.upstream.RetryBudgets;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.testing.HandRequest;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.testing.HandVertx;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientResponse;
import java.util.HashSet;
import java.util.List;

/**
 * One request in a whole gateway of which the test is the fleet, the client and the time. Nothing
 * goes over a socket.
 */
final class CallByHand {
  final HandTimers time = new HandTimers();
  final HandRequest client = new HandRequest();
  final FleetByHand fleet;
  final Metrics metrics;
  final Call call;

  CallByHand(FleetByHand fleet, RetryBudget.Config retries, Edges edges) {
    this.fleet = fleet;
    metrics = new Metrics(fleet.fleet()::has, "1", true);
    Tracer tracer = OpenTelemetry.noop().getTracer("");
    TraceLevels traces = new TraceLevels(TelemetryConfig.DEFAULTS);
    call =
        new Call(
            gateway(retries, edges, traces, tracer),
            loop(),
            Endpoint.CHAT,
            client.request(),
            Caller.ANYBODY,
            new Flight("r", time::nanos),
            new RequestTrace(tracer, Context.root(), Context::root, "chat", traces, time.nanos()));
  }

  private GatewayContext gateway(
      RetryBudget.Config retries, Edges edges, TraceLevels traces, Tracer tracer) {
    return new GatewayContext(
        HttpConfig.DEFAULTS,
        DeadlinesConfig.DEFAULTS,
        MigrationConfig.DEFAULTS,
        time::nanos,
        () -> "id",
        new ApiKeys(AuthConfig.DEFAULTS, () -> time.nanos() / 1_000_000),
        new CacheSalt(new byte[32]),
        new SloHeaders(SloConfig.DEFAULTS),
        new Admission(
            AdmissionConfig.DEFAULTS,
            tenant -> TenantLimits.Limit.NONE,
            model -> new ReplicaForecast(now -> fleet.fleet().views(model, now)),
            () -> 0),
        fleet.fleet(),
        new Router(RoutingConfig.DEFAULTS, List.of(), fleet.fleet().models()),
        edges,
        new Affinity(RoutingConfig.DEFAULTS),
        new RetryBudgets(retries),
        new PoisonRequests(time::nanos),
        metrics,
        new FlightRecorder(FlightRecorder.Limits.DEFAULTS),
        new RequestEvents(new EventFeed(() -> time.nanos() / 1_000_000), fleet.fleet()::serves),
        new UsageMeter(),
        SharedLimits.NONE,
        new BodyMemory(1 << 20, time::nanos),
        traces,
        new StepSpans(tracer, "g"),
        tracer,
        TextMapPropagator.noop());
  }

  private EventLoop loop() {
    Vertx vertx = new HandVertx(time).vertx();
    return new EventLoop(
        vertx,
        time,
        new UpstreamClient(vertx, 1, 1),
        new AnswerMemory(1 << 20),
        new RequestParser(RequestLimits.DEFAULT),
        new KernelSocket(),
        new LoopLateness(time::nanos),
        new HashSet<>(),
        vertx.createSharedWorkerExecutor("large"));
  }

  /** The request is one for a stream. */
  void streams(boolean value) {
    call.flight().stream(value);
  }

  /** An attempt that has entered a replica. */
  Attempt attempt(int number, Replica replica, Decision decision) {
    Attempt made =
        new Attempt(call, new Deaf(), number, replica, decision, false, call.flight().now(), null);
    if (!made.enter()) {
      throw new AssertionError(replica.id() + " takes none: " + replica.state());
    }
    return made;
  }

  ReplicaChoice choice(String model) {
    ParsedRequest parsed =
        new ParsedRequest(
            model,
            call.flight().stream(),
            1,
            0,
            RequestParameters.NONE,
            BodySpans.of(new byte[] {'{', '}'}),
            new long[0],
            0);
    call.flight().model(model);
    return ReplicaChoice.of(call, RequestHead.NONE, parsed, 2);
  }

  /** Hears nothing of its attempts. */
  private static final class Deaf implements Attempt.Owner {
    @Override
    public void connected(Attempt attempt) {}

    @Override
    public void answered(Attempt attempt, HttpClientResponse answer) {}

    @Override
    public void broke(Attempt attempt, String reason) {}

    @Override
    public void gone(Attempt attempt, String reason) {}

    @Override
    public void leave(Attempt attempt, ServedRequest.Leave why) {}

    @Override
    public StreamState state(Attempt attempt) {
      throw new UnsupportedOperationException();
    }
  }
}
