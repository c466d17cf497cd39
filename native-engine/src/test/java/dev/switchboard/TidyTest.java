package dev.switchboard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * House rules that a compiler does not hold, over every module's sources. A test factory is a table
 * of cases and may be as long as it needs to be.
 */
final class TidyTest {
  private static final int LONGEST_METHOD_LINES = 60;
  private static final Path HOME = Path.of(System.getProperty("switchboard.home"));

  /** A declaration's first line: a type and a name before the parameters, or a modifier. */
  private static final Pattern METHOD =
      Pattern.compile(
          "^ {2,6}(?!return |new |throw |else |case |yield |assert"
              + " |.*\\b(?:record|class|interface|enum) )(?:@\\w+ )*[\\w.<>\\[\\]?@]+(?:["
              + " ,][\\w.<>\\[\\]?@, ]+)? \\w+\\([^=]*");

  private static final Pattern LEFTOVER =
      Pattern.compile("\\b(TODO|FIXME|XXX)\\b|@Disabled|@Ignore");

  /** The text of what is logged. */
  private static final Pattern LOGGED =
      Pattern.compile("\\bLOG\\.(?:debug|info|warn|error)\\(\\s*\"([^\"]*)");

  /** What makes a test's result depend on how busy the machine is. */
  private static final Pattern OWN_TIME =
      Pattern.compile("Thread\\.sleep|\\bparkNanos\\b|\\bnanoTime\\b|\\bcurrentTimeMillis\\b");

  /** Commands that people run, which stand beside the tests whose fixtures they use. */
  private static final Set<String> COMMANDS = Set.of("Screenshots.java", "PageBench.java");

  /** Packages of the gateway that are about requests, and nothing else. */
  private static final Pattern ABOUT_REQUESTS =
      Pattern.compile("gateway/src/main/.*/gateway/(http|stream)/.*");

  /** Of whose request it is nobody can say. */
  private static final String OF_NONE = "fault_outside_requests";

  private static final String IDS = "request={} trace={}";

  @Test
  void everyLineOfTheLogAboutARequestHasItsIdAndItsTrace() throws IOException {
    List<String> found = new ArrayList<>();

    for (Path file : sources()) {
      String name = HOME.relativize(file).toString();
      LOGGED
          .matcher(Files.readString(file))
          .results()
          .map(line -> line.group(1))
          .filter(line -> line.contains("request={}") || ABOUT_REQUESTS.matcher(name).matches())
          .filter(line -> !line.contains(IDS) && !line.equals(OF_NONE))
          .forEach(line -> found.add(name + ": " + line));
    }

    assertEquals(List.of(), found);
  }

  @Test
  void noMethodIsLongerThanSixtyLines() throws IOException {
    List<String> found = new ArrayList<>();

    for (Path file : sources()) {
      found.addAll(longMethods(file));
    }

    assertEquals(List.of(), found);
  }

  @Test
  void nothingIsLeftOver() throws IOException {
    List<String> found = new ArrayList<>();

    for (Path file : sources()) {
      List<String> lines = Files.readAllLines(file);
      for (int i = 0; i < lines.size(); i++) {
        if (LEFTOVER.matcher(lines.get(i)).find() && !file.endsWith("TidyTest.java")) {
          found.add(HOME.relativize(file) + ":" + (i + 1));
        }
      }
    }

    assertEquals(List.of(), found);
  }

  @Test
  void integrationTestsWaitByAwaitAndReadNoClock() throws IOException {
    List<String> found = new ArrayList<>();

    for (Path file : sources()) {
      String name = HOME.relativize(file).toString();
      if (name.contains("/src/it/") && !COMMANDS.contains(file.getFileName().toString())) {
        OWN_TIME
            .matcher(Files.readString(file))
            .results()
            .forEach(use -> found.add(name + ": " + use.group()));
      }
    }

    assertEquals(List.of(), found);
  }

  @Test
  void everyPackageSaysWhatItIsFor() throws IOException {
    List<String> found = new ArrayList<>();

    for (Path file : sources()) {
      Path directory = file.getParent();
      boolean main = HOME.relativize(file).toString().contains("src/main/");
      if (main && !Files.exists(directory.resolve("package-info.java"))) {
        found.add(HOME.relativize(directory).toString());
      }
    }

    assertEquals(List.of(), found);
  }

  private static List<String> longMethods(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    List<String> found = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      boolean table = i > 0 && lines.get(i - 1).contains("@TestFactory");
      if (!table && METHOD.matcher(line).matches() && hasBody(lines, i)) {
        int end = endOf(lines, i);
        if (end - i + 1 > LONGEST_METHOD_LINES) {
          found.add(HOME.relativize(file) + ":" + (i + 1) + " has " + (end - i + 1) + " lines");
        }
      }
    }
    return found;
  }

  /**
   * The line that closes what begins at the given line: the formatter puts it at the same
   * indentation.
   */
  private static int endOf(List<String> lines, int begin) {
    String first = lines.get(begin);
    String indent = first.substring(0, first.length() - first.stripLeading().length());
    for (int i = begin + 1; i < lines.size(); i++) {
      if (lines.get(i).equals(indent + "}")) {
        return i;
      }
    }
    return begin;
  }

  private static List<Path> sources() throws IOException {
    List<Path> files = new ArrayList<>();
    for (String module : List.of("native-engine", "gateway", "console")) {
      Path source = HOME.resolve(module).resolve("src");
      try (Stream<Path> walk = Files.walk(source)) {
        walk.filter(path -> path.toString().endsWith(".java"))
            .filter(path -> !path.toString().contains("/generated/"))
            .forEach(files::add);
      }
    }
    return files;
  }

  /** Whether what begins at the line opens a block before it ends as a statement. */
  private static boolean hasBody(List<String> lines, int begin) {
    for (int i = begin; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.endsWith("{")) {
        return !line.contains("->");
      }
      if (line.endsWith(";") || line.endsWith("}") || line.contains("->")) {
        return false;
      }
    }
    return false;
  }
}
