package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;
import java.util.List;

/**
 * The runs that decisions are judged by. Each takes a seed and a policy, and tells what its clients
 * saw beside the best that any gateway could have done with the same fleet.
 */
enum Scenarios {
  /** Twice the usual load for a while, more than the fleet can do. */
  BURST {
    @Override
    Result run(long seed, String policy) {
      return burst(seed, policy, 20, 60, 40);
    }
  },

  /** Replicas of three speeds, nearly all of their capacity in use. */
  MIXED_SPEEDS {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 0.5, 1, 2);
      double rate = 0.8 * scenario.capacity();
      return plain(scenario, steady(scenario, "t", 60, rate), 10, 60);
    }
  },

  /** One of four becomes six times as slow but keeps answering, and recovers. */
  SLOW_BUT_ALIVE {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      SimulatedReplica slow = scenario.replicas().get(1);
      scenario.at(15, () -> slow.slowdown(6)).at(50, () -> slow.slowdown(1));
      double rate = 0.6 * scenario.capacity();
      return plain(scenario, steady(scenario, "t", 70, rate), 20, 70);
    }
  },

  /** One of three dies every six seconds and is back two seconds later. */
  FLAPPING {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1);
      scenario.every(5, 50, 6, number -> scenario.gateway().crash("w1", 2000));
      double rate = 0.55 * scenario.capacity();
      return plain(scenario, steady(scenario, "t", 60, rate), 0, 60);
    }
  },

  /** Long prompts that begin alike, a few beginnings far more often than others. */
  PREFIX_HOT_SPOT {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      double rate = 0.65 * scenario.capacity();
      Workload workload =
          new Workload(scenario.random().split(), 24, 400)
              .arrivals("t", 60, at -> rate, rate, Workload.Mix.CLASSES);
      return plain(scenario, workload, 10, 60);
    }
  },

  /** Four tenants over capacity, one of which asks for ten times what each other does. */
  GREEDY_TENANT {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1);
      double rate = 0.3 * scenario.capacity();
      Workload workload = new Workload(scenario.random().split(), 0, 0);
      for (String tenant : List.of("a", "b", "c")) {
        workload.arrivals(tenant, 60, at -> rate, rate, draw -> Workload.STANDARD);
      }
      workload.arrivals("greedy", 60, at -> 10 * rate, 10 * rate, draw -> Workload.STANDARD);
      return plain(scenario, workload, 15, 60);
    }
  },

  /** Deadlines from one second to twelve, a fifth more work than the fleet can do. */
  DEADLINE_MIX {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1);
      double rate = 1.2 * scenario.capacity();
      Workload workload =
          new Workload(scenario.random().split(), 0, 0)
              .arrivals(
                  "t",
                  60,
                  at -> rate,
                  rate,
                  draw -> new Slo("standard", 0, 0, 1000 + (int) (11_000 * draw), 0));
      return plain(scenario, workload, 10, 60);
    }
  };

  /**
   * What came of it.
   *
   * @param good requests that met their objective in the part of the run that counts
   * @param best as many as could have, at most
   */
  record Result(Scenario scenario, Ledger ledger, double good, double best) {
    double share() {
      return good / best;
    }
  }

  abstract Result run(long seed, String policy);

  /** The usual load, twice that, and the usual again. */
  static Result burst(long seed, String policy, double before, double during, double after) {
    Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
    double usual = 0.7 * scenario.capacity();
    double end = before + during;
    Workload workload =
        new Workload(scenario.random().split(), 0, 0)
            .arrivals(
                "t",
                end + after,
                at -> at < before || at >= end ? usual : 2 * usual,
                2 * usual,
                Workload.Mix.CLASSES);
    return plain(scenario, workload, before, end);
  }

  private static Workload steady(Scenario scenario, String tenant, double seconds, double rate) {
    return new Workload(scenario.random().split(), 0, 0)
        .arrivals(tenant, seconds, at -> rate, rate, Workload.Mix.CLASSES);
  }

  private static Result plain(Scenario scenario, Workload workload, double from, double to) {
    Ledger ledger = scenario.run(workload);
    double arrived = ledger.arrivedBetween(from, to);
    double best = Math.min(arrived, (to - from) * scenario.capacity());
    return new Result(scenario, ledger, ledger.goodBetween(from, to), best);
  }
}
