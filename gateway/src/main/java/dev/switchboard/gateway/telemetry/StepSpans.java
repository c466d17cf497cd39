package dev.switchboard.gateway.telemetry;

import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * A span for each step of an engine, linked to the requests that were in it.
 *
 * <p>A step belongs to every request of its batch, so it is in none of their traces but in one of
 * its replica, of ten seconds, whose id follows from both: a request can name it before it exists.
 * Requests that are told in every step bring it; which others were in it, their worker says by the
 * numbers of this gateway's attempts, and linked are all whose traces are exported, however much
 * those tell. What is exported of a request may be known when it ends only, so a step waits until
 * those that were in it are over, though not for ever, and is exported once. Whoever brings it
 * later is told in a span of its own. Safe on any thread.
 */
public final class StepSpans {
  /** Of one request; a longer one is told in its first steps. */
  static final int MOST_STEPS = 512;

  private static final int MOST_LINKS = 32;
  private static final int MOST_WAITING = 8192;

  /** Who ended together is told one after the other. */
  private static final long LEAST_WAIT_NANOS = 2_000_000_000;

  private static final long MOST_WAIT_NANOS = 30_000_000_000L;
  private static final long WINDOW_NANOS = 10_000_000_000L;
  private static final AttributeKey<String> REQUEST =
      AttributeKey.stringKey("switchboard.request.id");
  private static final AttributeKey<Long> TOKENS = AttributeKey.longKey("switchboard.tokens");

  private final Tracer tracer;
  private final String gateway;
  private final StepMembers members = new StepMembers();
  private final LinkedHashMap<Key, Waiting> waiting = new LinkedHashMap<>();

  /** The worker's own time tells steps of two of its processes apart. */
  private record Key(String replica, long step, long startNanos) {}

  private record Link(SpanContext span, Attributes attributes) {}

  /** A step, who brought it, and who else of this gateway is known to have been in it. */
  private static final class Waiting {
    final Step step;
    final List<StepMembers.Member> members;
    final long sinceNanos;

    /** By their spans' ids. */
    final Map<String, Link> links = new LinkedHashMap<>();

    Waiting(Step step, List<StepMembers.Member> members, long sinceNanos) {
      this.step = step;
      this.members = members;
      this.sinceNanos = sinceNanos;
    }

    void link(SpanContext span, Attributes attributes) {
      links.putIfAbsent(span.getSpanId(), new Link(span, attributes));
    }

    boolean ripe(long nowNanos) {
      long age = nowNanos - sinceNanos;
      return age >= MOST_WAIT_NANOS
          || (age >= LEAST_WAIT_NANOS && members.stream().allMatch(StepMembers.Member::isOver));
    }
  }

  /**
   * @param gateway what no other gateway has: replicas of two of them may have the same name
   */
  public StepSpans(Tracer tracer, String gateway) {
    this.tracer = tracer;
    this.gateway = gateway;
  }

  /** An attempt goes to its replica, whose steps may name it; see {@link StepMembers#sent}. */
  StepMembers.Member sent(long number, String requestId, SpanContext span) {
    return members.sent(number, requestId, span);
  }

  /**
   * Notes the steps of a request, of which the earliest are told soon.
   *
   * @param offsetNanos from the worker's clock to the times of the timeline
   * @param member its span
   */
  synchronized void add(
      String replica,
      RequestTimeline timeline,
      long offsetNanos,
      SpanContext member,
      long nowNanos) {
    int steps = Math.min(MOST_STEPS, timeline.steps().size());
    for (Step step : timeline.steps().subList(0, steps)) {
      Key key = new Key(replica, step.step(), step.startNanos() - offsetNanos);
      waiting
          .computeIfAbsent(key, first -> new Waiting(step, members.find(step.members()), nowNanos))
          .link(
              member,
              Attributes.of(REQUEST, timeline.requestId(), TOKENS, (long) step.requestTokens()));
    }
    while (waiting.size() > MOST_WAITING) {
      Map.Entry<Key, Waiting> oldest = waiting.pollFirstEntry();
      export(oldest.getKey().replica, oldest.getValue());
    }
  }

  /** Exports the steps that waited long enough. */
  public synchronized void flush(long nowNanos) {
    Iterator<Map.Entry<Key, Waiting>> each = waiting.entrySet().iterator();
    while (each.hasNext()) {
      Map.Entry<Key, Waiting> next = each.next();
      if (next.getValue().ripe(nowNanos)) {
        each.remove();
        export(next.getKey().replica, next.getValue());
      }
    }
  }

  private void export(String replica, Waiting told) {
    Step step = told.step;
    SpanBuilder builder =
        tracer
            .spanBuilder("engine.step")
            .setParent(Context.root().with(Span.wrap(above(replica, step.startNanos()))))
            .setStartTimestamp(step.startNanos(), TimeUnit.NANOSECONDS);
    for (StepMembers.Member member : told.members) {
      if (member.span().isValid()) {
        told.link(member.span(), Attributes.of(REQUEST, member.requestId()));
      }
    }
    told.links.values().stream()
        .limit(MOST_LINKS)
        .forEach(link -> builder.addLink(link.span, link.attributes));
    Span span = builder.startSpan();
    span.setAttribute("switchboard.replica", replica);
    span.setAttribute("switchboard.step", step.step());
    span.setAttribute("switchboard.batch_tokens", step.batchTokens());
    span.setAttribute("switchboard.batch_requests", step.batchRequests());
    span.setAttribute("switchboard.members_known", told.links.size());
    span.setAttribute("switchboard.members_left_out", Math.max(0, told.links.size() - MOST_LINKS));
    span.setAttribute("switchboard.wait_ms", (step.startNanos() - step.submitNanos()) / 1e6);
    slowest(span, step.lanes());
    offCpu(span, step.lanes());
    span.end(Math.max(step.startNanos(), step.endNanos()), TimeUnit.NANOSECONDS);
  }

  /** The rank that computed longest; a span for each would be many. */
  private static void slowest(Span span, List<Lane> lanes) {
    Lane slowest = null;
    for (Lane lane : lanes) {
      if (slowest == null || lane.computeNanos() > slowest.computeNanos()) {
        slowest = lane;
      }
    }
    if (slowest != null) {
      span.setAttribute("switchboard.slowest_stage", slowest.stage());
      span.setAttribute("switchboard.slowest_rank", slowest.rank());
      span.setAttribute("switchboard.compute_ms", slowest.computeNanos() / 1e6);
    }
  }

  /**
   * The rank that had work and no core for longest. It is known as what is left of the rank's time
   * without its processor time, in whatever moments, so it has no span of its own.
   */
  private static void offCpu(Span span, List<Lane> lanes) {
    Lane most = null;
    for (Lane lane : lanes) {
      if (lane.offCpuNanos() > (most == null ? 0 : most.offCpuNanos())) {
        most = lane;
      }
    }
    if (most != null) {
      span.setAttribute("switchboard.off_cpu_stage", most.stage());
      span.setAttribute("switchboard.off_cpu_rank", most.rank());
      span.setAttribute("switchboard.off_cpu_ms", most.offCpuNanos() / 1e6);
    }
  }

  /** The ids of the traces in which the steps of a timeline are told. */
  Set<String> traces(String replica, RequestTimeline timeline) {
    Set<String> ids = new TreeSet<>();
    for (Step step : timeline.steps().subList(0, Math.min(MOST_STEPS, timeline.steps().size()))) {
      ids.add(above(replica, step.startNanos()).getTraceId());
    }
    return ids;
  }

  /** A span that is nowhere, in the trace of a replica's steps around a moment. */
  private SpanContext above(String replica, long nanos) {
    String name = gateway + "/" + replica + "/" + nanos / WINDOW_NANOS;
    String id =
        UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).toString().replace("-", "");
    return SpanContext.createFromRemoteParent(
        id, id.substring(16), TraceFlags.getSampled(), TraceState.getDefault());
  }
}
