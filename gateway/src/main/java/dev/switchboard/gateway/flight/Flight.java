package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One request while it runs: what its event loop learns of it, mark by mark. Confined to that event
 * loop; {@link #finish} makes the immutable record.
 */
public final class Flight {
  /** Of each kind; later ones are merged into the last one. */
  private static final int MOST_INTERVALS = 64;

  /** A moment of the request; all in the order in which they happen. */
  public enum Mark {
    /** Its head had arrived. */
    ACCEPTED(0),
    /** The last byte of its body had arrived. */
    RECEIVED(1),
    /** It was read and validated. */
    PARSED(2),
    /** Admission let it pass. */
    ADMITTED(3),
    /** The replica that served it was chosen. */
    ROUTED(4),
    /** A connection to it was there. */
    CONNECTED(5),
    /** The upstream's head had arrived. */
    ANSWERED(6),
    /** The first content. */
    FIRST_TOKEN(7),
    /** The upstream's last byte. */
    UPSTREAM_ENDED(8),
    /** The end of the answer was handed to the client's socket. */
    WRITTEN(9),
    /** The last byte went out to the client, or the client was gone. */
    ENDED(10);

    /** How many there are. */
    static final int COUNT = values().length;

    private final int place;

    Mark(int place) {
      this.place = place;
    }

    /** Where a list of times holds it. */
    int place() {
      return place;
    }
  }

  private final String id;
  private final NanoClock clock;

  /** What its clock shows more than the gateway's. */
  private final long aheadNanos;

  /** Epoch nanoseconds by place; 0 where one is not reached. */
  private final long[] marks = new long[Mark.COUNT];

  private final List<FlightRecord.Attempt> attempts = new ArrayList<>(1);
  private final List<FlightRecord.Interval> stalls = new ArrayList<>();

  private String endpoint = "other";
  private String model = "";
  private String tenant = "";
  private Slo slo = Slo.UNKNOWN;
  private boolean stream;
  private RequestParameters parameters = RequestParameters.NONE;
  private @Nullable Decision decision;
  private @Nullable String traceId;
  private Engines engines = Engines.NONE;
  private Usage usage = Usage.NONE;
  private @Nullable String finishReason;
  private AnswerNames names = AnswerNames.NONE;
  private int contentEvents;
  private long lastContentNanos;
  private long longestGapNanos;
  private long stallStart;
  private final List<FlightRecord.Interval> replicaWaits = new ArrayList<>(0);
  private long replicaWaitStart;
  private final List<FlightRecord.Interval> unread = new ArrayList<>(0);
  private Lateness lateness = (from, to, now) -> List.of();
  private long lostNanos;
  private long connectedNanos;
  private long socketNanos;
  private long tlsNanos;
  private LongConsumer contentListener = nanos -> {};

  public Flight(String id, NanoClock clock) {
    this.id = id;
    NanoClock.Anchored own = clock.anchored();
    this.clock = own.clock();
    this.aheadNanos = own.aheadNanos();
    mark(Mark.ACCEPTED);
  }

  /** Sets a mark to now and returns it; a later attempt moves the marks of an earlier one. */
  public long mark(Mark mark) {
    long now = clock.epochNanos();
    marks[mark.place()] = now;
    return now;
  }

  /** Sets a mark to a moment; 0 takes it back. */
  public void mark(Mark mark, long nanos) {
    marks[mark.place()] = nanos;
  }

  /** Epoch nanoseconds of a mark; 0 while it is not set. */
  public long at(Mark mark) {
    return marks[mark.place()];
  }

  public long now() {
    return clock.epochNanos();
  }

  /** What its times are ahead of the gateway's. */
  public long aheadNanos() {
    return aheadNanos;
  }

  /**
   * One of its moments by the gateway's clock, which everything beside it lives by; 0 stays 0, for
   * what has not been.
   */
  public long gatewayNanos(long nanos) {
    return nanos == 0 ? 0 : nanos - aheadNanos;
  }

  public String id() {
    return id;
  }

  public String endpoint() {
    return endpoint;
  }

  public void endpoint(String value) {
    endpoint = value;
  }

  public String model() {
    return model;
  }

  public void model(String value) {
    model = value;
  }

  public String tenant() {
    return tenant;
  }

  public void tenant(String value) {
    tenant = value;
  }

  public String sloClass() {
    return slo.name();
  }

  public Slo slo() {
    return slo;
  }

  public void slo(Slo value) {
    slo = value;
  }

  public boolean stream() {
    return stream;
  }

  public void stream(boolean value) {
    stream = value;
  }

  public RequestParameters parameters() {
    return parameters;
  }

  public void parameters(RequestParameters value) {
    parameters = value;
  }

  public void decision(Decision value) {
    decision = value;
    mark(Mark.ROUTED);
  }

  /** Where it goes on; when it was routed first stays. */
  public void decisionAnew(Decision value) {
    decision = value;
  }

  /** Of the last attempt; null before it was made. */
  public @Nullable Decision decision() {
    return decision;
  }

  public void traceId(@Nullable String value) {
    traceId = value;
  }

  /** Null when nobody traces. */
  public @Nullable String traceId() {
    return traceId;
  }

  /** Has somebody told of every piece of content from now on, with its moment. */
  public void onContent(LongConsumer listener) {
    contentListener = listener;
  }

  /** The worker's timelines so far; empty from a foreign server. */
  public List<RequestTimeline> timelines() {
    return engines.timelines();
  }

  /** What the answer said of its tokens so far, or the worker's timelines. */
  public Usage usage() {
    return usage.equals(Usage.NONE) ? Usage.of(engines.timelines()) : usage;
  }

  /** The worker's timelines of all choices, and its stamps. */
  public void timelines(List<RequestTimeline> value, EngineStamps stamps) {
    engines = new Engines(value, stamps, Map.of());
  }

  public void usage(Usage value) {
    usage = value;
  }

  public boolean hasUsage() {
    return !usage.equals(Usage.NONE);
  }

  /** Pieces of content so far. */
  public int contentEvents() {
    return contentEvents;
  }

  public void finishReason(@Nullable String value) {
    finishReason = value;
  }

  public void names(AnswerNames value) {
    names = value;
  }

  public void attempt(FlightRecord.Attempt attempt) {
    attempts.add(attempt);
  }

  public int attempts() {
    return attempts.size();
  }

  /**
   * Notes content that arrived from the upstream.
   *
   * @return nanoseconds since the content before it; −1 for the first
   */
  public long content() {
    long now = clock.epochNanos();
    contentEvents++;
    long gap = -1;
    if (at(Mark.FIRST_TOKEN) == 0) {
      marks[Mark.FIRST_TOKEN.place()] = now;
    } else {
      gap = now - lastContentNanos;
      longestGapNanos = Math.max(longestGapNanos, gap);
    }
    lastContentNanos = now;
    contentListener.accept(now);
    return gap;
  }

  /** The client reads more slowly than the upstream sends: the upstream is paused. */
  public void stallBegins() {
    if (stallStart == 0) {
      stallStart = clock.epochNanos();
    }
  }

  public void stallEnds() {
    if (stallStart == 0) {
      return;
    }
    long start = stallStart;
    stallStart = 0;
    add(stalls, start, clock.epochNanos());
  }

  private static void add(List<FlightRecord.Interval> to, long start, long end) {
    long from = to.size() == MOST_INTERVALS ? to.removeLast().startNanos() : start;
    to.add(new FlightRecord.Interval(from, end));
  }

  /** Knows when the event loop that owns a request did not run. */
  @FunctionalInterface
  public interface Lateness {
    /**
     * When it did not, between two moments.
     *
     * @param nowNanos by the clock of whoever asks, which may have another origin
     */
    List<FlightRecord.Interval> between(long fromNanos, long toNanos, long nowNanos);
  }

  public void onLoop(Lateness loop) {
    lateness = loop;
  }

  /** There is no replica that could take it, and it waits for one. */
  public void replicaWaitBegins() {
    if (replicaWaitStart == 0) {
      replicaWaitStart = clock.epochNanos();
    }
  }

  public void replicaWaitEnds() {
    replicaWaitEnds(clock.epochNanos());
  }

  /** The same, at a moment before now. */
  public void replicaWaitEnds(long nanos) {
    if (replicaWaitStart != 0) {
      add(replicaWaits, replicaWaitStart, Math.max(replicaWaitStart, nanos));
      replicaWaitStart = 0;
    }
  }

  /**
   * What was read just now, of its answer or of itself, lay in a socket for so long, because the
   * event loop did not read it.
   */
  public void unread(long nanos) {
    if (nanos <= 0) {
      return;
    }
    long now = clock.epochNanos();
    add(unread, now - nanos, now);
  }

  /** It lay in a socket for so long before its head was read: it begins when it arrived. */
  public void arrivedBefore(long nanos) {
    unread(nanos);
    marks[Mark.ACCEPTED.place()] -= nanos;
  }

  /**
   * It is the first on its connection, which waited so long to be accepted, and then for its TLS.
   *
   * @param acceptedNanos when it was accepted
   */
  public void connection(long acceptedNanos, long waitedNanos, long handshakeNanos) {
    connectedNanos = acceptedNanos;
    socketNanos = waitedNanos;
    tlsNanos = handshakeNanos;
  }

  /** How long its event loop did not run since then. */
  public long lateNanosSince(long nanos) {
    long now = now();
    return lateness.between(nanos, now, now).stream()
        .mapToLong(each -> each.endNanos() - each.startNanos())
        .sum();
  }

  /** Its stream has had no replica since then; 0 when one goes on. */
  public void lost(long nanos) {
    lostNanos = nanos;
  }

  private Waits waits(long now) {
    List<FlightRecord.Interval> replica = replicaWaits;
    if (replicaWaitStart != 0) {
      replica = new ArrayList<>(replica);
      replica.add(new FlightRecord.Interval(replicaWaitStart, now));
    }
    List<FlightRecord.Interval> late = lateness.between(at(Mark.ACCEPTED), now, now);
    boolean none = replica.isEmpty() && late.isEmpty() && unread.isEmpty();
    return none && lostNanos == 0 && socketNanos == 0 && tlsNanos == 0
        ? Waits.NONE
        : new Waits(replica, late, unread, lostNanos, connectedNanos, socketNanos, tlsNanos);
  }

  /** When the present stall began; 0 while the client reads. */
  public long stalledSince() {
    return stallStart;
  }

  /** When the upstream last got on: its last content, or the end of the stall after it. */
  public long lastProgressNanos() {
    return stalls.isEmpty()
        ? lastContentNanos
        : Math.max(lastContentNanos, stalls.getLast().endNanos());
  }

  /** Ends the flight. */
  public FlightRecord finish(Outcome outcome, int status, @Nullable Failure failure) {
    stallEnds();
    return snapshot(outcome, status, failure);
  }

  /** The record as it would be if the flight ended now. */
  public FlightRecord snapshot(Outcome outcome, int status, @Nullable Failure failure) {
    long now = mark(Mark.ENDED);
    return new FlightRecord(
        id,
        endpoint,
        model,
        tenant,
        slo,
        stream,
        outcome,
        status,
        failure,
        traceId,
        marks,
        decision,
        attempts,
        parameters,
        usage(),
        finishReason,
        names,
        contentEvents,
        longestGapNanos,
        stalls,
        waits(now),
        engines);
  }
}
