package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.store.Snapshot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigOriginsTest {
  private static final String YAML =
      """
      # a comment
      http:
        port: 1
        hosts: [a]
      deadlines: {body-ms: 5000,
                  answer-ms: 600000}
      upstreams:
        - url: "http://a"
          models: [m]
          api-key-env: PATH
        - {url: "http://b", models: [n]}
      """;

  @TempDir private Path folder;

  private JsonNode origins(Map<String, String> flags, Snapshot stored) throws Exception {
    Path file = folder.resolve("switchboard.yaml");
    Files.writeString(file, YAML);
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, file);
    return ConfigOrigins.of(file, flags).json(ConfigReader.read(tree), stored);
  }

  private static String told(JsonNode origins, String key) {
    JsonNode told = origins.path(key);
    return told.path("origin").asText() + " " + told.path("line").asText("");
  }

  @Test
  void aKeyOfTheFileHasItsLineAndAllOthersAreDefaults() throws Exception {
    JsonNode origins = origins(Map.of(), Snapshot.EMPTY);

    assertEquals("file 3", told(origins, "http.port"));
    assertEquals("file 4", told(origins, "http.hosts"));
    assertEquals("file 6", told(origins, "deadlines.answer-ms"));
    assertEquals("file 8", told(origins, "upstreams[0].url"));
    assertEquals("file 11", told(origins, "upstreams[1].models[0]"));
    assertEquals("default ", told(origins, "http.bind"));
    assertEquals(
        folder.resolve("switchboard.yaml").toString(),
        origins.path("http.port").path("file").asText());
    TreeSet<String> leaves = new TreeSet<>(Reconfiguration.leaves(GatewayConfig.DEFAULTS).keySet());
    origins.fieldNames().forEachRemaining(leaves::remove);
    assertEquals(new TreeSet<>(), leaves);
  }

  @Test
  void aFlagStandsOverTheFileAndAListIsReplacedAsAWhole() throws Exception {
    JsonNode origins =
        origins(Map.of("http.port", "--port", "upstreams", "--none"), Snapshot.EMPTY);

    assertEquals("flag", origins.path("http.port").path("origin").asText());
    assertEquals("--port", origins.path("http.port").path("flag").asText());
    assertFalse(origins.has("upstreams[0].url"));
  }

  @Test
  void whatTheEnvironmentAndTheStoreSayIsTold() throws Exception {
    Snapshot stored =
        new Snapshot(
            1,
            List.of(),
            List.of(new Tenant("gold", 1, 0, 0, 0, 0, 0, 100, 0)),
            List.of(),
            List.of(),
            List.of());

    JsonNode origins = origins(Map.of(), stored);

    assertEquals("environment", origins.path("upstreams[0].api-key").path("origin").asText());
    assertEquals("PATH", origins.path("upstreams[0].api-key").path("variable").asText());
    assertEquals("store", origins.path("tenants[gold]").path("origin").asText());
  }
}
