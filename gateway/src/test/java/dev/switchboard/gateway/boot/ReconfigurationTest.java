package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReconfigurationTest {
  @Test
  void everyReloadableNameIsThatOfAKeyOrASection() {
    Set<String> keys = Reconfiguration.leaves(GatewayConfig.DEFAULTS).keySet();

    for (String name : Reconfiguration.RELOADABLE) {
      assertTrue(keys.stream().anyMatch(key -> key.startsWith(name)), name);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | []",
        "retry: {ratio: 0.2} | [retry.ratio]",
        "{http: {port: 1}, deadlines: {body-ms: 99}} | [deadlines.body-ms, http.port]",
        "workers: {java-options: [-Xmx1g]} | [workers.java-options]",
        "slo: {default-class: batch} | [slo.default-class]",
        "retry: {ratio: 0.1} | []"
      })
  void whatDiffersIsNamed(String yaml, String keys) {
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, yaml);

    List<String> changed = Reconfiguration.changes(GatewayConfig.DEFAULTS, ConfigReader.read(tree));

    assertEquals(keys, changed.toString());
  }
}
