package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
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
 * moved data, sampled and had no core; how long no step of the request was at work is what it
 * counted as waiting, as far as the steps leave room for it; the rest is {@link Phase#UNEXPLAINED}.
 * Where chunks of one request overlap in different stages, their sum exceeds the phase and is
 * scaled down to it.
 *
 * <p>Before, between and behind what a worker tells, the time that {@link Waits} names is taken out
 * of whatever phase it is in: an event loop that did not run, a replica that there was not, a
 * client that did not read. What they overlap of a worker's own time cost the request nothing.
 * While the loop does not run nothing else can be what a request waits for, so that comes first. Of
 * a server without timeline only those waits count that end with bytes the kernel had before: it
 * may have worked all the while.
 *
 * <p>Of a stream that went on at another replica the first one's answer broke off before its
 * timeline; its time counts as an upstream's that tells none. It is lost from the replica's last
 * bytes on. The last one's timeline tells what followed the last move.
 *
 * <p>With {@code n} choices the one that finished last tells the story, for the client waited for
 * it.
 */
public final class PhaseBreakdown {
  /** A share of the wall time. */
  public enum Phase {
    /** Its connection waited to be accepted; no part of its wall time. */
    SOCKET("socket"),
    /** The handshake of its connection; no part of its wall time. */
    TLS("tls"),
    ACCEPT("accept"),
    PARSE("parse"),
    QUEUE("queue"),
    ROUTE("route"),
    /** From the first attempt to the start of the one that served, be it a hedge. */
    RETRY("retry"),
    /** There was no replica that could take it. */
    REPLICA_WAIT("replica_wait"),
    CONNECT("connect"),
    SEND("send"),
    TOKENIZE("tokenize"),
    WORKER_QUEUE("worker_queue"),
    PREFILL_COMPUTE("prefill_compute"),
    PREFILL_COLLECTIVE_WAIT("prefill_collective_wait"),
    PREFILL_TRANSFER("prefill_transfer"),
    PREFILL_SAMPLE("prefill_sample"),
    /** Ranks had work and no core. */
    PREFILL_OFF_CPU("prefill_off_cpu"),
    /** Before, between and after the request's chunks. */
    PREFILL_WAIT("prefill_wait"),
    DECODE_COMPUTE("decode_compute"),
    /** Its steps were longer because prompts of other requests were computed in them. */
    DECODE_NEIGHBOUR_PREFILL("decode_neighbour_prefill"),
    DECODE_COLLECTIVE_WAIT("decode_collective_wait"),
    DECODE_TRANSFER("decode_transfer"),
    DECODE_SAMPLE("decode_sample"),
    /** Ranks had work and no core. */
    DECODE_OFF_CPU("decode_off_cpu"),
    /** Between the request's decode steps: planning, handing over, other requests' steps. */
    DECODE_WAIT("decode_wait"),
    /** A server that ships no timeline, until its first content. */
    UPSTREAM_FIRST("upstream_first_token"),
    /** The same, after it. */
    UPSTREAM_REST("upstream_rest"),
    /** A stream's replica had sent its last bytes, or was given up, and no other had sent more. */
    MIGRATION("migration"),
    /** The worker was done, and the end of the answer was not yet written to the client. */
    DETOKENIZE_FLUSH("detokenize_flush"),
    /** In that time, the client did not read. */
    CLIENT_STALL("client_stall"),
    /** The answer was written, and waited for the client to take its rest. */
    CLIENT_FLUSH("client_flush"),
    /** The event loop did not run while something waited for it. */
    GATEWAY_LATE("gateway_late"),
    UNEXPLAINED("unexplained");

    private final String label;

    Phase(String label) {
      this.label = label;
    }

    public String label() {
      return label;
    }

    private static final Phase[] ALL = values();

    @SuppressWarnings("EnumOrdinal") // Places in an array of one story.
    private int place() {
      return ordinal();
    }
  }

  /** Hears of a phase that took time. */
  @FunctionalInterface
  public interface Listener {
    void took(Phase phase, long nanos);
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
      return ClockOffset.of(timelines, stamps, from, to).align(timelines);
    }
  }

  private final FlightRecord record;
  private final long[] nanos;
  private final boolean told;
  private final long engineFrom;
  private final long engineTo;
  private @Nullable Engine engine;

  private PhaseBreakdown(Teller teller) {
    this.record = teller.record;
    this.nanos = teller.nanos;
    this.told = teller.clock != null;
    this.engineFrom = teller.engineFrom;
    this.engineTo = teller.engineTo;
  }

  public long nanos(Phase phase) {
    return nanos[phase.place()];
  }

  /** Tells of all phases that took time, in order of time. */
  public void forEach(Listener listener) {
    for (Phase phase : Phase.ALL) {
      long took = nanos[phase.place()];
      if (took > 0) {
        listener.took(phase, took);
      }
    }
  }

  /** In order of time; phases without time are left out. */
  public List<Segment> segments() {
    List<Segment> segments = new ArrayList<>();
    forEach((phase, took) -> segments.add(new Segment(phase, took)));
    return List.copyOf(segments);
  }

  /** What came before the request's own time, if it is the first of its connection. */
  public Map<Phase, Long> before() {
    Waits waits = record.waits();
    if (waits.socketNanos() == 0 && waits.tlsNanos() == 0) {
      return Map.of();
    }
    Map<Phase, Long> found = new EnumMap<>(Phase.class);
    if (waits.socketNanos() > 0) {
      found.put(Phase.SOCKET, waits.socketNanos());
    }
    if (waits.tlsNanos() > 0) {
      found.put(Phase.TLS, waits.tlsNanos());
    }
    return Map.copyOf(found);
  }

  /**
   * The worker's view on the gateway's clock, made when somebody asks for it first; null from a
   * foreign server. For one thread at a time.
   */
  public @Nullable Engine engine() {
    if (engine == null && told) {
      engine = Engine.of(record.timelines(), record.engines().stamps(), engineFrom, engineTo);
    }
    return engine;
  }

  /**
   * How long the client's slow reading paused the upstream in all; it overlaps decode where the
   * worker was ahead.
   */
  public long clientStallNanos() {
    return Intervals.covered(record.stalls(), Long.MIN_VALUE, Long.MAX_VALUE);
  }

  /** Tells the story of a finished request. */
  public static PhaseBreakdown of(FlightRecord record) {
    return new Teller(record, null).tell();
  }

  /** The moments of a finished request by the phase that they are charged to. */
  public static Charges charges(FlightRecord record) {
    Charges charges = new Charges();
    new Teller(record, charges).tell();
    return charges;
  }

  /**
   * When a request was in the phases that the gateway itself saw begin and end; those of which a
   * worker tells sums have no moments. Whoever tells of a time takes its moments, so that none is
   * told twice.
   */
  public static final class Charges {
    private final Map<Phase, List<Interval>> moments = new EnumMap<>(Phase.class);

    private Charges() {}

    private void add(Phase phase, List<Interval> times) {
      if (!times.isEmpty()) {
        moments.merge(phase, times, Intervals::union);
      }
    }

    /** How much of a time is charged to a phase and was not taken yet. */
    public long take(Phase phase, long startNanos, long endNanos) {
      List<Interval> there = moments.getOrDefault(phase, List.of());
      moments.put(phase, Intervals.minus(there, List.of(new Interval(startNanos, endNanos))));
      return Intervals.covered(there, startNanos, endNanos);
    }
  }

  /** Cuts the wall time at rising moments; each cut gives what passed since the last one. */
  private static final class Teller {
    private final FlightRecord record;
    private final long end;

    /** The end of the answer was written, or there was none. */
    private final long written;

    private final long[] nanos = new long[Phase.ALL.length];

    /** Of the engine that told; null where none did. */
    private @Nullable ClockOffset clock;

    private long engineFrom;
    private long engineTo;

    /** No moment is in two of them, and none of the others in {@link #late}. */
    private final List<Interval> late;

    private final List<Interval> unread;
    private final List<Interval> replicaWaits;
    private final List<Interval> stalls;

    /** Hears of each moment; null where sums are enough. */
    private final @Nullable Charges charges;

    /** What is left of the time that is being cut, where moments are told. */
    private List<Interval> window = List.of();

    private long cursor;

    Teller(FlightRecord record, @Nullable Charges charges) {
      this.record = record;
      this.charges = charges;
      this.cursor = record.at(Mark.ACCEPTED);
      this.end = record.at(Mark.ENDED);
      this.written = orElse(record.at(Mark.WRITTEN), end);
      Waits waits = record.waits();
      this.unread = Intervals.union(waits.unread(), List.of());
      this.late = Intervals.union(waits.loop(), unread);
      List<Interval> replica = Intervals.union(waits.replica(), List.of());
      this.replicaWaits = Intervals.minus(replica, late);
      List<Interval> stalled = Intervals.minus(Intervals.union(record.stalls(), List.of()), late);
      this.stalls = Intervals.minus(stalled, replica);
    }

    PhaseBreakdown tell() {
      cut(Phase.ACCEPT, reached(Mark.RECEIVED), By.OTHERS);
      cut(Phase.PARSE, reached(Mark.PARSED), By.GATEWAY);
      cut(Phase.QUEUE, reached(Mark.ADMITTED), By.GATEWAY);
      cut(Phase.ROUTE, firstRouted(), By.GATEWAY);
      cut(Phase.RETRY, record.at(Mark.ROUTED), By.GATEWAY);
      if (connected()) {
        upstream();
      } else {
        cut(Phase.CONNECT, written, By.GATEWAY);
      }
      cut(Phase.DETOKENIZE_FLUSH, written, By.GATEWAY);
      cut(Phase.CLIENT_FLUSH, end, By.GATEWAY);
      return new PhaseBreakdown(this);
    }

    /** Who did not get to a mark waited for it until the answer; who skipped it did not wait. */
    private long reached(Mark mark) {
      if (record.at(mark) != 0) {
        return record.at(mark);
      }
      for (Mark later : Mark.values()) {
        if (later.place() > mark.place()
            && later.place() <= Mark.CONNECTED.place()
            && record.at(later) != 0) {
          return 0;
        }
      }
      return written;
    }

    private static long orElse(long nanos, long other) {
      return nanos == 0 ? other : nanos;
    }

    private long firstRouted() {
      long first = Long.MAX_VALUE;
      for (int i = 0; i < record.attempts().size(); i++) {
        first = Math.min(first, record.attempts().get(i).startNanos());
      }
      return first == Long.MAX_VALUE ? record.at(Mark.ROUTED) : first;
    }

    /** The last attempt has a connection; an earlier one may have had one. */
    private boolean connected() {
      long at = record.at(Mark.CONNECTED);
      return at != 0 && at >= record.at(Mark.ROUTED);
    }

    private void upstream() {
      cut(Phase.CONNECT, record.at(Mark.CONNECTED), By.GATEWAY);
      long to = orElse(record.at(Mark.UPSTREAM_ENDED), written);
      if (record.moves() > 0) {
        moved(to);
      } else if (record.timelines().isEmpty()) {
        cut(Phase.UPSTREAM_FIRST, orElse(record.at(Mark.FIRST_TOKEN), to), By.OTHERS);
        rest(to);
      } else {
        ClockOffset clock = clock(record.at(Mark.CONNECTED), to);
        engineCuts(last(clock), clock);
      }
    }

    /** Brings the times of the engine that told to the gateway's clock. */
    private ClockOffset clock(long from, long to) {
      engineFrom = from;
      engineTo = to;
      ClockOffset made = ClockOffset.of(record.timelines(), record.engines().stamps(), from, to);
      clock = made;
      return made;
    }

    /** Of a server without timeline; it may have been lost, and none have gone on. */
    private void rest(long to) {
      long lost = record.waits().lostNanos();
      if (lost != 0) {
        cut(Phase.UPSTREAM_REST, lost, By.OTHERS);
        cut(Phase.MIGRATION, written, By.GATEWAY);
      }
      cut(Phase.UPSTREAM_REST, to, By.OTHERS);
    }

    private void moved(long to) {
      cut(Phase.UPSTREAM_FIRST, record.at(Mark.FIRST_TOKEN), By.OTHERS);
      long started = 0;
      for (FlightRecord.Attempt attempt : record.attempts()) {
        FlightRecord.Move move = attempt.move();
        if (move != null && move.resumedNanos() != 0) {
          cut(Phase.UPSTREAM_REST, move.lostNanos(), By.OTHERS);
          cut(Phase.MIGRATION, move.resumedNanos(), By.GATEWAY);
          started = attempt.startNanos();
        }
      }
      if (record.timelines().isEmpty()) {
        rest(to);
        return;
      }
      ClockOffset clock = clock(started, to);
      RequestTimeline told = last(clock);
      lanes(told.decode(), clock.at(told.finishedNanos()), DECODE, Phase.DECODE_WAIT);
    }

    private void engineCuts(RequestTimeline timeline, ClockOffset clock) {
      cut(Phase.SEND, clock.at(timeline.receivedNanos()), By.GATEWAY);
      cut(Phase.TOKENIZE, clock.at(timeline.tokenizedNanos()), By.WORKER);
      long scheduled = clock.at(timeline.scheduledNanos());
      long finished = clock.at(timeline.finishedNanos());
      if (scheduled == 0) {
        cut(Phase.WORKER_QUEUE, finished, By.WORKER);
        return;
      }
      cut(Phase.WORKER_QUEUE, scheduled, By.WORKER);
      long first = clock.at(timeline.firstTokenNanos());
      lanes(timeline.prefill(), first == 0 ? finished : first, PREFILL, Phase.PREFILL_WAIT);
      if (first != 0) {
        lanes(timeline.decode(), finished, DECODE, Phase.DECODE_WAIT);
      }
    }

    /** As {@link #share} orders them. */
    private static final Phase[] PREFILL = {
      Phase.PREFILL_COMPUTE,
      Phase.PREFILL_COLLECTIVE_WAIT,
      Phase.PREFILL_TRANSFER,
      Phase.PREFILL_SAMPLE,
      Phase.PREFILL_OFF_CPU
    };

    private static final Phase[] DECODE = {
      Phase.DECODE_COMPUTE,
      Phase.DECODE_COLLECTIVE_WAIT,
      Phase.DECODE_TRANSFER,
      Phase.DECODE_SAMPLE,
      Phase.DECODE_OFF_CPU,
      Phase.DECODE_NEIGHBOUR_PREFILL
    };

    /**
     * Splits the time up to a moment by what the critical rank of each stage did in it, and what
     * remains by whether a step was at work.
     */
    private void lanes(
        RequestTimeline.@Nullable Phase part, long until, Phase[] phases, Phase waiting) {
      long span = Math.max(0, Math.min(until, written) - cursor);
      long sum = 0;
      for (int i = 0; i < phases.length && part != null; i++) {
        sum += share(part.critical(), i);
      }
      double scale = sum > span ? (double) span / sum : 1;
      long used = 0;
      for (int i = 0; i < phases.length && part != null; i++) {
        long nanos = Math.min((long) (share(part.critical(), i) * scale), span - used);
        add(phases[i], nanos);
        used += nanos;
      }
      long waited = part == null ? 0 : Math.clamp(part.waitNanos(), 0, span - used);
      add(waiting, waited);
      add(Phase.UNEXPLAINED, span - used - waited);
      cursor += span;
    }

    /** In the order of the phases that it is split into. */
    private static long share(RequestTimeline.Critical critical, int place) {
      return switch (place) {
        case 0 -> critical.computeNanos();
        case 1 -> critical.collectiveWaitNanos();
        case 2 -> critical.transferNanos();
        case 3 -> critical.sampleNanos();
        case 4 -> critical.offCpuNanos();
        default -> critical.neighbourPrefillNanos();
      };
    }

    /** Whose turn it is in a phase. */
    private enum By {
      GATEWAY,
      WORKER,
      /** A client that sends, or a server that tells nothing of itself. */
      OTHERS
    }

    private void cut(Phase phase, long moment, By turn) {
      long to = Math.min(moment, end);
      if (to <= cursor) {
        return;
      }
      long left = to - cursor;
      if (charges != null) {
        window = List.of(new Interval(cursor, to));
      }
      if (turn != By.WORKER) {
        left -= take(Phase.GATEWAY_LATE, turn == By.GATEWAY ? late : unread, to);
      }
      if (turn == By.GATEWAY) {
        left -= take(Phase.REPLICA_WAIT, replicaWaits, to);
      }
      if (phase == Phase.DETOKENIZE_FLUSH || phase == Phase.UPSTREAM_REST) {
        left -= take(Phase.CLIENT_STALL, stalls, to);
      }
      add(phase, left);
      if (charges != null) {
        charges.add(phase, window);
      }
      cursor = to;
    }

    private long take(Phase phase, List<Interval> times, long to) {
      long nanos = times.isEmpty() ? 0 : Intervals.covered(times, cursor, to);
      add(phase, nanos);
      if (charges != null && nanos > 0) {
        List<Interval> left = Intervals.minus(window, times);
        charges.add(phase, Intervals.minus(window, left));
        window = left;
      }
      return nanos;
    }

    private void add(Phase phase, long nanos) {
      if (nanos > 0) {
        this.nanos[phase.place()] += nanos;
      }
    }

    private RequestTimeline last(ClockOffset clock) {
      List<RequestTimeline> told = record.timelines();
      RequestTimeline last = told.getFirst();
      for (int i = 1; i < told.size(); i++) {
        RequestTimeline timeline = told.get(i);
        if (clock.at(timeline.finishedNanos()) > clock.at(last.finishedNanos())) {
          last = timeline;
        }
      }
      return last;
    }
  }
}
