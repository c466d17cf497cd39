package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.ReplicaView.Circuit;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PoliciesTest {
  private static final long NOW = 1_000_000_000L;
  private static final String[] NAMES = {
    "slo", "least-loaded", "prefix-affinity", "power-of-two", "round-robin", "weighted"
  };

  @ParameterizedTest
  @ValueSource(
      strings = {
        "slo",
        "least-loaded",
        "prefix-affinity",
        "power-of-two",
        "round-robin",
        "weighted"
      })
  void aDecisionDependsOnItsInputsAloneAndTakesNobodyWhoIsRejected(String name) {
    for (int seed = 0; seed < 500; seed++) {
      List<ReplicaView> replicas = randomFleet(new Random(seed));
      RouteRequest request = randomRequest(new Random(seed));

      Decision decision = Policies.of(name).route(replicas, request, NOW);
      Decision again = Policies.of(name).route(List.copyOf(replicas), request, NOW);

      assertEquals(decision, again);
      assertEquals(replicas.size(), decision.candidates().size());
      boolean anyOpen = decision.candidates().stream().anyMatch(row -> row.rejected() == null);
      assertEquals(anyOpen, decision.chosen() != null);
      Candidate winner = decision.winner();
      assertTrue(winner == null || winner.rejected() == null);
      decision
          .candidates()
          .forEach(row -> assertEquals(row.rejected() != null, Double.isNaN(row.score())));
    }
  }

  @Test
  void aReplicaThatAPolicyCannotScoreIsTakenWhenThereIsNoOther() {
    for (int seed = 0; seed < 100; seed++) {
      List<ReplicaView> replicas = randomFleet(new Random(seed));
      RouteRequest request = randomRequest(new Random(seed));

      Decision decision =
          Scoring.decide(
              "none", replicas, request, NOW, 0, (open, same, scores) -> scores[0] = Double.NaN);

      boolean anyOpen = decision.candidates().stream().anyMatch(row -> row.rejected() == null);
      assertEquals(anyOpen, decision.chosen() != null);
    }
  }

  private static List<ReplicaView> randomFleet(Random random) {
    List<ReplicaView> replicas = new ArrayList<>();
    for (int i = 0; i < 1 + random.nextInt(8); i++) {
      Workload.Snapshot own =
          new Workload.Snapshot(
              random.nextInt(5),
              random.nextInt(5000),
              random.nextInt(20),
              random.nextInt(3) == 0 ? random.nextInt(500) : 0,
              random.nextDouble(),
              random.nextInt(3) == 0 ? 20 : 0,
              random.nextDouble(),
              Rates.UNKNOWN);
      ReplicaView view =
          ReplicaView.of("w" + i, "m")
              .withInFlight(random.nextInt(30))
              .withReport(random.nextInt(30), random.nextInt(5), random.nextInt(9000), 300)
              .withOwn(own)
              .withWeight(random.nextInt(4))
              .withCost(random.nextInt(3))
              .withMaxConcurrency(random.nextInt(2) * 20)
              .withCircuit(random.nextInt(3) == 0 ? Circuit.OPEN : Circuit.PROBE);
      replicas.add(random.nextInt(5) == 0 ? view.withState("DRAINING") : view);
    }
    return replicas;
  }

  private static RouteRequest randomRequest(Random random) {
    return RouteRequest.of("m")
        .withTurn(random.nextLong())
        .withTokens(1 + random.nextInt(20_000), 1 + random.nextInt(500))
        .withSlo(new Slo("s", random.nextInt(500), random.nextInt(50), random.nextInt(9000), 0), 5)
        .withPrefixTokens(Map.of("w1", random.nextInt(9000)))
        .withExcluded(random.nextBoolean() ? Set.of("w0") : Set.of())
        .withSticky(random.nextBoolean() ? "w2" : null);
  }

  @Test
  void whoMayNotBeChosenIsToldWhy() {
    List<ReplicaView> replicas =
        List.of(
            ReplicaView.of("w0", "m").withState("DRAINING"),
            ReplicaView.of("w1", "m").withCircuit(Circuit.OPEN),
            ReplicaView.of("w2", "m").withWeight(0),
            ReplicaView.of("w3", "m").withMaxConcurrency(2).withInFlight(2),
            ReplicaView.of("w4", "m"));
    RouteRequest request = RouteRequest.of("m").withExcluded(Set.of("w4"));

    for (String name : NAMES) {
      Decision decision = Policies.of(name).route(replicas, request, NOW);

      assertNull(decision.chosen());
      assertTrue(decision.full());
      assertEquals(
          List.of(
              "state DRAINING",
              "circuit open",
              "weight 0",
              "has as many requests as it takes",
              "already failed this request"),
          decision.candidates().stream().map(Candidate::rejected).toList());
    }
  }

  @Test
  void roundRobinTakesOneAfterTheOther() {
    List<ReplicaView> replicas =
        List.of(ReplicaView.of("w0", "m"), ReplicaView.of("w1", "m"), ReplicaView.of("w2", "m"));
    List<String> chosen = new ArrayList<>();
    for (int turn = 0; turn < 6; turn++) {
      chosen.add(choose("round-robin", replicas, RouteRequest.of("m").withTurn(turn)));
    }

    assertEquals(List.of("w0", "w1", "w2", "w0", "w1", "w2"), chosen);
  }

  @Test
  void weightedSpreadsInTheRatioOfTheWeights() {
    List<ReplicaView> replicas =
        List.of(ReplicaView.of("w0", "m").withWeight(1), ReplicaView.of("w1", "m").withWeight(3));
    Map<String, Integer> counts = new HashMap<>();
    for (int turn = 0; turn < 10_000; turn++) {
      counts.merge(
          choose("weighted", replicas, RouteRequest.of("m").withTurn(turn)), 1, Integer::sum);
    }

    assertEquals(2500, counts.getOrDefault("w0", 0), 10);
  }

  @Test
  void powerOfTwoTakesTheLessLoadedOfTwoThatChangeWithTheTurn() {
    List<ReplicaView> replicas = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      replicas.add(ReplicaView.of("w" + i, "m").withInFlight(i));
    }
    Map<String, Integer> counts = new HashMap<>();
    for (int turn = 0; turn < 5600; turn++) {
      counts.merge(
          choose("power-of-two", replicas, RouteRequest.of("m").withTurn(turn)), 1, Integer::sum);
    }

    assertEquals(1400, counts.getOrDefault("w0", 0), 150);
    assertEquals(200, counts.getOrDefault("w6", 0), 60);
    assertNull(counts.get("w7"));
  }

  @Test
  void prefixAffinityGoesWhereThePrefixIsUnlessThatIsOverloaded() {
    ReplicaView warm = ReplicaView.of("w0", "m").withInFlight(3);
    ReplicaView cold = ReplicaView.of("w1", "m");
    RouteRequest known =
        RouteRequest.of("m").withTokens(1000, 10).withPrefixTokens(Map.of("w0", 800));
    RouteRequest hardly =
        RouteRequest.of("m").withTokens(1000, 10).withPrefixTokens(Map.of("w0", 50));

    assertEquals("w0", choose("prefix-affinity", List.of(warm, cold), known));
    assertEquals("w1", choose("prefix-affinity", List.of(warm, cold), hardly));
    assertEquals("w1", choose("prefix-affinity", List.of(warm.withInFlight(9), cold), known));
  }

  @Test
  void aSessionStaysUnlessItsReplicaIsOverloaded() {
    ReplicaView home = ReplicaView.of("w0", "m").withInFlight(4);
    ReplicaView other = ReplicaView.of("w1", "m");
    RouteRequest session = RouteRequest.of("m").withSticky("w0");

    for (String name : NAMES) {
      assertEquals("w0", choose(name, List.of(home, other), session));
    }
    assertEquals("w1", choose("slo", List.of(home.withInFlight(9), other), session));
    assertEquals("w1", choose("slo", List.of(home.withState("EJECTED"), other), session));
  }

  @Test
  void aSessionLeavesAReplicaThatMissesItsTargetsWhereAnotherOneMeetsThem() {
    Rates rates = rates(5, 0.1, 10);
    ReplicaView slow = ReplicaView.of("w0", "m").withOwn(own(0, 0, 0, rates(800, 0.1, 10)));
    ReplicaView other = ReplicaView.of("w1", "m").withInFlight(3).withOwn(own(0, 0, 3, rates));
    RouteRequest session = RouteRequest.of("m").withSticky("w0");
    RouteRequest first = session.withSlo(new Slo("s", 300, 0, 0, 0), 1);
    RouteRequest whole = session.withSlo(new Slo("s", 0, 0, 1500, 0), 1);

    for (String name : NAMES) {
      assertEquals("w1", choose(name, List.of(slow, other), first), name);
      assertEquals("w1", choose(name, List.of(slow, other), whole), name);
      assertEquals("w0", choose(name, List.of(slow, other), session), name);
    }
  }

  @Test
  void aSessionStaysWhereItsTargetsAreMissedIfNobodyMeetsThem() {
    ReplicaView slow = ReplicaView.of("w0", "m").withOwn(own(0, 0, 0, rates(900, 0.1, 10)));
    ReplicaView less = ReplicaView.of("w1", "m").withOwn(own(0, 0, 0, rates(500, 0.1, 10)));
    RouteRequest session =
        RouteRequest.of("m").withSticky("w0").withSlo(new Slo("s", 300, 0, 0, 0), 1);

    for (String name : NAMES) {
      assertEquals("w0", choose(name, List.of(slow, less), session), name);
    }
  }

  @Test
  void aSessionWithoutTargetsLeavesAReplicaThatSaysNothing() {
    Rates rates = rates(5, 0.1, 10);
    ReplicaView stuck =
        ReplicaView.of("w0", "m")
            .withInFlight(1)
            .withOwn(new Workload.Snapshot(1, 10, 0, 9_000, 0, 0, 1, rates));
    ReplicaView other = ReplicaView.of("w1", "m").withInFlight(4).withOwn(own(0, 0, 4, rates));
    RouteRequest session = RouteRequest.of("m").withSticky("w0");

    for (String name : NAMES) {
      assertEquals("w1", choose(name, List.of(stuck, other), session), name);
    }
  }

  @Test
  void sloTakesTheFastReplicaUntilItsQueueMakesItTheSlowerOne() {
    ReplicaView fast = ReplicaView.of("w0", "m").withOwn(own(0, 0, 0, rates(5, 0.05, 10)));
    ReplicaView slow = ReplicaView.of("w1", "m").withOwn(own(0, 0, 0, rates(20, 0.4, 40)));
    ReplicaView busy = ReplicaView.of("w0", "m").withOwn(own(9, 20_000, 0, rates(5, 0.05, 10)));

    assertEquals("w0", choose("slo", List.of(fast, slow), interactive()));
    assertEquals("w1", choose("slo", List.of(busy, slow), interactive()));
  }

  @Test
  void sloCountsACachedPrefixAsTimeSaved() {
    ReplicaView warm = ReplicaView.of("w0", "m").withOwn(own(1, 500, 0, rates(5, 0.4, 10)));
    ReplicaView cold = ReplicaView.of("w1", "m").withOwn(own(0, 0, 0, rates(5, 0.4, 10)));
    RouteRequest big = interactive().withTokens(2000, 50);

    assertEquals("w1", choose("slo", List.of(warm, cold), big));
    assertEquals(
        "w0", choose("slo", List.of(warm, cold), big.withPrefixTokens(Map.of("w0", 1900))));
  }

  @Test
  void sloAvoidsAReplicaWhoseRequestsAreOverdue() {
    Rates rates = rates(5, 0.1, 10);
    ReplicaView stuck =
        ReplicaView.of("w0", "m").withOwn(new Workload.Snapshot(1, 10, 0, 900, 0, 0, 1, rates));
    ReplicaView busy = ReplicaView.of("w1", "m").withOwn(own(3, 500, 8, rates));

    assertEquals("w1", choose("slo", List.of(stuck, busy), interactive()));
  }

  @Test
  void sloSendsABatchWhereNobodysTokensComeTooLateForIt() {
    Rates rates = rates(5, 0.1, 10);
    ReplicaView paced =
        ReplicaView.of("w0", "m").withOwn(new Workload.Snapshot(0, 0, 5, 0, 0, 11, 1, rates));
    ReplicaView busy = ReplicaView.of("w1", "m").withOwn(own(1, 500, 20, rates));
    RouteRequest anybody = RouteRequest.of("m");
    RouteRequest batch = anybody.withSlo(new Slo("batch", 0, 0, 0, -50), 1);

    assertEquals("w1", choose("slo", List.of(paced, busy), batch));
    assertEquals("w0", choose("slo", List.of(paced, busy), anybody));
  }

  /** Neither prompts nor targets cost anything there, as far as is known. */
  @Test
  void loadCostsARequestWithoutTargetsAsWell() {
    Rates free = new Rates(5, 0, 1, 1, 50, 1, 0, 0, 0, 0, 0.2, 0.2, 100, NOW, 100);
    Rates dear = new Rates(9, 0.4, 1, 1, 50, 1, 0, 0, 0, 0, 0.2, 0.2, 100, NOW, 100);
    ReplicaView busy = ReplicaView.of("w0", "m").withInFlight(12).withOwn(own(0, 0, 12, free));
    ReplicaView idler = ReplicaView.of("w1", "m").withInFlight(4).withOwn(own(0, 0, 4, dear));

    assertEquals("w1", choose("slo", List.of(busy, idler), RouteRequest.of("m")));
  }

  @Test
  void nobodyGetsMoreThanTwiceWhatAnIdlerOneHasThatWouldBeAboutAsQuick() {
    Rates quick = rates(5, 0.1, 40);
    ReplicaView crowded = ReplicaView.of("w0", "m").withInFlight(13).withOwn(own(0, 0, 13, quick));
    ReplicaView like =
        ReplicaView.of("w1", "m").withInFlight(4).withOwn(own(0, 0, 4, rates(5, 0.1, 49)));
    ReplicaView slower =
        ReplicaView.of("w1", "m").withInFlight(4).withOwn(own(0, 0, 4, rates(5, 0.1, 90)));

    assertEquals("w1", choose("slo", List.of(crowded, like), RouteRequest.of("m")));
    assertEquals("w0", choose("slo", List.of(crowded, slower), RouteRequest.of("m")));
  }

  /** A process is slow at first; what its later tokens teach makes the others look slow. */
  @Test
  void anIdleReplicaThatNothingIsKnownOfComesBeforeABusyOneThatIs() {
    for (int seed = 0; seed < 300; seed++) {
      SharedCostModel peers = new SharedCostModel();
      Workload known = new Workload(peers);
      Workload unknown = new Workload(peers);
      Random random = new Random(seed);
      long now = busyAfter(random.nextInt(4), known, random);
      ReplicaView busy = ReplicaView.of("w0", "m").withInFlight(1).withOwn(known.snapshot(now));
      ReplicaView idle = ReplicaView.of("w1", "m").withOwn(unknown.snapshot(now));
      ReplicaView another = ReplicaView.of("w2", "m").withOwn(unknown.snapshot(now));
      int tokens = 20 + random.nextInt(200);

      for (RouteRequest request : List.of(RouteRequest.of("m"), interactive())) {
        RouteRequest sized = request.withTurn(seed).withTokens(tokens, 100);
        Decision decision = new SloPolicy().route(List.of(busy, idle, another), sized, now);
        String which = "seed " + seed + ", " + decision;
        assertTrue(Set.of("w1", "w2").contains(String.valueOf(decision.chosen())), which);
      }
    }
  }

  /** Some streams one after the other, each sooner than the one before, and one that runs. */
  private static long busyAfter(int streams, Workload workload, Random random) {
    long now = NOW;
    double slower = 1 + 20 * random.nextDouble();
    for (int i = 0; i <= streams; i++) {
      RouteRequest request = RouteRequest.of("m").withTokens(100, 100);
      ReplicaView view = ReplicaView.of("w0", "m").withOwn(workload.snapshot(now));
      Candidate candidate = new LeastLoaded().route(List.of(view), request, now).winner();
      Workload.Job job =
          workload.begin(
              Objects.requireNonNull(candidate), request, true, (told, first, rest) -> {}, now);
      now += (long) (30e6 * slower);
      for (int token = 0; token < 40; token++) {
        now += (long) (8e6 * slower);
        job.content(now);
        slower = 1 + 0.98 * (slower - 1);
      }
      if (i < streams) {
        job.ended();
      }
    }
    return now;
  }

  @Test
  void aBoundedShareGoesWhereAnIdleReplicaWasNotHeardOfForLong() {
    Rates fresh = learned(1, 100 * NOW);
    int few = explorers(fresh, learned(8, 98 * NOW - 1));
    int more = explorers(fresh, learned(8, 90 * NOW));
    int none = explorers(fresh, learned(8, 99 * NOW));

    assertEquals(1.0 / 32, few / 3200.0, 0.01);
    assertEquals(1.0 / 8, more / 3200.0, 0.02);
    assertEquals(0, none);
  }

  private static int explorers(Rates quick, Rates avoided) {
    int count = 0;
    for (int turn = 0; turn < 3200; turn++) {
      ReplicaView busy = ReplicaView.of("w0", "m").withInFlight(3).withOwn(own(0, 0, 3, quick));
      ReplicaView idle = ReplicaView.of("w1", "m").withOwn(own(0, 0, 0, avoided));
      RouteRequest request = RouteRequest.of("m").withTurn(turn);
      Decision decision = new SloPolicy().route(List.of(busy, idle), request, 100 * NOW);
      count += "w1".equals(decision.chosen()) ? 1 : 0;
    }
    return count;
  }

  private static Rates learned(double slowdown, long atNanos) {
    double log = Math.log(slowdown);
    return new Rates(20, 0.1, 1, 1, 40, 1, 0, 0, log, log, 0.3, 0.1, 100, atNanos, 200);
  }

  @Test
  void sloSpendsTheLessCostlyOfTwoThatAreAlike() {
    ReplicaView dear = ReplicaView.of("w0", "m").withCost(2);
    ReplicaView cheap = ReplicaView.of("w1", "m").withCost(1);

    assertEquals("w1", choose("slo", List.of(dear, cheap), interactive()));
  }

  @Test
  void anUnknownNameIsRefusedWithTheKnownOnes() {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> Policies.of("best")).getMessage());

    assertTrue(message.contains("power-of-two"), message);
  }

  private static Workload.Snapshot own(int waiting, double tokens, int running, Rates rates) {
    return new Workload.Snapshot(waiting, tokens, running, 0, 0, 0, 1, rates);
  }

  private static Rates rates(double overheadMs, double tokenMs, double stepMs) {
    return new Rates(
        overheadMs, tokenMs, 0.1, 0.5, stepMs, 0.2, 0.05, 0, 0, 0, 0.2, 0.2, 100, NOW, 100);
  }

  private static RouteRequest interactive() {
    return RouteRequest.of("m").withSlo(new Slo("interactive", 300, 50, 0, 0), 1);
  }

  private static String choose(String policy, List<ReplicaView> replicas, RouteRequest request) {
    return String.valueOf(Policies.of(policy).route(replicas, request, NOW).chosen());
  }
}
