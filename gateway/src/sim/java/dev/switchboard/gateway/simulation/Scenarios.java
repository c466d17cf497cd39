package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.slo.Slo;
import java.util.List;

/**
 * The runs that decisions are judged by. Each takes a seed and a policy, and tells what its clients
 * saw beside the best that any gateway could have done with the same fleet.
 */
enum Scenarios {
  /** Twice the usual load for a while, more than the fleet can do. */
  BURST("1.4 times the capacity for 40 seconds, four workers") {
    @Override
    Result run(long seed, String policy) {
      return burst(seed, policy, 10, 40, 30);
    }
  },

  /** Four replicas that are alike, nearly all of their capacity in use. */
  EVEN("four alike at 85 % of capacity") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      return plain(scenario, steady(scenario, 50, 0.85 * scenario.capacity()), 10, 50);
    }
  },

  /** Ten times as much as the fleet can do, all of one class. */
  FLOOD("ten times the capacity") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1);
      double rate = 10 * scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 0, 0)
              .arrivals("t", 25, at -> rate, rate, draw -> Traffic.STANDARD);
      return overload(scenario, traffic, 5, 25);
    }
  },

  /** People at half of the capacity, and batches without any target at twice the capacity. */
  PEOPLE_AND_BATCHES("people at half of the capacity, batches at twice") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 0.5);
      double people = 0.5 * scenario.capacity();
      double batches = 2 * scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 0, 0)
              .arrivals("people", 50, at -> people, people, draw -> Traffic.INTERACTIVE)
              .arrivals("batches", 50, at -> batches, batches, draw -> Traffic.WHENEVER);
      return overload(scenario, traffic, 10, 50);
    }
  },

  /** The same, of which half come as a whole: nobody tells when those begin, only that they end. */
  WHOLE_ANSWERS("the same, half of both answered as a whole") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 0.5);
      double people = 0.25 * scenario.capacity();
      double batches = scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 0, 0)
              .arrivals("people", 50, at -> people, people, draw -> Traffic.INTERACTIVE)
              .arrivals("batches", 50, at -> batches, batches, draw -> Traffic.WHENEVER)
              .whole()
              .arrivals("people", 50, at -> people, people, draw -> Traffic.PATIENT)
              .arrivals("batches", 50, at -> batches, batches, draw -> Traffic.WHENEVER);
      return overload(scenario, traffic, 10, 50);
    }
  },

  /** Replicas of three speeds, nearly all of their capacity in use. */
  MIXED_SPEEDS("speeds of ½, 1 and 2 at 80 % of capacity") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 0.5, 1, 2);
      double rate = 0.8 * scenario.capacity();
      return plain(scenario, steady(scenario, 60, rate), 10, 60);
    }
  },

  /** One of four becomes six times as slow but keeps answering, and recovers. */
  SLOW_BUT_ALIVE("one of four is a sixth as fast for 35 seconds") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      SimulatedReplica slow = scenario.replicas().get(1);
      scenario.at(15, () -> slow.slowdown(6)).at(50, () -> slow.slowdown(1));
      double rate = 0.6 * scenario.capacity();
      return plain(scenario, steady(scenario, 70, rate), 20, 70);
    }
  },

  /** One of three stands still for eight seconds, as under SIGSTOP. */
  STANDSTILL("one of three stands still for 8 seconds") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1);
      SimulatedReplica stopped = scenario.replicas().get(1);
      scenario.at(10, () -> stopped.freeze(true)).at(18, () -> stopped.freeze(false));
      return plain(scenario, steady(scenario, 40, 0.5 * scenario.capacity()), 0, 40);
    }
  },

  /** One of four servers fails every request for ten seconds, twice; its health checks are fine. */
  FAILING_SERVER("one of four foreign servers fails everything, twice for 10 seconds") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = Scenario.foreign(seed, policy, 1, 1, 1, 1);
      SimulatedReplica failing = scenario.replicas().get(1);
      scenario.at(10, () -> failing.broken(true)).at(20, () -> failing.broken(false));
      scenario.at(30, () -> failing.broken(true)).at(40, () -> failing.broken(false));
      return plain(scenario, steady(scenario, 60, 0.5 * scenario.capacity()), 0, 60);
    }
  },

  /** One of three dies every six seconds and is started again each time. */
  FLAPPING("one of three dies every six seconds") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1);
      scenario.every(5, 50, 6, number -> scenario.replicas().get(1).kill());
      double rate = 0.55 * scenario.capacity();
      return plain(scenario, steady(scenario, 60, rate), 0, 60);
    }
  },

  /** Long prompts that begin alike, a few beginnings far more often than others. */
  PREFIX_HOT_SPOT("24 prefixes of 400 tokens, of which a worker caches twelve") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      double rate = 0.65 * scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 24, 400)
              .arrivals("t", 60, at -> rate, rate, Traffic.Mix.CLASSES);
      return plain(scenario, traffic, 10, 60);
    }
  },

  /** One long beginning that nearly every prompt has. */
  HOT_PREFIX("one prefix of 800 tokens") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1, 1);
      double rate = 0.8 * scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 1, 800)
              .arrivals("t", 40, at -> rate, rate, Traffic.Mix.CLASSES);
      return plain(scenario, traffic, 10, 40);
    }
  },

  /** Four tenants over capacity, one of which asks for ten times what each other does. */
  GREEDY_TENANT("four tenants at four times the capacity, one greedy") {
    @Override
    Result run(long seed, String policy) {
      return greedy(seed, policy, "greedy", Traffic.STANDARD);
    }
  },

  /** Deadlines from one second to twelve, a fifth more work than the fleet can do. */
  DEADLINE_MIX("deadlines of 1 to 12 seconds at 1.2 times the capacity") {
    @Override
    Result run(long seed, String policy) {
      Scenario scenario = new Scenario(seed, policy, 1, 1, 1);
      double rate = 1.2 * scenario.capacity();
      Traffic traffic =
          new Traffic(scenario.random().split(), 0, 0)
              .arrivals(
                  "t",
                  60,
                  at -> rate,
                  rate,
                  draw -> new Slo("standard", 0, 0, 1000 + (int) (11_000 * draw), 0));
      return overload(scenario, traffic, 10, 60);
    }
  };

  private final String title;

  Scenarios(String title) {
    this.title = title;
  }

  /** In a few words, for people. */
  String title() {
    return title;
  }

  /**
   * What came of it.
   *
   * @param good work of the requests that met their targets in the part of the run that counts
   * @param best the most of it that any gateway could have done
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
    Traffic traffic =
        new Traffic(scenario.random().split(), 0, 0)
            .arrivals(
                "t",
                end + after,
                at -> at < before || at >= end ? usual : 2 * usual,
                2 * usual,
                Traffic.Mix.CLASSES);
    return overload(scenario, traffic, before, end);
  }

  /** Three tenants want nearly all there is, and a fourth three times that. */
  static Result greedy(long seed, String policy, String greedy, Slo wanted) {
    Scenario scenario = new Scenario(seed, policy, 1, 1);
    double rate = 0.3 * scenario.capacity();
    Traffic traffic = new Traffic(scenario.random().split(), 0, 0);
    for (String tenant : List.of("a", "b", "c")) {
      traffic.arrivals(tenant, 60, at -> rate, rate, draw -> Traffic.STANDARD);
    }
    traffic.arrivals(greedy, 60, at -> 10 * rate, 10 * rate, draw -> wanted);
    return overload(scenario, traffic, 15, 60);
  }

  static Traffic steady(Scenario scenario, double seconds, double rate) {
    return new Traffic(scenario.random().split(), 0, 0)
        .arrivals("t", seconds, at -> rate, rate, Traffic.Mix.CLASSES);
  }

  /** Judges what arrives in a part of the run, most of which can be served. */
  private static Result plain(Scenario scenario, Traffic traffic, double from, double to) {
    Ledger ledger = scenario.run(traffic);
    double good = scenario.goodArrivals(from, to);
    return new Result(scenario, ledger, good, scenario.bestWork(from, to));
  }

  /** Judges what is done in a part of the run, for whomever: more arrives than can be. */
  private static Result overload(Scenario scenario, Traffic traffic, double from, double to) {
    Ledger ledger = scenario.run(traffic);
    double good = scenario.goodWork(from, to);
    return new Result(scenario, ledger, good, scenario.bestWork(from, to));
  }
}
