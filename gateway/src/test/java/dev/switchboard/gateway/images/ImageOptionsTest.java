package dev.switchboard.gateway.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The command lines of the programs in the images. */
final class ImageOptionsTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home"));
  private static final Map<String, String> MODULES =
      Map.of("gateway", "gateway", "worker", "native-engine", "console", "console");

  @Test
  void everyProgramStartsAClassWithAMainMethod() throws IOException {
    for (Path program : programs()) {
      List<String> lines = Files.readAllLines(program);
      String main = lines.getLast();
      String module = String.valueOf(MODULES.get(folderOf(program)));

      Path source =
          HOME.resolve(module).resolve("src/main/java").resolve(main.replace('.', '/') + ".java");
      assertTrue(Files.isRegularFile(source), program + " starts " + main);
      assertTrue(Files.readString(source).contains("public static void main("), main);
      assertEquals(
          List.of("-cp", "{home}/lib/*"), lines.subList(lines.size() - 3, lines.size() - 1));
    }
  }

  @Test
  void everyProgramHasABoundOfItsHeapAndTakesNoSharedMemoryFile() throws IOException {
    for (Path program : programs()) {
      List<String> lines = new ArrayList<>(Files.readAllLines(program));
      Path shared = HOME.resolve(folderOf(program)).resolve("jvm.options");
      if (program.endsWith(folderOf(program)) && Files.exists(shared)) {
        lines.addAll(Files.readAllLines(shared));
      }

      assertEquals(1, lines.stream().filter(line -> line.startsWith("-Xmx")).count(), program + "");
      assertTrue(lines.contains("-XX:-UsePerfData"), program + " writes to /tmp");
    }
  }

  @Test
  void aWorkerHasTheOptionsOfThoseThatAGatewayStarts() throws IOException {
    String launcher = Files.readString(HOME.resolve("launcher/build.sh"));
    String options = launcher.replaceAll("(?s).*\nworker_java=\\(([^)]*)\\).*", "$1");

    List<String> lines = Files.readAllLines(HOME.resolve("images/options/worker/worker"));

    assertTrue(lines.containsAll(List.of(options.split(" "))), options);
  }

  private static List<Path> programs() throws IOException {
    try (Stream<Path> files = Files.walk(HOME.resolve("images/options"))) {
      List<Path> found = files.filter(Files::isRegularFile).sorted().toList();
      assertTrue(found.size() >= 5, found.toString());
      return found;
    }
  }

  private static String folderOf(Path program) {
    return String.valueOf(program.getParent().getFileName());
  }
}
