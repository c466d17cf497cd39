package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.WorkerSpec;
import dev.switchboard.gateway.models.MemoryNeed;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Workers of 100 MiB of weights, 20 of KV, 10 of scratch and 70 for the JVM. */
class ModelPlanTest {
  private static final long MIB = 1L << 20;
  private static final WorkerSpec WORKER = worker();

  private static WorkerSpec worker(String... devices) {
    List<String> arguments = devices.length == 0 ? List.of() : List.of("--device", "cuda");
    return new WorkerSpec(Path.of("m.gguf"), List.of(devices), 1, 1, 0, arguments);
  }

  private static MemoryNeed need(long onDevicesMib, long freeMib) {
    return new MemoryNeed(
        100 * MIB, 20 * MIB, 10 * MIB, 70 * MIB, onDevicesMib * MIB, 640, freeMib * MIB, null);
  }

  private static ModelPlan plan(int added, long freeMib, long promisedMib, @Nullable Long loadMs) {
    return new ModelPlan(
        new LocalModels.Change(Collections.nCopies(added, WORKER), List.of(), Map.of(), false),
        Map.of(WORKER, need(0, freeMib)),
        promisedMib * MIB,
        replica -> 0,
        loadMs,
        1000,
        Map.of());
  }

  @Test
  void allThatStartMustFitBesideWhatOthersWereGiven() {
    assertTrue(plan(2, 400, 0, null).fits());
    assertFalse(plan(2, 399, 0, null).fits());
    assertFalse(plan(2, 400, 1, null).fits());
    assertEquals(
        "400 MiB more are needed, and 399 MiB are free: a worker takes 200 MiB (weights 100, KV"
            + " 20, scratch 10, JVM 70), 2 start and 0 are replaced.",
        plan(2, 399, 0, null).complaint());
  }

  @Test
  void eachKindOfWorkerTakesWhatItTakes() {
    List<WorkerSpec> starting = List.of(WORKER, worker("0"), worker("1"));
    ModelPlan plan =
        new ModelPlan(
            new LocalModels.Change(starting, List.of(), Map.of(), false),
            Map.of(WORKER, need(0, 360), worker("0").anywhere(), need(120, 360)),
            0,
            replica -> 0,
            null,
            1000,
            Map.of());

    assertEquals((200 + 80 + 80) * MIB, plan.neededBytes());
    assertTrue(plan.fits());
    assertEquals(3, plan.json().path("starts").asInt());
    assertEquals(200 * MIB, plan.json().at("/memory/worker_bytes").asLong());
  }

  @Test
  void whatWasNeverMeasuredIsNotForecast() {
    assertNull(plan(1, 400, 0, null).expectedMs());
    assertEquals(750L, plan(3, 1000, 0, 750L).expectedMs());
  }

  @Test
  void whatOnlyLeavesNeedsNoMemory() {
    ModelPlan leaving =
        new ModelPlan(
            new LocalModels.Change(List.of(), List.of(), Map.of(), true),
            Map.of(),
            0,
            replica -> 0,
            null,
            1000,
            Map.of());

    assertTrue(leaving.fits());
    assertEquals(0L, leaving.expectedMs());
    assertTrue(leaving.json().path("needs_confirmation").asBoolean());
    assertTrue(leaving.json().path("memory").isNull());
  }
}
