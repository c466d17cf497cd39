package dev.switchboard.gateway.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.Launch;
import dev.switchboard.gateway.models.ModelFolder.Found;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ModelInspectorTest {
  private static ModelInspector inspector(String script) {
    return new ModelInspector(files -> launch("sh", "-c", script));
  }

  private static Launch launch(String... command) {
    return new Launch(List.of(command), Map.of("SHOWN", "as set"));
  }

  private static List<Found> files(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Found("m" + i, Path.of("m" + i), 1, i, 1))
        .toList();
  }

  private static String why(String script) {
    ModelInspector.Answer answer = inspector("exit 9").plan(launch("sh", "-c", script));
    return assertInstanceOf(ModelInspector.Answer.Unknown.class, answer).why();
  }

  @Test
  void whatAProcessToldBeforeItEndedIsReadWhole() {
    String name = "x".repeat(900);
    String script =
        "for i in $(seq 64); do echo '{\"name\":\""
            + name
            + "\",\"architecture\":\"llama\"}'; done";
    for (int round = 0; round < 10; round++) {
      assertEquals(64, inspector(script).headers(files(64)).size());
    }
  }

  @Test
  void aFileAtWhichTheProcessEndsIsMissing() {
    var headers = inspector("echo '{\"name\":\"a\"}'; exit 1").headers(files(3));

    assertEquals(1, headers.size());
  }

  @Test
  void whyNothingWasLearnedIsTold() {
    assertEquals("its process ended with status 3", why("exit 3"));
    assertEquals(
        "its process ended with status 134: no such library",
        why("echo first >&2; echo 'no such library' >&2; echo >&2; exit 134"));
    assertTrue(
        assertInstanceOf(
                ModelInspector.Answer.Unknown.class, inspector("").plan(launch("/nowhere/at/all")))
            .why()
            .startsWith("its process failed: "));
  }

  @Test
  void aPlanIsMadeWithWhatTheWorkerWouldBeStartedWith() {
    assertEquals("its process ended with status 1: as set", why("echo \"$SHOWN\" >&2; exit 1"));
  }

  @Test
  void muchThatIsSaidBesideTheLinesHoldsNothingUp() {
    String script = "yes complaint | head -c 300000 >&2; echo '{\"name\":\"a\"}'";

    assertEquals(1, inspector(script).headers(files(1)).size());
  }
}
