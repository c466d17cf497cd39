package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.upstream.Circuit;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** One model whose workers are of several groups. */
class FleetGroupsTest {
  private static final long A_TICK = 20;

  private static WorkerGroup group(String device, int workers, int standby, String... devices) {
    return new WorkerGroup(device, workers, standby, List.of(devices), null, null, null, List.of());
  }

  private static WorkerGroup cpu(int workers) {
    return group("cpu", workers, 0);
  }

  private static WorkerGroup threads(int threads) {
    return new WorkerGroup("cpu", 1, null, null, null, null, threads, null);
  }

  private static ModelSpec model(WorkerGroup... groups) {
    return ModelSpec.grouped(Path.of("a.gguf"), "m", List.of(groups));
  }

  private static FleetByHand ready(WorkerGroup... groups) {
    FleetByHand hand = new FleetByHand(List.of(model(groups)), List.of());
    hand.fleet().replicas().forEach(replica -> hand.ready(replica.id()));
    return hand;
  }

  private static FleetChange reload(FleetByHand hand, WorkerGroup... groups) {
    return hand.reload(List.of(model(groups)), List.of());
  }

  /** What follows an option; null where it is not there. */
  private static @Nullable String option(FleetByHand hand, String id, String name) {
    List<String> command = hand.process(id).launch.command();
    int at = command.indexOf(name);
    assertEquals(at, command.lastIndexOf(name), name + " stands twice");
    return at < 0 ? null : command.get(at + 1);
  }

  private static @Nullable String visible(FleetByHand hand, String id) {
    return hand.process(id).launch.environment().get("CUDA_VISIBLE_DEVICES");
  }

  /** The process that was asked to end does, and another one is ready. */
  private static void comesBack(FleetByHand hand, String id) {
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    assertTrue(hand.process(id).asked, id);
    hand.process(id).exit(0);
    hand.ready(id);
    hand.pass(A_TICK);
  }

  @Test
  void eachWorkerIsStartedAsItsGroupIsWithItsShareOfTheDevices() {
    WorkerGroup wide =
        new WorkerGroup(
            "cuda", 1, 1, List.of("4", "5", "6", "7"), 1, 2, 3, List.of("--kv-memory", "9GiB"));
    FleetByHand hand = ready(cpu(1), wide);

    assertEquals("cpu", option(hand, "w0", "--device"));
    assertEquals("1", option(hand, "w0", "--ranks"));
    assertNull(option(hand, "w0", "--kv-memory"));
    assertEquals(Map.of(), hand.process("w0").launch.environment());
    assertEquals("cuda", option(hand, "w1", "--device"));
    assertEquals("2", option(hand, "w1", "--ranks"));
    assertEquals("3", option(hand, "w1", "--threads"));
    assertEquals("9GiB", option(hand, "w1", "--kv-memory"));
    assertEquals("4,5", visible(hand, "w1"));
    assertEquals("6,7", visible(hand, "w2"));
    assertEquals("PCI_BUS_ID", hand.process("w1").launch.environment().get("CUDA_DEVICE_ORDER"));
    assertEquals("cpu", hand.replica("w0").device());
    assertEquals("cuda", hand.replica("w1").device());
    assertEquals("w0:READY w1:READY w2:STANDBY", hand.ids());
  }

  @Test
  void aGroupsOptionsStandOverThoseOfAllWorkers() {
    WorkersConfig workers =
        FleetByHand.WORKERS
            .withArgument("--device=cuda")
            .withArgument("--kv-memory")
            .withArgument("1GiB")
            .withArgument("--allow-fault-injection");
    WorkerGroup own =
        new WorkerGroup("cpu", 1, 0, null, null, null, null, List.of("--kv-memory=2GiB"));

    List<WorkerSpec.Seat> seats = WorkerSpec.seats(model(own), workers);
    List<WorkerSpec.Seat> plain = WorkerSpec.seats(FleetByHand.model("a.gguf", 1, 0), workers);

    assertEquals(
        List.of("--allow-fault-injection", "--device", "cpu", "--kv-memory=2GiB"),
        seats.getFirst().worker().arguments());
    assertEquals("cpu", seats.getFirst().worker().device());
    assertEquals("cuda", plain.getFirst().worker().device());
  }

  @Test
  void aReloadOfOneGroupTouchesNoWorkerOfTheOther() {
    FleetByHand hand = ready(cpu(1), group("cuda", 2, 0, "0", "1"));

    FleetChange more = reload(hand, cpu(2), group("cuda", 2, 0, "0", "1"));
    hand.ready("w3");
    FleetChange moved = reload(hand, cpu(2), group("cuda", 2, 0, "1", "2"));
    comesBack(hand, "w1");

    assertEquals(List.of("w3"), more.added());
    assertEquals(List.of(), more.replaced());
    assertEquals(List.of("w1"), moved.replaced());
    assertEquals("2", visible(hand, "w1"));
    assertEquals("1", visible(hand, "w2"));
    for (String id : List.of("w0", "w2", "w3")) {
      assertFalse(hand.process(id).asked, id);
    }
    assertEquals("w0:READY w1:READY w2:READY w3:READY", hand.ids());
  }

  @Test
  void theOrderOfGroupsAndWhatIsSaidTwiceChangeNothing() {
    FleetByHand hand = ready(threads(1), threads(2), group("cuda", 2, 0, "0", "1"));

    FleetChange change =
        reload(hand, group("cuda", 1, 0, "1"), group("cuda", 1, 0, "0"), threads(2), threads(1));
    hand.pass(A_TICK);

    assertTrue(change.added().isEmpty() && change.removed().isEmpty(), change::toString);
    assertTrue(change.replaced().isEmpty(), change::toString);
  }

  @Test
  void anotherFileRestartsEachWorkerAsItWas() {
    FleetByHand hand = ready(group("cuda", 2, 0, "0", "1"), threads(1), threads(2));
    ModelSpec other =
        ModelSpec.grouped(
            Path.of("b.gguf"), "m", List.of(threads(2), threads(1), group("cuda", 2, 0, "1", "0")));

    FleetChange change = hand.reload(List.of(other), List.of());
    for (String id : List.of("w0", "w1", "w2", "w3")) {
      comesBack(hand, id);
    }

    assertEquals(List.of("w0", "w1", "w2", "w3"), change.replaced());
    assertEquals("0", visible(hand, "w0"));
    assertEquals("1", visible(hand, "w1"));
    assertEquals("1", option(hand, "w2", "--threads"));
    assertEquals("2", option(hand, "w3", "--threads"));
    assertEquals("b.gguf", option(hand, "w3", "--model"));
  }

  @Test
  void anotherLayoutLeavesEachWorkerItsDevice() {
    FleetByHand hand = ready(group("cuda", 2, 0, "0", "1"));
    WorkerGroup other = new WorkerGroup("cuda", 2, 0, List.of("1", "0"), null, null, 3, List.of());

    FleetChange change = reload(hand, other);
    comesBack(hand, "w0");
    comesBack(hand, "w1");

    assertEquals(List.of("w0", "w1"), change.replaced());
    assertEquals("3", option(hand, "w0", "--threads"));
    assertEquals("0", visible(hand, "w0"));
    assertEquals("1", visible(hand, "w1"));
  }

  @Test
  void onAnotherDeviceItIsAnotherWorkerAndTheOldOneServesUntilThatIsReady() {
    FleetByHand hand = ready(cpu(2));

    FleetChange change = reload(hand, cpu(1), group("cuda", 1, 0));
    hand.pass(A_TICK);
    String before = hand.ids();
    hand.ready("w2");
    hand.pass(A_TICK);

    assertEquals(List.of("w2"), change.added());
    assertEquals(List.of("w1"), change.removed());
    assertEquals(List.of(), change.replaced());
    assertEquals("w0:READY w1:READY w2:STARTING", before);
    assertEquals("w0:READY w1:DRAINED w2:READY", hand.ids());
    assertNull(visible(hand, "w2"));
  }

  @Test
  void aWorkerWithoutItsDeviceFailsAloneAndSaysWhy() {
    FleetByHand hand = new FleetByHand(List.of(model(group("cuda", 1, 0), cpu(1))), List.of());
    hand.ready("w1");

    hand.process("w0")
        .event(
            JsonNodeFactory.instance
                .objectNode()
                .put("event", "failed")
                .put("reason", "no_driver")
                .put("message", "cuda: no_driver: none is loaded"));
    hand.process("w0").exit(6);

    LastExit exit = Objects.requireNonNull(hand.replica("w0").lastExit());
    assertEquals("no_driver", exit.reason());
    assertEquals(WorkerExit.MODEL_REFUSED, exit.cause());
    assertEquals("w0:FAILED w1:READY", hand.ids());
    assertEquals("cuda: no_driver: none is loaded", hand.replica("w0").reason());
    assertFalse(hand.fleet().hopeless());
    assertTrue(hand.fleet().everyModelReady());
  }

  @Test
  void workersOfTheProcessorStandByForThoseOfDevices() {
    FleetByHand hand =
        new FleetByHand(List.of(model(group("cuda", 2, 0), group("cpu", 0, 1))), List.of());
    hand.ready("w2");
    String first = hand.ids();
    hand.ready("w0");
    hand.ready("w1");
    hand.pass(A_TICK);
    hand.ready("w2");
    String before = hand.ids();
    hand.process("w0").exit(7);
    String lost = hand.ids();
    hand.pass(1000);
    hand.ready("w0");
    hand.pass(A_TICK);
    hand.ready("w2");

    assertEquals("w0:STARTING w1:STARTING w2:READY", first);
    assertEquals("w0:READY w1:READY w2:STANDBY", before);
    assertTrue(lost.endsWith("w1:READY w2:READY"), lost);
    assertEquals("w0:READY w1:READY w2:STANDBY", hand.ids());
  }

  @Test
  void whoeverStandsByInTheGroupThatMissesOneComesFirst() {
    FleetByHand hand =
        new FleetByHand(List.of(model(group("cpu", 1, 1), group("cuda", 1, 1))), List.of());
    List.of("w0", "w2", "w1", "w3").forEach(hand::ready);
    String before = hand.ids();

    hand.process("w2").exit(7);

    assertEquals("w0:READY w1:STANDBY w2:READY w3:STANDBY", before);
    assertTrue(hand.ids().startsWith("w0:READY w1:STANDBY w2:"), hand.ids());
    assertTrue(hand.ids().endsWith("w3:READY"), hand.ids());
  }

  @Test
  void whatADeviceTakesSaysNothingOfTheProcessor() {
    FleetByHand hand = ready(group("cuda", 2, 0), cpu(1));
    double before = overheadMs(hand, "w2");

    for (int i = 0; i < 40; i++) {
      firstToken(hand.replica("w0"), i * 1_000_000_000L, 900);
    }

    assertTrue(overheadMs(hand, "w0") > 2 * before, "w0");
    assertTrue(overheadMs(hand, "w1") > 2 * before, "w1");
    assertEquals(before, overheadMs(hand, "w2"));
  }

  private static double overheadMs(FleetByHand hand, String id) {
    return hand.replica(id).workload().snapshot(0).rates().overheadMs();
  }

  private static void firstToken(Replica replica, long atNanos, long afterMs) {
    ReplicaView view =
        ReplicaView.of(replica.id(), "m").withOwn(replica.workload().snapshot(atNanos));
    Decision.Candidate candidate =
        new Decision.Candidate(view, null, 0, new Prediction(900, 1000, 10, 20, 100), 0);
    Workload.Job job =
        replica
            .workload()
            .begin(candidate, RouteRequest.of("m"), true, (told, ttft, tpot) -> {}, atNanos);
    job.content(atNanos + afterMs * 1_000_000);
    job.ended();
    job.close();
  }

  @Test
  void coresAreSharedAmongThoseWhoHaveNoneOfTheirOwn() {
    int cores = Runtime.getRuntime().availableProcessors();
    List<ModelSpec> models = List.of(model(threads(1), threads(0)));
    FleetPlan plan =
        FleetPlan.of(
            FleetByHand.WORKERS, Circuit.Config.DEFAULTS, models, List.of(), Instant.EPOCH);
    List<WorkerSpec.Seat> seats = plan.seats(models.getFirst());

    assertEquals(1, plan.threads(seats.getFirst().worker()));
    assertEquals(Math.max(1, cores - 1), plan.threads(seats.getLast().worker()));
  }

  @Test
  void whatAChangeWouldComeToIsToldOfEachGroup() {
    FleetByHand hand = ready(cpu(2), group("cuda", 1, 0, "0"));

    LocalModels.Change change =
        hand.fleet().localModels().change("m", model(cpu(1), group("cuda", 2, 0, "1", "2")));

    assertEquals(List.of("w1"), change.removed().stream().map(Replica::id).toList());
    assertEquals(List.of("w2"), change.replaced().keySet().stream().map(Replica::id).toList());
    assertEquals(List.of(List.of("2")), change.added().stream().map(WorkerSpec::devices).toList());
    assertFalse(change.interrupts());
  }
}
