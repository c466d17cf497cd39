package dev.switchboard.gateway.simulation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** One run: a fleet, a workload and what happens meanwhile; a function of its seed and policy. */
final class Scenario {
  private static final double RETRY_SHARE = 0.1;
  private static final int RETRY_RESERVE = 10;

  private final VirtualTime time = new VirtualTime();
  private final SplittableRandom random;
  private final List<SimulatedReplica> replicas = new ArrayList<>();
  private final SimulatedGateway gateway;
  private final double capacity;
  private final double speed;
  private final EngineSpeed fastest;

  /**
   * @param speeds of the replicas, relative to the measured one
   */
  Scenario(long seed, String policy, double... speeds) {
    this(EngineSpeed.MEASURED, false, seed, policy, speeds);
  }

  private Scenario(
      EngineSpeed measured, boolean foreign, long seed, String policy, double... speeds) {
    random = new SplittableRandom(seed);
    speed = Arrays.stream(speeds).sum();
    fastest = measured.times(Arrays.stream(speeds).max().orElse(1));
    double sum = 0;
    for (double speed : speeds) {
      EngineSpeed engine = measured.times(speed);
      replicas.add(new SimulatedReplica(time, engine, random.split()));
      sum += requestsPerSecond(engine);
    }
    capacity = sum;
    if (foreign) {
      replicas.forEach(SimulatedReplica::foreign);
    }
    gateway = new SimulatedGateway(time, replicas, foreign, policy, random.split());
  }

  /** One before servers that the gateway does not run. */
  static Scenario foreign(long seed, String policy, double... speeds) {
    return foreign(EngineSpeed.MEASURED, seed, policy, speeds);
  }

  /** The same, of another engine. */
  static Scenario foreign(EngineSpeed engine, long seed, String policy, double... speeds) {
    return new Scenario(engine, true, seed, policy, speeds);
  }

  /**
   * Mean requests per second that an engine can finish when it always has a full batch: no gateway
   * gets more out of it.
   */
  private static double requestsPerSecond(EngineSpeed speed) {
    double tokensMs = speed.tokenMs(speed.sequences()) * Traffic.MEAN_OUTPUT;
    return 1000 / (speed.perPromptTokenMs() * Traffic.MEAN_PROMPT + tokensMs);
  }

  /** Requests per second that the whole fleet can finish at best. */
  double capacity() {
    return capacity;
  }

  /** Work of the good requests that arrived in a part of the run, in seconds of the engine. */
  double goodArrivals(double from, double to) {
    return good().filter(entry -> entry.arrived(from, to)).mapToDouble(this::work).sum();
  }

  /** Work that was done in a part of the run for requests that were good. */
  double goodWork(double from, double to) {
    return good().mapToDouble(entry -> work(entry, from, to)).sum();
  }

  private static double work(Ledger.Entry entry, double from, double to) {
    double prompt = EngineSpeed.MEASURED.promptMs(entry.request());
    double answer = EngineSpeed.MEASURED.workMs(entry.request()) - prompt;
    return (prompt * entry.prefillWithin(from, to) + answer * entry.decodeWithin(from, to)) / 1000;
  }

  private Stream<Ledger.Entry> good() {
    return gateway.ledger().entries().stream().filter(Ledger.Entry::good);
  }

  private double work(Ledger.Entry entry) {
    return EngineSpeed.MEASURED.workMs(entry.request()) / 1000;
  }

  /**
   * The most of that any gateway could have got out of this fleet: what came, or, where that is too
   * much, what can be computed at the least cost of engine time for its work, for as long as that
   * part of the run lasts. Whoever knows the future may only do worse.
   */
  double bestWork(double from, double to) {
    double left = (to - from) * speed;
    double best = 0;
    List<Possible> byEfficiency =
        gateway
            .ledger()
            .between(from, to)
            .map(entry -> new Possible(work(entry), fastest.efficiency(entry.request())))
            .filter(possible -> possible.efficiency > 0)
            .sorted(Comparator.comparingDouble(possible -> -possible.efficiency))
            .toList();
    for (Possible possible : byEfficiency) {
      double cost = possible.work / possible.efficiency;
      best += possible.work * Math.min(1, left / cost);
      left = Math.max(0, left - cost);
    }
    return best;
  }

  /** A request that can meet its targets, at some cost. */
  private record Possible(double work, double efficiency) {}

  SplittableRandom random() {
    return random;
  }

  List<SimulatedReplica> replicas() {
    return replicas;
  }

  SimulatedGateway gateway() {
    return gateway;
  }

  /** Something happens at a second of the run. */
  Scenario at(double second, Runnable event) {
    time.after(Request.FIRST_NANOS + (long) (second * 1e9) - time.nowNanos(), event);
    return this;
  }

  /** Runs to the end, and checks what must hold after any run. */
  Ledger run(Traffic workload) {
    gateway.serve(workload.requests());
    return finish();
  }

  /** The same with clients each of which waits for its answer before it asks again. */
  Ledger run(ClosedLoop clients) {
    clients.begin(time, gateway);
    return finish();
  }

  private Ledger finish() {
    time.run();
    Ledger ledger = gateway.ledger();
    ledger.fingerprint();
    check(gateway.inFlight() == 0, "requests in flight after the end: " + gateway.inFlight());
    long requests = ledger.entries().size();
    check(
        gateway.retried() <= RETRY_SHARE * requests + RETRY_RESERVE,
        gateway.retried() + " retries of " + requests + " requests");
    replicas.forEach(
        replica -> check(replica.running() + replica.waiting() == 0, "a replica still has work"));
    return ledger;
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  /** For the events of a run: with its gateway. */
  Scenario every(double fromSecond, double toSecond, double step, Consumer<Integer> event) {
    int count = 0;
    for (double second = fromSecond; second < toSecond; second += step) {
      int number = count++;
      at(second, () -> event.accept(number));
    }
    return this;
  }
}
