package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The worker's end when its engine is lost. */
class WorkerMainTest {
  private final List<String> ended = new ArrayList<>();

  @Test
  void itEndsInOrderOnAThreadOfItsOwn() {
    end(Runnable::run);

    assertEquals(List.of("in order"), ended);
  }

  @Test
  void withoutAThreadItEndsAtOnce() {
    end(
        task -> {
          throw new OutOfMemoryError("unable to create native thread");
        });

    assertEquals(List.of("at once"), ended);
  }

  private void end(Consumer<Runnable> thread) {
    try {
      WorkerMain.ending(thread, () -> ended.add("in order"), () -> ended.add("at once"));
    } catch (OutOfMemoryError escaped) {
      // JUnit would end with it.
      ended.add("never");
    }
  }
}
