package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.ReplicaForecast;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.RoutingConfig;
import dev.switchboard.gateway.telemetry.FleetGauges;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.upstream.RetryBudget;
import dev.switchboard.gateway.upstream.RetryBudgets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class FleetWatchTest {
  private static final int TIMES = 40;
  private static final int AT_ONCE = 25;
  private static final Affinity.Key PROMPT = new Affinity.Key(new long[] {1, 2}, 16, "t", null);

  private final FleetByHand hand = new FleetByHand(List.of(), List.of(FleetByHand.server(1, "m")));
  private final Metrics metrics = new Metrics(hand.fleet()::has, "1", true);
  private final Affinity affinity = new Affinity(new RoutingConfig("slo", 64, 64));
  private final RetryBudgets retries = new RetryBudgets(RetryBudget.Config.DEFAULTS);
  private final Admission admission =
      new Admission(
          AdmissionConfig.DEFAULTS,
          tenant -> TenantLimits.Limit.NONE,
          model -> new ReplicaForecast(now -> hand.fleet().views(model, now)),
          () -> 0);

  private void watch() {
    metrics.fleet(new FleetGauges(hand.fleet()::replicas, hand::nowNanos));
    metrics.queues(() -> admission.snapshots(hand.nowNanos()));
    hand.fleet()
        .onStateChange(
            new FleetWatch(
                metrics, affinity, retries, admission, hand::nowNanos, (replica, from, to) -> {}));
  }

  /** A thousand servers come, serve, and go, the last word of each after it is gone. */
  @Test
  void ofReplicasThatCameAndWentNothingIsLeft() {
    watch();
    swap(0, i -> "m");
    swap(1, i -> "m");
    long before = series();

    for (int i = 2; i < TIMES + 2; i++) {
      swap(i, server -> "m");
    }

    assertEquals(before, series());
    assertEquals(AT_ONCE, hand.fleet().replicas().size());
    // There are bits for 64 replicas at once, not for 64 in all.
    assertEquals(ids(), affinity.enrich(RouteRequest.of("m"), PROMPT).prefixTokens().keySet());
  }

  @Test
  void ofModelsThatCameAndWentNothingIsLeft() {
    watch();
    swap(0, i -> "m0-" + i);
    swap(1, i -> "m1-" + i);
    long before = series();

    for (int i = 2; i < TIMES + 2; i++) {
      int time = i;
      swap(i, server -> "m" + time + "-" + server);
    }

    assertEquals(before, series());
    assertEquals(hand.fleet().models(), admission.snapshots(hand.nowNanos()).keySet());
  }

  @Test
  void ofAModelThatNeverHadAReplicaNothingIsLeft() {
    watch();
    hand.fleet().fromZero(Set.of("z"));
    admission.queue("z");
    metrics.admission("z", "batch", "admitted");
    long before = series();

    hand.reload(List.of(), List.of(FleetByHand.server(1, "m")));
    admission.queue("z");
    hand.pass(1000);

    assertEquals(Set.of("m"), admission.snapshots(hand.nowNanos()).keySet());
    assertTrue(series() < before, () -> series() + " of " + before);
  }

  /** Else admission would let in what routing then has nobody for. */
  @Test
  void aReplicaOfWeightZeroHasNoPlaces() {
    watch();
    hand.reload(List.of(), List.of(FleetByHand.server(1, "m"), FleetByHand.server(2, "m")));
    List<Replica> both =
        hand.fleet().replicas().stream().map(each -> hand.ready(each.id())).toList();
    int ofBoth = places();

    hand.fleet().commands().weigh(both.getFirst(), 0);
    int ofOne = places();
    hand.fleet().commands().weigh(both.getLast(), 0);
    boolean ready = admission.queue("m").ready();
    hand.fleet().commands().weigh(both.getFirst(), 0.5);

    assertEquals(ofBoth / 2, ofOne);
    assertFalse(ready);
    assertEquals(ofOne, places());
  }

  /** It takes one request at a time, to show whether it serves. */
  @Test
  void aReplicaOnProbationHasOnePlaceUntilItServed() {
    watch();
    hand.reload(List.of(), List.of(FleetByHand.server(1, "m"), FleetByHand.server(2, "m")));
    List<Replica> both =
        hand.fleet().replicas().stream().map(each -> hand.ready(each.id())).toList();
    int ofBoth = places();
    Replica returns = both.getFirst();

    hand.failUntilEjected(returns);
    int ofOther = places();
    hand.recovers(returns);
    int onProbation = places();
    hand.serves(returns);

    assertEquals(ofBoth / 2, ofOther);
    assertEquals(ofOther + 1, onProbation);
    assertEquals(ofBoth, places());
  }

  private int places() {
    return Objects.requireNonNull(admission.snapshots(hand.nowNanos()).get("m")).places();
  }

  private void swap(int time, IntFunction<String> model) {
    Set<String> old = ids();
    Set<String> oldModels = hand.fleet().models();
    List<UpstreamSpec> servers = new ArrayList<>();
    for (int i = 0; i < AT_ONCE; i++) {
      servers.add(FleetByHand.server(1 + i + AT_ONCE * (time % 2), model.apply(i)));
    }
    for (String fresh : hand.reload(List.of(), servers).added()) {
      serves(fresh, hand.ready(fresh).model());
    }
    for (int tick = 0; tick < 4; tick++) {
      hand.pass(500);
    }
    old.forEach(each -> serves(each, oldModels.iterator().next()));
    hand.pass(1000);
  }

  private Set<String> ids() {
    return hand.fleet().replicas().stream().map(Replica::id).collect(Collectors.toSet());
  }

  private void serves(String replica, String model) {
    metrics.decided(Decision.of("slo", model, replica, List.of()));
    metrics.replicaInFlight(replica).inc();
    metrics.attempt(replica, AttemptResult.SERVED);
    metrics.compared(replica, 0, 0, 0, 0);
    metrics.inFlight(model).inc();
    metrics.admission(model, "batch", "admitted");
    retries.earn(model);
    affinity.sent(model, replica, PROMPT);
  }

  /** Those of the JVM come and go by themselves. */
  private long series() {
    return metrics.registry().scrape().stream()
        .filter(each -> each.getMetadata().getPrometheusName().startsWith("switchboard_"))
        .mapToLong(each -> each.getDataPoints().size())
        .sum();
  }
}
