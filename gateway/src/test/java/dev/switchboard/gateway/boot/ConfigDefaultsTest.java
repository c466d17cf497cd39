package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.switchboard.gateway.admission.TenantConfig;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Defaults of keys of lists stand in the reference as words: they must be what the code does. */
class ConfigDefaultsTest {
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  /** What an item of a list says with the defaults that the reference has for it. */
  private static GatewayConfig told(String list, String required) throws Exception {
    ObjectNode item = (ObjectNode) YAML.readTree("{" + required + "}");
    for (ConfigReference.Key key : ConfigReference.keys()) {
      String name = key.path().replace(list + "[].", "");
      boolean own = key.path().startsWith(list + "[].") && !name.contains(".");
      if (own && !key.defaultValue().isEmpty() && !item.has(name)) {
        JsonNode value = YAML.readTree(key.defaultValue().replace("`", ""));
        item.set(name, value);
      }
    }
    return ConfigReader.read(list + ": [" + item + "]");
  }

  private static GatewayConfig bare(String list, String required) {
    return ConfigReader.read(list + ": [{" + required + "}]");
  }

  @Test
  void ofUpstreams() throws Exception {
    String required = "url: \"http://h\", models: [m]";
    UpstreamSpec told = told("upstreams", required).upstreams().getFirst();
    UpstreamSpec bare = bare("upstreams", required).upstreams().getFirst();

    assertEquals(
        UpstreamAccess.of(bare, "m", "", Instant.EPOCH),
        UpstreamAccess.of(told, "m", "", Instant.EPOCH));
    assertEquals(1.0, Objects.requireNonNull(told.weight()));
    assertEquals(bare.modelNames(), told.modelNames());
  }

  @Test
  void ofTenants() throws Exception {
    assertEquals(
        TenantConfig.limits(bare("tenants", "name: a").tenants()).of("a"),
        TenantConfig.limits(told("tenants", "name: a").tenants()).of("a"));
  }

  @Test
  void ofRoutes() throws Exception {
    assertEquals(bare("routes", "name: a").routes(), told("routes", "name: a").routes());
  }

  @Test
  void ofEdges() throws Exception {
    assertEquals(
        bare("edge", "name: a, local: b").edge(), told("edge", "name: a, local: b").edge());
  }

  /** The admin API calls the same things the same, with underscores. */
  @Test
  void theAdminApiSpellsTheSameKeysAlike() throws Exception {
    JsonNode schemas;
    try (var file =
        GatewayConfig.class.getResourceAsStream("/dev/switchboard/gateway/admin/openapi.yaml")) {
      schemas = YAML.readTree(file).at("/components/schemas");
    }

    assertEquals(Set.of(), missing(schemas, "SloClass", "slo.classes"));
    assertEquals(Set.of(), missing(schemas, "Tenant", "tenants"));
    assertEquals(Set.of(), missing(schemas, "Split", "routes"));
  }

  /** Keys of an item of a list that a schema does not have. */
  private static Set<String> missing(JsonNode schemas, String schema, String list) {
    JsonNode properties = schemas.path(schema).path("properties");
    List<String> keys =
        ConfigReference.keys().stream()
            .map(ConfigReference.Key::path)
            .filter(path -> path.startsWith(list + "[].") && path.lastIndexOf('[') == list.length())
            .map(path -> path.substring(list.length() + 3).replace('-', '_'))
            .filter(name -> !name.contains("."))
            .toList();
    return keys.stream()
        .filter(name -> !properties.has(name))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
