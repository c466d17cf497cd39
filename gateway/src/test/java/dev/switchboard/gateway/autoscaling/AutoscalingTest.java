package dev.switchboard.gateway.autoscaling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.FirstReplica;
import dev.switchboard.gateway.admission.TokenFlow;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.slo.SloConfig;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AutoscalingTest {
  /** Places of those that take requests, as the queue tells. */
  private static final int PLACES = 8;

  private static final AutoscalingConfig FROM_ZERO =
      new AutoscalingConfig(0, 64, 0.8, 0.8, 5, 90, 60, 600, 256, 1 << 20, 180_000, List.of());

  private final FleetByHand hand =
      new FleetByHand(List.of(), List.of(FleetByHand.server(1, "m"), FleetByHand.server(2, "m")));

  private boolean waits;

  private final Autoscaling.Sources sources =
      new Autoscaling.Sources() {
        @Override
        public AutoscalingConfig config() {
          return FROM_ZERO;
        }

        @Override
        public SloConfig slo() {
          return SloConfig.DEFAULTS;
        }

        @Override
        public Collection<Replica> replicas() {
          return hand.fleet().replicas();
        }

        @Override
        public int patienceMs() {
          return 60_000;
        }

        @Override
        public Set<String> models() {
          return Set.of("m");
        }

        @Override
        public boolean searched(String model) {
          return true;
        }

        @Override
        public void waits(String model, @Nullable FirstReplica first) {
          waits = first != null;
        }

        @Override
        public void needed(String model, int replicas, ScaleSignals now) {}
      };

  private final Autoscaling autoscaling =
      new Autoscaling(
          sources,
          now ->
              Map.of(
                  "m",
                  new AdmissionQueue.Snapshot(
                      Map.of(), 0, 0, PLACES, 0, 1, TokenFlow.Seen.NONE, 0, 0)),
          new GatewayLoads("self", () -> 0),
          hand::nowNanos);

  private List<Replica> ready() {
    return hand.fleet().replicas().stream().map(each -> hand.ready(each.id())).toList();
  }

  /** Else twice as many would be needed for what the other one has. */
  @Test
  void aReplicaOfWeightZeroHalvesNobodysPlaces() {
    hand.fleet().commands().weigh(ready().getFirst(), 0);

    autoscaling.tick();

    assertEquals(PLACES, Objects.requireNonNull(autoscaling.of("m")).signals().placesEach());
  }

  /** It counts, so no other one would be started for them. */
  @Test
  void nobodyWaitsForAFirstReplicaBesideOneOfWeightZero() {
    List<Replica> both = ready();
    autoscaling.tick();
    boolean before = waits;
    both.forEach(each -> hand.fleet().commands().weigh(each, 0));
    autoscaling.tick();

    assertTrue(before);
    assertFalse(waits);
  }
}
