package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Engines that batch by sleeping, as a process, alone and behind a gateway of another process. */
@Tag("timing")
class DispatchIT {
  private static final int ENGINES = 3;

  private static @Nullable DispatchStage started;

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException {
    started = new DispatchStage(directory, ENGINES);
  }

  @AfterAll
  static void stop() {
    stage().close();
  }

  private static DispatchStage stage() {
    return Objects.requireNonNull(started);
  }

  @Test
  void tokensComeWhenTheFormulaSaysThatAStepIsOver() throws IOException {
    DispatchScenario scenario = scenario("base=8,running=1,prompt=0", 4, 1, 1);

    Map<String, Double> figures = DispatchFigures.of(scenario, stage().direct(scenario, 1));

    assertEquals(8 + 4, figure(figures, DispatchFigures.TPOT_P50), 1);
    assertEquals(4 / 0.012, figure(figures, DispatchFigures.TOKENS), 25);
  }

  @Test
  void anEngineThatIsGoneLosesWhatItHasAndComesBackOnItsPort() throws IOException {
    DispatchScenario scenario = scenario("base=8,gone=0.5+0.3", 4, 1.2, 1);

    List<DispatchTrace.Seen> requests = stage().direct(scenario, 1).requests();

    assertTrue(requests.stream().anyMatch(seen -> !seen.isServed() && seen.sent() < 0.5));
    assertTrue(requests.stream().anyMatch(seen -> seen.isServed() && seen.sent() > 0.8));
  }

  @Test
  void inTurnThreeEnginesHaveAThirdEach() throws IOException {
    DispatchScenario scenario = scenario("base=8", 9, 2, ENGINES);

    DispatchTrace trace = stage().run(scenario, "round-robin", 1);

    Map<String, Double> figures = DispatchFigures.of(scenario, trace);
    for (int i = 0; i < ENGINES; i++) {
      assertEquals(1.0 / ENGINES, figure(figures, DispatchFigures.share(i)), 0.08);
    }
    assertEquals(0, figure(figures, DispatchFigures.LOST));
  }

  private static DispatchScenario scenario(
      String script, int clients, double seconds, int engines) {
    return new DispatchScenario(
        "tiny",
        "a few clients",
        Collections.nCopies(engines, EngineScript.parse(script)),
        List.of(DispatchCrowd.closed("anybody", clients)),
        0,
        seconds,
        null);
  }

  private static double figure(Map<String, Double> figures, String name) {
    return Objects.requireNonNull(figures.get(name), name);
  }
}
