package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.bench.EngineScript;
import dev.switchboard.gateway.bench.StepDelays;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * An engine that batches continuously: every step decodes a token of each running sequence and
 * fills the rest of its budget with prompt tokens. A worker of ours goes by priority, then by
 * arrival, and preempts the last of a lower priority for one that finds no room: of what that one
 * had, all but the last block is in the cache when it runs again. A foreign server goes by arrival.
 * It keeps the prefixes of prompts that it computed, the least recently used of which go first.
 */
final class SimulatedReplica {
  /** Hears of a job; nothing more after an end. */
  interface Listener {
    void token(int generated);

    void ended();

    void failed(String reason);
  }

  /** What it has to do for one request. */
  static final class Job {
    private final Request request;
    private final Listener listener;
    private final int cachedTokens;
    private final long order;
    private final int priority;
    private int promptLeft;
    private int generated;
    private boolean over;

    private Job(Request request, Listener listener, int cachedTokens, long order, int priority) {
      this.request = request;
      this.order = order;
      this.priority = priority;
      this.listener = listener;
      this.cachedTokens = cachedTokens;
      this.promptLeft = Math.max(1, request.promptTokens() - cachedTokens);
    }

    /** Tokens of its prompt that were there before. */
    int cachedTokens() {
      return cachedTokens;
    }

    int promptLeft() {
      return promptLeft;
    }

    /** It gives its place up: whole blocks of what was computed are found again. */
    private void preempt() {
      int known = request.promptTokens() + generated;
      int computed = known - promptLeft;
      promptLeft = Math.max(1, known - computed / BLOCK_TOKENS * BLOCK_TOKENS);
    }
  }

  /** The most urgent first. */
  private static final Comparator<Job> ORDER =
      Comparator.comparingInt((Job job) -> -job.priority).thenComparingLong(job -> job.order);

  private static final int PREFIXES = 12;
  private static final int BLOCK_TOKENS = 32;
  private static final double NOISE = 0.05;

  private final VirtualTime time;
  private final EngineSpeed speed;
  private final @Nullable EngineScript script;
  private final SplittableRandom random;
  private final TreeSet<Job> waiting = new TreeSet<>(ORDER);
  private final List<Job> running = new ArrayList<>();
  private boolean preempts = true;
  private long order;
  private final Map<Integer, Boolean> prefixes = new LinkedHashMap<>(16, 0.75f, true);
  private boolean stepping;
  private boolean alive;
  private boolean frozen;
  private double slowdown = 1;
  private long epoch;
  private long refusals;
  private boolean broken;
  private Runnable death = () -> {};
  private @Nullable Lateness late;
  private double passMs;
  private long toldNanos;

  SimulatedReplica(VirtualTime time, EngineSpeed speed, SplittableRandom random) {
    this(time, speed, null, random);
  }

  private SimulatedReplica(
      VirtualTime time, EngineSpeed speed, @Nullable EngineScript script, SplittableRandom random) {
    this.time = time;
    this.speed = speed;
    this.script = script;
    this.random = random;
  }

  /**
   * A foreign server that does what a script says, from second 0 of the run on, to the nanosecond.
   *
   * @param late how late each step's tokens are told of
   */
  static SimulatedReplica scripted(VirtualTime time, EngineScript script, Lateness late) {
    EngineSpeed speed =
        new EngineSpeed(
            script.baseMs() / script.speed(),
            script.perRunningMs() / script.speed(),
            script.perPromptTokenMs() / script.speed(),
            Integer.MAX_VALUE,
            script.batch());
    SimulatedReplica replica = new SimulatedReplica(time, speed, script, new SplittableRandom(0));
    replica.foreign();
    replica.late = late;
    for (EngineScript.Span absence : script.absences()) {
      time.at(Request.nanos(absence.fromSeconds()), replica::kill);
      time.at(Request.nanos(absence.toSeconds()), replica::boot);
    }
    return replica;
  }

  /** How long a step of one token takes it. */
  double stepMs() {
    return (speed.stepMs() + speed.perSequenceMs()) * slowdown;
  }

  /** Requests that it failed because it was broken. */
  long refusals() {
    return refusals;
  }

  boolean alive() {
    return alive;
  }

  boolean frozen() {
    return frozen;
  }

  int running() {
    return running.size();
  }

  int waiting() {
    return waiting.size();
  }

  long waitingTokens() {
    long tokens = 0;
    for (Job job : waiting) {
      tokens += job.promptLeft;
    }
    for (Job job : running) {
      tokens += job.promptLeft;
    }
    return tokens;
  }

  /**
   * A request comes.
   *
   * @param priority the higher the sooner
   */
  Job submit(Request request, int priority, Listener listener) {
    boolean cached = request.prefixTokens() > 0 && prefixes.containsKey(request.prefix());
    int hits = cached ? request.prefixTokens() : 0;
    Job job = new Job(request, listener, hits, order++, preempts ? priority : 0);
    if (!alive) {
      time.after(0, () -> fail(job, "connection refused"));
      return job;
    }
    if (broken) {
      refusals++;
      time.afterMs(1, () -> fail(job, "status 500"));
      return job;
    }
    waiting.add(job);
    wake();
    return job;
  }

  void cancel(Job job) {
    job.over = true;
    waiting.remove(job);
    running.remove(job);
  }

  /** It is no worker of ours: it knows no priorities. */
  void foreign() {
    preempts = false;
  }

  /** Everything it does takes so many times as long from the next step on. */
  void slowdown(double factor) {
    slowdown = factor;
  }

  /** Fails every new request at once, while all else of it is well. */
  void broken(boolean now) {
    broken = now;
  }

  /** Its process serves from now on. */
  void boot() {
    alive = true;
    frozen = false;
  }

  /** Run when its process dies. */
  void onDeath(Runnable action) {
    death = action;
  }

  /** Its process dies with everything it had. */
  void kill() {
    if (!alive) {
      return;
    }
    alive = false;
    stepping = false;
    epoch++;
    List<Job> lost = new ArrayList<>(running);
    lost.addAll(waiting);
    running.clear();
    waiting.clear();
    prefixes.clear();
    Runnable told = death;
    death = () -> {};
    told.run();
    lost.forEach(job -> time.after(0, () -> fail(job, "the replica died")));
  }

  /** Stops and goes on again, like a process under SIGSTOP. */
  void freeze(boolean stop) {
    frozen = stop;
    if (!stop) {
      wake();
    }
  }

  private void fail(Job job, String reason) {
    if (!job.over) {
      job.over = true;
      job.listener.failed(reason);
    }
  }

  private void wake() {
    if (!stepping && alive && !frozen && !(waiting.isEmpty() && running.isEmpty())) {
      step();
    }
  }

  private void step() {
    stepping = true;
    dropExpired();
    begin();
    int decoding = 0;
    for (Job job : running) {
      decoding += job.promptLeft == 0 ? 1 : 0;
    }
    int prompt = prefill(speed.stepTokens() - decoding);
    long begun = epoch;
    time.after(stepNanos(decoding, prompt), () -> stepDone(begun));
  }

  private long stepNanos(int decoding, int prompt) {
    if (script != null) {
      double now = Request.second(time.nowNanos());
      return (long) ((script.stepEnd(running.size(), prompt, now) - now) * 1e9);
    }
    double millis =
        speed.stepMs() + speed.perSequenceMs() * decoding + speed.perPromptTokenMs() * prompt;
    double noise = 1 + NOISE * (2 * random.nextDouble() - 1);
    return (long) (millis * slowdown * noise * 1e6);
  }

  private void begin() {
    while (!waiting.isEmpty()) {
      Job first = waiting.getFirst();
      if (running.size() == speed.sequences()) {
        Job last = Collections.max(running, ORDER);
        if (last.priority >= first.priority) {
          break;
        }
        running.remove(last);
        last.preempt();
        waiting.add(last);
      }
      waiting.remove(first);
      running.add(first);
    }
    if (preempts) {
      running.sort(ORDER);
    }
  }

  /** What is past its deadline is worth no step more, as in our worker. */
  private void dropExpired() {
    long now = time.nowNanos();
    List<Job> late = new ArrayList<>();
    for (Job job : waiting) {
      if (job.request.deadlineNanos() <= now) {
        late.add(job);
      }
    }
    for (Job job : running) {
      if (job.request.deadlineNanos() <= now) {
        late.add(job);
      }
    }
    for (Job job : late) {
      waiting.remove(job);
      running.remove(job);
      fail(job, "deadline");
    }
  }

  private int prefill(int budget) {
    int used = 0;
    for (Job job : running) {
      int chunk = Math.min(job.promptLeft, budget - used);
      if (chunk > 0) {
        job.promptLeft -= chunk;
        used += chunk;
      }
    }
    return used;
  }

  private void stepDone(long begun) {
    if (begun != epoch) {
      return;
    }
    if (frozen) {
      time.afterMs(10, () -> stepDone(begun));
      return;
    }
    stepping = false;
    delay();
    for (Job job : List.copyOf(running)) {
      if (!job.over && job.promptLeft == 0) {
        token(job);
      }
    }
    wake();
  }

  /** When the first of its tokens is told of, and how soon the others follow. */
  private void delay() {
    if (late != null) {
      int tokens = (int) running.stream().filter(job -> job.promptLeft == 0).count();
      StepDelays.Step delay = late.of(Request.second(time.nowNanos()), tokens);
      passMs = (delay.lastMs() - delay.firstMs()) / Math.max(1, tokens - 1);
      toldNanos = Math.max(toldNanos, time.nowNanos() + (long) (delay.firstMs() * 1e6));
    }
  }

  private void token(Job job) {
    job.generated++;
    if (job.generated == 1) {
      remember(job.request);
    }
    if (late != null) {
      tokenLate(job);
      return;
    }
    job.listener.token(job.generated);
    if (!job.over && job.generated >= job.request.outputTokens()) {
      job.over = true;
      running.remove(job);
      job.listener.ended();
    }
  }

  /** The batch has the place at once; who listens is told later. */
  private void tokenLate(Job job) {
    int generated = job.generated;
    boolean last = generated >= job.request.outputTokens();
    if (last) {
      job.over = true;
      running.remove(job);
    }
    long at = toldNanos;
    toldNanos += (long) (passMs * 1e6);
    time.at(
        at,
        () -> {
          job.listener.token(generated);
          if (last) {
            job.listener.ended();
          }
        });
  }

  private void remember(Request request) {
    if (request.prefixTokens() > 0) {
      prefixes.put(request.prefix(), true);
      if (prefixes.size() > PREFIXES) {
        prefixes.remove(prefixes.keySet().iterator().next());
      }
    }
  }
}
