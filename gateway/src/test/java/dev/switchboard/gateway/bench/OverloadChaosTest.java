package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.OverloadChaos.InTime;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OverloadChaosTest {
  private static final String WHOLE =
      "{'left_ms':600,'predicted_wait_ms':{'p50':500,'p90':900},'predicted_ttft_ms':99}";

  private final ChaosStage stage =
      new ChaosStage(Path.of("."), Path.of("m"), ChaosPlan.Size.QUICK.plan());

  private static String wrong(String json, boolean over) throws Exception {
    return OverloadChaos.wrong(new ObjectMapper().readTree(json.replace('\'', '"')), over);
  }

  @Test
  void aRefusalWhoseNumbersForbidItIsRight() throws Exception {
    assertEquals("", wrong(WHOLE, false));
    assertEquals("", wrong(WHOLE, true));
  }

  @Test
  void aRefusalThatWouldHaveBeenInTimeIsWrong() throws Exception {
    String said = wrong(WHOLE.replace("500", "400"), false);

    assertTrue(said.startsWith("refused though it would be in time"), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {"left_ms", "predicted_wait_ms", "predicted_ttft_ms", "p50"})
  void aRefusalWithoutOneOfItsNumbersIsWrong(String missing) throws Exception {
    String said = wrong(WHOLE.replace(missing, "other"), false);

    assertTrue(said.startsWith("refused for a target without its numbers"), said);
  }

  @Test
  void whatWaitedUntilItsTargetHadPassedHasNothingLeftToTell() throws Exception {
    assertEquals(OverloadChaos.TOO_LATE, wrong(WHOLE.replace("left_ms", "other"), true));
  }

  @ParameterizedTest
  @CsvSource({
    "65, 1, 65, 0.96, 0",
    "65, 1, 65, 0.94, 1",
    "65, 0.89, 65, 0.89, 1",
    "65, 0, 65, 0, 1",
    "0, 0, 0, 0, 2",
    "65, 1, 19, 1, 1"
  })
  void peopleMustAskAndBeInTimeAloneAndBeside(
      int askedAlone, double alone, int askedBeside, double beside, int broken) {
    OverloadChaos.inTime(
        stage, "urgent", new InTime(askedAlone, alone), new InTime(askedBeside, beside));

    assertEquals(broken, stage.broken().size(), () -> List.copyOf(stage.broken()).toString());
  }
}
