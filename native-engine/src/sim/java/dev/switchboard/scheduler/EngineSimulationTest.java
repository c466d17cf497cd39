package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Thousands of requests through random engines in virtual time; a failure names its seed. */
class EngineSimulationTest {
  @Test
  void everyRequestEndsOnceWithTheTokensItHasAlone() {
    long preemptions = 0;
    long hits = 0;
    long paceChecks = 0;
    for (long seed = 1; seed <= 60; seed++) {
      Simulation simulation = new Simulation(seed);
      simulation.arrivals(50, false);
      simulation.run();
      preemptions += simulation.load().preemptions();
      hits += simulation.load().prefixHitTokens();
      paceChecks += simulation.paceChecks();
    }

    assertTrue(preemptions > 100, "the simulation preempts too rarely: " + preemptions);
    assertTrue(hits > 10_000, "the simulation hits prefixes too rarely: " + hits);
    assertTrue(paceChecks > 100, "too few engines have ample memory: " + paceChecks);
  }

  @Test
  void cancelledRequestsLeaveNothingBehind() {
    for (long seed = 1001; seed <= 1040; seed++) {
      Simulation simulation = new Simulation(seed);
      simulation.arrivals(50, true);
      simulation.run();
    }
  }

  @Test
  void failedStepsFailTheirRequestsOnly() {
    for (long seed = 2001; seed <= 2040; seed++) {
      Simulation simulation = new Simulation(seed);
      simulation.arrivals(50, true);
      simulation.faults(8);
      simulation.run();
    }
  }
}
