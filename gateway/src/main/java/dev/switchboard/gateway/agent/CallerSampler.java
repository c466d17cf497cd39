package dev.switchboard.gateway.agent;

import dev.switchboard.gateway.telemetry.Pace;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Lets callers say that their traces are sampled, so many times a second in all: anybody can say it
 * with each request. Above that the configured sampler decides as about a request without a caller,
 * and by a trace id of its own, since callers choose theirs. Safe on any thread.
 */
public final class CallerSampler implements Sampler {
  /**
   * Of a SERVER span that the gateway makes when a request is over, below a parent that it says is
   * sampled. These have a bound of their own.
   */
  public static final String RETROACTIVE = "switchboard.retroactive";

  /** How often in a second; below 0 always. */
  static final String SETTING = "switchboard.caller-traces-per-second";

  static final int USUAL_PER_SECOND = 50;

  private static final AttributeKey<Boolean> MADE_LATER = AttributeKey.booleanKey(RETROACTIVE);

  private final Sampler others;
  private final int perSecond;
  private final LongSupplier nanos;
  private final long beganNanos;
  private final Pace pace = new Pace();

  CallerSampler(Sampler others, int perSecond, LongSupplier nanos) {
    this.others = others;
    this.perSecond = perSecond;
    this.nanos = nanos;
    this.beganNanos = nanos.getAsLong();
  }

  @Override
  public SamplingResult shouldSample(
      Context parent,
      String traceId,
      String name,
      SpanKind kind,
      Attributes attributes,
      List<LinkData> links) {
    if (isAsked(parent, kind, attributes) && !isFollowed()) {
      String own = IdGenerator.random().generateTraceId();
      return others.shouldSample(Context.root(), own, name, kind, attributes, links);
    }
    return others.shouldSample(parent, traceId, name, kind, attributes, links);
  }

  private static boolean isAsked(Context parent, SpanKind kind, Attributes attributes) {
    SpanContext caller = Span.fromContext(parent).getSpanContext();
    return kind == SpanKind.SERVER
        && caller.isRemote()
        && caller.isSampled()
        && attributes.get(MADE_LATER) == null;
  }

  /** Whether one more may be, a second's worth of them at once. */
  private boolean isFollowed() {
    // From 0 on, since the clock's own numbers may run over.
    return perSecond < 0 || pace.take(nanos.getAsLong() - beganNanos, perSecond, perSecond);
  }

  @Override
  public String getDescription() {
    return "of callers " + perSecond + " a second: " + others.getDescription();
  }
}
