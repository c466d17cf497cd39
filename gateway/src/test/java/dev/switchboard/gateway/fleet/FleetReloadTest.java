package dev.switchboard.gateway.fleet;

import static dev.switchboard.gateway.fleet.FleetByHand.model;
import static dev.switchboard.gateway.fleet.FleetByHand.server;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.upstream.Circuit;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of replicas when the configuration is another one. */
class FleetReloadTest {
  private static final FleetChange NOTHING =
      new FleetChange(List.of(), List.of(), List.of(), List.of(), List.of(), List.of());
  private static final long A_TICK = 20;

  /** A request that stays wherever it is. */
  private static final ServedRequest GUEST = FleetByHand.guest(why -> {});

  private static FleetByHand servers(UpstreamSpec... servers) {
    FleetByHand hand = new FleetByHand(List.of(), List.of(servers));
    hand.fleet().replicas().forEach(replica -> hand.ready(replica.id()));
    return hand;
  }

  private static FleetByHand workers(ModelSpec model) {
    FleetByHand hand = new FleetByHand(List.of(model), List.of());
    hand.fleet().replicas().forEach(replica -> hand.ready(replica.id()));
    return hand;
  }

  @Test
  void theSameAgainChangesNothing() {
    List<ModelSpec> models = List.of(model("a.gguf", 2, 1));
    List<UpstreamSpec> upstreams = List.of(server(1, "m"), server(1, "m"), server(2, "m", "n"));
    FleetByHand hand = new FleetByHand(models, upstreams);
    List<Replica> before = hand.fleet().replicas();

    FleetChange change = hand.reload(models, upstreams);
    hand.pass(A_TICK);

    assertEquals(NOTHING, change);
    assertEquals(before, hand.fleet().replicas());
    assertEquals(
        "w0:STARTING w1:STARTING w2:STARTING u0:WARMING u1:WARMING u2-m:WARMING u2-n:WARMING",
        hand.ids());
  }

  @Test
  void aServerIsTheSameByItsPlaceAndKeepsWhatAnOperatorSaid() {
    FleetByHand hand = servers(server(1, "m"), server(2, "m"));
    Replica first = hand.replica("u0");
    first.weight(7);

    FleetChange moved = hand.reload(List.of(), List.of(server(2, 3.0, "m"), server(1, "m")));

    assertEquals(List.of("u1"), moved.changed());
    assertEquals(3, hand.replica("u1").weight());
    assertEquals(7, hand.replica("u0").weight());
    assertSame(first, hand.replica("u0"));
    assertTrue(moved.added().isEmpty() && moved.removed().isEmpty());
  }

  @Test
  void aKeyAndANameChangeInPlace(@TempDir Path folder) throws Exception {
    Path key = Files.writeString(folder.resolve("key"), "old");
    FleetByHand hand = servers(keyed(key, Map.of()));
    Replica replica = hand.replica("u0");
    FleetPlan before = plan(keyed(key, Map.of()));
    Files.writeString(key, "new");

    FleetPlan after = plan(keyed(key, Map.of("m", "M")));
    FleetChange change = hand.fleet().reconfigure(after);

    assertTrue(plan(keyed(key, Map.of())).rekeys(before));
    assertFalse(plan(keyed(key, Map.of())).rekeys(plan(keyed(key, Map.of()))));
    assertEquals(List.of("u0"), change.changed());
    assertEquals("M", replica.ownModelName());
    assertEquals("Bearer new", Objects.requireNonNull(replica.address()).authorization());
    assertEquals(ReplicaState.READY, replica.state());
    Files.delete(key);
    assertThrows(IllegalArgumentException.class, () -> plan(keyed(key, Map.of())));
  }

  private static UpstreamSpec keyed(Path key, Map<String, String> names) {
    return new UpstreamSpec(
        URI.create("http://10.0.0.1:1"),
        null,
        List.of("m"),
        names,
        null,
        null,
        null,
        null,
        key,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  private static FleetPlan plan(UpstreamSpec server) {
    return FleetPlan.of(
        FleetByHand.WORKERS, Circuit.Config.DEFAULTS, List.of(), List.of(server), Instant.EPOCH);
  }

  @Test
  void aReplacedServerServesUntilItsSuccessorDoesAndItsRequestsEnd() {
    FleetByHand hand = servers(server(1, "m"));
    Replica.Ticket running = hand.replica("u0").open(GUEST, 1);

    FleetChange change = hand.reload(List.of(), List.of(server(2, "m")));
    hand.pass(A_TICK);
    String before = hand.ids();
    hand.ready("u1");
    hand.pass(A_TICK);
    String draining = hand.ids();
    hand.pass(120_000);
    String waiting = hand.ids();
    Objects.requireNonNull(running).close(Drain.Departure.FINISHED);
    hand.pass(A_TICK);
    hand.pass(A_TICK);

    assertEquals(List.of("u1"), change.added());
    assertEquals(List.of("u0"), change.removed());
    assertEquals("u0:READY u1:WARMING", before);
    assertEquals("u0:DRAINING u1:READY", draining);
    assertEquals("u0:DRAINING u1:READY", waiting);
    assertEquals("u1:READY", hand.ids());
  }

  @Test
  void theLastThatServesStaysUntilItsSuccessorDoesAndSaysWhyThatIsNotReady() {
    FleetByHand hand = servers(server(1, "m"));

    hand.reload(List.of(), List.of(server(2, "m")));
    hand.pass(A_TICK);
    hand.replica("u1").fails("it refused the gateway's key (status 401)");
    hand.pass(2 * FleetByHand.WORKERS.restartLimitMs());
    String late = hand.ids();
    String reason = hand.replica("u0").reason();
    hand.ready("u1");
    hand.pass(A_TICK);

    assertEquals("u0:READY u1:WARMING", late);
    assertEquals(
        "not configured any more, serves until its successors are ready: "
            + "u1 is WARMING (it refused the gateway's key (status 401))",
        reason);
    assertEquals("u0:DRAINED u1:READY", hand.ids());
  }

  @Test
  void oneAfterAnotherIsReplacedAndOneThatNeverComesIsNotWaitedForForEver() {
    FleetByHand hand = servers(server(1, "m"), server(2, "m"));

    hand.reload(List.of(), List.of(server(3, "m"), server(4, "m")));
    hand.ready("u2");
    hand.pass(A_TICK);
    String first = hand.ids();
    hand.pass(FleetByHand.WORKERS.restartLimitMs());
    String second = hand.ids();

    assertEquals("u0:DRAINED u1:READY u2:READY u3:WARMING", first);
    assertEquals("u1:DRAINED u2:READY u3:WARMING", second.replaceFirst("u0:\\w+ ", ""));
  }

  @Test
  void aModelThatLeavesServesThoseThatAreInsideAndIsUnknownToOthers() {
    FleetByHand hand = servers(server(1, "m"), server(2, "n"));
    boolean[] inside = {true};
    hand.fleet()
        .onStateChange(
            new Fleet.Watcher() {
              @Override
              public void changed(
                  Replica replica,
                  @org.jspecify.annotations.Nullable ReplicaState from,
                  ReplicaState to) {}

              @Override
              public boolean inside(String model) {
                return inside[0];
              }
            });

    FleetChange change = hand.reload(List.of(), List.of(server(2, "n")));
    hand.pass(3_600_000);
    String waits = hand.ids();
    inside[0] = false;
    hand.pass(499);
    String stillWaits = hand.ids();
    hand.pass(1);
    hand.pass(A_TICK);
    hand.pass(A_TICK);

    assertEquals(List.of("m"), change.modelsRemoved());
    assertFalse(hand.fleet().serves("m"));
    assertEquals("u0:READY u1:READY", waits);
    assertEquals("u0:READY u1:READY", stillWaits);
    assertEquals("u1:READY", hand.ids());
    assertFalse(hand.fleet().has("m"));
    assertTrue(hand.fleet().has("n"));
  }

  @Test
  void oneThatIsConfiguredAgainWhileItLeavesComesBack() {
    FleetByHand hand = servers(server(1, "m"), server(2, "m"));
    Replica.Ticket running = hand.replica("u1").open(GUEST, 1);
    hand.reload(List.of(), List.of(server(1, "m")));
    hand.pass(A_TICK);
    String leaving = hand.ids();

    boolean resumed = hand.fleet().commands().resume(hand.replica("u1"));
    FleetChange change = hand.reload(List.of(), List.of(server(1, "m"), server(2, "m")));
    hand.pass(A_TICK);
    hand.ready("u1");

    assertEquals("u0:READY u1:DRAINING", leaving);
    assertFalse(resumed);
    assertEquals(List.of("u1"), change.added());
    assertEquals("u0:READY u1:READY", hand.ids());
    assertNotNull(running);
  }

  @Test
  void moreWorkersStartAndOfTooManyThoseLeaveThatServeLeast() {
    FleetByHand hand = workers(model("a.gguf", 1, 0));
    FleetChange more = hand.reload(List.of(model("a.gguf", 3, 0)), List.of());
    hand.ready("w2");
    hand.process("w1").exit(6);
    String failed = hand.ids();

    FleetChange fewer = hand.reload(List.of(model("a.gguf", 1, 0)), List.of());
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    boolean asked = hand.process("w2").asked;
    String stopped = hand.ids();
    hand.process("w2").exit(0);
    hand.pass(A_TICK);

    assertEquals(List.of("w1", "w2"), more.added());
    assertEquals("w0:READY w1:FAILED w2:READY", failed);
    assertEquals(List.of("w1", "w2"), fewer.removed());
    assertTrue(asked);
    assertEquals("w0:READY w2:STOPPED", stopped.replaceFirst("w1:\\w+ ", ""));
    assertEquals("w0:READY", hand.ids());
    assertFalse(hand.process("w0").asked);
  }

  @Test
  void anotherFileRestartsWorkersOneAfterAnother() {
    FleetByHand hand = workers(model("a.gguf", 2, 0));

    FleetChange change = hand.reload(List.of(model("b.gguf", 2, 0)), List.of());
    List<String> again = hand.reload(List.of(model("b.gguf", 2, 0)), List.of()).replaced();
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    hand.process("w0").exit(0);
    String first = hand.ids();
    hand.ready("w0");
    hand.pass(A_TICK);
    String second = hand.ids();
    hand.pass(A_TICK);
    hand.process("w1").exit(0);
    hand.ready("w1");
    hand.pass(A_TICK);

    assertEquals(List.of("w0", "w1"), change.replaced());
    assertEquals(List.of(), again);
    assertEquals("w0:STARTING w1:READY", first);
    assertEquals("w0:READY w1:DRAINED", second);
    assertEquals("w0:READY w1:READY", hand.ids());
    for (String id : List.of("w0", "w1")) {
      assertTrue(hand.process(id).launch.command().contains("b.gguf"), id);
    }
    assertFalse(Objects.requireNonNull(hand.fleet().restarts().last()).report().failed());
  }

  @Test
  void anotherFileIsReadByADrainedWorkerTooWhichStaysDrained() {
    FleetByHand hand = workers(model("a.gguf", 2, 0));
    boolean _ = hand.fleet().commands().drain(hand.replica("w1"), 0, false);
    hand.pass(A_TICK);

    hand.reload(List.of(model("b.gguf", 2, 0)), List.of());
    for (String id : List.of("w0", "w1")) {
      hand.pass(A_TICK);
      hand.pass(A_TICK);
      hand.process(id).exit(0);
      hand.ready(id);
      hand.pass(A_TICK);
    }

    assertEquals("w0:READY w1:DRAINED", hand.ids());
    assertTrue(hand.process("w1").launch.command().contains("b.gguf"));
    RollingRestart.Report report = Objects.requireNonNull(hand.fleet().restarts().last()).report();
    assertTrue(report.done() && !report.failed(), report::toString);
  }

  @Test
  void oneThatAnOperatorEmptiesGoesOnWithThatWhenItIsConfiguredAgain() {
    FleetByHand hand = workers(model("a.gguf", 2, 0));
    Replica.Ticket running = hand.replica("w1").open(GUEST, 1);
    boolean _ = hand.fleet().commands().drain(hand.replica("w1"), 120_000, true);

    FleetChange fewer = hand.reload(List.of(model("a.gguf", 1, 0)), List.of());
    hand.reload(List.of(model("a.gguf", 2, 0)), List.of());
    hand.pass(A_TICK);
    String before = hand.ids();
    Objects.requireNonNull(running).close(Drain.Departure.FINISHED);
    hand.pass(A_TICK);

    assertEquals(List.of("w1"), fewer.removed());
    assertEquals("w0:READY w1:DRAINING", before);
    assertEquals("w0:READY w1:STOPPED", hand.ids());
    assertTrue(hand.process("w1").asked);
  }

  /** What operators set, as it is kept by name; nothing of one that is as it is configured. */
  private static Map<String, String> kept(FleetByHand hand) {
    Map<String, String> kept = new TreeMap<>();
    hand.fleet()
        .settings()
        .onRenamed(
            (name, cordoned, weight, configured) -> {
              kept.remove(name);
              if (cordoned || weight != null) {
                kept.put(name, (cordoned ? "cordoned " : "") + weight);
              }
            });
    return kept;
  }

  @Test
  void theCordonOfAWorkerThatLeavesIsNotThatOfTheOneThatStays() {
    FleetByHand hand = workers(model("a.gguf", 3, 0));
    Map<String, String> kept = kept(hand);
    boolean _ = hand.fleet().commands().cordon(hand.replica("w0"));
    hand.replica("w2").weight(3);
    kept.putAll(Map.of("worker of m 0", "cordoned null", "worker of m 2", "3.0"));

    FleetChange fewer = hand.reload(List.of(model("a.gguf", 2, 0)), List.of());
    Map<String, String> leaving = Map.copyOf(kept);
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    hand.process("w0").exit(0);
    hand.pass(A_TICK);

    assertEquals(List.of("w0"), fewer.removed());
    assertEquals(Map.of("worker of m 1", "3.0", "worker of m 2", "cordoned null"), leaving);
    assertEquals("w1:READY w2:READY", hand.ids());
    assertEquals(Map.of("worker of m 1", "3.0"), kept);
    assertEquals("worker of m 1", hand.fleet().settings().name(hand.replica("w2")));
  }

  @Test
  void aWorkerThatIsConfiguredAgainWhileItLeavesIsCalledAsBefore() {
    FleetByHand hand = workers(model("a.gguf", 2, 0));
    Map<String, String> kept = kept(hand);
    boolean _ = hand.fleet().commands().cordon(hand.replica("w0"));
    kept.put("worker of m 0", "cordoned null");

    hand.reload(List.of(model("a.gguf", 1, 0)), List.of());
    Map<String, String> leaving = Map.copyOf(kept);
    hand.reload(List.of(model("a.gguf", 2, 0)), List.of());

    assertEquals(Map.of("worker of m 1", "cordoned null"), leaving);
    assertEquals(Map.of("worker of m 0", "cordoned null"), kept);
  }

  @Test
  void whatWasKeptOfAWorkerThatIsNotThereIsNotThatOfANewOne() {
    FleetByHand hand = workers(model("a.gguf", 1, 0));
    Map<String, String> kept = kept(hand);
    kept.put("worker of m 1", "cordoned null");
    hand.fleet().settings().restore("worker of m 1", true, null, 1);

    hand.reload(List.of(model("a.gguf", 2, 0)), List.of());

    assertFalse(hand.replica("w1").cordoned());
    assertEquals(Map.of(), kept);
  }

  @Test
  void ofTwoServersAtOnePlaceTheOneThatLeavesTakesItsCordonWithIt() {
    FleetByHand hand = servers(server(1, "m"), server(1, "m"));
    Map<String, String> kept = kept(hand);
    String first = hand.fleet().settings().name(hand.replica("u0"));
    String second = hand.fleet().settings().name(hand.replica("u1"));
    boolean _ = hand.fleet().commands().cordon(hand.replica("u1"));
    kept.put(second, "cordoned null");

    hand.reload(List.of(), List.of(server(1, "m")));
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    hand.pass(A_TICK);

    assertEquals(first.replaceFirst("0$", "1"), second);
    assertEquals("u0:READY", hand.ids());
    assertEquals(Map.of(), kept);
  }

  @Test
  void anotherFileUnderTheSameNameRestartsWhoeverRunsTheOldOne(@TempDir Path folder)
      throws Exception {
    Path file = Files.writeString(folder.resolve("m-00001-of-00002.gguf"), "one");
    Path second = Files.writeString(folder.resolve("m-00002-of-00002.gguf"), "two");
    List<ModelSpec> models = List.of(model(file.toString(), 2, 0));
    FleetByHand hand = workers(models.getFirst());
    FleetPlan before = plan(models);
    List<String> same = hand.reload(models, List.of()).replaced();
    Files.writeString(second, "another");
    // This one starts again by itself and reads what lies there then.
    hand.process("w1").exit(1);
    hand.pass(FleetByHand.WORKERS.restartFirstMs());
    hand.ready("w1");

    FleetChange change = hand.reload(models, List.of());
    List<String> again = hand.reload(models, List.of()).replaced();
    hand.pass(A_TICK);
    hand.pass(A_TICK);

    assertEquals(List.of(), same);
    assertEquals(List.of("w0"), change.replaced());
    assertEquals(List.of(), again);
    assertTrue(hand.process("w0").asked);
    assertFalse(hand.process("w1").asked);
    assertTrue(plan(models).renewsModels(before));
    assertFalse(plan(models).renewsModels(plan(models)));
  }

  private static FleetPlan plan(List<ModelSpec> models) {
    return FleetPlan.of(
        FleetByHand.WORKERS, Circuit.Config.DEFAULTS, models, List.of(), Instant.EPOCH);
  }

  @Test
  void aFileThatOneWorkerCannotStartWithStopsNoOther() {
    FleetByHand hand = workers(model("a.gguf", 2, 0));
    hand.reload(List.of(model("b.gguf", 2, 0)), List.of());
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    hand.process("w0").exit(0);
    hand.process("w0").exit(6);
    for (int i = 0; i < 5; i++) {
      hand.pass(A_TICK);
    }
    String failed = hand.ids();

    FleetChange back = hand.reload(List.of(model("a.gguf", 2, 0)), List.of());
    for (int i = 0; i < 5; i++) {
      hand.pass(A_TICK);
    }
    hand.ready("w0");

    assertEquals("w0:FAILED w1:READY", failed);
    assertFalse(hand.process("w1").asked);
    assertEquals(List.of("w0"), back.replaced());
    assertEquals("w0:READY w1:READY", hand.ids());
    assertTrue(hand.process("w0").launch.command().contains("a.gguf"));
    assertFalse(hand.process("w1").asked);
  }

  @Test
  void aWorkerThatStandsByIsPromotedBesideThoseThatAreReady() {
    FleetByHand hand = workers(model("a.gguf", 1, 1));

    assertFalse(hand.fleet().commands().promote(hand.replica("w0")));
    assertTrue(hand.fleet().commands().promote(hand.replica("w1")));
    hand.pass(A_TICK);

    assertEquals("w0:READY w1:READY", hand.ids());
  }

  @Test
  void asManyThatStandByAsAreLostTakeTheirPlaces() {
    FleetByHand hand = workers(model("a.gguf", 2, 2));
    String before = hand.ids();

    hand.process("w0").exit(1);
    String one = hand.ids();
    hand.process("w1").exit(1);

    assertEquals("w0:READY w1:READY w2:STANDBY w3:STANDBY", before);
    assertTrue(one.endsWith("w1:READY w2:READY w3:STANDBY"), one);
    assertTrue(hand.ids().endsWith("w2:READY w3:READY"), hand.ids());
  }

  @Test
  void forTheLoadAsManyServeAsAreNeededAndStandByAgainAMinuteLater() {
    FleetByHand hand = workers(model("a.gguf", 1, 2));
    needed(hand, 1);
    String one = hand.ids();
    needed(hand, 5);
    String all = hand.ids();
    hand.pass(Standbys.LEAST_MS - 1);
    needed(hand, -1);
    String soon = hand.ids();
    hand.pass(1);
    needed(hand, -1);
    hand.pass(A_TICK);
    hand.fleet().replicas().forEach(replica -> hand.ready(replica.id()));

    assertEquals("w0:READY w1:READY w2:STANDBY", one);
    assertEquals("w0:READY w1:READY w2:READY", all);
    assertEquals(all, soon);
    assertEquals("w0:STANDBY w1:READY w2:READY", hand.ids());
  }

  private static void needed(FleetByHand hand, int more) {
    hand.fleet().localModels().needed("m", more, hand.nowNanos() / 1_000_000);
  }

  @Test
  void howManyStandByChangesWithTheirNumber() {
    FleetByHand hand = workers(model("a.gguf", 1, 1));
    String before = hand.ids();

    hand.reload(List.of(model("a.gguf", 2, 0)), List.of());
    String all = hand.ids();
    hand.reload(List.of(model("a.gguf", 1, 1)), List.of());
    hand.pass(A_TICK);
    hand.fleet().replicas().forEach(replica -> hand.ready(replica.id()));

    assertEquals("w0:READY w1:STANDBY", before);
    assertEquals("w0:READY w1:READY", all);
    assertEquals("w0:STANDBY w1:READY", hand.ids());
    assertFalse(hand.process("w0").asked);
  }

  @Test
  void aWorkerThatLeavesWhileItStartsNeverServes() {
    FleetByHand hand = workers(model("a.gguf", 1, 0));
    hand.reload(List.of(model("a.gguf", 2, 0)), List.of());

    hand.reload(List.of(model("a.gguf", 1, 0)), List.of());
    hand.pass(A_TICK);
    hand.process("w1").tell("ready");
    String stopped = hand.ids();
    hand.process("w1").exit(0);
    hand.pass(A_TICK);

    assertEquals("w0:READY w1:STOPPED", stopped);
    assertEquals("w0:READY", hand.ids());
    assertNull(hand.fleet().find("w1"));
  }
}
