package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.RouteSpec.Target;
import dev.switchboard.gateway.slo.Slo;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
  void aSplitFollowsItsWeightsAndIsStableForASession() {
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

  @ParameterizedTest
  @ValueSource(doubles = {1, 10, 50})
  void ofRequestsWithoutASessionEachTargetGetsItsShare(double percent) {
    Router router =
        router(
            route(
                "chat",
                List.of(new Target("big", 100 - percent), new Target("small", percent)),
                List.of()));
    int small = 0;
    for (int i = 0; i < 10_000; i++) {
      small += router.plan("chat", null).models().getFirst().equals("small") ? 1 : 0;
    }

    assertEquals(100 * percent, small, 10);
  }

  /** The configuration is read again after every third request, as replicas come and go. */
  @Test
  void sharesHoldOverReloads() {
    RouteSpec split = split("chat");
    Router router = router(split);
    int small = 0;
    for (int i = 0; i < 10_000; i++) {
      router = i % 3 == 0 ? router(split).after(router) : router;
      small += isSmall(router.plan("chat", null)) ? 1 : 0;
    }

    assertEquals(1000, small, 10);
  }

  /** Somebody asks for another name whenever the small model would be next. */
  @Test
  void whatAnotherNameSplitsTakesNothingOfAShare() {
    Router router = router(split("chat"), split("talk"));
    int small = 0;
    for (int i = 0; i < 10_000; i++) {
      if (isSmall(router.preview("chat", null))) {
        router.plan("talk", null);
      }
      small += isSmall(router.plan("chat", null)) ? 1 : 0;
    }

    assertEquals(1000, small, 10);
  }

  private static RouteSpec split(String name) {
    return route(name, List.of(new Target("big", 9.0), new Target("small", 1.0)), List.of());
  }

  private static boolean isSmall(Router.Plan plan) {
    return plan.models().getFirst().equals("small");
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
            "tiny", List.of(quick(ReplicaView.of("t", "tiny"))));
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
  void aModelThatNothingIsKnownOfIsTriedBeforeADeadlineIsGivenUp() {
    Router router = router(route("big", List.of(), List.of("tiny")));
    ReplicaView untried = ReplicaView.of("t", "tiny");
    RouteRequest request =
        RouteRequest.of("").withTokens(100, 100).withSlo(new Slo("s", 0, 0, 1000, 0), 0);

    Decision fallback =
        decide(
            router,
            "big",
            Map.of("big", List.of(slow(ReplicaView.of("b", "big"))), "tiny", List.of(untried)),
            request);
    Decision target =
        decide(
            router,
            "big",
            Map.of("big", List.of(ReplicaView.of("b", "big")), "tiny", List.of(untried)),
            request);

    assertEquals("t", fallback.chosen());
    assertEquals(new Decision.Fallback("big", "tiny", "deadline"), fallback.fallback());
    assertEquals("b", target.chosen());
  }

  @Test
  void aReplicaThatNothingIsKnownOfIsExpectedToBeAsTheOthersOfItsModel() {
    Router router = router(route("big", List.of(), List.of("tiny")));
    ReplicaView slow = slow(ReplicaView.of("b", "big"));
    Map<String, List<ReplicaView>> fleet =
        Map.of(
            "big", List.of(slow, ReplicaView.of("untried", "big")),
            "tiny", List.of(quick(ReplicaView.of("t", "tiny"))));
    RouteRequest request =
        RouteRequest.of("").withTokens(100, 100).withSlo(new Slo("s", 0, 0, 3000, 0), 0);

    double endMs =
        Forecast.of(Objects.requireNonNull(fleet.get("big")), Prompt.of(100), 100, 0, NOW).endMs();

    assertEquals(Forecast.of(List.of(slow), Prompt.of(100), 100, 0, NOW).endMs(), endMs);
    assertEquals("t", decide(router, "big", fleet, request).chosen());
  }

  @Test
  void whatIsNotToBeAskedPromisesNothing() {
    ReplicaView slow = slow(ReplicaView.of("b", "big"));
    ReplicaView quick = quick(ReplicaView.of("q", "big"));
    double slowMs = Forecast.of(List.of(slow), Prompt.of(100), 100, 0, NOW).endMs();

    for (ReplicaView unfit :
        List.of(
            quick.withCircuit(ReplicaView.Circuit.OPEN),
            quick.withWeight(0),
            quick.withState("EJECTED"))) {
      assertEquals(slowMs, Forecast.of(List.of(slow, unfit), Prompt.of(100), 100, 0, NOW).endMs());
    }
    assertTrue(Forecast.of(List.of(slow, quick), Prompt.of(100), 100, 0, NOW).endMs() < slowMs / 5);
  }

  @Test
  void whatAdmissionExpectsIsWhatRoutingExpectsOfTheBestReplica() {
    ReplicaView far = quick(ReplicaView.of("far", "m"));
    ReplicaView near = withRates(ReplicaView.of("near", "m"), 40, 5, 100);
    ReplicaView untrusted = quick(trusting(ReplicaView.of("untrusted", "m"), 0));
    Map<String, Integer> known = Map.of("near", 90, "untrusted", 500);
    RouteRequest request = RouteRequest.of("m").withTokens(100, 100).withPrefixTokens(known);
    List<ReplicaView> fleet = List.of(far, near, untrusted);

    double expected = Forecast.of(fleet, request.prompt(), 100, 0, NOW).ttftMs();

    Decision decision = new SloPolicy().route(fleet, request, NOW);
    double best =
        decision.candidates().stream()
            .mapToDouble(row -> row.prediction().ttftMs())
            .min()
            .orElse(0);
    assertEquals(best, expected);
    assertEquals(40 + 10, expected);
  }

  @Test
  void whatFewRequestsTaughtIsBelievedForSomeSecondsOnly() {
    ReplicaView few = withRates(ReplicaView.of("b", "big"), 100, 90, 1);
    ReplicaView many = withRates(ReplicaView.of("b", "big"), 100, 90, 100);
    long later = NOW + 10_000_000_000L;

    assertTrue(Forecast.of(List.of(few), Prompt.of(100), 100, 0, NOW).known());
    assertFalse(Forecast.of(List.of(few), Prompt.of(100), 100, 0, later).known());
    assertTrue(Forecast.of(List.of(many), Prompt.of(100), 100, 0, later).known());
  }

  @Test
  void theModelThatAdmissionFoundFitLeadsAndTheOthersStandBehindIt() {
    Router.Plan plan = router(route("big", List.of(), List.of("small", "tiny"))).plan("big", "k");
    Map<String, List<ReplicaView>> fleet =
        Map.of(
            "big", List.of(quick(ReplicaView.of("b", "big"))),
            "small", List.of(quick(ReplicaView.of("s", "small"))),
            "tiny", List.of());

    Decision led = decide(plan.ledBy("small", "deadline"), fleet, RouteRequest.of(""));
    Decision back = decide(plan.ledBy("tiny", "deadline"), fleet, RouteRequest.of(""));
    Decision moved =
        decide(plan.ledBy("small", "deadline").only("big"), fleet, RouteRequest.of(""));

    assertEquals("s", led.chosen());
    assertEquals(new Decision.Fallback("big", "small", "deadline"), led.fallback());
    assertEquals("b", back.chosen());
    assertNull(back.fallback());
    assertEquals("b", moved.chosen());
    assertNull(moved.fallback());
    assertEquals(plan, plan.ledBy("big", "deadline"));
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
    Router.Plan plan = new Router.Plan("big", List.of("big"), null, new LeastLoaded(), broken);

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
    assertRefused("routes[0].targets", route("chat", List.of(new Target("huge", null)), List.of()));
    assertRefused("routes[0].fallbacks", route("big", List.of(), List.of("huge")));
    assertRefused("routes[0].name", route("chat", List.of(), List.of("big")));
  }

  /** A list of a file or a body may hold it, whatever its type says. */
  @Test
  void aRouteWithoutOneOfItsModelsIsRefusedByItsField() {
    List<Target> targets = Collections.singletonList(null);
    List<String> fallbacks = Collections.singletonList(null);

    assertEquals(
        "targets must not hold null",
        assertThrows(IllegalArgumentException.class, () -> route("x", targets, List.of()))
            .getMessage());
    assertEquals(
        "fallbacks must not hold null",
        assertThrows(IllegalArgumentException.class, () -> route("x", List.of(), fallbacks))
            .getMessage());
  }

  private static void assertRefused(String key, RouteSpec spec) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> router(spec)).getMessage());

    assertTrue(message.startsWith(key), message);
  }

  private static ReplicaView slow(ReplicaView view) {
    return withRates(view, 100, 90, 100);
  }

  private static ReplicaView quick(ReplicaView view) {
    return withRates(view, 1, 5, 100);
  }

  private static ReplicaView withRates(
      ReplicaView view, double overheadMs, double stepMs, int samples) {
    Rates rates =
        new Rates(overheadMs, 1, 0, 0, stepMs, 1, 0, 0, 0, 0, 0.2, 0.2, 100, NOW, samples);
    return view.withOwn(new Workload.Snapshot(0, 0, 0, 0, 0, 0, view.own().prefixTrust(), rates));
  }

  private static ReplicaView trusting(ReplicaView view, double prefixTrust) {
    return view.withOwn(new Workload.Snapshot(0, 0, 0, 0, 0, 0, prefixTrust, Rates.UNKNOWN));
  }

  private static Decision decide(
      Router router, String name, Map<String, List<ReplicaView>> fleet, RouteRequest request) {
    return decide(router.plan(name, "key"), fleet, request);
  }

  private static Decision decide(
      Router.Plan plan, Map<String, List<ReplicaView>> fleet, RouteRequest request) {
    return router()
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
