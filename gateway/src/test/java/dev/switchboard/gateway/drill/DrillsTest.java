package dev.switchboard.gateway.drill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.FleetListener;
import dev.switchboard.gateway.fleet.HealthChecks;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.log.LogFormat;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The course of drills at a replica that is known by URL, with faults that are only counted. */
class DrillsTest {
  private static final int MOST_MS = 5000;

  private long nowMs = 1000;
  private final NanoClock clock = () -> nowMs * 1_000_000;
  private final List<String> told = new ArrayList<>();
  private CompletableFuture<Void> answer = CompletableFuture.completedFuture(null);
  private final Fleet fleet = fleet(clock);
  private final Replica replica = fleet.replicas().getFirst();
  private final HealthChecks healthChecks =
      new HealthChecks(fleet, (asked, address, question) -> {});
  private final Drills drills = drills(true);

  private static Fleet fleet(NanoClock clock) {
    UpstreamSpec worker =
        UpstreamSpec.of(URI.create("http://127.0.0.1:1"), List.of("m"), true, null);
    return new Fleet(
        WorkersConfig.DEFAULTS,
        Circuit.Config.DEFAULTS,
        List.of(),
        List.of(worker),
        new WorkerCommand(Path.of("none"), "", Path.of("none"), null, null, LogFormat.TEXT),
        clock,
        new Nobody(),
        System.err);
  }

  /** Hears of no worker. */
  private static final class Nobody implements FleetListener {
    @Override
    public void workerLoading(String replica, long doneBytes, long totalBytes) {}

    @Override
    public void workerReady(String replica, String model, double seconds) {}

    @Override
    public void workerRestarting(String replica, String reason, long waitMs) {}

    @Override
    public void workerFailed(String replica, String reason) {}
  }

  private Drills drills(boolean enabled) {
    return new Drills(
        new DrillConfig(enabled, MOST_MS),
        new Faults() {
          @Override
          public CompletionStage<Void> strike(Replica struck, DrillPlan plan) {
            told.add("strike " + plan.kind().label());
            return answer;
          }

          @Override
          public CompletionStage<Void> heal(Replica healed, DrillPlan plan) {
            told.add("heal " + plan.kind().label());
            return answer;
          }
        },
        clock,
        new Drills.Listener() {
          @Override
          public void started(DrillReport report) {
            told.add(report.id() + " started");
          }

          @Override
          public void ended(DrillReport report) {
            told.add(report.id() + " " + report.outcome());
          }
        });
  }

  @BeforeEach
  void ready() {
    healthChecks.proven(replica, clock.epochNanos());
    fleet.onStateChange((changed, from, to) -> drills.changed(changed, to));
  }

  @AfterEach
  void close() {
    fleet.close();
  }

  private static DrillPlan slowRank(int durationMs) {
    return DrillPlan.of("slow-rank", durationMs, 0, 1, 1.5, null, MOST_MS);
  }

  private DrillReport begun(DrillPlan plan) {
    return drills.begin(replica, plan).toCompletableFuture().join();
  }

  private void after(int millis) {
    nowMs += millis;
    drills.tick();
  }

  private DrillReport last() {
    return drills.list().getFirst();
  }

  private void eject() {
    for (int i = 0; i < WorkersConfig.DEFAULTS.ejectAfter(); i++) {
      healthChecks.failed(
          replica, HealthChecks.Question.CANARY, HealthChecks.Failure.BAD_ANSWER, () -> "canary");
    }
    assertEquals(ReplicaState.EJECTED, replica.state());
  }

  private void comeBack() {
    nowMs += 600_000;
    healthChecks.reported(replica, report(false), clock.epochNanos());
    healthChecks.proven(replica, clock.epochNanos());
    assertEquals(ReplicaState.READY, replica.state());
  }

  /** One stage of two ranks, of which the second may be named. */
  private static ReplicaReport report(boolean named) {
    List<RankReport> ranks = List.of(rank(0, false), rank(1, named));
    return new ReplicaReport(
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        2,
        0,
        null,
        ranks,
        List.of(),
        Double.NaN,
        0,
        List.of(),
        "",
        "");
  }

  private static RankReport rank(int rank, boolean named) {
    return new RankReport(0, rank, 0, 0, 1, named, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  private static ApiError refusal(Executable action) {
    return assertThrows(ApiException.class, action).error();
  }

  /** As long as the alert for a straggler takes. */
  @Test
  void aDrillMayLast90SecondsUnlessToldOtherwise() {
    int most = DrillConfig.DEFAULTS.maxMs();

    assertEquals(90_000, DrillPlan.of("slow-rank", 90_000, 0, 1, 1.5, null, most).durationMs());
  }

  @Test
  void aDrillIsTakenBackWhenItsTimeIsOver() {
    DrillReport begun = begun(slowRank(500));
    after(499);
    List<String> before = List.copyOf(told);
    after(1);
    after(100);

    assertEquals("RUNNING", begun.phase());
    assertNull(begun.outcome());
    assertEquals(List.of("strike slow-rank", "d1 started"), before);
    assertEquals(List.of("strike slow-rank", "d1 started", "heal slow-rank", "d1 READY"), told);
    assertEquals("ENDED", last().phase());
    assertEquals(1600L, last().endedMs());
  }

  @Test
  void itsReplicasReturnIsWaitedForAndTimed() {
    begun(slowRank(500));
    nowMs += 200;
    eject();
    after(100);
    after(400);
    String meanwhile = last().phase();
    comeBack();
    after(0);

    assertEquals("RECOVERING", meanwhile);
    assertEquals("READY", last().outcome());
    assertEquals(200L, last().leftAfterMs());
    assertEquals(600_700L, last().backAfterMs());
  }

  @Test
  void aReplicaThatIsGoneAndBackBetweenTwoLooksWasGone() {
    begun(slowRank(500));
    nowMs += 30;
    eject();
    comeBack();
    after(0);
    after(0);

    assertEquals(30L, last().leftAfterMs());
    assertEquals(600_030L, last().backAfterMs());
  }

  @Test
  void aReplicaThatDoesNotReturnEndsItToo() {
    begun(slowRank(500));
    eject();
    after(500);
    after(MOST_MS - 1);
    String meanwhile = last().phase();
    after(1);

    assertEquals("RECOVERING", meanwhile);
    assertEquals("NOT_READY", last().outcome());
    assertNull(last().backAfterMs());
  }

  @Test
  void theRankThatIsNamedIsSeen() {
    begun(slowRank(500));
    healthChecks.reported(replica, report(false), clock.epochNanos());
    after(100);
    healthChecks.reported(replica, report(true), clock.epochNanos());
    after(50);

    assertEquals(150L, last().namedAfterMs());
  }

  @Test
  void oneAtAReplicaAtATime() {
    begun(slowRank(500));

    ApiError refused = refusal(() -> drills.begin(replica, slowRank(500)));
    after(500);
    after(100);

    assertEquals(409, refused.status());
    assertTrue(refused.message().contains("d1"), refused::message);
    assertEquals("d2", begun(slowRank(500)).id());
  }

  @Test
  void oneThatIsOnItsWayCountsAlready() {
    answer = new CompletableFuture<>();
    var _ = drills.begin(replica, slowRank(500));

    assertEquals(409, refusal(() -> drills.begin(replica, slowRank(500))).status());
    assertEquals(409, refusal(() -> drills.cut("d1")).status());
    assertEquals("STARTING", last().phase());
  }

  @Test
  void whatCannotBeDoneIsTakenBackAndLeavesNoDrill() {
    answer = CompletableFuture.failedFuture(new IOException("no way"));

    CompletionException failed =
        assertThrows(CompletionException.class, () -> begun(slowRank(500)));

    ApiError error = ((ApiException) Objects.requireNonNull(failed.getCause())).error();
    assertEquals(409, error.status());
    assertTrue(error.message().contains("no way"), error::message);
    assertEquals(List.of("strike slow-rank", "heal slow-rank"), told);
    assertEquals(List.of(), drills.list());
  }

  @Test
  void whatCannotBeTakenBackIsSaid() {
    begun(slowRank(500));
    answer = CompletableFuture.failedFuture(new IOException("no answer"));
    after(500);
    after(100);

    assertEquals("READY", last().outcome());
    assertTrue(String.valueOf(last().message()).contains("no answer"), last()::toString);
  }

  @Test
  void itCanBeCutShortOnce() {
    begun(slowRank(500));

    DrillReport cut = Objects.requireNonNull(drills.cut("d1")).toCompletableFuture().join();
    after(500);

    assertEquals("CUT_SHORT", cut.outcome());
    assertEquals(List.of("strike slow-rank", "d1 started", "heal slow-rank", "d1 CUT_SHORT"), told);
    assertEquals(409, refusal(() -> drills.cut("d1")).status());
    assertNull(drills.cut("d2"));
  }

  @Test
  void theEndOfTheGatewayHealsAllAndBeginsNone() {
    begun(slowRank(500));
    answer = new CompletableFuture<>();
    CompletableFuture<Void> closed = drills.close();
    boolean early = closed.isDone();
    answer.complete(null);

    assertFalse(early);
    assertTrue(closed.isDone());
    assertEquals("heal slow-rank", told.get(2));
    assertEquals("GATEWAY_STOPPED", last().outcome());
    assertEquals(409, refusal(() -> drills.begin(replica, slowRank(500))).status());
  }

  @Test
  void oneThatBeginsWhileTheGatewayEndsIsHealedAtOnce() {
    answer = new CompletableFuture<>();
    var _ = drills.begin(replica, slowRank(500));
    CompletableFuture<Void> closed = drills.close();
    boolean early = closed.isDone();
    answer.complete(null);

    assertFalse(early);
    assertTrue(closed.isDone());
    assertEquals(
        List.of("strike slow-rank", "d1 started", "heal slow-rank", "d1 GATEWAY_STOPPED"), told);
  }

  @Test
  void onlyTheLastAreRemembered() {
    for (int i = 0; i < 60; i++) {
      begun(slowRank(100));
      after(100);
      after(100);
    }

    assertEquals(50, drills.list().size());
    assertEquals("d60", last().id());
  }

  @Test
  void whatMustNotBeIsRefusedWithItsReason() {
    DrillPlan kill = DrillPlan.of("kill", null, null, null, null, null, MOST_MS);

    ApiError disabled = refusal(() -> drills(false).begin(replica, slowRank(500)));
    ApiError elsewhere = refusal(() -> drills.begin(replica, kill));
    healthChecks.reported(replica, report(false), clock.epochNanos());
    DrillPlan third = DrillPlan.of("hang-rank", 500, 0, 2, null, null, MOST_MS);
    ApiError noSuchRank = refusal(() -> drills.begin(replica, third));
    eject();
    ApiError notReady = refusal(() -> drills.begin(replica, slowRank(500)));

    assertEquals(403, disabled.status());
    assertEquals("drills_disabled", disabled.code());
    assertTrue(disabled.message().contains("drills.enabled"), disabled::message);
    assertEquals(409, elsewhere.status());
    assertEquals(400, noSuchRank.status());
    assertEquals("rank", noSuchRank.param());
    assertEquals(409, notReady.status());
    assertTrue(notReady.message().contains("EJECTED"), notReady::message);
    assertEquals(List.of(), told);
  }

  @ParameterizedTest
  @CsvSource({
    "kind, , , , , , ",
    "kind, explode, 500, , , , ",
    "duration_ms, stop, , , , , ",
    "duration_ms, stop, 99, , , , ",
    "duration_ms, stop, 5001, , , , ",
    "duration_ms, kill, 500, , , , ",
    "stage, stop, 500, 0, , , ",
    "rank, kill, , , 0, , ",
    "stage, slow-rank, 500, , 1, 2, ",
    "rank, hang-rank, 500, 0, , , ",
    "rank, hang-rank, 500, 0, 16, , ",
    "stage, fail-steps, 500, -1, , , ",
    "factor, slow-rank, 500, 0, 1, , ",
    "factor, slow-rank, 500, 0, 1, 1, ",
    "factor, slow-rank, 500, 0, 1, NaN, ",
    "factor, stop, 500, , , 2, ",
    "delay_ms, delay-rank, 500, 0, 1, , ",
    "delay_ms, delay-rank, 500, 0, 1, , 60001",
    "delay_ms, fail-steps, 500, , , , 5"
  })
  void aMistakeNamesItsField(
      String field,
      @Nullable String kind,
      @Nullable Integer durationMs,
      @Nullable Integer stage,
      @Nullable Integer rank,
      @Nullable Double factor,
      @Nullable Integer delayMs) {
    IllegalArgumentException wrong =
        assertThrows(
            IllegalArgumentException.class,
            () -> DrillPlan.of(kind, durationMs, stage, rank, factor, delayMs, MOST_MS));

    assertEquals(field, String.valueOf(wrong.getMessage()).split(" ", 2)[0]);
  }

  @Test
  void amountsAreInTheWorkersUnits() {
    DrillPlan late = DrillPlan.of("delay-rank", 500, 0, 1, null, 20, MOST_MS);
    DrillPlan all = DrillPlan.of("out-of-memory", 500, null, null, null, null, MOST_MS);

    assertEquals(50, slowRank(500).amount());
    assertEquals(20_000_000, late.amount());
    assertEquals(-1, all.stage());
    assertEquals("out_of_memory", all.kind().fault());
  }
}
