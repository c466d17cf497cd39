package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecentStepsTest {
  private static final EpochClock CLOCK = EpochClock.of(() -> 0, 1_000_000);

  private final RecentSteps steps = new RecentSteps(1, 2);

  @Test
  void ofEachItIsKnownWhatWasInItAndWhereItsTimeWent() {
    add(7);

    EngineStep step = steps.last(10, CLOCK).getFirst();
    Lane second = step.lanes().get(1);
    assertEquals(7, step.step());
    assertEquals(1_000_700, step.startNanos());
    assertEquals(1_000_790, step.endNanos());
    assertEquals(5, step.tokens());
    assertEquals(3, step.promptTokens());
    assertEquals(2, step.requests());
    assertEquals(40, second.computeNanos());
    assertEquals(50, second.allReduceWaitNanos());
    assertEquals(1_000_700, second.startNanos());
  }

  @Test
  void theLastAreToldInTheirOrderAndOlderOnesAreForgotten() {
    for (int step = 0; step < RecentSteps.MOST + 10; step++) {
      add(step);
    }

    assertEquals(List.of(520L, 521L), numbers(2));
    List<Long> all = numbers(Integer.MAX_VALUE);
    assertEquals(RecentSteps.MOST, all.size());
    assertEquals(10, all.getFirst());
  }

  @Test
  void manyLanesAreKeptWithinTheirMemory() {
    RecentSteps wide = new RecentSteps(4, 16);
    StepTrace trace = new StepTrace(4, 16);
    for (int step = 0; step < 2 * RecentSteps.MOST; step++) {
      trace.reset(step, 1, 1);
      trace.finish(0, 0, 1);
      wide.step(trace);
    }

    int kept = wide.last(Integer.MAX_VALUE, CLOCK).size();
    assertTrue(kept * 64L * StepTrace.FIELDS * 8 <= 4 << 20, () -> kept + " are kept");
    assertTrue(kept >= 200, () -> kept + " are kept");
  }

  private List<Long> numbers(int last) {
    return steps.last(last, CLOCK).stream().map(EngineStep::step).toList();
  }

  private void add(long number) {
    StepTrace trace = new StepTrace(1, 2);
    long start = number * 100;
    trace.reset(number, 5, 2);
    trace.promptTokens(3);
    trace.record(0, 0, Kind.COMPUTE, start, start + 90, 90, 0);
    trace.record(0, 1, Kind.COMPUTE, start, start + 40, 40, 0);
    trace.record(0, 1, Kind.ALL_REDUCE_WAIT, start + 40, start + 90, 50, 0);
    trace.finish(start - 1, start, start + 90);
    steps.step(trace);
  }
}
