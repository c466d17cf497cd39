package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.GeneratedPage;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Holds the reference page to the records, and the page in the repository to the one that is made.
 */
class ConfigReferenceTest {
  private static final String UPSTREAM =
      "upstreams: [{url: \"http://127.0.0.1:1\", models: [m]}]\n";
  private static final Pattern RANGE = Pattern.compile("(\\d+) to (\\d+)");

  @Test
  void thePageIsTheOneThatIsMadeOfTheRecords() throws Exception {
    GeneratedPage.assertCurrent("CONFIG.md", ConfigReference.page());
  }

  @Test
  void everyKeyHasAMeaningAndEveryMeaningAKey() {
    List<String> keys = ConfigReference.keys().stream().map(ConfigReference.Key::path).toList();

    assertEquals(new TreeSet<>(keys), new TreeSet<>(ConfigReference.described()));
    for (ConfigReference.Key key : ConfigReference.keys()) {
      assertFalse(key.meaning().isBlank(), key.path());
    }
  }

  /** A plain number of the configuration's own always has bounds. */
  @TestFactory
  List<DynamicTest> everyRangeIsTheOneThatHolds() {
    return ConfigReference.keys().stream()
        .filter(key -> RANGE.matcher(key.range()).matches() && !key.path().contains("[]"))
        .map(key -> DynamicTest.dynamicTest(key.path(), () -> checkRange(key)))
        .toList();
  }

  private static void checkRange(ConfigReference.Key key) {
    Matcher range = RANGE.matcher(key.range());
    assertTrue(range.matches());
    long low = Long.parseLong(range.group(1));
    long high = Long.parseLong(range.group(2));

    assertDoesNotThrow(() -> with(key.path(), low));
    assertDoesNotThrow(() -> with(key.path(), high));
    assertThrows(IllegalArgumentException.class, () -> with(key.path(), low - 1));
    assertThrows(IllegalArgumentException.class, () -> with(key.path(), high + 1));
  }

  private static GatewayConfig with(String key, long value) {
    ObjectNode tree = ConfigReader.defaults();
    int dot = key.lastIndexOf('.');
    tree.withObject("/" + key.substring(0, dot).replace('.', '/'))
        .put(key.substring(dot + 1), value);
    return ConfigReader.read(tree);
  }

  @Test
  void unitsTypesAndReloadsAreTold() {
    assertEquals("whole number, milliseconds", key("deadlines.body-ms").type());
    assertEquals("whole number, bytes", key("http.max-body-bytes").type());
    assertEquals("number", key("retry.ratio").type());
    assertEquals("list of maps", key("upstreams").type());
    assertEquals("list of texts", key("admin.hosts").type());
    assertEquals("map", key("upstreams[].model-names").type());
    assertTrue(key("tenants[].weight").reloadable());
    assertTrue(key("deadlines.body-ms").reloadable());
    assertFalse(key("http.port").reloadable());
    assertTrue(key("upstreams[].weight").reloadable());
    assertFalse(key("deadlines.connect-ms").reloadable());
  }

  private static ConfigReference.Key key(String path) {
    return ConfigReference.keys().stream()
        .filter(key -> key.path().equals(path))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aFileIsCheckedWithoutAStart(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("switchboard.yaml");
    String upstream = "upstreams: [{url: \"http://127.0.0.1:1\", models: [m]}]\n";

    assertEquals(
        file + " is valid: 2 keys differ from the defaults\n",
        check(0, file, upstream + "http: {port: 1}"));
    assertTrue(check(1, file, upstream + "http: {prt: 1}").contains("http.prt: unknown key"));
    assertTrue(
        check(1, file, upstream + "http: {port: 70000}").contains("http.port: must be 0 to"));
    assertTrue(check(1, file, upstream + "routes: [{name: x}]").contains("routes[0].name"));
    assertTrue(
        check(1, file, "models: [{file: /no/m.gguf}]")
            .contains(":1: models[0].file: cannot read the model"));
    assertTrue(
        check(1, file, upstream.replace("}", ", api-key-file: /no/key}")).contains("api-key-file"));
    String tls = upstream + "admin: {tls: {certificate-file: /no/crt, key-file: /no/key}}";
    assertTrue(check(1, file, tls).contains("admin.tls.certificate-file: cannot read /no/crt"));
    assertTrue(
        check(1, file, upstream + "http: {tls: {key-file: /no/key}}")
            .contains("http.tls: certificate-file and key-file: give both or neither"));
    assertTrue(
        check(
                0,
                file,
                "routes: [{name: x}, {name: n, fallbacks: [z]}]\n"
                    + "discovery: {kubernetes: {namespace: n, api-server: \"http://127.0.0.1:1\","
                    + " models: [{model: x, service: s}, {model: n, service: n}]}}\n"
                    + "autoscaling: {models: [{model: z, min: 0}]}")
            .contains("is valid"));
    Files.delete(file);
    assertEquals(1, run(new ByteArrayOutputStream(), "check", file.toString()));
  }

  private static String check(int status, Path file, String yaml) throws Exception {
    Files.writeString(file, yaml);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    assertEquals(status, run(said, "check", file.toString()));
    return said.toString(StandardCharsets.UTF_8);
  }

  private static int run(ByteArrayOutputStream said, String... arguments) {
    PrintStream to = new PrintStream(said, true, StandardCharsets.UTF_8);
    return ConfigMain.run(to, to, arguments);
  }

  @Test
  void theFileToBeginWithIsValidAndIsNotWrittenOverAnother(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("switchboard.yaml");

    assertEquals(0, run(new ByteArrayOutputStream(), "init", file.toString()));
    String text = Files.readString(file);
    String used = text.replace("#models:", "models: []\n#models:");
    ByteArrayOutputStream again = new ByteArrayOutputStream();

    assertEquals(GatewayConfig.DEFAULTS, ConfigReader.read(text));
    assertTrue(check(0, file, used + "\n" + UPSTREAM).contains("is valid: 1 keys differ"), used);
    assertEquals(1, run(again, "init", file.toString()));
    assertTrue(again.toString(StandardCharsets.UTF_8).contains("already"));
  }

  /** Without its hashes it is a configuration too, but for the files that examples name. */
  @Test
  void everySettingOfTheFileToBeginWithCanBeTurnedOn() {
    String on = ConfigTemplate.text().replaceAll("(?m)^( *)#(?! )", "$1");

    ConfigFaultsException wrong =
        assertThrows(ConfigFaultsException.class, () -> ConfigReader.read(on));

    assertEquals(
        List.of("auth.keys[0].key-file: cannot read /etc/switchboard/app.key"),
        wrong.faults().stream().map(each -> each.path() + ": " + each.message()).toList());
    for (ConfigReference.Key key : ConfigReference.keys()) {
      String name = key.path().replaceFirst(".*\\.", "");
      assertTrue(on.contains(name + ":"), key.path());
    }
  }

  @Test
  void otherWordsAndExamplesAreOfKeysThatThereAre() {
    TreeSet<String> known = new TreeSet<>();
    for (ConfigReference.Key key : ConfigReference.keys()) {
      String path = key.path();
      known.add(path);
      known.add(path + "[]");
      for (int dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
        known.add(path.substring(0, dot));
      }
    }

    TreeSet<String> named = new TreeSet<>(ConfigHints.paths());
    named.removeAll(known);

    assertEquals(new TreeSet<>(), named);
  }

  @Test
  void theReferenceIsPrinted() {
    ByteArrayOutputStream said = new ByteArrayOutputStream();

    assertEquals(0, run(said, "reference"));
    assertEquals(ConfigReference.page(), said.toString(StandardCharsets.UTF_8));
  }
}
