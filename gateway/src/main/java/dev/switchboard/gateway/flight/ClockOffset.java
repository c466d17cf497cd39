package dev.switchboard.gateway.flight;

import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Moves a worker's times onto the gateway's clock.
 *
 * <p>The request's own stamps bound the offset: the worker cannot have received it before the
 * gateway sent it, nor written its last words after the gateway read them. With {@code o} added to
 * the worker's times, {@code sent − received ≤ o ≤ read − written}. On one host both clocks read
 * the same wall time, and on hosts that keep it nearly so: the offset next to zero is taken where
 * it is as small as such clocks differ, since the interval is as long as a client that does not
 * read makes it. Otherwise the middle is, right to within half of the interval. A stamp that still
 * falls outside, by rounding or by a worker that lies, is clamped to the attempt, so a child is
 * always inside its parent.
 */
final class ClockOffset {
  /** A process reads the wall time once and counts on from there, while the host corrects it. */
  private static final long SAME_CLOCK_NANOS = 5_000_000;

  private final long from;
  private final long to;
  private final long offset;
  private final long error;
  private boolean clamped;

  private ClockOffset(long from, long to, long offset, long error) {
    this.from = from;
    this.to = to;
    this.offset = offset;
    this.error = error;
  }

  /** For the timelines of one attempt, sent at {@code from} and over at {@code to}. */
  static ClockOffset of(List<RequestTimeline> timelines, EngineStamps stamps, long from, long to) {
    long received = stamps.receivedNanos() == 0 ? Long.MAX_VALUE : stamps.receivedNanos();
    long finished = stamps.sentNanos() == 0 ? Long.MIN_VALUE : stamps.sentNanos();
    for (int i = 0; i < timelines.size(); i++) {
      RequestTimeline timeline = timelines.get(i);
      received = Math.min(received, timeline.receivedNanos());
      finished = Math.max(finished, timeline.finishedNanos());
    }
    long low = from - received;
    long high = Math.max(low, to - finished);
    long least = Math.clamp(0L, low, high);
    long offset = Math.abs(least) <= SAME_CLOCK_NANOS ? least : low + (high - low) / 2;
    // An attempt that was cut before it began leaves one moment.
    return new ClockOffset(from, Math.max(from, to), offset, (high - low) / 2);
  }

  /** The timelines on the gateway's clock. */
  PhaseBreakdown.Engine align(List<RequestTimeline> timelines) {
    clamped = false;
    List<RequestTimeline> moved = timelines.stream().map(this::timeline).toList();
    return new PhaseBreakdown.Engine(moved, offset, error, clamped);
  }

  private RequestTimeline timeline(RequestTimeline t) {
    return new RequestTimeline(
        t.requestId(),
        t.choice(),
        at(t.receivedNanos()),
        at(t.tokenizedNanos()),
        at(t.scheduledNanos()),
        at(t.firstTokenNanos()),
        at(t.finishedNanos()),
        t.preemptions(),
        phase(t.prefill()),
        phase(t.decode()),
        t.steps().stream().map(this::step).toList());
  }

  private @Nullable Phase phase(@Nullable Phase p) {
    if (p == null) {
      return null;
    }
    Step slowest = p.slowest();
    return new Phase(
        at(p.startNanos()),
        at(p.endNanos()),
        p.tokens(),
        p.cachedTokens(),
        p.recomputedTokens(),
        p.steps(),
        p.waitNanos(),
        p.critical(),
        slowest == null ? null : step(slowest),
        p.lanes().stream().map(this::lane).toList());
  }

  private Step step(Step s) {
    return new Step(
        s.step(),
        at(s.submitNanos()),
        at(s.startNanos()),
        at(s.endNanos()),
        calls(s.calls()),
        s.requestTokens(),
        s.batchTokens(),
        s.batchRequests(),
        s.members(),
        s.lanes().stream().map(this::lane).toList());
  }

  private Calls calls(Calls c) {
    return c.equals(Calls.NONE)
        ? c
        : new Calls(at(c.submitNanos()), at(c.submittedNanos()), at(c.awaitedNanos()));
  }

  private Lane lane(Lane l) {
    return new Lane(
        l.stage(),
        l.rank(),
        at(l.startNanos()),
        at(l.endNanos()),
        l.computeNanos(),
        l.allReduceWaitNanos(),
        l.receiveWaitNanos(),
        l.sendNanos(),
        l.sampleNanos(),
        l.copyNanos(),
        l.offCpuNanos(),
        l.steps(),
        l.stragglerSteps(),
        l.bytes(),
        l.lateNanos(),
        l.longestLateNanos(),
        l.latestAt());
  }

  /** A moment of the worker's on the gateway's clock; 0 stays 0. */
  long at(long nanos) {
    if (nanos == 0) {
      return 0;
    }
    long moved = nanos + offset;
    if (moved < from || moved > to) {
      clamped = true;
    }
    return Math.clamp(moved, from, to);
  }
}
