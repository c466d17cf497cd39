package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Weights under each policy, in virtual time: idle, and with far more to do than there is room. */
class WeightedShareTest {
  private static final int REQUESTS = 10_000;
  private static final long MS = 1_000_000L;

  /** A replica that computes one request after another, each for so long. */
  private static final class Server {
    final String id;
    final double weight;
    final long serviceNanos;
    final Workload workload;
    int inFlight;
    long freeNanos;
    int got;

    Server(String id, double weight, long serviceNanos, SharedCostModel peers) {
      this.id = id;
      this.weight = weight;
      this.serviceNanos = serviceNanos;
      this.workload = new Workload(peers);
    }

    ReplicaView view(long now) {
      return ReplicaView.of(id, "m")
          .withWeight(weight)
          .withInFlight(inFlight)
          .withOwn(workload.snapshot(now));
    }
  }

  private record End(long atNanos, long number, Server server, Workload.Job job) {}

  private final List<Server> servers = new ArrayList<>();
  private final PriorityQueue<End> running =
      new PriorityQueue<>(
          java.util.Comparator.comparingLong(End::atNanos).thenComparingLong(End::number));
  private long now = MS;

  @ParameterizedTest
  @CsvSource({
    "slo, 1", "slo, 64",
    "least-loaded, 1", "least-loaded, 64",
    "prefix-affinity, 1", "prefix-affinity, 64",
    "power-of-two, 1", "power-of-two, 64",
    "round-robin, 1", "round-robin, 64",
    "weighted, 1", "weighted, 64"
  })
  void eachWeightHasItsShareOfTenThousandRequestsWithinOnePoint(String policy, int clients) {
    for (double[] weights :
        new double[][] {{1, 0.1}, {1, 3}, {1, 1, 0.5}, {100, 1}, {0.2, 0.3, 0.5}}) {
      Map<Double, Double> shares = shares(policy, clients, weights);

      double sum = 0;
      for (double weight : weights) {
        sum += weight;
      }
      for (double weight : Set.copyOf(shares.keySet())) {
        double count = 0;
        for (double other : weights) {
          count += other == weight ? 1 : 0;
        }
        assertEquals(
            100 * count * weight / sum,
            shares.getOrDefault(weight, 0.0),
            1,
            policy + " weight " + weight);
      }
    }
  }

  /** Percent of the requests by weight, of a closed loop of so many clients. */
  private Map<Double, Double> shares(String policy, int clients, double... weights) {
    servers.clear();
    running.clear();
    SharedCostModel peers = new SharedCostModel();
    for (int i = 0; i < weights.length; i++) {
      // The one of the least weight is the quickest: speed is what policies would go by.
      servers.add(new Server("w" + i, weights[i], (long) (weights[i] * 20 * MS) + MS, peers));
    }
    for (int turn = 0; turn < REQUESTS; turn++) {
      if (running.size() == clients) {
        end(Objects.requireNonNull(running.poll()));
      }
      send(Policies.of(policy), turn);
    }
    Map<Double, Double> shares = new HashMap<>();
    for (Server server : servers) {
      shares.merge(server.weight, 100.0 * server.got / REQUESTS, Double::sum);
    }
    return shares;
  }

  private void send(RoutingPolicy policy, long turn) {
    List<ReplicaView> views = servers.stream().map(server -> server.view(now)).toList();
    RouteRequest request =
        RouteRequest.of("m").withTurn(turn).withPrefixTokens(Map.of("w0", (int) (turn % 100)));
    Candidate winner = Objects.requireNonNull(policy.route(views, request, now).winner());
    Server server =
        servers.stream().filter(each -> each.id.equals(winner.replica())).findFirst().orElseThrow();
    Workload.Job job =
        server.workload.begin(winner, request, true, (predicted, ttftMs, tpotMs) -> {}, now);
    server.got++;
    server.inFlight++;
    server.freeNanos = Math.max(now, server.freeNanos) + server.serviceNanos;
    running.add(new End(server.freeNanos, turn, server, job));
  }

  private void end(End end) {
    now = Math.max(now, end.atNanos);
    end.job.content(now);
    end.job.ended();
    end.server.inFlight--;
  }

  @Test
  void whereWeightsAreEqualThePolicyChoosesWhateverTheyAre() {
    for (double weight : new double[] {0.1, 1, 50}) {
      List<ReplicaView> replicas =
          List.of(
              ReplicaView.of("w0", "m").withWeight(weight).withInFlight(3),
              ReplicaView.of("w1", "m").withWeight(weight));
      for (String policy : List.of("slo", "least-loaded", "prefix-affinity", "power-of-two")) {
        for (int turn = 0; turn < 50; turn++) {
          RouteRequest request = RouteRequest.of("m").withTurn(turn);
          assertEquals("w1", Policies.of(policy).route(replicas, request, MS).chosen(), policy);
        }
      }
    }
  }

  @Test
  void whoCannotBeChosenLeavesItsShareToTheOthers() {
    List<ReplicaView> replicas =
        List.of(
            ReplicaView.of("w0", "m").withWeight(10).withState("EJECTED"),
            ReplicaView.of("w1", "m").withWeight(3),
            ReplicaView.of("w2", "m").withWeight(1));
    int got = 0;
    for (int turn = 0; turn < 1000; turn++) {
      RouteRequest request = RouteRequest.of("m").withTurn(turn);
      got += "w2".equals(Policies.of("slo").route(replicas, request, MS).chosen()) ? 1 : 0;
    }

    assertEquals(250, got, 5);
  }

  /** Every second turn is another model's. */
  @Test
  void sharesHoldWhateverTurnsOthersTake() {
    List<ReplicaView> replicas =
        List.of(
            ReplicaView.of("w0", "m").withWeight(1), ReplicaView.of("w1", "m").withWeight(0.25));
    for (int step = 1; step < 12; step++) {
      int got = 0;
      for (int i = 0; i < 1000; i++) {
        RouteRequest request = RouteRequest.of("m").withTurn((long) i * step);
        got += "w1".equals(Policies.of("slo").route(replicas, request, MS).chosen()) ? 1 : 0;
      }

      assertEquals(200, got, 10, "every " + step + "th turn");
    }
  }

  @Test
  void aSessionStaysWhereItIsWhateverTheWeights() {
    List<ReplicaView> replicas =
        List.of(
            ReplicaView.of("w0", "m").withWeight(1), ReplicaView.of("w1", "m").withWeight(0.01));
    for (int turn = 0; turn < 100; turn++) {
      RouteRequest request = RouteRequest.of("m").withTurn(turn).withSticky("w1");
      Decision decision = Policies.of("slo").route(replicas, request, MS);

      assertEquals("w1", decision.chosen());
      assertTrue(Double.isFinite(Objects.requireNonNull(decision.winner()).score()));
    }
  }
}
