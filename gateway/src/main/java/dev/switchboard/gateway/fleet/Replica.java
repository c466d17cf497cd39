package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.SharedCostModel;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import io.vertx.core.net.SocketAddress;
import java.net.URI;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One replica: its state, its address, what it reports, and the requests this gateway has there.
 *
 * <p>State changes come from the fleet's thread, the prober's event loop and the admin listener,
 * and are serialised by the monitor. Event loops read volatile fields. A request is counted by a
 * {@link Ticket} which its event loop closes when the response ends, whatever way it ends; when the
 * replica goes away every open ticket's guest is told at once, so that a stream need not wait for
 * its socket to notice.
 */
public final class Replica {
  /** Told of every state change, in order, under the replica's monitor. */
  @FunctionalInterface
  public interface StateListener {
    void changed(Replica replica, @Nullable ReplicaState from, ReplicaState to);
  }

  private final String id;
  private final boolean local;
  private final StateListener listener;
  private final LongSupplier epochMs;
  private final LogTail log = new LogTail();
  private final Circuit circuit;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicLong opened = new AtomicLong();

  /** In the order in which they came, in which they are also asked to leave. */
  private final Map<Long, Ticket> open = new ConcurrentSkipListMap<>();

  private final Workload workload;

  private volatile UpstreamAccess access;
  private volatile String model;
  private volatile ReplicaState state = ReplicaState.STARTING;
  private volatile @Nullable String reason;
  private volatile @Nullable UpstreamAddress address;
  private volatile ReplicaReport report = ReplicaReport.NONE;
  private volatile int others;
  private volatile @Nullable String reportFailure;
  private volatile double weight = 1;
  private volatile long lastUsedNanos;
  private volatile long pid;
  private volatile long expectedReadyMs;
  private volatile int incarnation;
  private volatile @Nullable LastExit lastExit;
  private volatile @Nullable LoadedBytes loading;
  private volatile long sinceMs;
  private volatile boolean cordoned;
  private volatile @Nullable String held;
  private volatile DiscoveredServer.@Nullable Pod pod;
  private volatile boolean spare;
  private volatile boolean leaving;
  private volatile @Nullable ModelFacts facts;
  private volatile @Nullable WorkerSpec placed;

  /** Questions in a row that it did not answer well. */
  private volatile int unanswered;

  private volatile long heardNanos;
  private volatile @Nullable Drain drain;
  private volatile StandingOrder order = StandingOrder.SERVE;

  Replica(
      String id,
      String model,
      boolean local,
      UpstreamAccess access,
      SharedCostModel peers,
      Circuit.Config circuit,
      LongSupplier epochMs,
      StateListener listener) {
    this.id = id;
    this.workload = new Workload(peers, local);
    this.model = model;
    this.local = local;
    this.access = access;
    this.circuit = new Circuit(circuit);
    this.epochMs = epochMs;
    this.sinceMs = epochMs.getAsLong();
    this.listener = listener;
    listener.changed(this, null, state);
  }

  public String id() {
    return id;
  }

  /** Whether this gateway runs its process. */
  public boolean local() {
    return local;
  }

  /**
   * An engine worker, here or elsewhere: it tells its state and timelines, and goes on with streams
   * of others; else a foreign server.
   */
  public boolean worker() {
    return access.worker();
  }

  public String model() {
    return model;
  }

  void model(String value) {
    model = value;
  }

  public ReplicaState state() {
    return state;
  }

  /** Unix epoch milliseconds since when it is in this state. */
  public long sinceMs() {
    return sinceMs;
  }

  /** How far its process has come with loading the model; null while it does not. */
  public @Nullable LoadedBytes loading() {
    return loading;
  }

  void loading(long doneBytes, long totalBytes) {
    loading = new LoadedBytes(doneBytes, totalBytes, expectedReadyMs);
  }

  /** What its processes wrote last; nothing of a replica that runs elsewhere. */
  public LogTail log() {
    return log;
  }

  /** Why it is in this state, where there is something to say. */
  public @Nullable String reason() {
    return reason;
  }

  /** Where it listens; null while it does not. */
  public @Nullable UpstreamAddress address() {
    return address;
  }

  /** Its URL; null while it does not listen. */
  public @Nullable URI url() {
    UpstreamAddress known = address;
    return known == null ? null : known.url();
  }

  /**
   * It listens.
   *
   * @param unixSocket by which it is reached, and its URL is only a name; null for none
   */
  void listens(URI url, @Nullable String unixSocket) {
    address =
        new UpstreamAddress(
            url,
            unixSocket == null ? null : SocketAddress.domainSocketAddress(unixSocket),
            access.authorities(),
            access.authorization(),
            access.serverName());
  }

  /** Its process; 0 when it has none here. */
  public long pid() {
    return pid;
  }

  void pid(long value) {
    pid = value;
  }

  /** Epoch milliseconds at which its process should be ready; 0 where nobody knows. */
  long expectedReadyMs() {
    return expectedReadyMs;
  }

  /**
   * When it takes requests again though nobody does anything, which only of a worker of this
   * gateway is known: epoch nanoseconds; {@link Long#MAX_VALUE} where it does now, or will not.
   */
  public long returnsNanos(ReplicaState inState) {
    return local() && inState.returns() && order == StandingOrder.SERVE
        ? expectedReadyMs * 1_000_000L
        : Long.MAX_VALUE;
  }

  void expectReadyMs(long value) {
    expectedReadyMs = value;
  }

  /** Rises with every start of its process. */
  public int incarnation() {
    return incarnation;
  }

  public ReplicaReport report() {
    return report;
  }

  /** What it says beyond what this gateway has there now is other gateways' work. */
  void report(ReplicaReport value) {
    report = value;
    others = Math.max(0, value.running() + value.waiting() - inFlight.get());
  }

  /** Why its metrics were not read, where they should be; else null. */
  public @Nullable String reportFailure() {
    return reportFailure;
  }

  void reportFailure(@Nullable String why) {
    reportFailure = why;
  }

  /** What this gateway has there, and what was learned of its speed. */
  public Workload workload() {
    return workload;
  }

  /** How it is spoken to. */
  public UpstreamAccess access() {
    return access;
  }

  /** Speaks to it otherwise from the next request on. */
  void access(UpstreamAccess value) {
    access = value;
  }

  /** Whether the configuration has it no longer: it is emptied, stopped, and then gone. */
  public boolean leaving() {
    return leaving;
  }

  void leaving(boolean value) {
    leaving = value;
  }

  /**
   * Whether a lower {@code priority} in a body is served sooner there: vLLM's field, elsewhere too.
   */
  public boolean lowerIsSooner() {
    ForeignEngine engine = access.engine();
    return !worker() && (engine == null || engine.lowerIsSooner());
  }

  /** What it calls its model. */
  public String ownModelName() {
    String own = access.model();
    return own == null ? model : own;
  }

  /** Whether a chat's bound is {@code max_completion_tokens} there. */
  public boolean maxCompletionTokens() {
    return access.maxCompletionTokens();
  }

  /** Its share of new work: 1 unless set; 0 gives it none. */
  public double weight() {
    return weight;
  }

  /** Changes its share of new work; {@link FleetCommands#weigh} tells of it as well. */
  public void weight(double value) {
    if (!(value >= 0 && value <= 1000)) {
      throw new IllegalArgumentException("weight must be 0 to 1000");
    }
    weight = value;
  }

  /** Whether it takes requests only in the place of others, as the orchestrator has it. */
  boolean spare() {
    return spare;
  }

  void spare(boolean value) {
    spare = value;
  }

  /** Whether it takes requests, or would at once if another one of its model were missing. */
  boolean serves() {
    return weight > 0 && (state == ReplicaState.READY || state == ReplicaState.STANDBY);
  }

  Circuit circuit() {
    return circuit;
  }

  /** Whether it takes one request at a time, which is to show that it serves again. */
  public boolean onProbation() {
    return circuit.state() == Circuit.State.HALF_OPEN;
  }

  public int inFlight() {
    return inFlight.get();
  }

  long lastUsedNanos() {
    return lastUsedNanos;
  }

  void used(long nowNanos) {
    lastUsedNanos = nowNanos;
  }

  /** Goes along an edge of the state machine. */
  synchronized void transitionTo(ReplicaState to, @Nullable String why) {
    if (!tryTransition(state, to, why)) {
      throw new IllegalStateException(id + " cannot go from " + state + " to " + to);
    }
  }

  /** Its process is gone; whatever ran there is told before this returns. */
  synchronized void processExited(String why) {
    if (state != ReplicaState.STOPPED && state != ReplicaState.RESTARTING) {
      transitionTo(ReplicaState.RESTARTING, why);
    }
    pid = 0;
  }

  /** How its process last ended unasked; null when none did. */
  public @Nullable LastExit lastExit() {
    return lastExit;
  }

  void lastExit(LastExit how) {
    lastExit = how;
  }

  synchronized void stopped(String why) {
    if (state != ReplicaState.STOPPED) {
      transitionTo(ReplicaState.STOPPED, why);
    }
  }

  /** Whether an operator wants it to take no new requests, whatever happens to it meanwhile. */
  public boolean cordoned() {
    return cordoned;
  }

  void cordoned(boolean value) {
    cordoned = value;
  }

  /** Why it is kept from new requests though no operator did that; null where it is not. */
  public @Nullable String held() {
    return held;
  }

  void held(@Nullable String why) {
    held = why;
  }

  /** Whether anybody keeps it from new requests. */
  boolean kept() {
    return cordoned || held != null;
  }

  /** Who does, in words. */
  String keeper() {
    String why = held;
    return cordoned || why == null ? "operator" : why;
  }

  /** The pod that it was found as; null for one that was not found. */
  public DiscoveredServer.@Nullable Pod pod() {
    return pod;
  }

  void pod(DiscoveredServer.@Nullable Pod value) {
    pod = value;
  }

  /** When it last sent anything. */
  public long heardNanos() {
    return heardNanos;
  }

  /** It sent something: a sign of life that costs nobody a question. */
  public void heard(long nowNanos) {
    heardNanos = nowNanos;
  }

  /** How it is, or was last, emptied; null when it never was. */
  public @Nullable Drain drain() {
    return drain;
  }

  /**
   * Begins to empty it, unless somebody was faster: whoever is not, changes nothing.
   *
   * @param until what it is to be from now on; null for what it is to be anyway
   * @return whether it did
   */
  synchronized boolean empty(
      ReplicaState from, Drain how, @Nullable StandingOrder until, String why) {
    if (state != from || !from.mayBecome(ReplicaState.DRAINING)) {
      return false;
    }
    order = until == null ? order : until;
    // A request that ends sees the state first, and then finds this one.
    drain = how;
    return tryTransition(from, ReplicaState.DRAINING, why);
  }

  /** What an operator wants it to be until a resume. */
  StandingOrder order() {
    return order;
  }

  /** It is to serve, whatever an operator wanted before. */
  void serveAgain() {
    order = StandingOrder.SERVE;
  }

  /** Whether it is being emptied, or empty, or will be as soon as its process answers. */
  public boolean emptied() {
    return switch (state) {
      case DRAINING, DRAINED -> true;
      case STARTING, WARMING, EJECTED, RESTARTING -> order != StandingOrder.SERVE;
      case READY, STANDBY, CORDONED, FAILED, STOPPED -> false;
    };
  }

  /**
   * It is to serve again, be it that its process only starts yet.
   *
   * @return false where it was not emptied
   */
  synchronized boolean resume() {
    if (!emptied()) {
      return false;
    }
    order = StandingOrder.SERVE;
    boolean there = state == ReplicaState.DRAINING || state == ReplicaState.DRAINED;
    return !there || tryTransition(state, ReplicaState.WARMING, "resumed");
  }

  /**
   * It passed the canary with another process, and is still to be empty.
   *
   * @return false where it may serve
   */
  synchronized boolean staysEmpty() {
    return order != StandingOrder.SERVE
        && tryTransition(ReplicaState.WARMING, ReplicaState.DRAINED, "an operator drained it");
  }

  /** How this gateway starts it; null of one that runs elsewhere. */
  public @Nullable WorkerSpec placed() {
    return placed;
  }

  void placed(WorkerSpec value) {
    placed = value;
  }

  /**
   * What it computes on, {@code cpu} or {@code cuda}: as it tells, or else as it is to; null where
   * nobody knows.
   */
  public @Nullable String device() {
    String isa = report.isa();
    WorkerSpec spec = placed;
    if (!isa.isEmpty()) {
      return isa.startsWith("cuda") ? "cuda" : "cpu";
    }
    return spec == null || spec.device().equals("auto") ? null : spec.device();
  }

  /** What the model is that its process has loaded; null where it has none, or is not local. */
  public @Nullable ModelFacts facts() {
    return facts;
  }

  void facts(ModelFacts value) {
    facts = value;
  }

  /** Of what its answers depend on beside the request; empty where it does not say. */
  public String fingerprint() {
    ModelFacts loaded = facts;
    return loaded == null ? report.fingerprint() : loaded.fingerprint();
  }

  /**
   * Goes from an expected state to another one, unless somebody was faster.
   *
   * @return whether it did
   */
  synchronized boolean tryTransition(ReplicaState from, ReplicaState to, @Nullable String why) {
    if (state != from || !from.mayBecome(to)) {
      return false;
    }
    state = to;
    reason = why;
    sinceMs = epochMs.getAsLong();
    loading = null;
    if (to == ReplicaState.STARTING) {
      incarnation = incarnation + 1;
      facts = null;
      circuit.reset();
      workload.renew();
    }
    listener.changed(this, from, to);
    if (!to.listening()) {
      address = null;
      report = ReplicaReport.NONE;
      askToLeave(ServedRequest.Leave.GONE);
    }
    return true;
  }

  /**
   * Whether it is known if it answers; always of a worker of this gateway, which tells it itself.
   *
   * @param failures in a row after which it is known that it does not
   */
  boolean decided(int failures) {
    boolean begins = state == ReplicaState.STARTING || state == ReplicaState.WARMING;
    return local || leaving || !begins || unanswered >= failures;
  }

  /** Whether it does not serve for a reason that may last. */
  boolean wanting() {
    return switch (state) {
      case STARTING, WARMING -> !local && !leaving;
      case EJECTED, RESTARTING, FAILED -> !leaving;
      case READY, STANDBY, CORDONED, DRAINING, DRAINED, STOPPED -> false;
    };
  }

  /** It answered well. */
  void answers() {
    unanswered = 0;
  }

  /**
   * It did not answer a question well. One that is not ready stays so, for this reason.
   *
   * @return whether that is another reason than before
   */
  synchronized boolean fails(String why) {
    unanswered = unanswered + 1;
    boolean waits = state == ReplicaState.WARMING || state == ReplicaState.EJECTED;
    if (!waits || why.equals(reason)) {
      return false;
    }
    reason = why;
    return true;
  }

  /**
   * It is ready, and says why it is still there.
   *
   * @return whether that is another reason than before
   */
  synchronized boolean stays(String why) {
    if (state != ReplicaState.READY || why.equals(reason)) {
      return false;
    }
    reason = why;
    return true;
  }

  /** Asks every request here to go elsewhere. */
  void askToLeave(ServedRequest.Leave why) {
    open.values().forEach(ticket -> ticket.guest.leave(why));
  }

  /** Numbers of the requests that were sent to it and have not ended. */
  Set<Long> sent() {
    Set<Long> sent = new HashSet<>();
    for (Ticket ticket : open.values()) {
      if (ticket.number != 0) {
        sent.add(ticket.number);
      }
    }
    return sent;
  }

  /**
   * Those of them that it must be working on: an answer that comes, or that waits for its client,
   * may have left it long ago.
   */
  Set<Long> owed(long nowNanos) {
    Set<Long> owed = new HashSet<>();
    for (Ticket ticket : open.values()) {
      boolean silent = nowNanos - ticket.heardNanos >= InFlightDiff.SETTLE_NANOS;
      if (ticket.number != 0 && ticket.owed && silent) {
        owed.add(ticket.number);
      }
    }
    return owed;
  }

  /** It says that it has none of these. */
  void lost(Collection<Long> attempts) {
    for (Ticket ticket : open.values()) {
      if (attempts.contains(ticket.number)) {
        ticket.guest.leave(ServedRequest.Leave.LOST);
      }
    }
  }

  /** Every request here. */
  void guests(Consumer<ServedRequest> each) {
    open.values().forEach(ticket -> each.accept(ticket.guest));
  }

  /**
   * Counts a request here until the ticket is closed. Counting comes first and looking at the state
   * second, and a drain does it the other way round: so none slips in behind a drain's back.
   *
   * @param guest asked to leave when the replica goes away before that, or is to be emptied
   * @return null when it takes no requests any more
   */
  public @Nullable Ticket open(ServedRequest guest, long nowNanos) {
    Ticket ticket = new Ticket(guest);
    open.put(ticket.place, ticket);
    ticket.first = inFlight.incrementAndGet() == 1;
    lastUsedNanos = nowNanos;
    boolean taken = false;
    try {
      taken = state == ReplicaState.READY && ticket.call(circuit.enter());
    } finally {
      if (!taken) {
        ticket.discard();
      }
    }
    return taken ? ticket : null;
  }

  /** As routing sees it at a moment. */
  public ReplicaView view(long nowNanos) {
    ReplicaReport last = report;
    ReplicaState now = state;
    return new ReplicaView(
        id,
        model,
        now == ReplicaState.READY && address != null,
        now.name(),
        inFlight.get(),
        last.running(),
        last.waiting(),
        last.waitingTokens(),
        last.atNanos() == 0 ? -1 : (nowNanos - last.atNanos()) / 1_000_000,
        last.atNanos() == 0 ? 0 : others,
        workload.snapshot(nowNanos),
        weight,
        access.cost(),
        access.maxConcurrency(),
        circuitView(),
        kvUsed(last));
  }

  /** Of a worker its queue tells it already: it begins nothing that has no room. */
  private double kvUsed(ReplicaReport last) {
    return worker() || Double.isNaN(last.kvUsedRatio()) ? 0 : last.kvUsedRatio();
  }

  private ReplicaView.Circuit circuitView() {
    if (!circuit.admits()) {
      return ReplicaView.Circuit.OPEN;
    }
    return circuit.state() == Circuit.State.HALF_OPEN
        ? ReplicaView.Circuit.PROBE
        : ReplicaView.Circuit.CLOSED;
  }

  /** A request in flight at the replica; closing it twice counts once. */
  public final class Ticket {
    private final AtomicBoolean closed = new AtomicBoolean();
    private final long place = opened.getAndIncrement();
    private final ServedRequest guest;
    private boolean first;
    private Circuit.@Nullable Call call;
    private volatile long number;
    private volatile long heardNanos;
    private volatile boolean owed = true;

    private Ticket(ServedRequest guest) {
      this.guest = guest;
    }

    private boolean call(Circuit.@Nullable Call entered) {
      call = entered;
      return entered != null;
    }

    Replica replica() {
      return Replica.this;
    }

    /** What the circuit is told the end of. */
    Circuit.Call call() {
      return Objects.requireNonNull(call, "a ticket that was given out entered the circuit");
    }

    /** Whether nobody was there when it came, and nobody came since. */
    public boolean alone() {
      return first && opened.get() == place + 1;
    }

    /** The replica hears of it from now on, by a number of its own that is not 0. */
    public void sent(long as) {
      number = as;
    }

    /**
     * Something of its answer came.
     *
     * @param more whether the replica still has to say something, as far as that can be known
     */
    public void heard(long nowNanos, boolean more) {
      heardNanos = nowNanos;
      owed = more;
    }

    /** Ends the count; tells a drain what became of the request. */
    public void close(Drain.Departure how) {
      if (!closed.compareAndSet(false, true)) {
        return;
      }
      Drain emptying = state == ReplicaState.DRAINING ? drain : null;
      if (emptying != null) {
        emptying.left(how);
      }
      discardClosed();
    }

    private void discard() {
      if (closed.compareAndSet(false, true)) {
        discardClosed();
      }
    }

    private void discardClosed() {
      open.remove(place);
      inFlight.decrementAndGet();
    }
  }
}
