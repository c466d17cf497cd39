package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.events.RequestEvents;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.identity.ApiKeys;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.shared.SharedLimits;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.telemetry.StepSpans;
import dev.switchboard.gateway.telemetry.TraceLevels;
import dev.switchboard.gateway.upstream.RetryBudgets;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.propagation.TextMapPropagator;
import java.util.function.Supplier;

/**
 * What every exchange of the gateway shares; all of it is safe on any thread.
 *
 * @param freshIds makes request ids
 * @param tracer and propagator: the agent's, or ones that do nothing
 */
public record GatewayContext(
    HttpConfig http,
    DeadlinesConfig deadlines,
    MigrationConfig migration,
    NanoClock clock,
    Supplier<String> freshIds,
    ApiKeys keys,
    CacheSalt cacheSalt,
    SloHeaders slos,
    Admission admission,
    Fleet fleet,
    Router router,
    Edges edges,
    Affinity affinity,
    RetryBudgets retries,
    PoisonRequests poison,
    Metrics metrics,
    FlightRecorder recorder,
    RequestEvents events,
    UsageMeter usage,
    SharedLimits shared,
    BodyMemory bodies,
    TraceLevels traces,
    StepSpans steps,
    Tracer tracer,
    TextMapPropagator propagator) {

  /** The same with what can change while the gateway runs. */
  public GatewayContext with(
      DeadlinesConfig otherDeadlines,
      MigrationConfig otherMigration,
      SloHeaders otherSlos,
      Router otherRouter) {
    return new GatewayContext(
        http,
        otherDeadlines,
        otherMigration,
        clock,
        freshIds,
        keys,
        cacheSalt,
        otherSlos,
        admission,
        fleet,
        otherRouter,
        edges,
        affinity,
        retries,
        poison,
        metrics,
        recorder,
        events,
        usage,
        shared,
        bodies,
        traces,
        steps,
        tracer,
        propagator);
  }
}
