package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** As for the other commands of the project, whose test is the gateway's. */
class HelpTextTest {
  private static CommandLine command() throws ReflectiveOperationException {
    Constructor<ConsoleMain> constructor = ConsoleMain.class.getDeclaredConstructor();
    constructor.setAccessible(true);
    return new CommandLine(constructor.newInstance());
  }

  /** What is in .switchboard may be deleted while nothing runs, says docs/backup.md. */
  @Test
  void peopleAreKeptWhereNobodyDeletesWhatWasBuilt() throws ReflectiveOperationException {
    CommandLine command = command();
    command.parseArgs();

    Path state = command.getCommandSpec().findOption("--state").getValue();

    assertEquals(Path.of("data", "console"), state);
  }

  @Test
  void theHelpTextIsMadeWithoutAWarning() throws ReflectiveOperationException {
    PrintStream before = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      String usage = command().getUsageMessage(Ansi.OFF);
      assertTrue(usage.contains("--trace-url"), usage);
    } finally {
      System.setErr(before);
    }

    assertEquals(
        List.of(),
        said.toString(StandardCharsets.UTF_8)
            .lines()
            .filter(line -> line.contains("picocli"))
            .toList());
  }
}
