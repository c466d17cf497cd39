package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the wall time of one request went: a partition that sums to 100 %.
 *
 * <p>The gateway's marks cut the wall time at moments that it saw itself. Between the connection
 * and the upstream's last byte the worker's timeline cuts further, moved onto the gateway's clock
 * by {@link ClockOffset} and clamped into that interval. Inside prefill and decode the worker says
 * of each step's stages how long the rank that was done last computed, waited for other ranks,
 * moved data and sampled; how long no step of the request was at work is what it counted as
 * waiting, as far as the steps leave room for it; the rest is {@link Phase#UNEXPLAINED}. Where
 * chunks of one request overlap in different stages, their sum exceeds the phase and is scaled down
 * to it.
 *
 * <p>Of a stream that went on at another replica the first one's answer broke off before its
 * timeline; its time counts as an upstream's that tells none. The last one's timeline tells what
 * followed the last move.
 *
 * <p>With {@code n} choices the one that finished last tells the story, for the client waited for
 * it.
 *
 * @param segments in order of time; phases without time are left out
 * @param engine the worker's view on the gateway's clock; null from a foreign server
 * @param clientStallNanos how long the client's slow reading paused the upstream in all; it
 *     overlaps decode where the worker was ahead
 */
public record Story(
    List<Segment> segments,
    Map<Phase, Long> totals,
    @Nullable Engine engine,
    long clientStallNanos) {

  /** A share of the wall time. */
  public enum Phase {
    ACCEPT("accept"),
    PARSE("parse"),
    QUEUE("queue"),
    ROUTE("route"),
    /** From the first attempt to the start of the one that served, be it a hedge. */
    RETRY("retry"),
    CONNECT("connect"),
    SEND("send"),
    TOKENIZE("tokenize"),
    WORKER_QUEUE("worker_queue"),
    PREFILL_COMPUTE("prefill_compute"),
    PREFILL_COLLECTIVE_WAIT("prefill_collective_wait"),
    PREFILL_TRANSFER("prefill_transfer"),
    PREFILL_SAMPLE("prefill_sample"),
    /** Before, between and after the request's chunks. */
    PREFILL_WAIT("prefill_wait"),
    DECODE_COMPUTE("decode_compute"),
    DECODE_COLLECTIVE_WAIT("decode_collective_wait"),
    DECODE_TRANSFER("decode_transfer"),
    DECODE_SAMPLE("decode_sample"),
    /** Between the request's decode steps: planning, handing over, other requests' steps. */
    DECODE_WAIT("decode_wait"),
    /** A server that ships no timeline, until its first content. */
    UPSTREAM_FIRST("upstream_first_token"),
    /** The same, after it. */
    UPSTREAM_REST("upstream_rest"),
    /** A stream's replica was given up and no other had sent more yet. */
    MIGRATION("migration"),
    DETOKENIZE_FLUSH("detokenize_flush"),
    CLIENT_STALL("client_stall"),
    UNEXPLAINED("unexplained");

    private final String label;

    Phase(String label) {
      this.label = label;
    }

    public String label() {
      return label;
    }
  }

  /** Time of one phase; the shares inside prefill and decode have no position of their own. */
  public record Segment(Phase phase, long nanos) {}

  /**
   * The worker's timelines on the gateway's clock.
   *
   * @param offsetNanos added to the worker's times; right to within errorNanos
   * @param clamped some time lay outside of the attempt and was moved to its edge
   */
  public record Engine(
      List<RequestTimeline> timelines, long offsetNanos, long errorNanos, boolean clamped) {
    public Engine {
      timelines = List.copyOf(timelines);
    }

    /** The same, but for the steps one by one. */
    Engine withoutSteps() {
      List<RequestTimeline> summed =
          timelines.stream().map(timeline -> timeline.withSteps(List.of())).toList();
      return new Engine(summed, offsetNanos, errorNanos, clamped);
    }

    /** Of one attempt, sent at {@code from} and over at {@code to}. */
    public static Engine of(
        List<RequestTimeline> timelines, EngineStamps stamps, long from, long to) {
      return ClockOffset.align(timelines, stamps, from, to);
    }
  }

  public Story {
    segments = List.copyOf(segments);
    Map<Phase, Long> ordered = new EnumMap<>(Phase.class);
    ordered.putAll(totals);
    totals = Collections.unmodifiableMap(ordered);
  }

  public long nanos(Phase phase) {
    return totals.getOrDefault(phase, 0L);
  }

  /** Tells the story of a finished request. */
  public static Story of(FlightRecord record) {
    return new Teller(record).tell();
  }

  /** Cuts the wall time at rising moments; each cut gives what passed since the last one. */
  private static final class Teller {
    private final FlightRecord record;
    private final long end;
    private final Map<Phase, Long> totals = new EnumMap<>(Phase.class);
    private long cursor;

    Teller(FlightRecord record) {
      this.record = record;
      this.cursor = record.at(Mark.ACCEPTED);
      this.end = record.at(Mark.ENDED);
    }

    Story tell() {
      cut(Phase.ACCEPT, record.at(Mark.RECEIVED));
      cut(Phase.PARSE, record.at(Mark.PARSED));
      cut(Phase.QUEUE, queueEnd());
      cut(Phase.ROUTE, firstRouted());
      cut(Phase.RETRY, record.at(Mark.ROUTED));
      cut(Phase.CONNECT, record.at(Mark.CONNECTED));
      Engine engine = upstream();
      tail();
      cut(Phase.UNEXPLAINED, end);
      List<Segment> segments = new ArrayList<>();
      totals.forEach((phase, nanos) -> segments.add(new Segment(phase, nanos)));
      return new Story(segments, totals, engine, stall(Long.MIN_VALUE, Long.MAX_VALUE));
    }

    /** Who was never admitted waited to its end. */
    private long queueEnd() {
      boolean neverAdmitted = record.at(Mark.PARSED) != 0 && record.at(Mark.ADMITTED) == 0;
      return neverAdmitted ? end : record.at(Mark.ADMITTED);
    }

    private long firstRouted() {
      long first = Long.MAX_VALUE;
      for (FlightRecord.Attempt attempt : record.attempts()) {
        first = Math.min(first, attempt.startNanos());
      }
      return first == Long.MAX_VALUE ? record.at(Mark.ROUTED) : first;
    }

    private @Nullable Engine upstream() {
      long from = record.at(Mark.CONNECTED);
      if (from == 0) {
        return null;
      }
      long to = record.at(Mark.UPSTREAM_ENDED) == 0 ? end : record.at(Mark.UPSTREAM_ENDED);
      if (record.moves() > 0) {
        return moved(to);
      }
      if (record.timelines().isEmpty()) {
        cut(
            Phase.UPSTREAM_FIRST,
            record.at(Mark.FIRST_TOKEN) == 0 ? to : record.at(Mark.FIRST_TOKEN));
        cut(Phase.UPSTREAM_REST, to);
        return null;
      }
      Engine engine = Engine.of(record.timelines(), record.engines().stamps(), from, to);
      engineCuts(last(engine.timelines()));
      return engine;
    }

    private @Nullable Engine moved(long to) {
      cut(Phase.UPSTREAM_FIRST, record.at(Mark.FIRST_TOKEN));
      long started = 0;
      for (FlightRecord.Attempt attempt : record.attempts()) {
        FlightRecord.Move move = attempt.move();
        if (move != null && move.resumedNanos() != 0) {
          cut(Phase.UPSTREAM_REST, move.cutNanos());
          cut(Phase.MIGRATION, move.resumedNanos());
          started = attempt.startNanos();
        }
      }
      if (record.timelines().isEmpty()) {
        cut(Phase.UPSTREAM_REST, to);
        return null;
      }
      Engine engine = Engine.of(record.timelines(), record.engines().stamps(), started, to);
      RequestTimeline told = last(engine.timelines());
      lanes(told.decode(), told.finishedNanos(), DECODE, Phase.DECODE_WAIT);
      return engine;
    }

    private void engineCuts(RequestTimeline timeline) {
      cut(Phase.SEND, timeline.receivedNanos());
      cut(Phase.TOKENIZE, timeline.tokenizedNanos());
      long scheduled = timeline.scheduledNanos();
      if (scheduled == 0) {
        cut(Phase.WORKER_QUEUE, timeline.finishedNanos());
        return;
      }
      cut(Phase.WORKER_QUEUE, scheduled);
      long first = timeline.firstTokenNanos();
      long prefilled = first == 0 ? timeline.finishedNanos() : first;
      lanes(timeline.prefill(), prefilled, PREFILL, Phase.PREFILL_WAIT);
      if (first != 0) {
        lanes(timeline.decode(), timeline.finishedNanos(), DECODE, Phase.DECODE_WAIT);
      }
    }

    private static final Phase[] PREFILL = {
      Phase.PREFILL_COMPUTE,
      Phase.PREFILL_COLLECTIVE_WAIT,
      Phase.PREFILL_TRANSFER,
      Phase.PREFILL_SAMPLE
    };
    private static final Phase[] DECODE = {
      Phase.DECODE_COMPUTE, Phase.DECODE_COLLECTIVE_WAIT, Phase.DECODE_TRANSFER, Phase.DECODE_SAMPLE
    };

    /**
     * Splits the time up to a moment by what the critical rank of each stage did in it, and what
     * remains by whether a step was at work.
     */
    private void lanes(
        RequestTimeline.@Nullable Phase part, long until, Phase[] phases, Phase waiting) {
      long span = Math.max(0, Math.min(until, end) - cursor);
      long[] shares = part == null ? new long[phases.length] : shares(part.critical());
      long sum = 0;
      for (long share : shares) {
        sum += share;
      }
      double scale = sum > span ? (double) span / sum : 1;
      long used = 0;
      for (int i = 0; i < phases.length; i++) {
        long nanos = Math.min((long) (shares[i] * scale), span - used);
        add(phases[i], nanos);
        used += nanos;
      }
      long waited = part == null ? 0 : Math.clamp(part.waitNanos(), 0, span - used);
      add(waiting, waited);
      add(Phase.UNEXPLAINED, span - used - waited);
      cursor += span;
    }

    private static long[] shares(RequestTimeline.Critical critical) {
      return new long[] {
        critical.computeNanos(),
        critical.collectiveWaitNanos(),
        critical.transferNanos(),
        critical.sampleNanos()
      };
    }

    private void tail() {
      long from = cursor;
      long stalled = Math.min(stall(from, end), end - from);
      if (record.at(Mark.CONNECTED) != 0) {
        add(Phase.CLIENT_STALL, stalled);
        cursor += stalled;
        cut(Phase.DETOKENIZE_FLUSH, end);
      }
    }

    private void cut(Phase phase, long moment) {
      long to = Math.min(moment, end);
      if (to > cursor) {
        add(phase, to - cursor);
        cursor = to;
      }
    }

    private void add(Phase phase, long nanos) {
      if (nanos > 0) {
        totals.merge(phase, nanos, Long::sum);
      }
    }

    private long stall(long from, long to) {
      long sum = 0;
      for (FlightRecord.Interval interval : record.stalls()) {
        sum +=
            Math.max(0, Math.min(interval.endNanos(), to) - Math.max(interval.startNanos(), from));
      }
      return sum;
    }

    private static RequestTimeline last(List<RequestTimeline> timelines) {
      RequestTimeline last = timelines.getFirst();
      for (RequestTimeline timeline : timelines) {
        if (timeline.finishedNanos() > last.finishedNanos()) {
          last = timeline;
        }
      }
      return last;
    }
  }
}
