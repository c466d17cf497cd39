package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.flight.Outcome;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What clients saw of their requests, held against the protocol and against what the gateway
 * counted, exactly.
 *
 * <p>Of each request: it ends once; a stream's tokens are numbered without a gap; {@code [DONE]}
 * comes once, after a finish reason, and nothing after it; an answer that ends without it has said
 * an error. Of all together: {@link #compare} wants as many requests of each outcome in the
 * gateway's metrics as the clients have. Safe on any thread; one entry belongs to one thread.
 */
public final class ClientLedger {
  private static final int MAX_FAULTS = 20;

  private final List<String> faults = new ArrayList<>();
  private final Map<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
  private long begun;
  private long open;
  private long left;
  private long unanswered;
  private long tokens;
  private long gaps;

  /** A request is about to be sent. */
  public synchronized Entry begin(boolean stream) {
    open++;
    return new Entry(begun++, stream);
  }

  /** What breaks the protocol, the first of them; empty when nothing does. */
  public synchronized List<String> faults() {
    return List.copyOf(faults);
  }

  /** Requests that were begun. */
  public synchronized long begun() {
    return begun;
  }

  /** Requests with this outcome, as clients see it. */
  public synchronized long count(Outcome outcome) {
    return outcomes.getOrDefault(outcome, 0L);
  }

  /** Tokens that arrived in streams. */
  public synchronized long tokens() {
    return tokens;
  }

  /**
   * Compares with what the gateway counted since the first scrape, when it has nothing in flight.
   *
   * @return every difference; empty when all is accounted for
   */
  public synchronized List<String> compare(MetricsText before, MetricsText after) {
    List<String> found = new ArrayList<>(faults);
    differ(found, "requests of clients still open", 0, (double) open);
    differ(found, "switchboard_requests_in_flight", 0, after.sum("switchboard_requests_in_flight"));
    differ(found, "switchboard_replica_in_flight", 0, after.sum("switchboard_replica_in_flight"));
    double counted = 0;
    double gone = 0;
    for (Outcome outcome : Outcome.values()) {
      double grew = grew(before, after, "switchboard_requests_total", outcome);
      double seen = (double) count(outcome);
      counted += grew;
      if (outcome == Outcome.CLIENT_GONE) {
        gone = grew;
      } else if (grew < seen || grew > seen + left) {
        found.add("outcome " + outcome.label() + ": clients " + seen + ", gateway " + grew);
      }
    }
    differ(found, "requests in all", (double) (begun - unanswered), counted);
    if (gone > left) {
      found.add("outcome client_gone: clients " + left + ", gateway " + gone);
    }
    if (left == 0) {
      double itl =
          after.sum("switchboard_itl_seconds_count") - before.sum("switchboard_itl_seconds_count");
      differ(found, "gaps between tokens", (double) gaps, itl);
    }
    return found;
  }

  private static double grew(MetricsText before, MetricsText after, String name, Outcome outcome) {
    String label = "outcome=\"" + outcome.label() + "\"";
    return after.sum(name, label) - before.sum(name, label);
  }

  private static void differ(List<String> found, String what, double clients, double gateway) {
    if (clients != gateway) {
      found.add(what + ": clients " + clients + ", gateway " + gateway);
    }
  }

  private synchronized void fault(String what) {
    if (faults.size() < MAX_FAULTS) {
      faults.add(what);
    }
  }

  private synchronized void ended(Entry entry, Outcome outcome) {
    open--;
    outcomes.merge(outcome, 1L, Long::sum);
    tokens += entry.tokens;
    gaps += Math.max(0, entry.tokens - 1);
  }

  private synchronized void withdrawn(boolean answered) {
    open--;
    if (answered) {
      left++;
    } else {
      unanswered++;
    }
  }

  /** One request, as its client sees it. */
  public final class Entry {
    private final long number;
    private final boolean stream;
    private int status;
    private int tokens;
    private boolean finished;
    private boolean done;
    private Outcome error = Outcome.OK;
    private boolean over;

    private Entry(long number, boolean stream) {
      this.number = number;
      this.stream = stream;
    }

    /** The answer's head. */
    public void status(int value) {
      expect(status == 0, "a second head");
      status = value;
    }

    /** A token of a stream that numbers its tokens from 0. */
    public void token(int value) {
      expect(value == tokens, "token " + value + " where " + tokens + " was due");
      token();
    }

    /** A token of a stream that does not number them. */
    public void token() {
      expect(!finished && !done, "a token after the finish reason");
      tokens++;
    }

    public void finishReason() {
      expect(!finished, "a second finish reason");
      finished = true;
    }

    /** {@code [DONE]}. */
    public void done() {
      expect(finished, "[DONE] without a finish reason");
      expect(!done, "a second [DONE]");
      done = true;
    }

    /** An error event in a stream. */
    public void error(int code) {
      expect(!done, "an error after [DONE]");
      error = Outcome.ofStatus(code);
    }

    /** The answer's last byte. */
    public void end() {
      if (over) {
        fault("request " + number + ": a second end");
        return;
      }
      over = true;
      boolean good = status == 200;
      expect(status != 0, "an end without a head");
      expect(!good || !stream || done || error != Outcome.OK, "an end without [DONE] or an error");
      ended(this, good ? error : Outcome.ofStatus(status));
    }

    /** The connection broke before the answer ended, which no server may do on purpose. */
    public void broke() {
      if (!over) {
        fault("request " + number + ": the connection broke");
        leave();
      }
    }

    /** The client closed the connection; the gateway may have been faster. */
    public void leave() {
      if (!over) {
        over = true;
        withdrawn(true);
      }
    }

    /** The connection was refused, or closed before the request was read whole. */
    public void neverSent() {
      if (!over) {
        over = true;
        withdrawn(false);
      }
    }

    private void expect(boolean condition, String otherwise) {
      if (!condition) {
        fault("request " + number + ": " + otherwise);
      }
    }
  }
}
