package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** As for the other commands of the project, whose test is the gateway's. */
class HelpTextTest {
  @Test
  void theHelpTextIsMadeWithoutAWarning() throws ReflectiveOperationException {
    Constructor<ConsoleMain> constructor = ConsoleMain.class.getDeclaredConstructor();
    constructor.setAccessible(true);
    PrintStream before = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      String usage = new CommandLine(constructor.newInstance()).getUsageMessage(Ansi.OFF);
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
