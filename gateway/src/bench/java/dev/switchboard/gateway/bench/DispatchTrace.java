package dev.switchboard.gateway.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What clients saw of a run, in seconds from its begin: of real engines or of simulated ones. */
public final class DispatchTrace {
  /** An answer that broke, or never came. */
  public static final String LOST = "lost";

  /** An answer that its client waits for no longer, since the run is over. */
  public static final String UNFINISHED = "unfinished";

  private final List<Seen> requests = new ArrayList<>();
  private StepDelays delays = StepDelays.NONE;
  private MachineWatch.Seen machine = MachineWatch.Seen.UNTROUBLED;
  private double ejections = Double.NaN;

  /** One request, from its being sent to its end. */
  public static final class Seen {
    private final DispatchCrowd crowd;
    private final double sent;
    private double[] tokens = new double[32];
    private int count;
    private int engine = -1;
    private double end = Double.NaN;
    private String refusal = LOST;

    private Seen(DispatchCrowd crowd, double sent) {
      this.crowd = crowd;
      this.sent = sent;
    }

    /** A token came, from an engine. */
    public void token(int from, double at) {
      engine = from;
      if (count == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * count);
      }
      tokens[count++] = at;
    }

    /** It was answered to the end. */
    public void served(double at) {
      refusal = "";
      end = at;
    }

    /**
     * It was not.
     *
     * @param why the gateway's word, or {@link #LOST}
     */
    public void refused(String why, double at) {
      refusal = why;
      end = at;
    }

    public DispatchCrowd crowd() {
      return crowd;
    }

    public double sent() {
      return sent;
    }

    /** Which engine it is from; −1 where there is no token. */
    public int engine() {
      return engine;
    }

    /** Not a number for one that never ended. */
    public double end() {
      return end;
    }

    /** Empty for one that was served. */
    public String refusal() {
      return refusal;
    }

    public boolean isServed() {
      return refusal.isEmpty();
    }

    /** When its tokens came. */
    public double[] tokens() {
      return Arrays.copyOf(tokens, count);
    }

    public double ttftMs() {
      return count == 0 ? Double.NaN : (tokens[0] - sent) * 1000;
    }

    /** Mean time per token after the first. */
    public double tpotMs() {
      return count < 2 ? Double.NaN : (tokens[count - 1] - tokens[0]) * 1000 / (count - 1);
    }

    /** Whether it was served as soon as it wanted. */
    public boolean inTime() {
      return isServed()
          && (crowd.ttftMs() == 0 || ttftMs() <= crowd.ttftMs())
          && (crowd.tpotMs() == 0 || count < 2 || tpotMs() <= crowd.tpotMs());
    }
  }

  /** A request is sent. */
  public Seen sent(DispatchCrowd crowd, double at) {
    Seen seen = new Seen(crowd, at);
    requests.add(seen);
    return seen;
  }

  /** With how late tokens were told of, and what else the machine had to do. */
  DispatchTrace measured(StepDelays tokens, MachineWatch.Seen watched) {
    delays = tokens;
    machine = watched;
    return this;
  }

  /** With how often its gateway ejected an engine. */
  public DispatchTrace ejected(double times) {
    ejections = times;
    return this;
  }

  /** How often an engine was ejected; not a number where no gateway was there to count it. */
  public double ejections() {
    return ejections;
  }

  /** What else the machine had to do; nothing in a simulated run. */
  MachineWatch.Seen machine() {
    return machine;
  }

  /** How late tokens were told of; empty for a simulated run. */
  public StepDelays delays() {
    return delays;
  }

  /** Nobody waits any longer. */
  public DispatchTrace finish(double at) {
    for (Seen seen : requests) {
      if (Double.isNaN(seen.end)) {
        seen.refused(UNFINISHED, at);
      }
    }
    return this;
  }

  /** In the order in which they were sent. */
  public List<Seen> requests() {
    return List.copyOf(requests);
  }
}
