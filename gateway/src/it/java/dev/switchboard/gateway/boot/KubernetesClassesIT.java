package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.FakeKubernetes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway's JVM has loaded of the client of Kubernetes, as it says itself. */
class KubernetesClassesIT {
  private static final Pattern LOADED =
      Pattern.compile("(?m) dev\\.switchboard\\.gateway\\.kubernetes\\.([\\w$]+)");

  @TempDir private Path folder;

  @Test
  void nothingOfTheClientIsLoadedWithoutDiscovery() throws Exception {
    try (FakeUpstream upstream = new FakeUpstream()) {
      assertEquals(Set.of(), loaded("upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]"));
    }
  }

  @Test
  void withDiscoveryItIs() throws Exception {
    try (FakeKubernetes kubernetes = new FakeKubernetes();
        FakeUpstream upstream = new FakeUpstream()) {
      kubernetes.put(
          SLICES,
          endpoint(slice("s", "workers", upstream.url().getPort()), "p", "127.0.0.1", "ready"));
      Set<String> loaded =
          loaded(
              """
              discovery:
                kubernetes:
                  api-server: "%s"
                  namespace: default
                  models: [{model: m, service: workers, engine: vllm}]
              """
                  .formatted(kubernetes.url()));

      assertTrue(loaded.containsAll(Set.of("KubernetesDiscovery", "Watch")), loaded::toString);
    }
  }

  /** Until it serves, and reads its configuration again. */
  private Set<String> loaded(String yaml) throws Exception {
    Path config = Files.writeString(folder.resolve("gateway.yaml"), yaml);
    Path log = folder.resolve("classes.log");
    try (GatewayProcess gateway =
        GatewayProcess.start(
            List.of("-Xlog:class+load=info:file=" + log), "--config", config.toString())) {
      gateway.awaitReady();
      gateway.adminPost("/admin/v1/config/reload", "{}");
    }
    Set<String> found = new TreeSet<>();
    for (MatchResult each : LOADED.matcher(Files.readString(log)).results().toList()) {
      found.add(each.group(1));
    }
    return found;
  }
}
