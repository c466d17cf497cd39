package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.autoscaling.ScaleSignals;
import dev.switchboard.gateway.simulation.ScalingDay.Arrival;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/**
 * Replicas of one model on machines that may be taken away, in front of them a queue in which
 * people go before batches, and a controller that starts and drains replicas as a rule desires.
 * Virtual time in steps of a quarter of a second. A replica computes one token of each of its
 * requests in a step that is longer the more it has.
 */
final class ScalingFleet {
  static final int PLACES = 16;
  static final int TARGET_MS = 2000;
  static final int BATCH_SECONDS = 600;
  static final int MOST = 40;

  private static final double TICK = 0.25;
  private static final double STEP_BASE_MS = 22;
  private static final double STEP_EACH_MS = 1.4;
  private static final double PROMPT_TOKEN_MS = 0.25;
  private static final int LEAST_START_SECONDS = 20;
  private static final int MOST_START_SECONDS = 120;
  private static final double SECONDS_BETWEEN_LOSSES = 4 * 3600;
  private static final double SHARE_OF_NEW = 0.02;

  /** What a rule may look at. */
  record View(ScaleSignals signals, double arrivalsPerSecond, double cpu, int starting) {}

  /** How many replicas there should be. */
  @FunctionalInterface
  interface Scaler {
    int desired(int second, View view);
  }

  /**
   * What came of a day.
   *
   * @param missed requests of people that waited longer than their target, and of batches that
   *     waited longer than they may
   * @param replicaHours from a replica's start until it is empty
   * @param changes of what was desired
   */
  record Result(int requests, int missed, double replicaHours, int changes, int most) {
    double share() {
      return (double) missed / requests;
    }
  }

  private static final class Running {
    final Arrival arrival;
    final double since;
    final double until;

    Running(Arrival arrival, double since, double until) {
      this.arrival = arrival;
      this.since = since;
      this.until = until;
    }
  }

  /** One that waits; what was lost with its replica has fewer tokens left. */
  private record Waiting(Arrival arrival, double since, double tokens, boolean again) {}

  private static final class Machine {
    final double readyAt;
    final double lostAt;
    final PriorityQueue<Running> running =
        new PriorityQueue<>(Comparator.comparingDouble(each -> each.until));
    double tokens;
    int batches;
    boolean draining;

    Machine(double readyAt, double lostAt) {
      this.readyAt = readyAt;
      this.lostAt = lostAt;
    }
  }

  private final List<Arrival> arrivals;
  private final Scaler scaler;
  private final SplittableRandom random;
  private final List<Machine> machines = new ArrayList<>();
  private final Deque<Waiting> people = new ArrayDeque<>();
  private final Deque<Waiting> batches = new ArrayDeque<>();
  private final double[] arrived = new double[60];
  private double offeredTokens;
  private double peopleTokens;
  private double batchTokens;
  private double tokensPerPlace;
  private double holdSeconds;
  private double cpu;
  private int next;
  private int desired = 2;
  private int missed;
  private int changes;
  private int most;
  private double replicaSeconds;

  ScalingFleet(List<Arrival> arrivals, long seed, Scaler scaler) {
    this.arrivals = arrivals;
    this.random = new SplittableRandom(seed ^ 0x5ca1ab1eL);
    this.scaler = scaler;
  }

  Result run() {
    machines.add(new Machine(0, loss(0)));
    machines.add(new Machine(0, loss(0)));
    int ticks = (int) (ScalingDay.SECONDS / TICK);
    for (int tick = 0; tick < ticks; tick++) {
      double now = tick * TICK;
      lose(now);
      arrive(now);
      work(now);
      dispatch(now);
      if (tick % 4 == 0) {
        scale((int) now);
      }
    }
    missed += people.size();
    return new Result(arrivals.size(), missed, replicaSeconds / 3600, changes, most);
  }

  private double loss(double from) {
    return from - SECONDS_BETWEEN_LOSSES * Math.log(1 - random.nextDouble());
  }

  /** The machine is gone; who was there goes on elsewhere, before all others. */
  private void lose(double now) {
    for (int i = machines.size() - 1; i >= 0; i--) {
      Machine machine = machines.get(i);
      if (machine.lostAt > now) {
        continue;
      }
      machines.remove(i);
      for (Running each : machine.running) {
        Waiting again =
            new Waiting(each.arrival, now, Math.max(1, each.until - machine.tokens), true);
        queue(again.arrival).addFirst(again);
        count(again.arrival, estimated(again.arrival));
      }
    }
  }

  /** As the gateway estimates it where a request names no bound: its answer is not known. */
  private static double estimated(Arrival arrival) {
    return arrival.promptTokens() + 256;
  }

  private Deque<Waiting> queue(Arrival arrival) {
    return arrival.batch() ? batches : people;
  }

  private void count(Arrival arrival, double tokens) {
    if (arrival.batch()) {
      batchTokens += tokens;
    } else {
      peopleTokens += tokens;
    }
  }

  private void arrive(double now) {
    int slot = (int) now % arrived.length;
    if (now == Math.floor(now)) {
      arrived[slot] = 0;
    }
    while (next < arrivals.size() && arrivals.get(next).at() < now + TICK) {
      Arrival arrival = arrivals.get(next++);
      queue(arrival).add(new Waiting(arrival, arrival.at(), arrival.answerTokens(), false));
      count(arrival, estimated(arrival));
      offeredTokens += arrival.batch() ? 0 : estimated(arrival);
      arrived[slot]++;
    }
  }

  private static boolean ready(Machine machine, double now) {
    return machine.readyAt <= now && !machine.draining;
  }

  private void work(double now) {
    double busy = 0;
    int ready = 0;
    for (Machine machine : machines) {
      replicaSeconds += TICK;
      int load = machine.running.size();
      machine.tokens += 1000 * TICK / (STEP_BASE_MS + STEP_EACH_MS * Math.max(1, load));
      while (!machine.running.isEmpty() && machine.running.peek().until <= machine.tokens) {
        Running done = machine.running.poll();
        machine.batches -= done.arrival.batch() ? 1 : 0;
        ended(done, now);
      }
      if (ready(machine, now)) {
        ready++;
        // A process that serves is half busy with its own loop, and more so with each request.
        busy += load == 0 ? 0.05 : 0.5 + 0.5 * load / PLACES;
      }
    }
    double seen = ready == 0 ? 1 : busy / ready;
    cpu += TICK / 30 * (seen - cpu);
  }

  private void ended(Running done, double now) {
    double held = Math.max(TICK, now - done.since);
    double rate = estimated(done.arrival) / held;
    tokensPerPlace += tokensPerPlace == 0 ? rate : SHARE_OF_NEW * (rate - tokensPerPlace);
    holdSeconds += holdSeconds == 0 ? held : SHARE_OF_NEW * (held - holdSeconds);
  }

  private void dispatch(double now) {
    while (!people.isEmpty() || !batches.isEmpty()) {
      Machine emptiest = null;
      for (Machine machine : machines) {
        if (ready(machine, now)
            && machine.running.size() < PLACES
            && (emptiest == null || machine.running.size() < emptiest.running.size())) {
          emptiest = machine;
        }
      }
      if (emptiest == null) {
        return;
      }
      begin(emptiest, people.isEmpty() ? batches.poll() : people.poll(), now);
    }
  }

  private void begin(Machine machine, Waiting waiting, double now) {
    Arrival arrival = waiting.arrival();
    count(arrival, -estimated(arrival));
    double waitedMs = 1000 * Math.max(0, now - waiting.since());
    double promptMs = PROMPT_TOKEN_MS * arrival.promptTokens();
    boolean late =
        arrival.batch()
            ? waitedMs > 1000.0 * BATCH_SECONDS
            : waitedMs + promptMs + STEP_BASE_MS > TARGET_MS;
    missed += late ? 1 : 0;
    machine.batches += arrival.batch() ? 1 : 0;
    double promptSteps = promptMs / STEP_BASE_MS;
    double until = machine.tokens + promptSteps + waiting.tokens();
    machine.running.add(new Running(arrival, now, until));
  }

  // ------------------------------------------------------------------ replicas

  private void scale(int now) {
    int wanted = Math.clamp(scaler.desired(now, view(now)), 1, MOST);
    changes += wanted == desired ? 0 : 1;
    most = Math.max(most, wanted);
    desired = wanted;
    machines.removeIf(machine -> machine.draining && machine.running.isEmpty());
    int there = (int) machines.stream().filter(machine -> !machine.draining).count();
    for (; there < desired; there++) {
      double start =
          LEAST_START_SECONDS + random.nextDouble() * (MOST_START_SECONDS - LEAST_START_SECONDS);
      machines.add(new Machine(now + start, loss(now)));
    }
    for (; there > desired; there--) {
      Machine least = leastUseful(now);
      if (least.readyAt > now) {
        machines.remove(least);
      } else {
        least.draining = true;
      }
    }
  }

  /** One that is not ready yet, else the emptiest. */
  private Machine leastUseful(double now) {
    return machines.stream()
        .filter(machine -> !machine.draining)
        .min(
            Comparator.comparing((Machine machine) -> machine.readyAt <= now)
                .thenComparingInt(machine -> machine.running.size()))
        .orElseThrow();
  }

  private View view(int now) {
    int current = 0;
    int ready = 0;
    int running = 0;
    int batchesRunning = 0;
    for (Machine machine : machines) {
      current += machine.draining ? 0 : 1;
      ready += ready(machine, now) ? 1 : 0;
      running += machine.running.size();
      batchesRunning += machine.batches;
    }
    double perSecond = 0;
    for (double each : arrived) {
      perSecond += each / arrived.length;
    }
    int places = Math.max(running, ready * PLACES);
    double waitMs =
        people.isEmpty() || tokensPerPlace == 0
            ? 0
            : 1000 * peopleTokens / Math.max(1, tokensPerPlace * ready * PLACES);
    ScaleSignals signals =
        new ScaleSignals(
            current,
            ready,
            0,
            running,
            running - batchesRunning,
            running,
            people.size() + batches.size(),
            places,
            PLACES,
            offeredTokens,
            peopleTokens,
            batchTokens,
            tokensPerPlace,
            waitMs,
            TARGET_MS,
            1000.0 * BATCH_SECONDS,
            0.6 * running / Math.max(1, places));
    return new View(signals, perSecond, cpu, current - ready);
  }
}
