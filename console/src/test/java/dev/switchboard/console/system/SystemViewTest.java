package dev.switchboard.console.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Pre;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SystemViewTest extends ConsoleViewTest {
  private static final String CONFIG =
      """
      {"http": {"port": 8080, "hosts": ["a", "b"]}, "log": {"format": "text"},
        "upstreams": [{"url": "http://u:1", "api-key": "hidden"}],
        "slo": {"classes": [{"name": "llama-3.1", "ttft-ms": 300}]},
        "origins": {
          "http.port": {"origin": "flag", "flag": "--port"},
          "http.hosts": {"origin": "default"},
          "log.format": {"origin": "file", "file": "/etc/switchboard.yaml", "line": 12},
          "upstreams[0].url": {"origin": "file", "file": "/etc/switchboard.yaml", "line": 3},
          "upstreams[0].api-key": {"origin": "environment", "variable": "UPSTREAM_KEY"},
          "slo.classes[llama-3.1]": {"origin": "store"}}}\
      """;

  /** What is no document: a stream, and a page that is no JSON. */
  private static final Set<String> NO_DOCUMENTS =
      Set.of("/metrics", "/admin/v1/requests/tail", "/livez", "/readyz");

  @BeforeAll
  static void say() {
    fake.say("GET /admin/v1/config", 200, CONFIG);
  }

  @BeforeEach
  void signIn() {
    as(Role.VIEWER);
  }

  private static Map<String, ConfigRow> rows(String config) {
    return ConfigRow.all(JsonMapper.shared().readTree(config)).stream()
        .collect(Collectors.toMap(ConfigRow::key, row -> row));
  }

  @Test
  void eachKeyHasItsValueAndWhereItIsFrom() {
    Map<String, ConfigRow> rows = rows(CONFIG);

    assertEquals(new ConfigRow("http.port", "8080", "flag", "--port"), rows.get("http.port"));
    assertEquals(
        new ConfigRow("http.hosts", "[\"a\",\"b\"]", "default", ""), rows.get("http.hosts"));
    assertEquals(
        new ConfigRow("log.format", "text", "file", "/etc/switchboard.yaml, line 12"),
        rows.get("log.format"));
    assertEquals(
        new ConfigRow("upstreams[0].url", "http://u:1", "file", "/etc/switchboard.yaml, line 3"),
        rows.get("upstreams[0].url"));
  }

  @Test
  void whatIsSecretOrSetOverTheFileHasNoValueOfTheFile() {
    Map<String, ConfigRow> rows = rows(CONFIG);

    assertEquals(
        new ConfigRow("upstreams[0].api-key", "", "environment", "$UPSTREAM_KEY"),
        rows.get("upstreams[0].api-key"));
    assertEquals(
        new ConfigRow("slo.classes[llama-3.1]", "", "store", "set by the admin API"),
        rows.get("slo.classes[llama-3.1]"));
  }

  @Test
  void aGatewayThatDoesNotSayWhereKeysAreFromStillHasThem() {
    assertEquals(Map.of("a.b", new ConfigRow("a.b", "1", "", "")), rows("{\"a\": {\"b\": 1}}"));
  }

  private Grid<?> grid() {
    return find(Grid.class).single();
  }

  private List<String> keys(String query) {
    Await.until(() -> gateway().shared("/admin/v1/config").answer() != null);
    go("system", query);
    return grid().getListDataView().getItems().map(row -> ((ConfigRow) row).key()).toList();
  }

  @Test
  void theAddressHasWhatIsSearched() {
    assertEquals(
        List.of("log.format", "upstreams[0].url"), keys("config=SWITCHBOARD.yaml&origin=file"));
    assertEquals(List.of("http.port"), keys("origin=flag"));
    assertTrue(keys("config=").contains("http.hosts"));
    assertTrue(text().contains("of 8 keys"), text());
  }

  @Test
  void theAddressHasWhatIsShownAsItIs() {
    fake.say("GET /admin/v1/slo/budgets", 200, "{\"classes\": [{\"class\": \"gold\"}]}");

    go("system", "show=Error budgets");

    assertTrue(find(Pre.class).single().getText().contains("\"gold\""));
  }

  @Test
  void whatIsOfOneThingAsksWhichAndEncodesItsName() {
    go("system", "show=Replica");
    assertTrue(text().contains("Choose the replica above."), text());
    assertFalse(fake.calls().stream().anyMatch(c -> c.path().contains("{id}")));
    ComboBox<?> which =
        find(ComboBox.class)
            .withCondition(box -> box.getAriaLabel().toString().contains("[Replica]"))
            .single();
    assertTrue(which.getListDataView().getItems().toList().contains("w0"));

    go("system", "show=Replica&of=a/../b");

    assertTrue(
        fake.calls().stream().anyMatch(c -> c.path().equals("/admin/v1/replicas/a%2F..%2Fb")));
  }

  /** Who is here is a viewer at least, and the console reads with a viewer's key. */
  @Test
  void everyAnswerOfTheAdminApiIsThereAndForViewers() throws IOException {
    Map<String, String> routes = readingRoutes();
    Set<String> documents = new TreeSet<>();
    Document.ALL.forEach(d -> documents.add(d.path().replaceFirst("\\?.*", "")));
    NO_DOCUMENTS.forEach(routes::remove);

    Set<String> paths = new TreeSet<>();
    routes.keySet().forEach(path -> paths.add(path.replaceFirst("\\{[a-z]+}", "{id}")));
    assertEquals(paths, documents);
    assertEquals(Set.of("viewer"), Set.copyOf(routes.values()));
  }

  /** The paths that answer GET, with the role that they take, of the gateway's own document. */
  private static Map<String, String> readingRoutes() throws IOException {
    Path home = Path.of(System.getProperty("switchboard.home", ".."));
    String folder = "gateway/src/main/resources/dev/switchboard/gateway/admin/";
    String text = Files.readString(home.resolve(folder + "openapi.yaml"));
    Map<String, String> routes = new TreeMap<>();
    Pattern line = Pattern.compile("  (/\\S+):|    ([a-z]+):|      x-role: (\\S+)");
    String path = "";
    String method = "";
    for (String each : text.lines().toList()) {
      Matcher has = line.matcher(each);
      if (has.matches()) {
        path = has.group(1) == null ? path : has.group(1);
        method = has.group(2) == null ? method : has.group(2);
        if (has.group(3) != null && method.equals("get")) {
          routes.put(path, has.group(3));
        }
      }
    }
    return routes;
  }

  private static void telemetryIs(String telemetry) {
    fake.say("GET /admin/v1/gateway", 200, "{\"telemetry\": " + telemetry + "}");
    gateway().refresh();
    JsonNode wanted = JsonMapper.shared().readTree(telemetry);
    Await.until(() -> gateway().snapshot().info().path("telemetry").equals(wanted));
  }

  /** Else who takes it back sets for good what was held back for a while. */
  @Test
  void aTraceLevelIsTakenBackToWhatWasSetAndNotToWhatIsHeldBack() throws Exception {
    telemetryIs("{\"level\": 0, \"wanted_level\": 2, \"held_back\": [\"ranks\"]}");
    SystemPresenter presenter = new SystemPresenter(gateway(), Clock.systemUTC());

    Change change = presenter.level(3);

    assertTrue(
        change.effects().getFirst().endsWith("go from 2: ranks to 3: every step."),
        change.effects().toString());
    Change back =
        Objects.requireNonNull(change.revert()).change(JsonMapper.shared().createObjectNode());
    assertEquals(2, Objects.requireNonNull(back.body()).path("level").asInt(-1));
  }

  @Test
  void whatTelemetryCostsAndHoldsBackIsASentence() {
    telemetryIs(
        "{\"level\": 2, \"cpu\": {\"share\": 0.0123, \"allowed\": 0.02},"
            + " \"held_back\": [\"lanes\", \"steps\"], \"why\": \"cpu\"}");
    go("system");

    assertTrue(
        text()
            .contains(
                "Traces tell ranks. Telemetry takes 1.23 % of all cores, of 2 % that it may. Held"
                    + " back: lanes, steps, since cpu was too much."),
        text());

    telemetryIs("{\"level\": 0, \"held_back\": []}");
    go("audit");
    go("system");
    assertTrue(text().contains("Traces tell none. Nothing is held back."), text());
  }
}
