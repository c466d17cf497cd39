package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A start that fails says so, whatever is thrown and on whichever thread. */
@Timeout(value = Await.LIMIT_SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ModelStartIT {
  @Test
  void aFaultOfTheModelsFileEndsTheStart() {
    ModelLoadException failed =
        starting(
            () -> {
              throw new InternalError("a fault occurred in an unsafe memory access operation");
            });

    assertEquals("io", failed.reason());
    assertEquals("the model's file changed while it was read", failed.getMessage());
  }

  @Test
  void anExhaustedStackEndsTheStart() {
    ModelLoadException failed =
        starting(
            () -> {
              throw new StackOverflowError();
            });

    assertEquals("internal", failed.reason());
    assertEquals("java.lang.StackOverflowError", failed.getMessage());
  }

  @Test
  void whatThreadsOfTheLoadThrowCountsAsWhatItIs() {
    ModelLoadException failed =
        starting(
            () -> {
              throw new CompletionException(new OutOfMemoryError());
            });

    assertEquals(ModelLoadException.OUT_OF_MEMORY, failed.reason());
  }

  @Test
  void whatTheWarmUpThrowsEndsTheStart() {
    ScriptedEngine engine =
        new ScriptedEngine(
            request -> {
              throw new StackOverflowError("in the warm-up");
            });
    try (WorkerFixture worker = new WorkerFixture(engine)) {
      CompletionException failed = assertThrows(CompletionException.class, worker::serve);

      assertInstanceOf(StackOverflowError.class, failed.getCause());
      assertEquals(
          "java.lang.StackOverflowError: in the warm-up", ModelStart.failure(failed).getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "device_lost, true, DEVICE_LOST",
    "hung, true, ENGINE_LOST",
    "step_failed, false, ENGINE_LOST",
    "out_of_memory, false, OUT_OF_MEMORY"
  })
  void anEngineThatFailsInTheWarmUpIsNotTheModelsFault(String kind, boolean lost, WorkerExit exit) {
    ScriptedEngine engine = WorkerFixture.answering("a");
    engine.failNextStep(new EngineFailure(kind, "of stage 0", 0, 0));
    if (lost) {
      engine.loseEngine(kind + ": of stage 0");
    }

    assertEquals(exit, WorkerExit.of(failedWarmUp(engine)));
  }

  @Test
  void aWarmUpWhoseOutputIsNoNumberIsTheModelsFault() {
    ScriptedEngine engine = WorkerFixture.answering("a");
    engine.failNextStep(EngineFailure.NOT_FINITE);

    assertEquals(WorkerExit.MODEL_REFUSED, WorkerExit.of(failedWarmUp(engine)));
  }

  private static ModelLoadException failedWarmUp(ScriptedEngine engine) {
    try (WorkerFixture worker = new WorkerFixture(engine)) {
      return ModelStart.failure(assertThrows(CompletionException.class, worker::serve));
    }
  }

  private static ModelLoadException starting(ModelStart.Loading loading) {
    try (WorkerFixture fixture = new WorkerFixture(WorkerFixture.answering("a"))) {
      return assertThrows(
          ModelLoadException.class,
          () -> ModelStart.serve(fixture.worker(), EpochClock.system(), loading));
    }
  }
}
