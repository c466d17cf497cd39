package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.admission.Refusal.Reason;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The door of the gateway: the bound on its memory, the limits of the tenant, then the queue of the
 * model. What enters, to run or to wait, holds a {@link Pass} and closes it when its response ends,
 * whatever way it ends. Safe on any thread; time comes in with each call.
 */
public final class Admission {
  private volatile AdmissionConfig config;

  /** All requests are one tenant's here, whose requests at once are bounded. */
  private static final String ALL = "";

  private final TenantGate tenants;
  private final TenantGate whole;
  private final Function<String, WaitPredictor> predictors;
  private final DoubleSupplier random;
  private final Map<String, AdmissionQueue> queues = new ConcurrentHashMap<>();
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicLong asked = new AtomicLong();
  private volatile boolean unready;
  private volatile boolean closed;

  /**
   * @param predictors what is expected of the replicas of a model
   * @param random from 0 to 1, to spread what clients are told
   */
  public Admission(
      AdmissionConfig config,
      TenantLimits tenants,
      Function<String, WaitPredictor> predictors,
      DoubleSupplier random) {
    this.config = config;
    this.tenants = new TenantGate(tenants, () -> this.config.retryAfterSeconds(), random);
    this.whole =
        new TenantGate(
            all -> new TenantLimits.Limit(1, 0, 0, this.config.maxInFlight(), 0),
            () -> this.config.retryAfterSeconds(),
            random);
    this.predictors = predictors;
    this.random = random;
  }

  /** Who waits for a place; called on any thread, outside of every lock. */
  public interface Waiter {
    void admitted();

    void refused(Refusal refusal);
  }

  /**
   * What the door says.
   *
   * @param pass null where it is refused
   * @param waits the waiter hears how that ends; else the request may go to a replica now
   * @param refusal null where it is not refused
   * @param headers for the answer, whatever it is
   */
  public record Answer(
      @Nullable Pass pass, boolean waits, @Nullable Refusal refusal, Map<String, String> headers) {}

  /** A request inside; closing it twice counts once. */
  public final class Pass implements AdmissionQueue.Listener {
    private final @Nullable AdmissionQueue queue;
    private final Demand demand;
    private final Reservation held;
    private final Waiter waiter;
    private final AtomicBoolean over = new AtomicBoolean();
    private boolean entered;
    private boolean counted;
    private volatile boolean served;
    private volatile AdmissionQueue.@Nullable Entry entry;

    private Pass(@Nullable AdmissionQueue queue, Demand demand, Reservation held, Waiter waiter) {
      this.queue = queue;
      this.demand = demand;
      this.held = held;
      this.waiter = waiter;
    }

    @Override
    public void dispatched(AdmissionQueue.Entry admitted, long nowNanos) {
      told(waiter::admitted, nowNanos);
    }

    @Override
    public void refused(AdmissionQueue.Entry gone, Refusal refusal) {
      told(() -> waiter.refused(refusal), gone.offeredNanos);
    }

    /** Who cannot be told will not leave either: it leaves now. */
    private void told(Runnable news, long nowNanos) {
      boolean heard = false;
      try {
        news.run();
        heard = true;
      } finally {
        if (!heard) {
          close(0, nowNanos);
        }
      }
    }

    /**
     * It goes to a replica, for the first time or again.
     *
     * @param streams whether {@link #firstToken} will be called
     */
    public void routed(String replica, boolean streams, long nowNanos) {
      served = true;
      onEntry((own, admitted) -> own.routed(admitted, replica, streams, nowNanos));
    }

    /** The replica answered that it has enough. */
    public void refusedBy(String replica) {
      onEntry((own, admitted) -> own.refusedBy(replica));
    }

    /** Its first token came. */
    public void firstToken(long nowNanos) {
      onEntry((own, admitted) -> own.firstToken(admitted, nowNanos));
    }

    /** It goes on at the replica that it moved to. */
    public void resumed(long nowNanos) {
      onEntry((own, admitted) -> own.resumed(admitted, nowNanos));
    }

    /** Its whole answer came at once; see {@link AdmissionQueue#wholeAnswer}. */
    public void wholeAnswer(long tokens, long nowNanos) {
      onEntry((own, admitted) -> own.wholeAnswer(admitted, tokens, nowNanos));
    }

    /** When the last time ended at which its model had no replica, by the clock of its calls. */
    public long replicaReadyNanos() {
      return queue == null ? 0 : queue.readyNanos();
    }

    /**
     * It leaves: its place is free, or it does not wait any longer.
     *
     * @param tokens that it read and generated; −1 where nobody knows
     */
    public void close(long tokens, long nowNanos) {
      if (!over.compareAndSet(false, true)) {
        return;
      }
      long used = !served ? 0 : tokens < 0 ? demand.tokens() : tokens;
      // Each is given back whatever the others throw.
      try {
        giveBack(used);
      } finally {
        try {
          held.settle(used, served);
        } finally {
          onEntry((own, admitted) -> own.finished(admitted, used, nowNanos));
        }
      }
    }

    private void giveBack(long used) {
      if (entered) {
        inFlight.decrementAndGet();
        whole.leave(ALL, demand, 1, used, served);
      }
      if (queue != null) {
        queue.passes.decrementAndGet();
      }
      if (counted) {
        tenants.leave(demand, used, served);
      }
    }

    private void onEntry(BiConsumer<AdmissionQueue, AdmissionQueue.Entry> call) {
      AdmissionQueue own = queue;
      AdmissionQueue.Entry admitted = entry;
      if (own != null && admitted != null) {
        call.accept(own, admitted);
      }
    }
  }

  /**
   * Asks for a place.
   *
   * @param model whose queue it enters; null for what takes no place at a replica
   * @param demand its weight is replaced by the tenant's
   */
  public Answer enter(@Nullable String model, Demand demand, Waiter waiter, long nowNanos) {
    return enter(model, demand, Reservation.NONE, waiter, nowNanos);
  }

  /**
   * Asks for a place.
   *
   * @param model whose queue it enters; null for what takes no place at a replica
   * @param demand its weight is replaced by the tenant's
   * @param held what it holds elsewhere; settled when it leaves, or now where it is refused
   */
  public Answer enter(
      @Nullable String model, Demand demand, Reservation held, Waiter waiter, long nowNanos) {
    asked.incrementAndGet();
    if (closed) {
      held.settle(0, false);
      return refused(Refusal.plain(Reason.CLOSING, config.retryAfterSeconds()), Map.of());
    }
    AdmissionQueue queue = model == null ? null : queue(model);
    Pass pass = new Pass(queue, demand, held, waiter);
    boolean inside = false;
    try {
      Answer answer = admit(pass, nowNanos);
      inside = answer.pass() != null;
      return answer;
    } finally {
      // Refused, or a step threw: what the steps before it took is given back.
      if (!inside) {
        pass.close(0, nowNanos);
      }
    }
  }

  private Answer admit(Pass pass, long nowNanos) {
    AdmissionQueue queue = pass.queue;
    if (queue != null) {
      queue.passes.incrementAndGet();
    }
    Demand demand = pass.demand;
    if (whole.enter(ALL, demand, 1, true, nowNanos).refused() != null) {
      return refused(gatewayFull(queue, demand, nowNanos), Map.of());
    }
    pass.entered = true;
    inFlight.incrementAndGet();
    TenantGate.Word word = tenants.enter(demand, pass.held.counted(), nowNanos);
    if (word.refused() != null) {
      return refused(predicted(word.refused(), queue, demand, nowNanos), word.headers());
    }
    pass.counted = true;
    return queue == null
        ? new Answer(pass, false, null, word.headers())
        : queued(queue, pass, word, nowNanos);
  }

  /** A gateway that has as many requests as it may keeps turns for those whom it refuses. */
  private Refusal gatewayFull(@Nullable AdmissionQueue queue, Demand demand, long now) {
    if (queue == null) {
      return Refusal.plain(Reason.IN_FLIGHT, Spread.seconds(config.retryAfterSeconds(), random));
    }
    long holdNanos = queue.inside(demand, now);
    int seconds = holdNanos < 0 ? 0 : whole.comeBack(ALL, demand.asker(), holdNanos, now);
    Refusal told = queue.gatewayFull(demand, now);
    return seconds == 0 ? told : told.withRetryAfter(seconds);
  }

  /** A tenant that has as many requests as it may waits for one of its own to end. */
  private Refusal predicted(
      Refusal refusal, @Nullable AdmissionQueue queue, Demand demand, long now) {
    if (queue == null || refusal.reason() != Reason.TENANT_CONCURRENCY) {
      return refusal;
    }
    int most = tenants.limit(demand.tenant()).maxConcurrency();
    Refusal told = queue.tenantFull(demand, most, now);
    long holdNanos = queue.inside(demand, now);
    int seconds =
        holdNanos < 0 ? 0 : tenants.comeBack(demand.tenant(), demand.asker(), holdNanos, now);
    return seconds == 0 ? told : told.withRetryAfter(seconds);
  }

  private Answer queued(AdmissionQueue queue, Pass pass, TenantGate.Word word, long now) {
    Map<String, String> headers = word.headers();
    return switch (queue.offer(pass.demand, word.weight(), pass, now)) {
      case AdmissionDecision.Running running -> {
        pass.entry = running.entry();
        yield new Answer(pass, false, null, headers);
      }
      case AdmissionDecision.Waiting waiting -> {
        pass.entry = waiting.entry();
        yield new Answer(pass, true, null, headers);
      }
      case Refusal refusal -> refused(refusal, headers);
    };
  }

  private static Answer refused(Refusal refusal, Map<String, String> headers) {
    return new Answer(null, false, refusal, headers);
  }

  /** The queue of a model, made at its first use. */
  public AdmissionQueue queue(String model) {
    return queues.computeIfAbsent(
        model, name -> new AdmissionQueue(config, predictors.apply(name), random));
  }

  /** Whether requests for a model wait or run. */
  public boolean inside(String model) {
    AdmissionQueue queue = queues.get(model);
    return queue != null && queue.passes.get() > 0;
  }

  /** Nobody serves a model any more: who waits for it goes on, and finds nobody. */
  public void forget(String model, long nowNanos) {
    AdmissionQueue gone = queues.remove(model);
    if (gone != null) {
      gone.close(nowNanos);
    }
  }

  /** Every model's queue as it is now. */
  public Map<String, AdmissionQueue.Snapshot> snapshots(long nowNanos) {
    Map<String, AdmissionQueue.Snapshot> snapshots = new HashMap<>();
    queues.forEach((model, queue) -> snapshots.put(model, queue.snapshot(nowNanos)));
    return snapshots;
  }

  /** Drops what expired, everywhere; call it every few milliseconds. */
  public void tick(long nowNanos) {
    for (AdmissionQueue queue : queues.values()) {
      queue.tick(nowNanos);
    }
  }

  /** Goes by other limits from now on; who is inside stays. */
  public void reconfigure(AdmissionConfig other) {
    config = other;
    queues.values().forEach(queue -> queue.reconfigure(other));
  }

  /** Holds tenants to other limits from now on. */
  public void tenants(TenantLimits limits) {
    tenants.limits(limits);
  }

  /** The highest priority that a request of a tenant has. */
  public int maxPriority(String tenant) {
    return tenants.limit(tenant).maxPriority();
  }

  /** What a tenant uses now, as far as this gateway knows. */
  public TenantUse use(String tenant, long nowNanos) {
    return tenants.use(tenant, nowNanos);
  }

  public int inFlight() {
    return inFlight.get();
  }

  /** Requests that ever asked to be let in. */
  public long asked() {
    return asked.get();
  }

  /**
   * Said to a request that a limit of its tenant refuses which is held elsewhere.
   *
   * @param model whose queue it would have entered; null for none
   * @param waitNanos until it would be let in; 0 where that is when another one ends
   * @param turnSeconds after which it has a turn there; 0 for none
   */
  public Refusal spent(
      Reason reason,
      long waitNanos,
      int turnSeconds,
      @Nullable String model,
      Demand demand,
      long nowNanos) {
    asked.incrementAndGet();
    AdmissionQueue queue = model == null ? null : queue(model);
    if (turnSeconds == 0) {
      return predicted(tenants.refusal(reason, waitNanos), queue, demand, nowNanos);
    }
    int most = tenants.limit(demand.tenant()).maxConcurrency();
    return queue == null || reason != Reason.TENANT_CONCURRENCY
        ? Refusal.plain(reason, turnSeconds)
        : queue.tenantFull(demand, most, nowNanos).withRetryAfter(turnSeconds);
  }

  /**
   * For how long a request would be here.
   *
   * @param model whose queue it would enter; null for none
   * @return −1 where nothing was measured yet
   */
  public long inside(@Nullable String model, Demand demand, long nowNanos) {
    return model == null ? WaitPredictor.UNKNOWN : queue(model).inside(demand, nowNanos);
  }

  /**
   * Said to a request whose body has no room beside those of others.
   *
   * @param waitP50Nanos until there would be room; −1 where nothing was measured yet
   * @param waitP90Nanos the same, of nine in ten
   */
  public Refusal noBodyMemory(long waitP50Nanos, long waitP90Nanos) {
    double seconds = Math.max(waitP50Nanos / 1e9, config.retryAfterSeconds());
    return new Refusal(
        Reason.BODY_MEMORY,
        0,
        millis(waitP50Nanos),
        millis(waitP90Nanos),
        -1,
        -1,
        -1,
        Spread.seconds(seconds, random));
  }

  private static long millis(long nanos) {
    return nanos < 0 ? -1 : Math.ceilDiv(nanos, 1_000_000L);
  }

  public int retryAfterSeconds() {
    return config.retryAfterSeconds();
  }

  /** Asks load balancers to send no more; what still comes is admitted. */
  public void unready() {
    unready = true;
  }

  /** Admits nothing new from now on; what waits may still be served. */
  public void close() {
    unready = true;
    closed = true;
  }

  /** Whether the gateway is on its way out. */
  public boolean closing() {
    return unready;
  }
}
