package dev.switchboard.gateway.routing;

import org.jspecify.annotations.Nullable;

/**
 * A replica as routing sees it at a moment; {@link #of} and the {@code with} methods make one by
 * hand.
 *
 * @param routable whether its state admits new work; {@code state} is the word for people
 * @param inFlight requests this gateway has there now
 * @param running and waiting: what the replica last reported of itself; 0 when it does not report
 * @param waitingTokens prompt tokens it has not computed yet, as it reported
 * @param reportAgeMs age of that report; −1 when there is none
 * @param others requests there that were not this gateway's when it reported
 * @param own what this gateway has there, and the speed it learned
 * @param weight its share of new work, 1 by default; 0 gives it none
 * @param cost of its work relative to others; only a tie-breaker
 * @param maxConcurrency requests it takes at once; 0 for no limit
 * @param circuit whether it failed too often to be used
 * @param kvUsed share of its KV in use, of a server whose queue does not tell of what has no room;
 *     0 of others
 */
public record ReplicaView(
    String id,
    String model,
    boolean routable,
    String state,
    int inFlight,
    int running,
    int waiting,
    long waitingTokens,
    long reportAgeMs,
    int others,
    Workload.Snapshot own,
    double weight,
    double cost,
    int maxConcurrency,
    Circuit circuit,
    double kvUsed) {

  /** From such a share on nothing begins before something ends. */
  private static final double KV_FULL = 0.95;

  /** Whether requests may be sent. */
  public enum Circuit {
    CLOSED,
    /** None may. */
    OPEN,
    /** One may, to see whether it works again. */
    PROBE
  }

  /** A ready replica that does nothing and that nothing is known of. */
  public static ReplicaView of(String id, String model) {
    return new ReplicaView(
        id,
        model,
        true,
        "READY",
        0,
        0,
        0,
        0,
        -1,
        0,
        Workload.Snapshot.NONE,
        1,
        0,
        0,
        Circuit.CLOSED,
        0);
  }

  /** With a state in which it takes no new work. */
  public ReplicaView withState(String word) {
    return new Builder(this).state(false, word).build();
  }

  public ReplicaView withInFlight(int requests) {
    return new Builder(this).inFlight(requests).build();
  }

  /** With a report; what it says beyond the requests in flight belongs to others. */
  public ReplicaView withReport(int runs, int waits, long tokens, long ageMs) {
    return new Builder(this).report(runs, waits, tokens, ageMs).build();
  }

  public ReplicaView withOwn(Workload.Snapshot snapshot) {
    return new Builder(this).own(snapshot).build();
  }

  public ReplicaView withWeight(double value) {
    return new Builder(this).weight(value).build();
  }

  public ReplicaView withCost(double value) {
    return new Builder(this).cost(value).build();
  }

  public ReplicaView withMaxConcurrency(int requests) {
    return new Builder(this).maxConcurrency(requests).build();
  }

  public ReplicaView withCircuit(Circuit value) {
    return new Builder(this).circuit(value).build();
  }

  /** With so much of its KV in use. */
  public ReplicaView withKvUsed(double share) {
    return new Builder(this).kvUsed(share).build();
  }

  /**
   * What it has to do now: our own requests, exact, and those of others, as old as the report. Of
   * those the same share waits as of all in the report.
   */
  public Load load() {
    int reported = running + waiting;
    double waits = reported == 0 ? 0 : (double) others * waiting / reported;
    double tokens = waiting == 0 ? 0 : waits * waitingTokens / waiting;
    int generating = Math.max(own.running(), inFlight - own.waiting());
    return new Load(
        own.waiting() + waits, own.waitingTokens() + tokens, generating + others - waits);
  }

  /** The same as a request of a priority finds it: what goes after it does not count as waiting. */
  public Load load(int priority) {
    Load all = load();
    Load ahead = own.ahead(priority);
    return new Load(
        Math.max(0, all.waiting() - own.waiting() + ahead.waiting()),
        Math.max(0, all.waitingTokens() - own.waitingTokens() + ahead.waitingTokens()),
        all.running());
  }

  /** Why it takes nobody's requests now; null when it does. */
  @Nullable String refusal() {
    if (!routable) {
      return "state " + state;
    }
    if (circuit == Circuit.OPEN) {
      return "circuit open";
    }
    return weight <= 0 ? "weight 0" : null;
  }

  /**
   * What a request sent now can expect of it.
   *
   * @param outputTokens of its answer at most
   */
  Prediction predict(Prompt prompt, int outputTokens, int priority, long nowNanos) {
    double tokens = prompt.computedAt(this);
    Load load = load(priority);
    double lateMs = own.overdueMs() + roomMs(load, nowNanos);
    return own.rates().predict(load, tokens, outputTokens, lateMs, nowNanos);
  }

  /** Until one of those that run ends and its KV is free, where there is none. */
  private double roomMs(Load load, long nowNanos) {
    return kvUsed < KV_FULL ? 0 : own.rates().roomMs(load, nowNanos);
  }

  /** Requests there, ours and others'. */
  int requests() {
    return inFlight + others;
  }

  private static final class Builder {
    private final String id;
    private final String model;
    private boolean routable;
    private String state;
    private int inFlight;
    private int running;
    private int waiting;
    private long waitingTokens;
    private long reportAgeMs;
    private int others;
    private Workload.Snapshot own;
    private double weight;
    private double cost;
    private int maxConcurrency;
    private Circuit circuit;
    private double kvUsed;

    Builder(ReplicaView view) {
      id = view.id;
      model = view.model;
      routable = view.routable;
      state = view.state;
      inFlight = view.inFlight;
      running = view.running;
      waiting = view.waiting;
      waitingTokens = view.waitingTokens;
      reportAgeMs = view.reportAgeMs;
      others = view.others;
      own = view.own;
      weight = view.weight;
      cost = view.cost;
      maxConcurrency = view.maxConcurrency;
      circuit = view.circuit;
      kvUsed = view.kvUsed;
    }

    Builder state(boolean takesWork, String word) {
      routable = takesWork;
      state = word;
      return this;
    }

    Builder inFlight(int value) {
      inFlight = value;
      return this;
    }

    Builder report(int runs, int waits, long tokens, long ageMs) {
      running = runs;
      waiting = waits;
      waitingTokens = tokens;
      reportAgeMs = ageMs;
      others = Math.max(0, runs + waits - inFlight);
      return this;
    }

    Builder own(Workload.Snapshot value) {
      own = value;
      return this;
    }

    Builder weight(double value) {
      weight = value;
      return this;
    }

    Builder cost(double value) {
      cost = value;
      return this;
    }

    Builder maxConcurrency(int value) {
      maxConcurrency = value;
      return this;
    }

    Builder circuit(Circuit value) {
      circuit = value;
      return this;
    }

    Builder kvUsed(double value) {
      kvUsed = value;
      return this;
    }

    ReplicaView build() {
      return new ReplicaView(
          id,
          model,
          routable,
          state,
          inFlight,
          running,
          waiting,
          waitingTokens,
          reportAgeMs,
          others,
          own,
          weight,
          cost,
          maxConcurrency,
          circuit,
          kvUsed);
    }
  }
}
