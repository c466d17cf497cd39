package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.executor.ExecutorInfo.Memory;
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
            JVM_MIB * MIB);
    return plan.kvBlocks(
        kvMemory == null ? null : KvMemory.parse(kvMemory),
        totalMib == null ? null : totalMib * MIB,
        32);
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
