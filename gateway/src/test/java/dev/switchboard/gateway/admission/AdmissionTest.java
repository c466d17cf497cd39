package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private static final long SECOND = 1_000_000_000L;

  private final List<String> heard = new ArrayList<>();
  private final Admission.Waiter waiter =
      new Admission.Waiter() {
        @Override
        public void admitted() {
          heard.add("admitted");
        }

        @Override
        public void refused(Refusal refusal) {
          heard.add(refusal.reason().label());
        }
      };

  private static AdmissionConfig config(int maxInFlight, int concurrency) {
    return new AdmissionConfig(maxInFlight, 10, 1000, 5000, concurrency, 50, 7);
  }

  private static Admission admission(AdmissionConfig config, TenantConfig... tenants) {
    return new Admission(
        config,
        TenantConfig.limits(List.of(tenants)),
        model -> (demand, now) -> WaitPredictor.UNKNOWN,
        () -> 0);
  }

  private static Demand demand(int tokens) {
    return Demands.of("t", Band.NORMAL, 0, 0, 0, Long.MAX_VALUE, Prompt.of(tokens), 0, 10);
  }

  private @Nullable Reason refused(Admission admission, Demand demand, long now) {
    Refusal refusal = admission.enter("m", demand, waiter, now).refusal();
    return refusal == null ? null : refusal.reason();
  }

  private static Admission.Pass pass(Admission.Answer answer) {
    return Objects.requireNonNull(answer.pass());
  }

  @Test
  void oneMoreThanTheBoundIsShedUntilOneLeaves() {
    Admission admission = admission(config(1, 0));
    Admission.Pass pass = pass(admission.enter("m", demand(1), waiter, 0));

    Refusal refusal = admission.enter("m", demand(1), waiter, 0).refusal();
    pass.close(-1, 0);
    pass.close(-1, 0);

    assertEquals(new Refusal(Reason.IN_FLIGHT, 1, -1, -1, -1, -1, -1, 7), refusal);
    assertNotNull(admission.enter("m", demand(1), waiter, 0).pass());
    assertEquals(1, admission.inFlight());
  }

  @Test
  void whoWaitsForTheFirstReplicaOfAModelThatGoesIsLetOnAndNobodyIsHeldBehind() {
    Admission admission = admission(config(10, 0));
    FirstReplica first = new FirstReplica(10, 1000, 60 * SECOND, SECOND);
    AdmissionQueue queue = admission.queue("m");
    queue.startsFirst(first);
    Admission.Pass held = pass(admission.enter("m", demand(1), waiter, 0));

    admission.forget("m", 3 * SECOND);
    queue.startsFirst(first);

    assertEquals(List.of("admitted"), heard);
    assertEquals(3 * SECOND, held.replicaReadyNanos());
    assertFalse(queue.holding());
  }

  @Test
  void aRequestTakesAPlaceForEachOfItsAnswers() {
    Admission admission = admission(config(10, 4));
    admission.queue("m").replica("r", true, 0);
    Admission.Pass first = pass(admission.enter("m", Demands.withPlaces(3, demand(1)), waiter, 0));
    first.routed("r", false, 0);
    Admission.Answer second = admission.enter("m", Demands.withPlaces(2, demand(1)), waiter, 0);
    int held = admission.queue("m").snapshot(0).running();

    first.close(1, 1);

    assertTrue(second.waits());
    assertEquals(3, held);
    assertEquals(List.of("admitted"), heard);
    pass(second).close(1, 2);
    assertEquals(0, admission.queue("m").snapshot(3).running());
  }

  @Test
  void oneThatWantsMorePlacesThanThereAreBeginsWhenItHasAll() {
    Admission admission = admission(config(10, 4));
    admission.queue("m").replica("r", true, 0);
    Admission.Pass small = pass(admission.enter("m", demand(1), waiter, 0));
    small.routed("r", false, 0);
    Admission.Answer large = admission.enter("m", Demands.withPlaces(64, demand(1)), waiter, 0);
    Admission.Answer behind = admission.enter("m", demand(1), waiter, 0);

    small.close(1, 1);
    pass(large).routed("r", false, 1);
    List<String> alone = List.copyOf(heard);
    pass(large).close(1, 2);

    assertTrue(large.waits() && behind.waits());
    assertEquals(List.of("admitted"), alone);
    assertEquals(List.of("admitted", "admitted"), heard);
  }

  @Test
  void aTenantsRequestsAtOnceAreCountedByTheirAnswers() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 0, 0, 8, null));
    Admission.Answer first = admission.enter("m", Demands.withPlaces(6, demand(1)), waiter, 0);
    Reason three = refused(admission, Demands.withPlaces(3, demand(1)), 0);
    Admission.Answer two = admission.enter("m", Demands.withPlaces(2, demand(1)), waiter, 0);
    pass(first).close(1, 0);
    pass(two).close(1, 0);
    Admission.Answer large = admission.enter("m", Demands.withPlaces(500, demand(1)), waiter, 0);
    Reason beside = refused(admission, demand(1), 0);
    pass(large).close(1, 0);

    assertEquals("2", first.headers().get("x-ratelimit-remaining-concurrency"));
    assertEquals(Reason.TENANT_CONCURRENCY, three);
    assertEquals("0", two.headers().get("x-ratelimit-remaining-concurrency"));
    assertEquals(Reason.TENANT_CONCURRENCY, beside);
    assertEquals(null, refused(admission, demand(1), 0));
  }

  @Test
  void nothingEntersAfterClosing() {
    Admission admission = admission(config(1, 0));

    admission.close();

    assertEquals(Reason.CLOSING, refused(admission, demand(1), 0));
    assertEquals(0, admission.inFlight());
  }

  @Test
  void whoLeavesTheQueueTakesNothingAlong() {
    Admission admission = admission(config(10, 1));
    admission.queue("m").replica("r", true, 0);
    Admission.Pass first = pass(admission.enter("m", demand(1), waiter, 0));
    Admission.Answer second = admission.enter("m", demand(1), waiter, 0);
    Admission.Answer third = admission.enter("m", demand(1), waiter, 0);

    pass(second).close(-1, 1);
    first.close(1, 2);

    assertTrue(second.waits() && third.waits());
    assertEquals(List.of("admitted"), heard);
    assertEquals(1, admission.inFlight());
    pass(third).close(1, 3);
    assertEquals(0, admission.queue("m").snapshot(4).running());
  }

  @Test
  void whatTakesNoPlaceDoesNotWait() {
    Admission admission = admission(config(10, 1));
    admission.queue("m").replica("r", true, 0);
    admission.enter("m", demand(1), waiter, 0);

    assertFalse(admission.enter(null, demand(1), waiter, 0).waits());
  }

  @Test
  void theLeastTimeThatATenantIsToldToWaitChangesWithTheConfiguration() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 1, 0, 0, null));
    pass(admission.enter("m", demand(1), waiter, 0)).routed("r", false, 0);

    admission.reconfigure(new AdmissionConfig(100, 10, 1000, 5000, 0, 50, 90));

    assertEquals(
        Refusal.plain(Reason.TENANT_REQUESTS, 90),
        admission.enter("m", demand(1), waiter, 0).refusal());
  }

  @Test
  void requestsPerMinuteComeBackEvenly() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 60, 0, 0, null));
    for (int i = 0; i < 60; i++) {
      pass(admission.enter("m", demand(1), waiter, 0)).routed("r", false, 0);
    }

    Admission.Answer spent = admission.enter("m", demand(1), waiter, SECOND / 2);

    assertEquals(Refusal.plain(Reason.TENANT_REQUESTS, 7), spent.refusal());
    assertEquals(
        Map.of(
            "x-ratelimit-limit-requests", "60",
            "x-ratelimit-remaining-requests", "0",
            "x-ratelimit-reset-requests", "59.5s"),
        spent.headers());
    assertEquals(null, refused(admission, demand(1), SECOND));
  }

  @Test
  void tokensAreCorrectedAtTheEnd() {
    Admission admission = admission(config(100, 0), new TenantConfig("*", 1.0, 0, 6000, 0, null));
    Admission.Pass more = pass(admission.enter("m", demand(1000), waiter, 0));
    Admission.Pass less = pass(admission.enter("m", demand(1000), waiter, 0));
    more.routed("r", false, 0);
    less.routed("r", false, 0);

    more.close(3000, 0);
    less.close(100, 0);
    Map<String, String> headers = admission.enter("m", demand(900), waiter, 0).headers();

    assertEquals("2000", headers.get("x-ratelimit-remaining-tokens"));
    assertEquals("40s", headers.get("x-ratelimit-reset-tokens"));
  }

  @Test
  void whatNoReplicaSawCostsNothing() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 10, 100, 0, null));

    pass(admission.enter("m", demand(80), waiter, 0)).close(-1, 0);
    Map<String, String> headers = admission.enter("m", demand(10), waiter, 0).headers();

    assertEquals("9", headers.get("x-ratelimit-remaining-requests"));
    assertEquals("90", headers.get("x-ratelimit-remaining-tokens"));
  }

  @Test
  void aRequestLargerThanTheLimitPassesAFullBucketOnly() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 0, 100, 0, null));

    assertEquals(null, refused(admission, demand(250), 0));
    assertEquals(Reason.TENANT_TOKENS, refused(admission, demand(1), 30 * SECOND));
    assertEquals(Reason.TENANT_TOKENS, refused(admission, demand(250), 100 * SECOND));
    assertEquals(null, refused(admission, demand(250), 151 * SECOND));
  }

  @Test
  void aTenantHasSoManyAtOnce() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 0, 0, 1, null));
    Admission.Pass first = pass(admission.enter("m", demand(1), waiter, 0));

    assertEquals(Reason.TENANT_CONCURRENCY, refused(admission, demand(1), 0));
    first.close(-1, 0);
    assertEquals(null, refused(admission, demand(1), 0));
  }

  @Test
  void whatTheTenantMayHaveAtOnceIsTold() {
    Admission admission = admission(config(100, 0), new TenantConfig("t", 1.0, 0, 0, 2, null));

    Map<String, String> first = admission.enter("m", demand(1), waiter, 0).headers();
    pass(admission.enter("m", demand(1), waiter, 0));
    Map<String, String> refused = admission.enter("m", demand(1), waiter, 0).headers();

    assertEquals(
        Map.of(
            "x-ratelimit-limit-concurrency", "2",
            "x-ratelimit-remaining-concurrency", "1"),
        first);
    assertEquals("0", refused.get("x-ratelimit-remaining-concurrency"));
  }

  /** One place, which the first request held for two seconds; one runs then, and one waits. */
  private Admission busy(int maxInFlight, int tenantsMost) {
    Admission admission =
        admission(
            new AdmissionConfig(maxInFlight, 10, 1000, 60_000, 1, 50, 1),
            new TenantConfig("t", 1.0, 0, 0, tenantsMost, null));
    admission.queue("m").replica("r", true, 0);
    pass(admission.enter("m", demand(1), waiter, 0)).close(1, 2 * SECOND);
    pass(admission.enter("m", demand(1), waiter, 2 * SECOND));
    assertTrue(admission.enter("m", demand(1), waiter, 2 * SECOND).waits());
    return admission;
  }

  private Refusal mustRefuse(Admission admission) {
    return Objects.requireNonNull(
        admission.enter("m", demand(1), waiter, 2 * SECOND).refusal(), "refused");
  }

  @Test
  void aFullGatewayTellsTheWaitThatTheModelsQueueWouldBe() {
    Refusal refusal = mustRefuse(busy(2, 0));

    assertEquals(Reason.IN_FLIGHT, refusal.reason());
    assertEquals(2, refusal.position());
    assertEquals(4000, refusal.waitP50Ms());
    assertEquals(4, refusal.retryAfterSeconds());
  }

  @Test
  void aTenantThatIsFullIsToldWhenOneOfItsOwnShouldEnd() {
    Refusal refusal = mustRefuse(busy(100, 2));

    assertEquals(Reason.TENANT_CONCURRENCY, refusal.reason());
    assertEquals(0, refusal.position());
    // Each waits for two places and then holds one, which is six seconds, and there are two.
    assertEquals(3000, refusal.waitP50Ms());
    assertEquals(3, refusal.retryAfterSeconds());
  }

  /** Each holds its place for ten seconds. */
  @Test
  void noPlaceIsKeptForLongForThoseWhoDoNotComeBack() {
    Admission admission =
        admission(
            new AdmissionConfig(100, 10, 1000, 60_000, 4, 50, 1),
            new TenantConfig("t", 1.0, 0, 0, 1, null));
    admission.queue("m").replica("r", true, 0);
    pass(admission.enter("m", demand(1), waiter, 0)).close(1, 10 * SECOND);
    Admission.Pass running = pass(admission.enter("m", demand(1), waiter, 10 * SECOND));
    assertEquals(
        Reason.TENANT_CONCURRENCY,
        refused(admission, Demands.by(new Asker(1, 1), demand(1)), 10 * SECOND));
    running.close(1, 20 * SECOND);

    assertEquals(
        Reason.TENANT_CONCURRENCY,
        refused(admission, Demands.by(new Asker(2, 1), demand(1)), 20 * SECOND));
    assertEquals(null, refused(admission, Demands.by(new Asker(3, 1), demand(1)), 25 * SECOND));
  }

  @Test
  void resetsAreWrittenAsOpenAiDoes() {
    assertEquals("17ms", RateLimitHeaders.duration(17_000_000));
    assertEquals("1s", RateLimitHeaders.duration(SECOND));
    assertEquals("1.5s", RateLimitHeaders.duration(3 * SECOND / 2));
    assertEquals("6m0s", RateLimitHeaders.duration(360 * SECOND));
    assertEquals("0ms", RateLimitHeaders.duration(0));
  }
}
