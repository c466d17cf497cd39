package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.RecordingExecutor;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What a measurement computes, on an engine that refuses wrong positions and block tables. */
class EngineRunTest {

  private static RecordingExecutor executor(int stages) {
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withLayout(stages, 1, 1)
            .withKv(ExecutorConfig.KvType.F16, 16, 16)
            .withSteps(4, 32, 8);
    return new RecordingExecutor(
        new SimulatedExecutor(
            config, 256, 211, new LatencyModel(1000, 10, 0), SimulatedTime.virtual()));
  }

  private static int tokens(List<RecordingExecutor.Entry> entries) {
    return entries.stream().mapToInt(RecordingExecutor.Entry::tokens).sum();
  }

  private static int outputs(List<RecordingExecutor.Entry> entries) {
    return entries.stream().mapToInt(RecordingExecutor.Entry::outputs).sum();
  }

  @Test
  void prefillComputesThePromptInWholeStepsAndSamplesOnce() {
    RecordingExecutor executor = executor(1);
    EngineRun run = new EngineRun(executor, 1, 100);

    assertTrue(run.prefill(70) > 0);

    assertEquals(
        List.of(32, 32, 6),
        executor.entries.stream().map(RecordingExecutor.Entry::tokens).toList());
    assertEquals(1, outputs(executor.entries));
  }

  @Test
  void decodingComputesOneTokenPerRowAndStep() {
    RecordingExecutor executor = executor(1);
    EngineRun run = new EngineRun(executor, 3, 40);

    assertTrue(run.decode(3, 10, 5) > 0);

    assertEquals(3 * 10 + 3 * 5, tokens(executor.entries));
    assertEquals(3 + 3 * 5, outputs(executor.entries));
    assertEquals(List.of(1, 1, 1), lastStep(executor));
  }

  @Test
  void stepsAreGeneratedAgainAtTheSamePositions() {
    RecordingExecutor executor = executor(1);
    EngineRun run = new EngineRun(executor, 2, 20);
    run.fill(2, 10);
    executor.entries.clear();

    run.steps(2, 10, 3);
    List<Integer> first = positions(executor);
    executor.entries.clear();
    run.steps(2, 10, 3);

    assertEquals(List.of(10, 10, 11, 11, 12, 12), first);
    assertEquals(first, positions(executor));
  }

  private static List<Integer> positions(RecordingExecutor executor) {
    return executor.entries.stream().map(RecordingExecutor.Entry::position).toList();
  }

  @Test
  void theTimelineTellsOnlyOfStepsThatAreRecorded() {
    EngineRun run = new EngineRun(executor(1), 1, 40);
    Set<Long> told = new TreeSet<>();
    run.reads(
        (step, stage, rank, kind, start, end, busy, bytes, tokens, longest, piece) ->
            told.add(step));

    run.recorded(false);
    run.prefill(10);
    run.recorded(true);
    run.prefill(10);
    run.recorded(false);
    run.prefill(10);

    assertEquals(Set.of(2L), told);
  }

  @Test
  void stagesShareTheRowsAsMicrobatches() {
    RecordingExecutor executor = executor(2);
    EngineRun run = new EngineRun(executor, 3, 40);

    run.decode(3, 10, 5);

    assertEquals(3 * 10 + 3 * 5, tokens(executor.entries));
    assertEquals(List.of(1, 1), lastStep(executor));
  }

  private static List<Integer> lastStep(RecordingExecutor executor) {
    long last = executor.entries.getLast().step();
    return executor.entries.stream().filter(e -> e.step() == last).map(e -> e.tokens()).toList();
  }

  @Test
  void aPoolThatIsTooSmallIsRefused() {
    RecordingExecutor executor = executor(1);

    assertThrows(IllegalArgumentException.class, () -> new EngineRun(executor, 4, 100));
  }

  @Test
  void aSequenceTakesWholeBlocks() {
    assertEquals(1, EngineRun.blocks(1, 16));
    assertEquals(1, EngineRun.blocks(16, 16));
    assertEquals(2, EngineRun.blocks(17, 16));
  }
}
