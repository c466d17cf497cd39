package dev.switchboard.gateway.agent;

import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;

/** Hands spans to the agent's processor as long as there are places for them. */
final class CountedProcessor implements SpanProcessor {
  private final SpanProcessor next;
  private final SpanCounts counts;

  CountedProcessor(SpanProcessor next, SpanCounts counts) {
    this.next = next;
    this.counts = counts;
  }

  @Override
  public void onStart(Context parent, ReadWriteSpan span) {
    next.onStart(parent, span);
  }

  @Override
  public boolean isStartRequired() {
    return next.isStartRequired();
  }

  /** One that is not sampled never gets to the exporter. */
  @Override
  public void onEnd(ReadableSpan span) {
    if (span.getSpanContext().isSampled() && counts.take()) {
      next.onEnd(span);
    }
  }

  @Override
  public boolean isEndRequired() {
    return true;
  }

  @Override
  public CompletableResultCode shutdown() {
    return next.shutdown();
  }

  @Override
  public CompletableResultCode forceFlush() {
    return next.forceFlush();
  }
}
