package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Flight;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RequestTraceTest {
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String SERVER = "00f067aa0ba902b7";
  private static final long MS = 1_000_000;
  private static final long BEGUN = 1_795_000_000_000L * MS;

  private final AtomicLong now = new AtomicLong(BEGUN);
  private final Exported exported = new Exported();

  /** Follows no parent: what is told is the trace's doing alone. */
  private final Tracer tracer =
      SdkTracerProvider.builder()
          .setSampler(Sampler.alwaysOn())
          .addSpanProcessor(exported.processor())
          .build()
          .get("");

  private final Flight flight = new Flight("r", now::get);

  private RequestTrace trace(TraceFlags flags) {
    Span server = Span.wrap(SpanContext.create(TRACE, SERVER, flags, TraceState.getDefault()));
    RequestTrace made =
        new RequestTrace(
            tracer,
            Context.root().with(server),
            Context::root,
            "POST /v1/chat/completions",
            new TraceLevels(TelemetryConfig.DEFAULTS),
            now.get());
    made.detail(TraceDetail.RANKS, TraceDetail.RANKS);
    return made;
  }

  private void after(long ms, RequestTrace trace) {
    now.set(BEGUN + ms * MS);
    trace.runs(flight);
  }

  @Test
  void aRequestThatRunsLongSaysSoOnce() {
    RequestTrace trace = trace(TraceFlags.getSampled());

    after(RequestTrace.RUNNING_MS - 1, trace);
    assertEquals(List.of(), exported.spans());
    after(RequestTrace.RUNNING_MS, trace);
    after(2 * RequestTrace.RUNNING_MS, trace);

    SpanData span = exported.named("switchboard.running");
    assertEquals(TRACE, span.getTraceId());
    assertEquals(SERVER, span.getParentSpanId());
    assertEquals(true, span.getAttributes().get(AttributeKey.booleanKey("switchboard.running")));
    assertEquals(BEGUN + RequestTrace.RUNNING_MS * MS, span.getStartEpochNanos());
    assertEquals(span.getStartEpochNanos(), span.getEndEpochNanos());
  }

  /** It is told at its end, if at all, and so is all that is told of it. */
  @Test
  void oneThatNothingSampledSaysNothingWhileItRuns() {
    RequestTrace trace = trace(TraceFlags.getDefault());

    after(2 * RequestTrace.RUNNING_MS, trace);

    assertEquals(List.of(), exported.spans());
  }
}
