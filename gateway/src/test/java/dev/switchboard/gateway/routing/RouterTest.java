package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.RouteSpec.Target;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RouterTest {
  private static final long NOW = 1_000_000_000L;
  private static final Set<String> SERVED = Set.of("big", "small", "tiny");

  @Test
  void anAliasLeadsToItsModel() {
    Router router = router(route("chat", List.of(new Target("big", null)), List.of()));

    assertEquals(List.of("big"), router.plan("chat", "k").models());
    assertEquals(List.of("small"), router.plan("small", "k").models());
    assertTrue(router.knows("chat"));
    assertFalse(router.knows("talk"));
    assertEquals(List.of("big", "chat", "small", "tiny"), List.copyOf(router.names()));
  }

  @Test
  void aSplitFollowsItsWeightsAndIsStableForAKey() {
    Router router =
        router(route("chat", List.of(new Target("big", 9.0), new Target("small", 1.0)), List.of()));
    int small = 0;
    for (int i = 0; i < 10_000; i++) {
      String model = router.plan("chat", "key-" + i).models().getFirst();
      assertEquals(model, router.plan("chat", "key-" + i).models().getFirst());
      small += model.equals("small") ? 1 : 0;
    }

    assertEquals(1000, small, 100);
  }

  @Test
  void aTargetOfWeightZeroGetsNothing() {
    Router router =
        router(route("chat", List.of(new Target("big", 0.0), new Target("small", 1.0)), List.of()));

    for (int i = 0; i < 1000; i++) {
      assertEquals("small", router.plan("chat", "key-" + i).models().getFirst());
    }
  }

  @Test
  void whereTheTargetHasNoReplicaTheFirstFallbackThatHasOneServes() {
    Router router = router(route("big", List.of(), List.of("small", "tiny")));
    Map<String, List<ReplicaView>> fleet =
        Map.of(
            "big", List.of(ReplicaView.of("b", "big").withState("RESTARTING")),
            "small", List.of(),
            "tiny", List.of(ReplicaView.of("t", "tiny")));

    Decision decision = decide(router, "big", fleet, RouteRequest.of(""));

    assertEquals("t", decision.chosen());
    assertEquals("big", decision.requested());
    assertEquals("tiny", decision.model());
    assertEquals(new Decision.Fallback("big", "tiny", "no_replica"), decision.fallback());
  }

  @Test
  void whereTheTargetWouldMissTheDeadlineAQuickerModelServes() {
    Router router = router(route("big", List.of(), List.of("tiny")));
    Map<String, List<ReplicaView>> fleet =
        Map.of(
            "big", List.of(slow(ReplicaView.of("b", "big"))),
            "tiny", List.of(ReplicaView.of("t", "tiny")));
    Slo tight = new Slo("s", 0, 0, 3000, 0);
    Slo loose = new Slo("s", 0, 0, 60_000, 0);
    RouteRequest request = RouteRequest.of("").withTokens(100, 100);

    Decision quicker = decide(router, "big", fleet, request.withSlo(tight, 0));
    Decision inTime = decide(router, "big", fleet, request.withSlo(loose, 0));
    Decision hopeless = decide(router, "big", fleet, request.withSlo(tight, 2900));

    assertEquals("t", quicker.chosen());
    assertEquals(new Decision.Fallback("big", "tiny", "deadline"), quicker.fallback());
    assertEquals("b", inTime.chosen());
    assertNull(inTime.fallback());
    assertEquals("b", hopeless.chosen());
    assertNull(hopeless.fallback());
  }

  @Test
  void aShadowDecidesWithoutEffect() {
    Router router = router(new RouteSpec("big", null, null, "least-loaded", "round-robin"));
    Map<String, List<ReplicaView>> fleet =
        Map.of(
            "big", List.of(ReplicaView.of("a", "big").withInFlight(3), ReplicaView.of("b", "big")));

    Decision decision = decide(router, "big", fleet, RouteRequest.of(""));

    assertEquals("b", decision.chosen());
    assertEquals("least-loaded", decision.policy());
    assertEquals(new Decision.Shadow("round-robin", "a"), decision.shadow());
    assertNull(decision.fallback());
    assertNotNull(decision.winner());
  }

  @Test
  void aShadowThatThrowsIsToldAndDoesNoHarm() {
    RoutingPolicy broken =
        (replicas, request, now) -> {
          throw new IllegalStateException("a fault");
        };
    Router router = new Router(new LeastLoaded(), List.of(), Set.of("big"));
    Router.Plan plan = new Router.Plan("big", List.of("big"), new LeastLoaded(), broken);

    Decision decision =
        router
            .route(
                plan,
                model -> List.of(ReplicaView.of("a", model)),
                model -> RouteRequest.of(model),
                0)
            .decision();

    assertEquals("a", decision.chosen());
    assertEquals(new Decision.Shadow("broken", null), decision.shadow());
  }

  @Test
  void aRouteToAModelThatNobodyServesIsRefusedWithItsKey() {
    assertRefused("routes.0.targets", route("chat", List.of(new Target("huge", null)), List.of()));
    assertRefused("routes.0.fallbacks", route("big", List.of(), List.of("huge")));
    assertRefused("routes.0.name", route("chat", List.of(), List.of("big")));
  }

  private static void assertRefused(String key, RouteSpec spec) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> router(spec)).getMessage());

    assertTrue(message.startsWith(key), message);
  }

  private static ReplicaView slow(ReplicaView view) {
    Rates rates = new Rates(100, 1, 0, 0, 90, 1, 0, 0, 0, 0, 0.2, 0.2, 100, NOW, 100);
    return view.withOwn(new Workload.Snapshot(0, 0, 0, 0, 0, 1, rates));
  }

  private static Decision decide(
      Router router, String name, Map<String, List<ReplicaView>> fleet, RouteRequest request) {
    Router.Plan plan = router.plan(name, "key");
    return router
        .route(plan, model -> fleet.getOrDefault(model, List.of()), request::withModel, NOW)
        .decision();
  }

  private static RouteSpec route(String name, List<Target> targets, List<String> fallbacks) {
    return new RouteSpec(name, targets, fallbacks, null, null);
  }

  private static Router router(RouteSpec... specs) {
    return new Router(RoutingConfig.DEFAULTS, List.of(specs), SERVED);
  }
}
