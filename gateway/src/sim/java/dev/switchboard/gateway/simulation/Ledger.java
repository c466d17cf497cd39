package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.admission.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What became of every request of a run, seen from its client. */
final class Ledger {
  enum End {
    SERVED,
    SHED,
    LATE,
    FAILED
  }

  /** The course of one request. */
  static final class Entry {
    private final Request request;
    private long startNanos;
    private long firstNanos;
    private long endNanos;
    private Refusal.@Nullable Reason refusal;
    private int tokens;
    private long longestPauseNanos;
    private int attempts;
    private String replica = "";
    private End end = End.FAILED;
    private boolean ended;

    private Entry(Request request) {
      this.request = request;
    }

    Request request() {
      return request;
    }

    int tokens() {
      return tokens;
    }

    int attempts() {
      return attempts;
    }

    String replica() {
      return replica;
    }

    End end() {
      return end;
    }

    boolean ended() {
      return ended;
    }

    /** Which limit of admission fired. */
    void refused(Refusal.Reason reason) {
      refusal = reason;
    }

    Refusal.@Nullable Reason refusal() {
      return refusal;
    }

    /** Its stream stood still for so long while it moved to another replica. */
    void paused(long nanos) {
      longestPauseNanos = Math.max(longestPauseNanos, nanos);
    }

    double longestPauseMs() {
      return longestPauseNanos / 1e6;
    }

    void attempt(String at, long now) {
      startNanos = attempts++ == 0 ? now : startNanos;
      replica = at;
    }

    boolean arrived(double fromSeconds, double toSeconds) {
      double at = (request.atNanos() - Request.FIRST_NANOS) / 1e9;
      return at >= fromSeconds && at < toSeconds;
    }

    /** Which part of the time until its first token lies within a part of the run. */
    double prefillWithin(double fromSeconds, double toSeconds) {
      return within(startNanos, firstNanos, fromSeconds, toSeconds);
    }

    /** Which part of the time from then on does. */
    double decodeWithin(double fromSeconds, double toSeconds) {
      return within(firstNanos, endNanos, fromSeconds, toSeconds);
    }

    private double within(long begin, long finish, double fromSeconds, double toSeconds) {
      double from = Math.max((double) begin, Request.FIRST_NANOS + fromSeconds * 1e9);
      double to = Math.min((double) finish, Request.FIRST_NANOS + toSeconds * 1e9);
      return tokens == 0 ? 0 : Math.max(0, to - from) / Math.max(1, finish - begin);
    }

    void token(long now) {
      if (ended) {
        throw new AssertionError("a token after the end of request " + request.number());
      }
      if (tokens++ == 0) {
        firstNanos = now;
      }
    }

    /** An answer came as a whole, the first token of which was there before. */
    void whole(int count, long first) {
      tokens = count;
      firstNanos = first;
    }

    void end(End how, long now) {
      if (ended) {
        throw new AssertionError(
            "request " + request.number() + " ended twice: " + end + ", " + how);
      }
      ended = true;
      end = how;
      endNanos = now;
    }

    /** Tokens that it got in a part of the run, if they came evenly. */
    double tokensWithin(double fromSeconds, double toSeconds) {
      return tokens * within(firstNanos, endNanos, fromSeconds, toSeconds);
    }

    double ttftMs() {
      return (firstNanos - request.atNanos()) / 1e6;
    }

    double tpotMs() {
      return tokens < 2 ? 0 : (endNanos - firstNanos) / 1e6 / (tokens - 1);
    }

    /** Whether it was served, and as soon as it asked for. */
    boolean good() {
      var slo = request.slo();
      return end == End.SERVED
          && (slo.ttftMs() == 0 || ttftMs() <= slo.ttftMs())
          && (slo.tpotMs() == 0 || tpotMs() <= slo.tpotMs())
          && endNanos <= request.deadlineNanos();
    }
  }

  private final List<Entry> entries = new ArrayList<>();

  Entry open(Request request) {
    Entry entry = new Entry(request);
    entries.add(entry);
    return entry;
  }

  List<Entry> entries() {
    return List.copyOf(entries);
  }

  long count(End end) {
    return entries.stream().filter(entry -> entry.end == end).count();
  }

  /** What arrived in a part of the run. */
  Stream<Entry> between(double fromSeconds, double toSeconds) {
    return entries.stream().filter(entry -> entry.arrived(fromSeconds, toSeconds));
  }

  /** Share of what arrived in a part of the run that was good. */
  double goodShare(double fromSeconds, double toSeconds) {
    return between(fromSeconds, toSeconds)
        .mapToInt(entry -> entry.good() ? 1 : 0)
        .average()
        .orElse(1);
  }

  /** Tokens that each tenant was served, its prompts' included. */
  Map<String, Long> tokensByTenant(double fromSeconds, double toSeconds) {
    Map<String, Long> tokens = new TreeMap<>();
    for (Entry entry : entries) {
      if (entry.arrived(fromSeconds, toSeconds)) {
        long served = entry.end == End.SERVED ? entry.request.promptTokens() + entry.tokens : 0;
        tokens.merge(entry.request.tenant(), served, Long::sum);
      }
    }
    return tokens;
  }

  /** 1 when all have the same, 1/n when one has everything. */
  static double jain(Iterable<Long> shares) {
    double sum = 0;
    double squares = 0;
    int count = 0;
    for (long share : shares) {
      sum += share;
      squares += (double) share * share;
      count++;
    }
    return squares == 0 ? 1 : sum * sum / (count * squares);
  }

  /** Every request ended; two runs of a seed have the same one. */
  long fingerprint() {
    long hash = 17;
    for (Entry entry : entries) {
      if (!entry.ended) {
        throw new AssertionError("request " + entry.request.number() + " never ended");
      }
      hash = hash * 31 + entry.end.name().hashCode();
      hash = hash * 31 + entry.endNanos;
      hash = hash * 31 + entry.replica.hashCode();
    }
    return hash;
  }
}
