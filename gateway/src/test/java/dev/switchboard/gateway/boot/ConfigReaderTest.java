package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.WorkerGroup;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.identity.AuthConfig;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.gateway.slo.SloConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigReaderTest {
  @Test
  void anEmptyFileGivesTheDefaults() {
    assertEquals(GatewayConfig.DEFAULTS, read(""));
  }

  @Test
  void whatAFileSaysReplacesTheDefaultOnly() {
    GatewayConfig config =
        read(
            """
            http: {port: 9000, max-body-bytes: 65536}
            deadlines:
              first-token-ms: 5000
            workers: {local: 3, stages: 2, java-options: [-Xmx1g]}
            models:
              - {file: /models/a.gguf, name: a, workers: 1}
              - {file: /models/b.gguf}
            upstreams:
              - {url: "http://10.0.0.7:8000", models: [llama]}
            flight: {max-requests: 10}
            """);

    assertEquals(9000, config.http().port());
    assertEquals("127.0.0.1", config.http().bind());
    assertEquals(5000, config.deadlines().firstTokenMs());
    assertEquals(30_000, config.deadlines().interTokenMs());
    assertEquals(2, config.workers().stages());
    assertEquals("-Xmx1g", config.workers().javaOptions().getFirst());
    assertEquals("a", config.models().get(0).servedName());
    assertEquals("b", config.models().get(1).servedName());
    assertEquals("llama", config.upstreams().getFirst().models().getFirst());
    assertEquals(10, config.flight().maxRequests());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "htp: {} | htp: unknown key; did you mean http?",
        "http: {prt: 1} | http.prt: unknown key; did you mean port?",
        "http: {port: 70000} | http.port: must be 0 to 65535, not 70000; the default is 8080",
        "workers: {local: 1000} | workers.local: must be 0 to 64, not 1000; the default is 2",
        "retry: {ratio: 2} | retry.ratio: must be 0 to 1",
        "upstreams: [{url: ftp://x, models: [a]}] | upstreams[0].url: must be http(s)",
        "upstreams: [{url: https://x, socket: /x, models: [a]}]"
            + "| upstreams[0].socket: needs an http url",
        "upstreams: [{url: http://x, models: [a], socket: /"
            + "éééééééééééééééééééééééééééééééééééééééééééééééééééééé}]"
            + "| upstreams[0].socket: must be a path of at most 107 bytes",
        "upstreams: [{url: http://x, models: []}] | upstreams[0].models: must name",
        "auth: {keys: [{name: a, sha256: zz}]} | auth.keys[0].sha256: must be",
        "admin: {bind: 0.0.0.0} | admin.bind: 0.0.0.0 is not loopback",
        "http: {bind: no such host} | http.bind: unknown host no such host",
        "auth: {keys: [{name: a, role: root, sha256: "
            + "0000000000000000000000000000000000000000000000000000000000000000}]}"
            + "| auth.keys[0].role: must be app, viewer, operator or admin",
        "store: {url: \"jdbc:mysql:x\"} | store.url: must begin with jdbc:h2:file:",
        "{http: {port: 9000}, admin: {port: 9000}}"
            + "| admin.port: http.port (--port) and admin.port (--admin-port) are both 9000",
        "http: {port: x} | http.port: must be a whole number of at most 2147483647, not \"x\"",
        "http: {port: 1.5} | http.port: must be a whole number of at most 2147483647, not 1.5",
        "http: {port: 99999999999} | http.port: must be a whole number of at most 2147483647, not"
            + " 9",
        "http: {port: null} | http.port: must be a whole number of at most 2147483647, not null",
        "http: {bind: [a]} | http.bind: must be text, not [a]",
        "http: 3 | http: must be a map of keys, not 3; for example http: {port: 8080}",
        "models: 3 | models: must be a list, not 3; for example models: [{file:"
            + " /models/small.gguf,",
        "retry: {ratio: x} | retry.ratio: must be a number, not \"x\"",
        "upstreams: [{url: \"http://a b\", models: [m]}]"
            + "| upstreams[0].url: must be a URL, not \"http://a b\"; for example url: \"http://",
        "upstreams: [{models: [m]}] | upstreams[0]: url is missing; for example url: \"http://",
        "tenants: [{name: a}, {name: b, wieght: 2}]"
            + "| tenants[1].wieght: unknown key; did you mean weight?",
        "routes: [{name: a, targets: [{model: m, wieght: 2}]}]"
            + "| routes[0].targets[0].wieght: unknown key; did you mean weight?",
        "models: [{name: a}] | models[0]: file is missing; for example file: /models/small.gguf",
        "auth: {keys: [{name: a}]} | auth.keys[0]: sha256 and key-file: give one of them",
        "auth: {keys: [{name: a, key-file: /no/key}]} | auth.keys[0].key-file: cannot read /no/key",
        "tenants: [{name: a}, {name: a}] | tenants[1].name: two are called a",
        "flight: {max-bytes: 64 KiB, slow-ms: 2.5s} | flight.max-bytes: must be a whole number of"
            + " bytes, not \"64 KiB\"; write 65536",
        "deadlines: {answer-ms: 90s} | deadlines.answer-ms: must be a whole number of milliseconds"
            + " of at most 2147483647, not \"90s\"; write 90000",
        "slo: {classes: [{name: gold}]} | slo.default-class: there is no class standard among gold",
        "[1, 2] | the configuration must be a map of keys",
        "{a: b: c} | not valid YAML"
      })
  void aMistakeIsNamed(String yaml, String message) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> read(yaml.strip()));

    assertTrue(String.valueOf(e.getMessage()).startsWith(message.strip()), e::getMessage);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "http: {hosts: [null]} | http.hosts[0]",
        "http: {cors: {origins: [null]}} | http.cors.origins[0]",
        "http: {bind: } | http.bind",
        "admin: {bind: null} | admin.bind",
        "admin: {hosts: [a, null]} | admin.hosts[1]",
        "upstreams: [{url: http://x, models: [null]}] | upstreams[0].models[0]",
        "upstreams: [{url: http://x, models: [m, null]}] | upstreams[0].models[1]",
        "routes: [{name: a, fallbacks: [null]}] | routes[0].fallbacks[0]",
        "workers: {java-options: [null]} | workers.java-options[0]",
        "workers: {arguments: [-x, null]} | workers.arguments[1]",
        "retry: {hedge: {classes: [null]}} | retry.hedge.classes[0]",
        "telemetry: {trace-tenants: [null]} | telemetry.trace-tenants[0]",
        "models: [{file: /a, groups: [{device: cuda, devices: [null]}]}]"
            + "| models[0].groups[0].devices[0]",
        "discovery: {kubernetes: {namespace: null}} | discovery.kubernetes.namespace",
        "store: {password-file: null} | store.password-file"
      })
  void nothingInThePlaceOfATextIsToldByItsKeyAndOnce(String yaml, String key) {
    ConfigFaultsException e =
        assertThrows(ConfigFaultsException.class, () -> read("\n" + yaml.strip()));

    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith(key + ": must be text, not null"), message);
    assertEquals(1, message.lines().count(), message);
    assertEquals(List.of(2), e.faults().stream().map(ConfigFault::line).toList());
  }

  @Test
  void whatMayBeLeftOutMayBeNothing() {
    GatewayConfig config =
        read("upstreams: [{url: http://x, models: [m], engine: null, weight: null, socket: ~}]");

    assertEquals(List.of("m"), config.upstreams().getFirst().models());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{workers: 2} | : device is missing; for example device: cuda",
        "{device: gpu} | .device: must be cpu, cuda or auto, not gpu",
        "{device: cpu, workers: 65} | .workers: must be 0 to 64, not 65",
        "{device: cpu, workers: 0} | : workers and standby are both 0",
        "{device: cpu, threads: 257} | .threads: must be 0 to 256, not 257",
        "{device: cpu, worker: 2} | .worker: unknown key; did you mean workers?",
        "{device: cuda, gpus: [0]} | .gpus: unknown key; did you mean devices?",
        "{device: cpu, devices: [0]} | .devices: must be left out where device is cpu",
        "{device: cuda, devices: [first]} | .devices: must be numbers, or identities that begin"
            + " with GPU- or MIG-, not first",
        "{device: cuda, workers: 1, standby: 1, devices: [0, 1, 2]} | .devices: must be as many for"
            + " each of the 2 workers, those on standby among them, not 3 in all",
        "{device: cuda, workers: 2, devices: [0, 1, 2, 2]} | .devices: must be different ones for"
            + " each worker, not [2, 2]",
        "{device: cuda, devices: 0} | .devices: must be a list, not 0; for example devices:",
        "{device: cuda, arguments: [--device=cpu]} | .arguments: must not have --device, which is"
            + " the key device",
        "{device: cuda, arguments: [4GiB]} | .arguments: must begin with an option such as",
      })
  void aMistakeOfAGroupIsNamed(String group, String message) {
    String yaml = "models: [{file: m.gguf, groups: [{device: cpu}, " + group.strip() + "]}]";

    assertMistake(yaml, "models[0].groups[1]" + message.strip());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "workers: 1, groups: [{device: cpu}] | .groups: say how many workers there are: leave out"
            + " workers and standby of the model",
        "groups: [{device: cpu, workers: 0, standby: 1}] | .groups: must have 1 to 64 workers in"
            + " all, not 0",
        "groups: [{device: cpu, workers: 64}, {device: cuda}] | .groups: must have 1 to 64 workers"
            + " in all, not 65",
        "device: cuda | .device: unknown key; a device is of a group of workers: groups:",
        "devices: [0] | .devices: unknown key; devices are of a group of workers: groups:",
      })
  void aMistakeOfAModelWithGroupsIsNamed(String keys, String message) {
    String yaml = "models: [{file: m.gguf, " + keys.strip() + "}]";

    assertMistake(yaml, "models[0]" + message.strip());
  }

  private static void assertMistake(String yaml, String begin) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> read(yaml));

    String told = String.valueOf(e.getMessage());
    assertTrue(told.startsWith(begin), told);
  }

  @Test
  void groupsSayHowManyWorkersRunWhere() {
    ModelSpec model =
        read("""
        models:
          - file: m.gguf
            ranks: 2
            groups:
              - {device: cuda, workers: 2, devices: [0, 1, GPU-5f3c, 3]}
              - {device: cpu, standby: 1, threads: 4, arguments: [--kv-memory, 1GiB]}
        """)
            .models()
            .getFirst();

    assertEquals(3, model.readyWorkers(WorkersConfig.DEFAULTS));
    assertEquals(1, model.standbyWorkers());
    assertEquals(List.of("0", "1", "GPU-5f3c", "3"), model.groups().getFirst().devices());
    assertEquals(
        new WorkerGroup("cpu", null, 1, List.of(), null, null, 4, List.of("--kv-memory", "1GiB")),
        model.groups().getLast());
  }

  @ParameterizedTest
  @CsvSource({"http.port", "deadlines.body-ms", "workers.local", "shutdown.finish-ms"})
  void aNumberInQuotesIsNoNumber(String key) {
    String yaml = key.replace(".", ": {") + ": \"12\"}";

    assertThrows(IllegalArgumentException.class, () -> read(yaml));
  }

  @Test
  void aMissingFileIsNamedOnce() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> ConfigReader.overlay(ConfigReader.defaults(), Path.of("nothing.yaml")));

    assertEquals("there is no file nothing.yaml", e.getMessage());
  }

  @Test
  void listenersOnDifferentAddressesMayShareAPort() {
    GatewayConfig config = read("{http: {port: 9000}, admin: {port: 9000, bind: 127.0.0.2}}");

    assertEquals(config.http().port(), config.admin().port());
  }

  @Test
  void aPublicBindIsFineWithKeys() {
    String hash = "ab".repeat(32);

    GatewayConfig config =
        read("{http: {bind: 0.0.0.0}, auth: {keys: [{name: app, sha256: " + hash + "}]}}");

    assertEquals("0.0.0.0", config.http().bind());
  }

  /** On a network every request needs a key, be there one yet or not. */
  @Test
  void everyPageMayCallOnANetworkBeforeThereAreKeys() {
    String origins = "cors: {origins: [\"*\"]}}";

    assertTrue(read("http: {bind: 0.0.0.0, " + origins).http().cors().any());
    assertEquals(
        List.of(
            "1 http.cors.origins: has *, and auth.keys is empty: name the origins, or ask for"
                + " keys"),
        faults("http: {" + origins));
  }

  private static GatewayConfig read(String yaml) {
    return ConfigReader.read(yaml);
  }

  private static List<String> faults(String yaml) {
    return assertThrows(ConfigFaultsException.class, () -> read(yaml)).faults().stream()
        .map(each -> each.line() + " " + each)
        .toList();
  }

  @Test
  void allMistakesAreToldAtOnceInTheOrderOfTheirLines() {
    String yaml =
        """
        http:
          port: 70000
          event-loops: 100
          bnd: 127.0.0.1
        routes:
          - name: "a b"
            policy: fastest
        retry: {ratio: 2, attempts: 9}
        """;

    List<String> faults = faults(yaml);

    assertEquals(7, faults.size(), faults::toString);
    assertTrue(faults.get(0).startsWith("2 http.port: must be 0 to 65535"), faults::toString);
    assertTrue(faults.get(1).startsWith("3 http.event-loops: must be 0 to 64"), faults::toString);
    assertTrue(faults.get(2).startsWith("4 http.bnd: unknown key; did you mean bind?"));
    assertTrue(faults.get(3).startsWith("6 routes[0].name: may hold"), faults::toString);
    assertTrue(faults.get(4).startsWith("7 routes[0]"), faults::toString);
    assertTrue(faults.get(5).startsWith("8 retry."), faults::toString);
  }

  @Test
  void aKeyThatStandsTwiceIsToldWithBothLines() {
    assertEquals(
        List.of("4 http.port: it stands twice, in line 2 and in line 4; keep one of them"),
        faults("http:\n  port: 1\n  bind: 127.0.0.1\n  port: 2\n"));
    assertEquals(
        List.of("2 slo: it stands twice, in line 1 and in line 2; keep one of them"),
        faults("slo: {}\nslo: {default-class: batch}\n"));
    assertEquals(
        List.of("1 http.event-loops: it stands twice, in line 1 and in line 1; keep one of them"),
        faults("http: {event-loops: 1, event_loops: 2}"));
  }

  @Test
  void aClassOverridesWhatItNamesAndInheritsTheRest() {
    List<SloConfig.SloClass> classes =
        read("slo: {classes: [{name: interactive, ttft-ms: 100}, {name: standard},"
                + " {name: gold, priority: 80}]}")
            .slo()
            .classes();

    assertEquals(new SloConfig.SloClass("interactive", 100, 50, 0, 50, 0.99, 30), classes.get(0));
    assertEquals(SloConfig.STANDARD, classes.get(1));
    assertEquals(new SloConfig.SloClass("gold", 2000, 100, 0, 80, 0.99, 30), classes.get(2));
  }

  @Test
  void underscoresAreTakenAsTheAdminApiHasThem() {
    assertEquals(
        read("tenants: [{name: a, max-concurrency: 3}]"),
        read("tenants: [{name: a, max_concurrency: 3}]"));
  }

  @Test
  void emptySectionsAndListsSayNothing() {
    assertEquals(GatewayConfig.DEFAULTS, read("http:\nupstreams:\nslo:\n"));
  }

  @Test
  void aKeyMayLieInAFile(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("app"), "sb-0123456789abcdef\n");

    AuthConfig.Key key =
        read("auth: {keys: [{name: a, key-file: " + file + "}]}").auth().keys().getFirst();

    assertEquals(HexFormat.of().formatHex(KeySecret.sha256("sb-0123456789abcdef")), key.sha256());
    assertEquals(file, key.keyFile());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "short", "two words that are long enough"})
  void aFileWithoutAKeyIsRefused(String text, @TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("app"), text);
    String yaml = "auth: {keys: [{name: a, key-file: " + file + "}]}";

    String message = assertThrows(IllegalArgumentException.class, () -> read(yaml)).getMessage();

    String wanted = "auth.keys[0].key-file: " + file + " must hold one key";
    assertTrue(String.valueOf(message).contains(wanted), message);
  }
}
