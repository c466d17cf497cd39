package dev.switchboard.gateway.bench;

/** Runs a scenario in virtual time. */
@FunctionalInterface
public interface DispatchSimulator {
  DispatchTrace simulate(DispatchScenario scenario, String policy, long seed);
}
