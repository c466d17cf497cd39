package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.discovery.KubernetesConfig;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterTest {
  private static final JsonMapper JSON =
      JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE).build();

  private static KubernetesConfig config(String apiServer, String namespace) throws Exception {
    ObjectNode tree = JSON.valueToTree(KubernetesConfig.DEFAULTS);
    tree.put("api-server", apiServer).put("namespace", namespace);
    tree.withArray("models").addObject().put("model", "m").put("service", "s");
    return JSON.treeToValue(tree, KubernetesConfig.class);
  }

  private static Cluster of(
      KubernetesConfig config, Map<String, String> environment, Path namespaceFile) {
    return Cluster.of(config, environment::get, namespaceFile);
  }

  @Test
  void aPodIsToldBoth(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("namespace"), "inference\n");

    Cluster cluster =
        of(
            config("", ""),
            Map.of("KUBERNETES_SERVICE_HOST", "fd00::1", "KUBERNETES_SERVICE_PORT", "443"),
            file);

    assertEquals(new Cluster(URI.create("https://[fd00::1]:443"), "inference"), cluster);
  }

  @Test
  void theConfigurationStandsOverThat() throws Exception {
    assertEquals(
        new Cluster(URI.create("http://127.0.0.1:1"), "here"),
        of(config("http://127.0.0.1:1/", "here"), Map.of(), Path.of("none")));
  }

  @Test
  void whatIsMissingIsNamed(@TempDir Path folder) throws Exception {
    KubernetesConfig nothing = config("", "");
    KubernetesConfig server = config("http://127.0.0.1:1", "");

    IllegalArgumentException noServer =
        assertThrows(
            IllegalArgumentException.class, () -> of(nothing, Map.of(), folder.resolve("x")));
    IllegalArgumentException noNamespace =
        assertThrows(
            IllegalArgumentException.class, () -> of(server, Map.of(), folder.resolve("x")));

    assertTrue(String.valueOf(noServer.getMessage()).contains("discovery.kubernetes.api-server"));
    assertTrue(String.valueOf(noNamespace.getMessage()).contains("discovery.kubernetes.namespace"));
  }
}
