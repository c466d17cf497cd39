package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.executor.ExecutorInfo.Memory;
import dev.switchboard.executor.ExecutorInfo.OnDevices;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A model of 100 MiB of weights, 10 MiB of scratch and 1 MiB for a block of 32 tokens. */
class MemoryPlanTest {
  private static final long MIB = 1L << 20;
  private static final long JVM_MIB = 384;
  private static final long FIXED_MIB = 110 + JVM_MIB;

  private static int blocks(long available, @Nullable String kvMemory, @Nullable Long totalMib)
      throws ModelLoadException {
    MemoryPlan plan =
        new MemoryPlan(
            blocks -> new Memory(100 * MIB, blocks * MIB, 10 * MIB, 0),
            2000,
            16,
            available * MIB,
            JVM_MIB * MIB,
            List.of());
    return plan.kvBlocks(
        kvMemory == null ? null : KvMemory.parse(kvMemory),
        totalMib == null ? null : totalMib * MIB,
        32);
  }

  /** The same on a device, but for a MiB of scratch; another layout takes 20 MiB less there. */
  private static int blocksOnDevice(long freeMib, @Nullable String kvMemory, @Nullable Long total)
      throws ModelLoadException {
    MemoryPlan plan =
        new MemoryPlan(
            blocks -> onDevice(109 + blocks, freeMib, blocks),
            2000,
            16,
            400 * MIB,
            JVM_MIB * MIB,
            List.of(
                new MemoryPlan.Smaller("--a", () -> onDevice(121, freeMib, 16)),
                new MemoryPlan.Smaller("--b", () -> onDevice(105, freeMib, 16))));
    return plan.kvBlocks(
        kvMemory == null ? null : KvMemory.parse(kvMemory), total == null ? null : total * MIB, 32);
  }

  private static Memory onDevice(long mib, long freeMib, int blocks) {
    OnDevices devices = new OnDevices(mib * MIB, mib * MIB, freeMib * MIB);
    return new Memory(100 * MIB, blocks * MIB, 10 * MIB, 0, devices);
  }

  @Test
  void onADeviceThePoolIsWhatRemainsThereButForTheDriversPart() throws ModelLoadException {
    assertEquals(992 - 31 - 109, blocksOnDevice(992, null, null));
    assertEquals(2000, blocksOnDevice(80_000, null, null));
    assertEquals(16, blocksOnDevice(125, null, null));
  }

  @Test
  void theHostHoldsOnlyWhatIsNotOnTheDevice() throws ModelLoadException {
    assertEquals(2000, blocksOnDevice(80_000, null, 385L));
    assertThrows(ModelLoadException.class, () -> blocksOnDevice(80_000, null, 384L));
  }

  @Test
  void whatADeviceHasNoRoomForIsRefusedWithASmallerPlan() {
    assertEquals(
        "a device has 200 MiB free, but 409 MiB are needed there: --kv-memory 91MiB fits",
        refusalOnDevice(200, "300MiB"));
    assertEquals(
        "a device has 122 MiB free, but 125 MiB are needed there: --a fits",
        refusalOnDevice(122, null));
    assertEquals(
        "a device has 110 MiB free, but 125 MiB are needed there: --b fits",
        refusalOnDevice(110, null));
    assertEquals(
        "a device has 90 MiB free, but 125 MiB are needed there: more --stages or --ranks on more"
            + " devices, or --device cpu, may fit",
        refusalOnDevice(90, null));
  }

  private static @Nullable String refusalOnDevice(long freeMib, @Nullable String kvMemory) {
    ModelLoadException refused =
        assertThrows(ModelLoadException.class, () -> blocksOnDevice(freeMib, kvMemory, null));
    assertEquals("out-of-memory", refused.reason());
    return refused.getMessage();
  }

  @Test
  void whatRemainsOfTheBudgetIsKv() throws ModelLoadException {
    assertEquals(700, blocks(9999, null, FIXED_MIB + 700));
    assertEquals(16, blocks(9999, null, FIXED_MIB + 16));
  }

  @Test
  void noMoreIsTakenThanAllSequencesCanFill() throws ModelLoadException {
    assertEquals(2000, blocks(99_999, null, 50_000L));
    assertEquals(2000, blocks(99_999, "40GiB", null));
    assertEquals(2000, blocks(99_999, "999999tokens", null));
  }

  @Test
  void withoutABudgetThePoolIsModestAndFitsWhatIsAvailable() throws ModelLoadException {
    assertEquals(512, blocks(99_999, null, null));
    assertEquals(100, blocks(FIXED_MIB + 100, null, null));
  }

  @Test
  void anExplicitPoolWinsButNotOverTheBudget() throws ModelLoadException {
    assertEquals(300, blocks(9999, "300MiB", null));
    assertEquals(300, blocks(9999, "300MiB", FIXED_MIB + 300));
    assertEquals(4, blocks(9999, "128tokens", null));
    assertThrows(ModelLoadException.class, () -> blocks(9999, "300MiB", FIXED_MIB + 299));
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheNumbers() {
    ModelLoadException budget =
        assertThrows(ModelLoadException.class, () -> blocks(9999, null, FIXED_MIB + 15));
    ModelLoadException machine =
        assertThrows(ModelLoadException.class, () -> blocks(50, null, null));

    assertEquals("out-of-memory", budget.reason());
    assertEquals(
        "--memory is 509 MiB, but 510 MiB are needed: weights 100, KV 16, scratch 10, JVM 384",
        budget.getMessage());
    assertEquals(
        "the memory available is 50 MiB, but 510 MiB are needed: weights 100, KV 16, scratch 10,"
            + " JVM 384",
        machine.getMessage());
  }
}
