package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.ChaosLoad.Served;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SlowStartChaosTest {
  private static final long RECOVERED = 1_000_000_000_000L;
  private static final long SECOND = 1_000_000_000L;

  private final ChaosStage stage =
      new ChaosStage(Path.of("."), Path.of("m"), ChaosPlan.Size.QUICK.plan());

  /** Twenty a second for twelve seconds, every fourth from a moment on to the recovered worker. */
  private static List<Served> answers(double fromSecond) {
    List<Served> answers = new ArrayList<>();
    for (int i = 0; i < 240; i++) {
      boolean slow = i % 4 == 0 && i / 20.0 >= fromSecond;
      answers.add(new Served(RECOVERED + i * SECOND / 20, slow ? "w0" : "w" + (1 + i % 2)));
    }
    return answers;
  }

  private void judge(List<Served> answers) {
    SlowStartChaos.shares(stage, answers, "w0", RECOVERED, RECOVERED + 12 * SECOND);
  }

  @Test
  void aWorkerThatSoonHasHalfOfItsShareKeepsThePromise() {
    judge(answers(5));

    assertEquals(List.of(), stage.broken());
    // Half of a third over two seconds: a window that begins before its first request has it.
    assertEquals(4.4, stage.figure("half_share_s"), 0.3);
  }

  @Test
  void aWorkerThatIsNotAskedAgainBreaksIt() {
    judge(answers(20));

    assertEquals(1, stage.broken().size(), stage.broken()::toString);
    assertTrue(stage.broken().getFirst().contains("Infinity"), stage.broken()::toString);
  }

  @Test
  void aFewRequestsShowNothing() {
    judge(answers(0).subList(0, 60));

    assertTrue(stage.broken().getFirst().contains("only 60 requests"), stage.broken()::toString);
  }
}
