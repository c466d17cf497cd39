package dev.switchboard.gateway.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingDecision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CallerSamplerTest {
  private static final Sampler NONE = Sampler.parentBased(Sampler.traceIdRatioBased(0));

  /** A ratio takes those with the lowest ids first. */
  private static final String LOWEST = "a".repeat(16) + "0".repeat(15) + "1";

  private static final String CALLER = "00f067aa0ba902b7";

  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5);

  private Sampler sampler(Sampler others, int perSecond) {
    return new CallerSampler(others, perSecond, now::get);
  }

  private static Context from(boolean remote, TraceFlags flags) {
    SpanContext caller =
        remote
            ? SpanContext.createFromRemoteParent(LOWEST, CALLER, flags, TraceState.getDefault())
            : SpanContext.create(LOWEST, CALLER, flags, TraceState.getDefault());
    return Context.root().with(Span.wrap(caller));
  }

  private static boolean samples(
      Sampler sampler, Context parent, SpanKind kind, Attributes attributes) {
    return sampler
        .shouldSample(parent, LOWEST, "POST", kind, attributes, List.of())
        .getDecision()
        .equals(SamplingDecision.RECORD_AND_SAMPLE);
  }

  private static int sampled(int requests, Sampler sampler, TraceFlags flags) {
    int sampled = 0;
    for (int i = 0; i < requests; i++) {
      sampled += samples(sampler, from(true, flags), SpanKind.SERVER, Attributes.empty()) ? 1 : 0;
    }
    return sampled;
  }

  @Test
  void callersAreFollowedSoOftenInASecond() {
    Sampler sampler = sampler(NONE, 50);

    assertEquals(50, sampled(1000, sampler, TraceFlags.getSampled()));
    assertEquals(0, sampled(1000, sampler, TraceFlags.getSampled()));
    now.addAndGet(100_000_000);
    assertEquals(5, sampled(1000, sampler, TraceFlags.getSampled()));
    now.addAndGet(10_000_000_000L);
    assertEquals(50, sampled(1000, sampler, TraceFlags.getSampled()));
  }

  @Test
  void nobodyOrEverybodyIsWhereTheSettingSaysSo() {
    assertEquals(0, sampled(10, sampler(NONE, 0), TraceFlags.getSampled()));
    assertEquals(1000, sampled(1000, sampler(NONE, -1), TraceFlags.getSampled()));
  }

  @Test
  void aCallerThatAsksForNothingIsFollowedAlways() {
    Sampler all = sampler(Sampler.parentBased(Sampler.alwaysOn()), 0);

    assertEquals(0, sampled(10, all, TraceFlags.getDefault()));
  }

  /** Or else it would get less than who says nothing. */
  @Test
  void aboveTheBoundItIsJudgedAsOneWithoutACaller() {
    Sampler all = sampler(Sampler.parentBased(Sampler.alwaysOn()), 1);

    assertEquals(10, sampled(10, all, TraceFlags.getSampled()));
  }

  /** By their own trace ids callers would choose how many of them a ratio takes. */
  @Test
  void aboveTheBoundTheRatioIsOfOtherIdsThanTheCallers() {
    Sampler half = sampler(Sampler.parentBased(Sampler.traceIdRatioBased(0.5)), 0);

    int sampled = sampled(1000, half, TraceFlags.getSampled());

    assertTrue(sampled > 350 && sampled < 650, () -> sampled + " of 1000");
  }

  @Test
  void theAgentsFileHasTheNumberThatIsMeantWithoutIt() throws IOException {
    Properties agent = new Properties();
    Path home = Path.of(System.getProperty("switchboard.home", ".."));
    try (var reader = Files.newBufferedReader(home.resolve("otel/agent.properties"))) {
      agent.load(reader);
    }

    assertEquals(
        Integer.toString(CallerSampler.USUAL_PER_SECOND), agent.getProperty(CallerSampler.SETTING));
  }

  @Test
  void onlyServerSpansOfCallersCount() {
    Sampler none = sampler(NONE, 0);
    Context remote = from(true, TraceFlags.getSampled());
    Attributes later = Attributes.of(AttributeKey.booleanKey(CallerSampler.RETROACTIVE), true);

    assertTrue(samples(none, remote, SpanKind.CLIENT, Attributes.empty()));
    assertTrue(
        samples(none, from(false, TraceFlags.getSampled()), SpanKind.SERVER, Attributes.empty()));
    assertTrue(samples(none, remote, SpanKind.SERVER, later));
  }
}
