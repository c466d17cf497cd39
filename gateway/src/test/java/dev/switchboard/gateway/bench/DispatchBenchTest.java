package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class DispatchBenchTest {
  private final StringWriter said = new StringWriter();

  private int run(String... arguments) {
    CommandLine command =
        DispatchBench.commandLine((scenario, policy, seed, run, delays) -> new DispatchTrace());
    return command.setOut(new PrintWriter(said)).setErr(new PrintWriter(said)).execute(arguments);
  }

  @Test
  void itsHelpNamesEveryScenario() {
    assertEquals(0, run("--help"));
    DispatchScenario.all()
        .forEach(scenario -> assertTrue(said.toString().contains(scenario.label())));
  }

  /** A percent sign that is not doubled is a warning on every use of the help. */
  @Test
  void itsHelpIsFormatted() {
    CommandLine command =
        DispatchBench.commandLine((scenario, policy, seed, run, delays) -> new DispatchTrace());

    for (String line : command.getCommandSpec().usageMessage().description()) {
      assertEquals(line.replace("%%", "%"), String.format(Locale.ROOT, line));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--only=nonsense, no scenario nonsense",
    "--policies=best, no policy best",
    "--rounds=0, --rounds must be at least 1",
    "--repeats=-1, --repeats must be 0 to 1000",
    "--seeds=-1, --seeds must be 0 to 1000",
  })
  void anOptionThatCannotBeIsNamed(String option, String message) {
    assertEquals(2, run(option));
    assertTrue(said.toString().contains(message), said::toString);
  }

  @Test
  void everyScenarioEndsWithEachOfItsEnginesInOrder() {
    for (DispatchScenario scenario : DispatchScenario.all()) {
      assertTrue(scenario.fromSeconds() < scenario.toSeconds(), scenario::label);
      scenario.engines().forEach(script -> assertEquals(script, EngineScript.parse(script.text())));
    }
  }
}
