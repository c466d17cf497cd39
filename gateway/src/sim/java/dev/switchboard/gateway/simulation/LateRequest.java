package dev.switchboard.gateway.simulation;

import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedMachine;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.AdmissionDecision;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prompt;
import dev.switchboard.gateway.telemetry.LoopLateness;
import dev.switchboard.scheduler.VirtualEngine;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A stream that some causes make late, in virtual time: the client, the gateway's event loop, a
 * worker's engine with its real scheduler, and what goes wrong with each. It tells the flight what
 * the gateway would, when the gateway could have known it, and knows nothing of phases.
 */
final class LateRequest {
  private static final long MS = 1_000_000;

  /** The kernel tells ages by a clock that ticks so often. */
  private static final long KERNEL_TICK = 4 * MS;

  /** Beside the answer's tokens, what a client that does not read leaves in queues. */
  private static final int QUEUED_TOKENS = 6;

  /** One place at each replica; a request waits up to a minute. */
  private static final AdmissionConfig ONE_PLACE =
      new AdmissionConfig(100, 100, 1 << 20, 60_000, 1, 50, 1);

  private static final int OUTPUT_TOKENS = 80;
  private static final int PROMPT_TOKENS = 320;
  private static final int STAGES = 1;
  private static final int RANKS = 2;

  private final Set<Cause> causes;

  /** Served by a server that tells no timeline. */
  private final boolean foreign;

  /** Drawn alike whatever the causes are. */
  private final Draws draws;

  private final LoopLateness lateness;
  private long now = 1_000_000 * MS;
  private long nextTick;

  /** When the event loop does not run; both 0 while it is not known. */
  private long connected;

  private long frozenFrom;

  private long frozenUntil;
  private Flight flight;
  private final List<FlightRecord.Attempt> attempts = new ArrayList<>();

  /** What a seed decides, in nanoseconds where it is a time. */
  private record Draws(
      long accepting,
      long handshake,
      long queue,
      long dead,
      long upstream,
      int slowPercent,
      long stopAfter,
      long stop,
      int contendedPerMille,
      long contention,
      int neighbourTokens,
      long neighbourAfter,
      int lostAtToken,
      long silence,
      double frozenAt,
      long frozen,
      boolean readsLateAtTheEnd,
      long unread,
      long engineSeed) {
    static Draws of(long seed) {
      Random random = new Random(seed);
      return new Draws(
          ms(random, 300, 2000),
          ms(random, 300, 2000),
          ms(random, 300, 3000),
          ms(random, 500, 3000),
          ms(random, 500, 3000),
          20 + random.nextInt(200),
          ms(random, 0, 1200),
          ms(random, 500, 3000),
          100 + random.nextInt(300),
          ms(random, 20, 60),
          640 + random.nextInt(640),
          ms(random, 100, 500),
          10 + random.nextInt(40),
          ms(random, 500, 2000),
          random.nextDouble(),
          ms(random, 300, 2000),
          random.nextBoolean(),
          ms(random, 3500, 6000),
          random.nextLong());
    }

    private static long ms(Random random, int from, int to) {
      return (from + random.nextInt(to - from)) * MS;
    }
  }

  private LateRequest(long seed, Set<Cause> causes, boolean foreign) {
    this.causes = causes;
    this.foreign = foreign;
    draws = Draws.of(seed);
    lateness = new LoopLateness(() -> now);
    nextTick = now + LoopLateness.EVERY_MS * MS;
    flight = new Flight("r", () -> now);
  }

  /**
   * How it went.
   *
   * @param nanos from the client's first packet to the last byte that it took
   */
  record Ended(FlightRecord record, PhaseBreakdown breakdown, long nanos) {
    long nanos(Set<PhaseBreakdown.Phase> phases) {
      long sum = 0;
      for (PhaseBreakdown.Phase phase : phases) {
        sum += breakdown.nanos(phase) + breakdown.before().getOrDefault(phase, 0L);
      }
      return sum;
    }
  }

  /**
   * Runs it.
   *
   * @param foreign served by a server that tells no timeline
   */
  static Ended run(long seed, Set<Cause> causes, boolean foreign) {
    return new LateRequest(seed, causes, foreign).run();
  }

  private boolean has(Cause cause) {
    return causes.contains(cause);
  }

  // ------------------------------------------------------------------ the event loop

  /** The event loop gets to do what is due at a moment. */
  private void loop(long moment) {
    while (nextTick < Math.min(moment, runs(moment))) {
      now = runs(nextTick);
      if (now >= moment) {
        break;
      }
      lateness.tick();
      nextTick = now + LoopLateness.EVERY_MS * MS;
    }
    now = Math.max(now, runs(moment));
  }

  private long runs(long moment) {
    return moment >= frozenFrom && moment < frozenUntil ? frozenUntil : moment;
  }

  private long unread(long arrived) {
    return lateness.lately() ? lateness.waited(kernelAge(arrived)) : 0;
  }

  private long kernelAge(long arrived) {
    return now / KERNEL_TICK * KERNEL_TICK - arrived / KERNEL_TICK * KERNEL_TICK;
  }

  // ------------------------------------------------------------------ its course

  private Ended run() {
    long begun = now;
    long arrives = connect();
    if (has(Cause.GATEWAY_FROZEN) && draws.frozenAt < 0.5) {
      freeze(arrives - MS - (long) (draws.frozenAt * 100 * MS));
    }
    accept(arrives);
    admit();
    long sent = route();
    Answer answer = has(Cause.MIGRATION) ? moved(sent) : engine(sent, List.of());
    if (has(Cause.UPSTREAM_SLOW)) {
      answer = answer.later(draws.upstream);
    }
    if (has(Cause.GATEWAY_FROZEN) && draws.frozenAt >= 0.5) {
      // Before the last bytes come, so that some of it is waited for.
      freeze(answer.last() - (long) ((draws.frozenAt - 0.5) * 0.1 * draws.frozen));
    }
    relay(answer);
    FlightRecord record = flight.finish(Outcome.OK, 200, null);
    return new Ended(record, PhaseBreakdown.of(record), now - begun);
  }

  private void freeze(long from) {
    frozenFrom = from;
    frozenUntil = from + draws.frozen;
  }

  /** When the request's bytes arrive. */
  private long connect() {
    if (has(Cause.LATE_CONNECTION)) {
      loop(now + draws.accepting);
      connected = now;
      loop(now + draws.handshake);
    }
    return now + 500 * MS / 1000;
  }

  private void accept(long arrives) {
    loop(arrives);
    flight = new Flight("r", () -> now);
    flight.onLoop(lateness);
    long waited = unread(arrives);
    if (waited > 0) {
      flight.arrivedBefore(waited);
    }
    if (has(Cause.LATE_CONNECTION)) {
      flight.connection(connected, draws.accepting / KERNEL_TICK * KERNEL_TICK, draws.handshake);
    }
    flight.stream(true);
    flight.mark(Mark.RECEIVED);
    loop(now + MS);
    flight.mark(Mark.PARSED);
  }

  /**
   * It waits behind another one for the only place of its replica, which that one gives back, or
   * the replica dies.
   */
  private void admit() {
    AdmissionQueue queue = new AdmissionQueue(ONE_PLACE, (demand, at) -> -1, () -> 0);
    queue.replica("w0", true, now);
    Turn turn = new Turn();
    if (queue.offer(demand(), 1, turn, now)
            instanceof AdmissionDecision.Running(AdmissionQueue.Entry other)
        && queue.offer(demand(), 1, turn, now) instanceof AdmissionDecision.Waiting) {
      loop(now + (has(Cause.LONG_QUEUE) ? draws.queue : MS));
      if (has(Cause.ALL_REPLICAS_DEAD)) {
        queue.replica("w0", false, now);
      } else {
        queue.finished(other, 1, now);
      }
    }
    if (!turn.dispatched) {
      throw new IllegalStateException("it did not wait in the queue, or still does");
    }
    flight.mark(Mark.ADMITTED);
  }

  private Demand demand() {
    return new Demand(
        "t",
        Band.NORMAL,
        now,
        0,
        0,
        Long.MAX_VALUE,
        Prompt.of(PROMPT_TOKENS),
        OUTPUT_TOKENS,
        0,
        1,
        Asker.NOBODY,
        1,
        false);
  }

  /** Whether the queue let it go. */
  private static final class Turn implements AdmissionQueue.Listener {
    private boolean dispatched;

    @Override
    public void dispatched(AdmissionQueue.Entry entry, long nowNanos) {
      dispatched = true;
    }

    @Override
    public void refused(AdmissionQueue.Entry entry, Refusal refusal) {
      throw new IllegalStateException("refused: " + refusal);
    }
  }

  /** When it is at its replica. */
  private long route() {
    flight.decision(Decision.of("p", "m", "w0", List.of()));
    if (has(Cause.ALL_REPLICAS_DEAD)) {
      waitForReplica();
    }
    attempt(null);
    loop(now + MS);
    flight.mark(Mark.CONNECTED);
    return now + MS / 2;
  }

  private void waitForReplica() {
    long back = now + draws.dead;
    flight.replicaWaitBegins();
    while (now < back) {
      loop(now + 20 * MS);
      flight.decision(Decision.of("p", "m", "w0", List.of()));
    }
    flight.replicaWaitEnds();
  }

  private void attempt(FlightRecord.@Nullable Move move) {
    attempts.add(new FlightRecord.Attempt(attempts.size() + 1, "w0", now, 0, null, false, move));
    flight.attempt(attempts.getLast());
  }

  // ------------------------------------------------------------------ the worker

  /**
   * What a worker sends.
   *
   * @param tokens when each comes
   * @param timeline of the engine, whether it is told or not
   */
  private record Answer(List<Long> tokens, RequestTimeline timeline) {
    long last() {
      return tokens.getLast();
    }

    Answer later(long nanos) {
      return new Answer(tokens.stream().map(token -> token + nanos).toList(), timeline);
    }
  }

  private Answer engine(long receives, List<Long> known) {
    VirtualEngine engine =
        new VirtualEngine(STAGES, RANKS, new LatencyModel(15 * MS, MS, 0), draws.engineSeed);
    int[] prompt = prompt(PROMPT_TOKENS, 1);
    int[] other = prompt(PROMPT_TOKENS, 3);
    // Before, so that its prompt, or only another one, is in the cache.
    engine.arrives(receives - 100_000 * MS, has(Cause.COLD_PREFIX) ? other : prompt, 4, new int[0]);
    if (has(Cause.SLOW_RANK)) {
      engine.inject(new Fault(Fault.Kind.SLOW, 0, 1, 0, 0, draws.slowPercent));
    }
    VirtualEngine.Received told =
        engine.arrives(receives, prompt, OUTPUT_TOKENS, known.stream().mapToInt(t -> 5).toArray());
    if (has(Cause.NEIGHBOURS_PREFILL)) {
      // While it decodes.
      long arrives = receives + draws.neighbourAfter + (has(Cause.COLD_PREFIX) ? 500 * MS : 0);
      engine.arrives(arrives, prompt(draws.neighbourTokens, 7), 1, new int[0]);
    }
    // Of one that goes on, when it has: before, all that it does is part of the move.
    engine.on(machine(receives + (known.isEmpty() ? 0 : 400 * MS)));
    engine.run();
    return new Answer(told.tokens(), told.timeline());
  }

  private static int[] prompt(int tokens, int seed) {
    int[] prompt = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      prompt[i] = (i * seed + seed) % 90;
    }
    return prompt;
  }

  private SimulatedMachine machine(long from) {
    Random random = new Random(draws.engineSeed);
    long stopped = from + draws.stopAfter;
    return (stage, rank, start, busy) -> {
      long lost = 0;
      boolean contended = random.nextInt(1000) < draws.contendedPerMille;
      if (has(Cause.HOST_CONTENTION) && start >= from && contended) {
        lost += draws.contention;
      }
      if (has(Cause.STOPPED_WORKER) && start <= stopped && start + busy + lost > stopped) {
        lost += draws.stop;
      }
      return lost;
    };
  }

  /** The first replica hangs in the middle; another one goes on with the stream. */
  private Answer moved(long sent) {
    Answer first = healthy(sent);
    List<Long> known = first.tokens().subList(0, draws.lostAtToken);
    known.forEach(this::piece);
    long lost = now;
    loop(lost + draws.silence);
    long cut = now;
    flight.lost(lost);
    Answer rest = engine(now + MS, known);
    long start = now;
    loop(rest.tokens().getFirst());
    attempts.add(
        new FlightRecord.Attempt(
            2, "w1", start, 0, null, false, new FlightRecord.Move("silent", lost, cut, now)));
    flight.attempt(attempts.getLast());
    flight.lost(0);
    return rest;
  }

  /** What goes wrong in an engine does at the one that goes on. */
  private Answer healthy(long sent) {
    Set<Cause> prefix = has(Cause.COLD_PREFIX) ? Set.of(Cause.COLD_PREFIX) : Set.of();
    LateRequest other = new LateRequest(0, prefix, false);
    return other.engine(sent, List.of());
  }

  // ------------------------------------------------------------------ the client

  private void piece(long arrives) {
    loop(Math.max(now, arrives));
    flight.content();
  }

  private void relay(Answer answer) {
    int stops = has(Cause.SLOW_READER) ? stopsReading(answer) : Integer.MAX_VALUE;
    long reads = stops == Integer.MAX_VALUE ? 0 : answer.tokens().get(stops) + draws.unread;
    for (int i = 0; i < answer.tokens().size(); i++) {
      long arrived = answer.tokens().get(i);
      if (i >= stops + QUEUED_TOKENS && now < reads) {
        flight.stallBegins();
        loop(reads);
        flight.stallEnds();
      }
      loop(Math.max(now, arrived));
      if (foreign) {
        flight.unread(unread(arrived));
      }
      flight.content();
    }
    loop(now + MS);
    if (!foreign) {
      flight.timelines(List.of(answer.timeline()), EngineStamps.NONE);
    }
    flight.mark(Mark.UPSTREAM_ENDED);
    flight.mark(Mark.WRITTEN);
    loop(Math.max(now, reads));
  }

  /** So early that the rest does not fit into queues, or so late that it does. */
  private int stopsReading(Answer answer) {
    int tokens = answer.tokens().size();
    return draws.readsLateAtTheEnd ? tokens - QUEUED_TOKENS / 2 : tokens / 2;
  }
}
