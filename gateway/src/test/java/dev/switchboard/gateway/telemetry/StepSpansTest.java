package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class StepSpansTest {
  private static final long SECOND = 1_000_000_000;
  private static final SpanContext NOT_EXPORTED = SpanContext.getInvalid();

  private final Exported exporter = new Exported();
  private final List<SpanData> exported = exporter.spans();
  private final Tracer tracer =
      SdkTracerProvider.builder().addSpanProcessor(exporter.processor()).build().get("test");
  private final StepSpans steps = new StepSpans(tracer, "a");

  @Test
  void membersThatTellNoStepsAreLinkedToo() {
    steps.sent(1, "brings it", span(1)).told(span(1));
    steps.sent(2, "is over", span(2)).told(span(2));
    steps.sent(3, "was not exported", NOT_EXPORTED).over();

    bring(1, 1, 2, 3);
    steps.flush(3 * SECOND);

    assertLinked(1, 2);
    assertEquals(Set.of("brings it", "is over"), requests());
  }

  @Test
  void aMemberThatRunsIsWaitedForAndLinkedWhenItTurnsOutToBeOfInterest() {
    steps.sent(1, "a", span(1)).told(span(1));
    StepMembers.Member runs = steps.sent(2, "b", NOT_EXPORTED);
    bring(1, 1, 2);
    steps.flush(20 * SECOND);
    List<SpanData> before = List.copyOf(exported);

    runs.told(span(2));
    bring(2, 1, 2);
    steps.flush(21 * SECOND);

    assertEquals(List.of(), before);
    assertLinked(1, 2);
  }

  @Test
  void nobodyIsWaitedForForEver() {
    steps.sent(1, "a", span(1)).told(span(1));
    steps.sent(2, "sampled", span(2));
    steps.sent(3, "not sampled", NOT_EXPORTED);

    bring(1, 1, 2, 3);
    steps.flush(31 * SECOND);

    assertLinked(1, 2);
  }

  @Test
  void thoseAboveTheCapAreCounted() {
    long[] numbers = LongStream.rangeClosed(1, 40).toArray();
    for (long number : numbers) {
      steps.sent(number, "r" + number, span(number)).told(span(number));
    }

    bring(7, numbers);
    steps.flush(3 * SECOND);

    SpanData step = exported.getFirst();
    assertEquals(32, step.getLinks().size());
    assertEquals(span(7), step.getLinks().getFirst().getSpanContext());
    assertEquals(40, number(step, "switchboard.members_known"));
    assertEquals(8, number(step, "switchboard.members_left_out"));
  }

  @Test
  void aNumberThatAnotherAttemptTookTheSlotOfIsNobodys() {
    steps.sent(1, "a", span(1)).told(span(1));
    steps.sent(2, "forgotten", span(2)).told(span(2));
    steps.sent(2 + StepMembers.REMEMBERED, "later", span(3)).told(span(3));

    bring(1, 1, 2);
    steps.flush(3 * SECOND);

    assertLinked(1);
  }

  @Test
  void aStepNamesTheRankThatHadNoCoreForLongest() {
    bring(List.of(lane(0, 0, 2_000_000), lane(0, 1, 7_000_000), lane(1, 0, 5_000_000)), 1, 1);
    steps.flush(3 * SECOND);

    SpanData step = exported.getFirst();
    assertEquals(0, number(step, "switchboard.off_cpu_stage"));
    assertEquals(1, number(step, "switchboard.off_cpu_rank"));
    assertEquals(7.0, step.getAttributes().get(AttributeKey.doubleKey("switchboard.off_cpu_ms")));
  }

  /** Each calls its first worker w0. */
  @Test
  void stepsOfTwoGatewaysReplicasOfOneNameAreInTwoTraces() {
    StepSpans others = new StepSpans(tracer, "b");
    RequestTimeline timeline = timeline(List.of(), 1);
    steps.add("w0", timeline, 0, span(1), 0);
    others.add("w0", timeline, 0, span(1), 0);
    steps.flush(3 * SECOND);
    others.flush(3 * SECOND);

    List<String> traces = exported.stream().map(SpanData::getTraceId).toList();
    assertEquals(2, Set.copyOf(traces).size());
    assertEquals(Set.of(traces.getFirst()), steps.traces("w0", timeline));
    assertEquals(Set.of(traces.getLast()), others.traces("w0", timeline));
  }

  private static Lane lane(int stage, int rank, long offCpuNanos) {
    return new Lane(
        stage, rank, 100, 200, 0, 0, 0, 0, 0, 0, offCpuNanos, 1, 0, 0, 0, 0, Collective.of(0));
  }

  private void bring(long number, long... members) {
    bring(List.of(), number, members);
  }

  private void bring(List<Lane> lanes, long number, long... members) {
    steps.add("w0", timeline(lanes, members), 0, span(number), 0);
  }

  /** The timeline of a request that was in one step with others. */
  private static RequestTimeline timeline(List<Lane> lanes, long... members) {
    Step step =
        new Step(
            5,
            90,
            100,
            200,
            RequestTimeline.Calls.NONE,
            1,
            3,
            3,
            LongStream.of(members).boxed().toList(),
            lanes);
    return new RequestTimeline("brings it", 0, 0, 0, 0, 0, 0, 0, null, null, List.of(step));
  }

  private static SpanContext span(long number) {
    return SpanContext.create(
        String.format(Locale.ROOT, "%032x", 0xa0000 + number),
        String.format(Locale.ROOT, "%016x", number),
        TraceFlags.getSampled(),
        TraceState.getDefault());
  }

  private void assertLinked(long... numbers) {
    assertEquals(1, exported.size());
    Set<SpanContext> wanted =
        LongStream.of(numbers).mapToObj(StepSpansTest::span).collect(Collectors.toSet());
    SpanData step = exported.getFirst();
    assertEquals(
        wanted,
        step.getLinks().stream().map(link -> link.getSpanContext()).collect(Collectors.toSet()));
    assertEquals(wanted.size(), step.getLinks().size());
    assertEquals(0, number(step, "switchboard.members_left_out"));
  }

  private Set<String> requests() {
    return exported.getFirst().getLinks().stream()
        .map(
            link ->
                String.valueOf(
                    link.getAttributes().get(AttributeKey.stringKey("switchboard.request.id"))))
        .collect(Collectors.toSet());
  }

  private static long number(SpanData span, String name) {
    Long value = span.getAttributes().get(AttributeKey.longKey(name));
    return value == null ? -1 : value;
  }
}
