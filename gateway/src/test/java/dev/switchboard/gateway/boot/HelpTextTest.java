package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;

/**
 * What each command of the project says of itself, found by reading the sources: a description is a
 * format, in which a lone per cent sign is a mistake that picocli tells whoever asks for help.
 */
class HelpTextTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final Pattern PACKAGE = Pattern.compile("(?m)^package ([a-z.]+);");

  /** Of the class itself, not of what is in it. */
  private static final Pattern COMMAND = Pattern.compile("(?m)^@(?:CommandLine\\.)?Command\\b");

  /** The console is no part of this module; its own test does the same. */
  private static final String CONSOLE = "console";

  @TestFactory
  Stream<DynamicTest> everyHelpTextIsMadeWithoutAWarning() {
    return commands().stream()
        .map(type -> DynamicTest.dynamicTest(type, () -> assertSound(Class.forName(type))));
  }

  @Test
  void commandsAreFound() {
    List<String> found = commands();

    assertTrue(found.contains(GatewayMain.class.getName()), found::toString);
    assertTrue(found.contains("dev.switchboard.bench.EngineBench"), found::toString);
    assertTrue(found.size() >= 20, found::toString);
  }

  private static void assertSound(Class<?> type) throws ReflectiveOperationException {
    List<CommandLine> all = new ArrayList<>();
    collect(new CommandLine(made(type)), all);
    for (Class<?> inner : type.getDeclaredClasses()) {
      if (inner.isAnnotationPresent(Command.class)) {
        collect(new CommandLine(made(inner)), all);
      }
    }
    for (CommandLine each : all) {
      assertEquals(List.of(), warnings(() -> each.getUsageMessage(Ansi.OFF)));
    }
  }

  private static void collect(CommandLine command, List<CommandLine> to) {
    to.add(command);
    command.getSubcommands().values().forEach(each -> collect(each, to));
  }

  /** What picocli says to whoever asks; others may write to the same stream. */
  private static List<String> warnings(Supplier<String> asked) {
    PrintStream before = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      assertFalse(asked.get().isEmpty());
    } finally {
      System.setErr(before);
    }
    return said.toString(StandardCharsets.UTF_8)
        .lines()
        .filter(line -> line.contains("picocli"))
        .toList();
  }

  /** With nothing for each thing that its constructor wants: only what it says is asked for. */
  private static Object made(Class<?> type) throws ReflectiveOperationException {
    Constructor<?> constructor = type.getDeclaredConstructors()[0];
    constructor.setAccessible(true);
    Class<?>[] wanted = constructor.getParameterTypes();
    @Nullable Object[] given = new Object[wanted.length];
    for (int i = 0; i < wanted.length; i++) {
      given[i] = wanted[i] == InputStream.class ? InputStream.nullInputStream() : null;
    }
    return constructor.newInstance(given);
  }

  private static List<String> commands() {
    try (Stream<Path> modules = Files.list(HOME)) {
      return modules
          .filter(module -> !module.endsWith(CONSOLE))
          .map(module -> module.resolve("src"))
          .filter(Files::isDirectory)
          .flatMap(HelpTextTest::commands)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<String> commands(Path sources) {
    try (Stream<Path> files = Files.walk(sources)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .map(HelpTextTest::command)
          .flatMap(Optional::stream)
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The class of a file that is a command. */
  private static Optional<String> command(Path file) {
    try {
      String text = Files.readString(file);
      if (!COMMAND.matcher(text).find()) {
        return Optional.empty();
      }
      return PACKAGE
          .matcher(text)
          .results()
          .findFirst()
          .map(found -> found.group(1) + "." + name(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String name(Path file) {
    return file.getFileName().toString().replaceFirst("\\.java$", "");
  }
}
