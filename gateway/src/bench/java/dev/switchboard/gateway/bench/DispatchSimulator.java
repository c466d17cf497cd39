package dev.switchboard.gateway.bench;

/** Runs a scenario in virtual time. */
@FunctionalInterface
public interface DispatchSimulator {
  /**
   * @param seed of the load: what a round of that number sends
   * @param run draws how late the machine is to tell of each step's tokens; 0 for never late
   * @param delays how late it was in the round; empty where none was measured
   */
  DispatchTrace simulate(
      DispatchScenario scenario, String policy, long seed, long run, StepDelays delays);
}
