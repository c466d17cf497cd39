package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.ChaosBench;
import dev.switchboard.gateway.bench.DiscoveryBench;
import dev.switchboard.gateway.bench.ExemplarBench;
import dev.switchboard.gateway.bench.FleetPageBench;
import dev.switchboard.gateway.bench.GatewayBench;
import dev.switchboard.gateway.bench.ServingBench;
import dev.switchboard.gateway.bench.TailBench;
import dev.switchboard.gateway.bench.TelemetryBench;
import dev.switchboard.gateway.bench.WhyBench;
import dev.switchboard.gateway.cli.AdminMain;
import dev.switchboard.gateway.dashboards.DashboardsCommand;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The launcher knows the flags of each program before it is built. */
class LauncherFlagsTest {
  private static final Path FLAGS =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher/flags");

  @TestFactory
  Stream<DynamicTest> everyFlagOfAProgramIsKnownToTheLauncher() throws Exception {
    return Stream.of(
        same("restart", GatewayMain.class),
        same("dashboards", DashboardsCommand.class),
        same("bench/gateway", GatewayBench.class),
        same("bench/telemetry", TelemetryBench.class),
        same("bench/tail", TailBench.class),
        same("bench/chaos", ChaosBench.class),
        same("bench/why", WhyBench.class),
        same("bench/exemplars", ExemplarBench.class),
        same("bench/serving", ServingBench.class),
        same("bench/fleet", FleetPageBench.class),
        same("bench/discovery", DiscoveryBench.class),
        same("bench/engine", Class.forName("dev.switchboard.bench.EngineBench")),
        same("bench/constraint", Class.forName("dev.switchboard.bench.ConstraintBench")));
  }

  private static DynamicTest same(String command, Class<?> program) {
    return DynamicTest.dynamicTest(
        command,
        () -> {
          Set<String> flags = new TreeSet<>();
          collect(program, flags);
          flags.remove("--take-over"); // the launcher's own
          assertEquals(flags, flags(command));
        });
  }

  private static void collect(Class<?> program, Set<String> to) {
    for (Class<?> type = program; type != null; type = type.getSuperclass()) {
      for (var field : type.getDeclaredFields()) {
        add(field, to);
        if (field.isAnnotationPresent(Mixin.class)) {
          collect(field.getType(), to);
        }
      }
    }
  }

  private static void add(AnnotatedElement element, Set<String> to) {
    Option option = element.getAnnotation(Option.class);
    if (option != null && !option.hidden()) {
      to.addAll(List.of(option.names()));
    }
  }

  @Test
  void everyFlagOfTheAdminCommandsIsKnownToTheLauncher() throws Exception {
    List<Class<?>> classes = new ArrayList<>(List.of(AdminMain.class.getDeclaredClasses()));
    classes.add(AdminMain.class);

    for (Class<?> each : classes) {
      for (Method method : each.getDeclaredMethods()) {
        CommandLine.Command command = method.getAnnotation(CommandLine.Command.class);
        if (command == null) {
          continue;
        }
        Set<String> flags = new TreeSet<>();
        Arrays.stream(method.getParameters()).forEach(parameter -> add(parameter, flags));
        String name = (each == AdminMain.class ? "" : "keys/") + command.name();
        assertEquals(flags, flags(name), name);
      }
    }
  }

  /** The launcher refuses before a build what the gateway would refuse after it, and no more. */
  @ParameterizedTest
  @CsvSource({
    "--workers, workers.local",
    "--stages, workers.stages",
    "--ranks, workers.ranks",
    "--threads, workers.threads"
  })
  void rangesAreThoseOfTheKeys(String flag, String key) throws Exception {
    String range =
        ConfigReference.keys().stream()
            .filter(each -> each.path().equals(key))
            .map(ConfigReference.Key::range)
            .findFirst()
            .orElseThrow();

    assertTrue(
        Files.readAllLines(FLAGS).contains("up,restart " + flag + " " + range.replace(" to ", "-")),
        range);
  }

  @Test
  void theDispatcherIsShort() throws Exception {
    assertTrue(Files.readAllLines(FLAGS.resolve("../../switchboard").normalize()).size() <= 150);
  }

  /**
   * A {@code grep -q} ends at the first line that it finds. Where the other side has more to write
   * it dies of that, and with {@code pipefail} a word that is there is said not to be, now and
   * then.
   */
  @Test
  void nothingIsPipedIntoAGrepThatStopsReading() throws Exception {
    Path home = FLAGS.resolve("../..").normalize();
    List<String> found = new ArrayList<>();
    List<Path> files = new ArrayList<>(List.of(home.resolve("switchboard")));
    files.add(home.resolve("package/packaged.sh"));
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(home.resolve("launcher"), "*.sh")) {
      parts.forEach(files::add);
    }
    for (Path file : files) {
      Files.readAllLines(file).stream()
          .filter(line -> line.matches(".*[^|]\\| *grep +(-\\w+ +)*-\\w*q.*"))
          .forEach(line -> found.add(file.getFileName() + ": " + line.strip()));
    }

    assertTrue(files.size() > 15);
    assertEquals(List.of(), found);
  }

  private static Set<String> flags(String command) throws Exception {
    Set<String> flags = new TreeSet<>();
    for (String line : Files.readAllLines(FLAGS)) {
      String[] parts = line.split(" ", -1);
      if (!line.startsWith("#") && List.of(parts[0].split(",", -1)).contains(command)) {
        flags.add(parts[1]);
      }
    }
    return flags;
  }
}
