package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.Pages;
import dev.switchboard.gateway.Pages.Block;
import dev.switchboard.gateway.Pages.Page;
import dev.switchboard.gateway.tls.TestCertificate;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Holds the pages to what they speak of: links, lengths, flags, keys, classes, configurations.
 * Their commands are run by {@code .ci/docs-test}.
 */
class DocsTest {
  private static final Path HOME = Pages.HOME;
  private static final List<Page> PAGES = Pages.all();
  private static final Map<String, Page> BY_NAME =
      PAGES.stream().collect(Collectors.toMap(Page::name, page -> page));

  /** Pages that are all about what to do, or about words. */
  private static final Set<String> WITHOUT_TROUBLES =
      Set.of("docs/README.md", "docs/glossary.md", "docs/errors.md", "docs/troubleshooting.md");

  /** Options of programs that are not ours. */
  private static final Set<String> FOREIGN =
      Set.of(
          "--unix-socket", // curl
          "--cacert",
          "--uds", // vLLM
          "--enable-metrics", // SGLang
          "--metrics", // llama-server
          "--enable-feature", // Prometheus
          "--prune"); // kubectl

  private static final Path MODEL = HOME.resolve("native-engine/demo-model/switchboard-demo.gguf");

  private static final Pattern NAME = Pattern.compile("[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+");

  /** A command that starts a gateway or stops it. {@code --help} does neither. */
  private static final Pattern CHANGE =
      Pattern.compile("(?m)^(?:[A-Z_]+=\\S+ )*\\./switchboard (up|down)\\b(?!.*--help)");

  /** Settings of other programs, and places for a name. */
  private static final Set<String> FOREIGN_NAMES =
      Set.of(
          "AverageValue",
          "ExecReload",
          "LimitNOFILE",
          "MemoryMax",
          "TimeoutStopSec",
          "FooView",
          "FooPresenter");

  private static boolean ours(Page page) {
    return page.under("docs")
        || Set.of(
                "README.md",
                "gateway/README.md",
                "gateway/TESTS.md",
                "native-engine/README.md",
                "console/README.md",
                "dashboards/README.md")
            .contains(page.name());
  }

  /** The one of the other version keeps Prometheus from starting. */
  @Test
  void whereOneSettingOfPrometheusIsNamedSoIsThatOfTheNextVersion() {
    Set<String> named = new TreeSet<>();
    for (Page page : PAGES) {
      String text = page.text();
      if (text.contains("scrape_classic_histograms")) {
        named.add(page.name());
        assertTrue(text.matches("(?s).*\\bscrape_classic_histograms: true.*"), page::name);
        assertTrue(text.matches("(?s).*\\balways_scrape_classic_histograms: true.*"), page::name);
      }
    }

    assertEquals(Set.of("dashboards/README.md", "docs/observability.md"), named);
  }

  @Test
  void everyRelativeLinkLeadsToAFileAndAnAnchorThere() {
    Set<String> broken = new TreeSet<>();
    for (Page page : PAGES) {
      page.links()
          .filter(link -> !link.matches("[a-z]+:.*"))
          .filter(link -> !leads(page, link))
          .forEach(link -> broken.add(page.name() + ": " + link));
    }

    assertEquals(Set.of(), broken);
  }

  private static boolean leads(Page page, String link) {
    String[] parts = link.split("#", 2);
    Path file = HOME.resolve(page.name());
    if (!parts[0].isEmpty()) {
      file = file.resolveSibling(parts[0]).normalize();
    }
    if (parts.length == 1 || !file.toString().endsWith(".md")) {
      return Files.exists(file);
    }
    Page there = BY_NAME.get(HOME.relativize(file).toString());
    return there != null && there.anchors().contains(parts[1]);
  }

  @Test
  void everyPageOfDocsIsLinked() {
    Set<String> linked = new HashSet<>();
    for (Page page : PAGES) {
      page.links()
          .map(link -> HOME.resolve(page.name()).resolveSibling(link.replaceFirst("#.*", "")))
          .filter(file -> !file.normalize().equals(HOME.resolve(page.name())))
          .forEach(file -> linked.add(HOME.relativize(file.normalize()).toString()));
    }

    assertEquals(
        List.of(),
        PAGES.stream()
            .filter(page -> page.under("docs") && !linked.contains(page.name()))
            .map(Page::name)
            .toList());
  }

  @Test
  void pagesKeepTheirLength() {
    assertEquals(
        List.of(),
        PAGES.stream()
            .filter(page -> page.name().endsWith("README.md") || page.under("docs"))
            .filter(page -> page.lines() > (page.name().equals("README.md") ? 150 : 200))
            .map(page -> page.name() + " has " + page.lines() + " lines")
            .toList());
  }

  @Test
  void theListOfTestsFitsAScreenAndLacksNoIntegrationTest() throws IOException {
    String list = Pages.read(HOME.resolve("gateway/TESTS.md"));

    assertEquals(List.of(), list.lines().filter(line -> line.length() > 120).toList());
    try (Stream<Path> files = Files.walk(HOME.resolve("gateway/src/it"))) {
      assertEquals(
          List.of(),
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith("IT.java"))
              .map(name -> name.replace(".java", ""))
              .filter(name -> !list.contains("`" + name + "`"))
              .sorted()
              .toList());
    }
  }

  @Test
  void everyPageOfATaskSaysWhatToDoIfItDoesNotWork() {
    List<Page> tasks =
        PAGES.stream()
            .filter(page -> page.name().matches("docs/[^/]+"))
            .filter(page -> !WITHOUT_TROUBLES.contains(page.name()))
            .toList();

    assertTrue(tasks.size() > 20);
    assertEquals(
        List.of(),
        tasks.stream()
            .filter(page -> !page.text().contains("\n## If it does not work\n"))
            .map(Page::name)
            .toList());
  }

  @Test
  void everyDecisionHasContextOptionsAndADecision() {
    List<Page> decisions =
        PAGES.stream().filter(page -> page.name().matches("docs/decisions/\\d{3}-.*")).toList();

    String index = Pages.read(HOME.resolve("docs/decisions/README.md"));

    assertTrue(decisions.size() > 15);
    for (Page page : decisions) {
      String number = page.name().replaceFirst(".*/(\\d{3}).*", "$1");
      assertTrue(page.text().startsWith("# " + number + ": "), page.name());
      assertTrue(
          Pattern.compile("(?i)\\bdeci(?:ded|sions?)\\b").matcher(page.text()).find(), page.name());
      assertTrue(
          page.text().contains("| Option |")
              || page.text().contains(" Rejected |")
              || page.text().contains("| Option | "),
          page.name());
      assertTrue(index.contains("[" + number + "]"), number);
    }
  }

  @Test
  void everyFlagExists() {
    StringBuilder sources = new StringBuilder();
    Pages.walk(".java", file -> sources.append(Pages.read(file)));
    Pages.walk(".sh", file -> sources.append(Pages.read(file)));
    sources.append(Pages.read(HOME.resolve("switchboard")));
    Set<String> known =
        Pages.matches("(?<![\\w-])--[a-z][a-z0-9-]*", sources.toString())
            .map(found -> found.group())
            .collect(Collectors.toSet());
    Set<String> unknown = new TreeSet<>();
    PAGES.stream()
        .filter(DocsTest::ours)
        .forEach(
            page ->
                Stream.concat(page.code(), ownCommands(page))
                    .flatMap(code -> Pages.matches("(?<![\\w-])--[a-z][a-z0-9-]*", code))
                    .map(found -> found.group())
                    .filter(flag -> !known.contains(flag) && !FOREIGN.contains(flag))
                    .filter(flag -> !flag.startsWith("--sb-"))
                    .forEach(flag -> unknown.add(page.name() + ": " + flag)));

    assertTrue(known.size() > 100);
    assertEquals(Set.of(), unknown);
  }

  /**
   * Pages are pasted from their top, some of them on a machine that serves: a block that stops the
   * gateway leaves none for those below it, and one that starts a gateway and stops it has stopped
   * another where one ran already.
   */
  @Test
  void noBlockStopsAGatewayThatIsNeeded() {
    List<String> faults = new ArrayList<>();
    PAGES.stream().filter(DocsTest::ours).forEach(page -> faults.addAll(faultsOfPasting(page)));

    assertEquals(List.of(), faults);
  }

  @Test
  void aBlockBehindAStopASecondStartAndAStopBehindAStartAreFaults() {
    Block start = new Block("sh own", "./switchboard up -d\n./switchboard status\n");
    Block stop = new Block("sh own", "./switchboard down\ntar czf copy.tar.gz data\n");
    Block copy = new Block("sh own", stop.text() + "./switchboard up -d --config FILE\n");
    Block ask = new Block("sh", "curl -s localhost:8080/v1/models\n");
    Block both = new Block("sh own", "OTEL_LOGS=none ./switchboard up -d\n./switchboard down\n");

    assertEquals(List.of(), faultsOfPasting(start, ask, copy, ask));
    assertEquals(List.of("p: nothing runs any more: " + ask.text()), faultsOfPasting(stop, ask));
    assertEquals(
        List.of("p: it runs already: " + start.text()), faultsOfPasting(start, ask, start));
    assertEquals(
        List.of("p: stops what may have run before it: " + both.text()), faultsOfPasting(both));
  }

  private static List<String> faultsOfPasting(Block... blocks) {
    return faultsOfPasting(new Page("p", "", "", List.of(blocks)));
  }

  private static List<String> faultsOfPasting(Page page) {
    List<String> faults = new ArrayList<>();
    boolean started = false;
    boolean stopped = false;
    for (Block block : page.blocks()) {
      if (!block.info().startsWith("sh")) {
        continue;
      }
      List<String> changes =
          CHANGE.matcher(block.text()).results().map(one -> one.group(1)).toList();
      if (stopped && !block.text().startsWith("./switchboard up")) {
        faults.add(page.name() + ": nothing runs any more: " + block.text());
      }
      boolean startedHere = false;
      for (String change : changes) {
        boolean up = change.equals("up");
        if (up && started) {
          faults.add(page.name() + ": it runs already: " + block.text());
        } else if (!up && startedHere) {
          faults.add(page.name() + ": stops what may have run before it: " + block.text());
        }
        startedHere = up;
        started = up;
        stopped = !up;
      }
    }
    return faults;
  }

  private static Stream<String> ownCommands(Page page) {
    return page.blocks().stream()
        .filter(block -> block.info().startsWith("sh"))
        .flatMap(block -> block.text().lines())
        .filter(line -> line.strip().startsWith("./switchboard"));
  }

  @Test
  void everyKeyOfTheConfigurationExists() {
    Set<String> known =
        ConfigReference.keys().stream().map(ConfigReference.Key::path).collect(Collectors.toSet());
    Set<String> sections =
        known.stream().map(key -> key.replaceFirst("[.\\[].*", "")).collect(Collectors.toSet());
    Set<String> unknown = new TreeSet<>();
    for (Page page : PAGES) {
      page.code()
          .map(code -> code.replaceFirst(":.*", ""))
          .filter(code -> code.matches("[a-z-]+(\\[])?(\\.[a-z-]+(\\[])?)+"))
          .filter(code -> sections.contains(code.replaceFirst("[.\\[].*", "")))
          .filter(code -> !code.matches(".*\\.(io|yaml|json|yml|sh|md)"))
          .filter(code -> !isKey(known, code))
          .forEach(code -> unknown.add(page.name() + ": " + code));
    }

    assertEquals(Set.of(), unknown);
  }

  /** Whether it is a key, or the beginning of some. */
  private static boolean isKey(Set<String> known, String code) {
    return known.contains(code)
        || known.stream().anyMatch(key -> key.startsWith(code + ".") || key.startsWith(code + "["));
  }

  @Test
  void everyClassExists() {
    Set<String> known = new HashSet<>();
    Pages.walk(
        ".java", file -> known.add(file.getFileName().toString().replaceFirst("\\.java$", "")));
    Pages.matches("(?m)^ *- alert: (\\w+)", Pages.read(HOME.resolve("dashboards/rules/alerts.yml")))
        .forEach(found -> known.add(found.group(1)));
    Set<String> unknown = new TreeSet<>();
    for (Page page : PAGES) {
      if (ours(page)) {
        page.code()
            .map(code -> code.replaceFirst("[.(<].*", ""))
            .filter(code -> NAME.matcher(code).matches())
            .filter(code -> !known.contains(code) && !FOREIGN_NAMES.contains(code))
            .forEach(code -> unknown.add(page.name() + ": " + code));
      }
    }

    assertEquals(Set.of(), unknown);
  }

  @Test
  void everyConfigurationIsValid(@TempDir Path folder) throws Exception {
    Map<String, String> files = files();
    int checked = 0;
    for (Page page : PAGES) {
      for (Block block : page.blocks()) {
        if (block.info().equals("yaml")) {
          check(page, block, folder, files);
          checked++;
        } else if (block.info().startsWith("yaml ")) {
          new YAMLMapper(new YAMLFactory()).readTree(block.text());
        }
      }
    }

    assertTrue(checked > 10);
  }

  /** What files of the pages' folders hold; any other holds a secret. */
  private static Map<String, String> files() throws Exception {
    TestCertificate root = TestCertificate.root("docs", "EC");
    TestCertificate own = root.issue("localhost", "EC");
    return Map.of(
        "tls.crt", own.pem() + root.pem(), "tls.key", own.keyPem(), "operators.crt", root.pem());
  }

  private static void check(Page page, Block block, Path folder, Map<String, String> files)
      throws IOException {
    String text = block.text().replaceAll("/models/[\\w.-]+", MODEL.toString().replace("\\", "/"));
    for (String name :
        Pages.matches("/etc/switchboard/([\\w.-]+)", text).map(one -> one.group(1)).toList()) {
      Files.writeString(
          folder.resolve(name), files.getOrDefault(name, "a-secret-of-more-than-16-characters\n"));
    }
    text = text.replace("/etc/switchboard", folder.toString());
    Path file = Files.writeString(folder.resolve("switchboard.yaml"), text);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream to = new PrintStream(said, true, StandardCharsets.UTF_8);

    assertEquals(
        0,
        ConfigMain.run(to, to, "check", file.toString()),
        () -> page.name() + ": " + said.toString(StandardCharsets.UTF_8) + block.text());
  }
}
