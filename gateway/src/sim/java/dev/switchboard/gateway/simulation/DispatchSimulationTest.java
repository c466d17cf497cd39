package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.DispatchScenario;
import dev.switchboard.gateway.bench.DispatchTrace;
import dev.switchboard.gateway.bench.StepDelays;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.slo.Slo;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Which replica gets how much: clients in a closed loop before foreign servers, of which the
 * gateway knows nothing but what it sees of their answers.
 */
@Tag("computation")
@ExtendWith(QuietFleet.class)
class DispatchSimulationTest {
  private static final String SLO = "slo";
  private static final int SEEDS = Integer.getInteger("switchboard.simulation.dispatch-seeds", 4);

  /** About as many as four engines serve without their tokens being late. */
  private static final int CLIENTS = 60;

  private static final List<String> OTHERS =
      List.of("least-loaded", "power-of-two", "prefix-affinity", "round-robin", "weighted");

  /** What all clients ask for. */
  enum Wish {
    NOTHING,
    TARGETS;

    private Slo slo() {
      return this == NOTHING ? Slo.NONE : new Slo("standard", 2000, 120, 0, 0);
    }
  }

  /** What was seen in a part of a run. */
  private record Seen(double[] shares, double tokensPerSecond, double tokenMs) {
    static Seen of(Scenario scenario, Ledger ledger, double from, double to) {
      List<Ledger.Entry> entries = ledger.between(from, to).toList();
      double[] shares = new double[scenario.replicas().size()];
      for (Ledger.Entry entry : entries) {
        shares[Integer.parseInt(entry.replica().substring(1))] += 1.0 / entries.size();
      }
      return new Seen(
          shares,
          ledger.entries().stream().mapToDouble(entry -> entry.tokensWithin(from, to)).sum()
              / (to - from),
          entries.stream().mapToDouble(Ledger.Entry::tpotMs).average().orElse(0));
    }

    double least() {
      return Arrays.stream(shares).min().orElse(0);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "shares %s, %.0f tokens/s, %.1f ms a token",
          Arrays.toString(shares),
          tokensPerSecond,
          tokenMs);
    }
  }

  private static Seen run(long seed, String policy, Wish wish, int clients, double... speeds) {
    Scenario scenario = Scenario.foreign(EngineSpeed.ROOMY, seed, policy, speeds);
    Ledger ledger =
        scenario.run(new ClosedLoop(scenario.random().split(), clients, 60, wish.slo()));
    return Seen.of(scenario, ledger, 15, 55);
  }

  @ParameterizedTest
  @EnumSource(Wish.class)
  void equalEnginesHaveEqualSharesAndTokensComeAsSoonAsWithTheLeastLoaded(Wish wish) {
    seeds()
        .forEach(
            seed -> {
              Seen seen = run(seed, SLO, wish, CLIENTS, 1, 1, 1, 1);
              Seen even = run(seed, "least-loaded", wish, CLIENTS, 1, 1, 1, 1);
              assertTrue(seen.least() >= 0.2, () -> seen + ", seed " + seed);
              assertTrue(seen.tokenMs <= 1.02 * even.tokenMs, () -> seen + " for " + even);
            });
  }

  /**
   * Batches fill one to the last of its places, beyond which first tokens take six times as long.
   */
  @Test
  void anEngineThatIsFullIsNotTakenForASlowOne() {
    DispatchScenario overload = DispatchScenario.of("three-classes");
    for (int seed = 1; seed <= 3 * SEEDS; seed++) {
      DispatchTrace trace =
          new DispatchSimulation().simulate(overload, SLO, seed, 0, StepDelays.NONE);
      assertEquals(0, trace.ejections(), "ejections, seed " + seed);
    }
  }

  /** From a tenth of the load to one and a half times, and back, six times. */
  @ParameterizedTest
  @EnumSource(Wish.class)
  void equalEnginesStayEqualForAnHourWhateverTheLoad(Wish wish) {
    Scenario scenario = Scenario.foreign(EngineSpeed.ROOMY, 7, SLO, 1, 1, 1, 1);
    double hour = 3600;
    Ledger ledger =
        scenario.run(
            new ClosedLoop(
                scenario.random().split(), second -> clients(second % 600), hour, wish.slo()));

    for (double from = 60; from < hour; from += 60) {
      Seen seen = Seen.of(scenario, ledger, from, from + 60);
      double second = from;
      assertTrue(seen.least() >= 0.2, () -> seen + " from second " + second);
    }
  }

  private static int clients(double second) {
    double height = 1 - Math.abs(second - 300) / 300;
    return (int) Math.round(CLIENTS * (0.1 + 1.4 * height));
  }

  @ParameterizedTest
  @EnumSource(Wish.class)
  void enginesOfDifferentSpeedsGiveMoreTokensThanWithAnyOtherPolicy(Wish wish) {
    for (double[] speeds : new double[][] {{2, 1, 1, 0.5}, {0.5, 1, 2}}) {
      Seen seen = run(1, SLO, wish, CLIENTS, speeds);
      for (String policy : OTHERS) {
        Seen other = run(1, policy, wish, CLIENTS, speeds);
        assertTrue(
            seen.tokensPerSecond >= 1.1 * other.tokensPerSecond,
            () -> seen + ", and with " + policy + " " + other);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Wish.class)
  void sharesDoNotDependOnNames(Wish wish) {
    Seen seen = run(1, SLO, wish, CLIENTS, 2, 1, 1, 0.5);
    Seen other = run(1, SLO, wish, CLIENTS, 0.5, 1, 2, 1);

    int[] there = {2, 1, 3, 0};
    for (int i = 0; i < there.length; i++) {
      assertEquals(seen.shares[i], other.shares[there[i]], 0.05, () -> seen + " and " + other);
    }
  }

  /** One more millisecond of a target is two more sequences at the fastest engine. */
  @Test
  void sharesChangeSmoothlyWithATarget() {
    double[] targets = IntStream.rangeClosed(0, 36).mapToDouble(i -> 40 + 2.5 * i).toArray();
    double[] shares =
        Arrays.stream(targets).parallel().map(DispatchSimulationTest::shareOfTheFastest).toArray();

    for (int i = 1; i < shares.length; i++) {
      assertSmooth(shares[i - 1], shares[i], 0.1, "time per token of " + targets[i]);
    }
  }

  private static double shareOfTheFastest(double tpotMs) {
    Scenario scenario = Scenario.foreign(EngineSpeed.ROOMY, 3, SLO, 2, 1, 1, 0.5);
    Slo slo = new Slo("standard", 2000, tpotMs, 0, 0);
    Ledger ledger = scenario.run(new ClosedLoop(scenario.random().split(), CLIENTS, 60, slo));
    return Seen.of(scenario, ledger, 15, 55).shares[0];
  }

  @Test
  void andWithAWeight() {
    double before = Double.NaN;
    for (double weight = 0.5; weight <= 2; weight += 0.25) {
      Scenario scenario = Scenario.foreign(EngineSpeed.ROOMY, 3, SLO, 1, 1, 1, 1);
      scenario.gateway().fleet().replica("u0").weight(weight);
      Ledger ledger =
          scenario.run(new ClosedLoop(scenario.random().split(), CLIENTS, 60, Slo.NONE));
      double share = Seen.of(scenario, ledger, 15, 55).shares[0];
      assertEquals(weight / (weight + 3), share, 0.06, "share with a weight of " + weight);
      assertSmooth(before, share, 0.1, "weight of " + weight);
      before = share;
    }
  }

  private static void assertSmooth(double before, double now, double most, String where) {
    assertTrue(
        Double.isNaN(before) || Math.abs(now - before) <= most,
        () -> "from " + before + " to " + now + " at a " + where);
  }

  /** What becomes of one of four engines, until second 25. */
  enum Trouble {
    SLOW,
    STALLED,
    GONE,
    FAILING;

    private void begin(SimulatedReplica engine) {
      switch (this) {
        case SLOW -> engine.slowdown(8);
        case STALLED -> engine.freeze(true);
        case GONE -> engine.kill();
        case FAILING -> engine.broken(true);
      }
    }

    private void end(SimulatedReplica engine) {
      switch (this) {
        case SLOW -> engine.slowdown(1);
        case STALLED -> engine.freeze(false);
        case GONE -> engine.boot();
        case FAILING -> engine.broken(false);
      }
    }
  }

  /** Where its circuit was open, from when on that lets requests in. */
  @ParameterizedTest
  @CsvSource({
    "SLOW, 0",
    "SLOW, 10",
    "STALLED, 15",
    "GONE, 10",
    "FAILING, 15",
  })
  void whoRecoversHasHalfOfItsFairShareWithinTenSeconds(Trouble trouble, double fromSecond) {
    for (Wish wish : Wish.values()) {
      seeds()
          .forEach(
              seed -> {
                Scenario scenario = Scenario.foreign(EngineSpeed.ROOMY, seed, SLO, 1, 1, 1, 1);
                SimulatedReplica engine = scenario.replicas().get(1);
                scenario.at(fromSecond, () -> trouble.begin(engine));
                scenario.at(25, () -> trouble.end(engine));
                Ledger ledger =
                    scenario.run(
                        new ClosedLoop(scenario.random().split(), CLIENTS, 60, wish.slo()));
                double back = scenario.gateway().lastReady("u1", 25);
                assertTrue(back <= 35, () -> "back after " + back + " s, seed " + seed);
                Seen seen = Seen.of(scenario, ledger, back + 9, back + 14);
                assertTrue(seen.shares[1] >= 0.125, () -> seen + ", seed " + seed + ", " + wish);
              });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"slo", "least-loaded", "power-of-two", "round-robin", "weighted"})
  void aHealthyEngineIsNoOutlierHoweverMuchItHasToDo(String policy) {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = Scenario.foreign(seed, policy, 1, 1, 1, 1);
              scenario.run(new ClosedLoop(scenario.random().split(), 200, 60, Wish.NOTHING.slo()));
              assertEquals(
                  List.of(),
                  scenario.gateway().changes().stream()
                      .filter(change -> change.to() == ReplicaState.EJECTED)
                      .toList());
            });
  }

  /** Turns are of those that are admitted: who is refused takes none, nor who is overtaken. */
  @Test
  void roundRobinGivesEveryEngineAsManyOfThoseThatAreAdmitted() {
    Scenario scenario = Scenario.foreign(1, "round-robin", 1, 1, 1);
    double capacity = scenario.capacity();
    Traffic traffic =
        new Traffic(scenario.random().split(), 0, 0)
            .arrivals("people", 10, at -> capacity / 2, capacity / 2, draw -> Traffic.INTERACTIVE)
            .arrivals("batches", 10, at -> capacity * 9, capacity * 9, draw -> Traffic.WHENEVER);

    Ledger ledger = scenario.run(traffic);

    assertTrue(ledger.entries().stream().anyMatch(entry -> entry.attempts() == 0));
    long[] engines = new long[3];
    for (Ledger.Entry entry : ledger.entries()) {
      if (entry.attempts() > 0) {
        engines[Integer.parseInt(entry.replica().substring(1))]++;
      }
    }
    Arrays.sort(engines);
    assertTrue(engines[2] - engines[0] <= 1, () -> Arrays.toString(engines));
  }

  @Test
  void twoWorkersOfADemoShareItsLoad() {
    seeds()
        .forEach(
            seed -> {
              Scenario scenario = new Scenario(seed, SLO, 1, 1);
              Ledger ledger =
                  scenario.run(new ClosedLoop(scenario.random().split(), 40, 40, Slo.NONE));
              Seen seen = Seen.of(scenario, ledger, 5, 40);
              assertTrue(seen.least() >= 0.4, () -> seen + ", seed " + seed);
            });
  }

  private static LongStream seeds() {
    return LongStream.rangeClosed(1, SEEDS).parallel();
  }
}
