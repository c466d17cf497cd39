package dev.switchboard.gateway.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** One run: a fleet, a workload and what happens meanwhile; a function of its seed and policy. */
final class Scenario {
  /** Prompt tokens and generated ones of the mean request of {@link Workload}. */
  private static final double MEAN_PROMPT = 190;

  private static final double MEAN_OUTPUT = 63;

  private final VirtualTime time = new VirtualTime();
  private final SplittableRandom random;
  private final List<SimulatedReplica> replicas = new ArrayList<>();
  private final SimulatedGateway gateway;
  private final double capacity;

  /**
   * @param speeds of the replicas, relative to the measured one
   */
  Scenario(long seed, String policy, double... speeds) {
    random = new SplittableRandom(seed);
    double sum = 0;
    for (double speed : speeds) {
      EngineSpeed engine = EngineSpeed.MEASURED.times(speed);
      replicas.add(new SimulatedReplica("w" + replicas.size(), time, engine, random.split()));
      sum += requestsPerSecond(engine);
    }
    capacity = sum;
    gateway = new SimulatedGateway(time, replicas, policy, random.split());
  }

  /**
   * Mean requests per second that an engine can finish when it always has a full batch: no gateway
   * gets more out of it.
   */
  private static double requestsPerSecond(EngineSpeed speed) {
    double tokenMs = speed.perSequenceMs() + speed.stepMs() / speed.sequences();
    return 1000 / (speed.perPromptTokenMs() * MEAN_PROMPT + tokenMs * MEAN_OUTPUT);
  }

  /** Requests per second that the whole fleet can finish at best. */
  double capacity() {
    return capacity;
  }

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
    time.afterMs(second * 1000, event);
    return this;
  }

  /** Runs to the end, and checks what must hold after any run. */
  Ledger run(Workload workload) {
    gateway.serve(workload.requests());
    time.run();
    Ledger ledger = gateway.ledger();
    ledger.fingerprint();
    check(gateway.inFlight() == 0, "requests in flight after the end: " + gateway.inFlight());
    long served = ledger.entries().size();
    long retried = gateway.attempts() - served;
    check(
        retried <= 0.1 * served + 10 + gateway.failedAttempts(),
        retried + " more attempts than requests");
    replicas.forEach(
        replica ->
            check(replica.running() + replica.waiting() == 0, replica.id() + " still has work"));
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
