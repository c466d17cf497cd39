package dev.switchboard.scheduler;

import dev.switchboard.constraint.Matcher;
import dev.switchboard.executor.Executor;
import dev.switchboard.executor.Executor.LaneHeartbeat;
import dev.switchboard.executor.ExecutorException;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.Fault;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.RejectedGenerationException.Reason;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An engine on one platform thread: take what was submitted, plan, submit, await, apply; park when
 * there is nothing.
 *
 * <p>Other threads reach it through one bounded inbox under a lock that is held for an append; all
 * else they see are volatile snapshots. A failed step ends the sequences in it and the engine goes
 * on. A hang, or any exception from the scheduler or the executor, is the end of the engine: every
 * sequence fails, health says why, and submissions are refused until {@link #close}.
 */
public final class EngineLoop implements Engine {
  private static final Logger LOG = LoggerFactory.getLogger(EngineLoop.class);
  private static final EngineFailure SHUTDOWN =
      new EngineFailure("shutdown", "the engine is shutting down", -1, -1);
  private static final long HEARTBEAT_INTERVAL_NANOS = 20_000_000;

  private final Executor executor;
  private final ExecutorInfo info;
  private final EngineConfig config;
  private final EpochClock clock;
  private final EngineCore core;
  private final Thread thread;
  private final Object inboxLock = new Object();

  // Guarded by inboxLock.
  private List<Job> inbox = new ArrayList<>();
  private List<Job> cancels = new ArrayList<>();
  private int submissions;
  private long submittedTokens;
  private long order;
  private boolean closed;

  // Engine thread.
  private List<Job> taken = new ArrayList<>();
  private List<Job> takenCancels = new ArrayList<>();
  private long heartbeatsReadNanos;

  private volatile EngineLoad load;
  private volatile long waitingTokens;
  private volatile List<LaneHeartbeat> heartbeats;
  private volatile @Nullable String failure;

  private EngineLoop(Executor executor, EngineConfig config, EpochClock clock, PrefixKey key) {
    this.executor = executor;
    this.config = config;
    this.clock = clock;
    info = executor.info();
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    core = new EngineCore(executor, config, clock, key, threads::getCurrentThreadCpuTime);
    load = core.scheduler().load(0);
    heartbeats = executor.heartbeats();
    thread = Thread.ofPlatform().name("switchboard-engine").daemon(true).unstarted(this::run);
  }

  /** Starts an engine that owns the executor from now on. */
  public static EngineLoop start(Executor executor, EngineConfig config, EpochClock clock) {
    EngineLoop loop = new EngineLoop(executor, config, clock, PrefixKey.random());
    loop.thread.start();
    return loop;
  }

  // ---- any thread ----------------------------------------------------------------------------

  public ExecutorInfo info() {
    return info;
  }

  /** Breaks something on purpose; see {@link Executor#inject}. */
  public void inject(Fault fault) {
    executor.inject(fault);
  }

  @Override
  public Generation submit(GenerationRequest request, GenerationListener listener) {
    RequestCheck.check(request, info);
    Matcher matcher = request.matcher();
    Job job;
    synchronized (inboxLock) {
      String lost = failure;
      if (closed || lost != null) {
        throw new RejectedGenerationException(
            Reason.UNAVAILABLE, lost == null ? SHUTDOWN.message() : lost);
      }
      requireRoom(request);
      job = new Job(request, matcher, listener, order++);
      inbox.add(job);
      submissions++;
      submittedTokens += tokens(request);
    }
    LockSupport.unpark(thread);
    return job;
  }

  /** Under the lock, and before anything of the request is copied. */
  private void requireRoom(GenerationRequest request) {
    int waiting = submissions + load.waiting();
    if (waiting >= config.maxWaiting()) {
      throw new RejectedGenerationException(
          Reason.QUEUE_FULL, config.maxWaiting() + " generations wait already");
    }
    long tokens = submittedTokens + waitingTokens;
    if (waiting > 0 && tokens + tokens(request) > config.maxWaitingTokens()) {
      throw new RejectedGenerationException(
          Reason.QUEUE_FULL,
          tokens + " prompt tokens wait already, of at most " + config.maxWaitingTokens());
    }
  }

  private static int tokens(GenerationRequest request) {
    return request.prompt().length + request.generated().length;
  }

  @Override
  public EngineLoad load() {
    return load;
  }

  @Override
  public EngineHealth health() {
    long now = clock.nanos();
    List<RankHeartbeat> ranks = new ArrayList<>();
    for (LaneHeartbeat beat : heartbeats) {
      ranks.add(
          new RankHeartbeat(
              beat.stage(),
              beat.rank(),
              beat.finishedStep(),
              beat.finishedStep() == 0 ? 0 : millisBetween(beat.finishedNanos(), now),
              beat.currentStep(),
              beat.currentStep() == 0 ? 0 : millisBetween(beat.currentSinceNanos(), now)));
    }
    return new EngineHealth(
        failure, ranks, core.skew().report(now), core.totals().report(), core.spreads().report());
  }

  @Override
  public List<EngineStep> steps(int last) {
    return core.recent().last(last, clock);
  }

  private static long millisBetween(long from, long to) {
    return Math.max(0, to - from) / 1_000_000;
  }

  /** Waits for the engine thread; must not be called on it. */
  @Override
  public void close() {
    synchronized (inboxLock) {
      closed = true;
    }
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void cancel(Job job) {
    job.sequence.requestCancel();
    synchronized (inboxLock) {
      cancels.add(job);
    }
    LockSupport.unpark(thread);
  }

  // ---- engine thread -------------------------------------------------------------------------

  private void run() {
    try {
      while (!isClosed()) {
        turn();
      }
      failEverything(SHUTDOWN);
    } finally {
      executor.close();
    }
  }

  private boolean isClosed() {
    synchronized (inboxLock) {
      return closed;
    }
  }

  private void turn() {
    try {
      takeInbox();
      if (failure != null) {
        LockSupport.park(this);
        return;
      }
      core.fill();
      publish();
      if (core.await(config.awaitSliceMs() * 1_000_000L)) {
        publish();
      } else if (core.scheduler().isIdle()) {
        core.checkIdle();
        parkUnlessWork();
      }
    } catch (ExecutorException e) {
      lost(new EngineFailure(kindOf(e.status()), e.text(), e.stage(), e.rank()), e);
    } catch (OutOfMemoryError exhausted) {
      // The end of the process, see WorkerMain.
      throw exhausted;
    } catch (RuntimeException | Error e) {
      lost(new EngineFailure("internal", e.toString(), -1, -1), e);
    }
  }

  private static String kindOf(ExecutorException.Status status) {
    return switch (status) {
      case HUNG -> "hung";
      case DEVICE_LOST -> "device_lost";
      default -> "internal";
    };
  }

  private void parkUnlessWork() {
    boolean quiet;
    synchronized (inboxLock) {
      quiet = inbox.isEmpty() && cancels.isEmpty() && !closed;
    }
    if (quiet) {
      // Nothing reads them again before the next work, so a last step shorter than the interval
      // would stay invisible.
      readHeartbeats(clock.nanos());
      // A submission after the check unparks, so its permit ends the park at once.
      LockSupport.park(this);
    }
  }

  private void takeInbox() {
    synchronized (inboxLock) {
      List<Job> empty = taken;
      taken = inbox;
      inbox = empty;
      List<Job> noCancels = takenCancels;
      takenCancels = cancels;
      cancels = noCancels;
    }
    long now = clock.nanos();
    for (Job job : taken) {
      core.scheduler().add(job.sequence, now);
    }
    for (Job job : takenCancels) {
      // A sequence that has ended, with the whole engine perhaps, is left alone.
      core.scheduler().cancel(job.sequence, now);
    }
    countTaken();
    taken.clear();
    takenCancels.clear();
  }

  /** The queue's bound sees a submission in the inbox or in the load, never in neither. */
  private void countTaken() {
    if (taken.isEmpty()) {
      return;
    }
    synchronized (inboxLock) {
      submissions -= taken.size();
      for (Job job : taken) {
        submittedTokens -= tokens(job.sequence.request);
      }
      publishLoad();
    }
  }

  private void publishLoad() {
    load = core.scheduler().load(0);
    waitingTokens = core.scheduler().waitingTokens();
  }

  private void publish() {
    publishLoad();
    long now = clock.nanos();
    if (now - heartbeatsReadNanos >= HEARTBEAT_INTERVAL_NANOS) {
      readHeartbeats(now);
    }
  }

  private void readHeartbeats(long now) {
    heartbeatsReadNanos = now;
    heartbeats = executor.heartbeats();
  }

  private void lost(EngineFailure why, Throwable cause) {
    LOG.error("engine_lost kind={} message={}", why.kind(), why.message(), cause);
    synchronized (inboxLock) {
      failure = why.kind() + ": " + why.message();
    }
    heartbeats = executor.heartbeats();
    failEverything(why);
    load = new EngineLoad(0, 0, 0, info.kvBlocks(), 0, 0, load.step(), 0, 0, 0, 0, 0, 0);
  }

  private void failEverything(EngineFailure why) {
    List<Job> late;
    synchronized (inboxLock) {
      late = inbox;
      inbox = new ArrayList<>();
      submissions = 0;
      submittedTokens = 0;
    }
    long now = clock.nanos();
    core.scheduler().failAll(why, now);
    for (Job job : late) {
      job.failed(why, job.sequence.timeline.build(now));
    }
  }

  /** A submitted generation, and the guard around its listener: its exceptions stay its own. */
  private final class Job implements Generation, GenerationListener {
    private final GenerationListener listener;
    private final Sequence sequence;

    Job(
        GenerationRequest request,
        @Nullable Matcher matcher,
        GenerationListener listener,
        long order) {
      this.listener = listener;
      sequence = new Sequence(request, matcher, this, order, clock, clock.nanos());
    }

    @Override
    public @Nullable AttemptId attempt() {
      return listener.attempt();
    }

    @Override
    public void cancel() {
      EngineLoop.this.cancel(this);
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {
      guarded(() -> listener.promptLogprobs(logprobs));
    }

    /** Called for every token, so without an object for the call. */
    @Override
    public void token(TokenEvent token) {
      try {
        listener.token(token);
      } catch (RuntimeException e) {
        failed(e);
      }
    }

    @Override
    public void embedded(float[] vector) {
      guarded(() -> listener.embedded(vector));
    }

    @Override
    public void finished(FinishReason reason, RequestTimeline timeline) {
      guarded(() -> listener.finished(reason, timeline));
    }

    @Override
    public void failed(EngineFailure why, RequestTimeline timeline) {
      guarded(() -> listener.failed(why, timeline));
    }

    private void guarded(Runnable call) {
      try {
        call.run();
      } catch (RuntimeException e) {
        failed(e);
      }
    }

    private void failed(RuntimeException cause) {
      LOG.warn(
          "listener_failed request={} trace={}",
          sequence.request.requestId(),
          listener.traceId(),
          cause);
      sequence.requestCancel();
      cancel();
    }
  }
}
