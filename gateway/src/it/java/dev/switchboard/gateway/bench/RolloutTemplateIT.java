package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.RolloutTemplate.Secret;
import dev.switchboard.gateway.manifests.Rendered;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code ./switchboard test --long} reads of the rendered overlay. */
class RolloutTemplateIT {
  private static final String WORKER = "switchboard-demo-worker";
  private static final String CONSOLE = "switchboard-console";

  @Test
  void containersHaveTheRightsAndLimitsOfTheManifest() {
    RolloutTemplate worker = RolloutTemplate.of(deployment(WORKER));

    assertEquals(
        List.of(
            "--user=65532:65532",
            "--group-add=65532",
            "--security-opt=no-new-privileges",
            "--cap-drop=ALL",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cpus=2.0",
            "--cpu-shares=102",
            "--memory=1g",
            "--memory-swap=1g"),
        worker.options());
  }

  @ParameterizedTest
  @ValueSource(strings = {WORKER, "switchboard-gateway", CONSOLE})
  void timesOfTheEndAndProbesAreThoseOfTheManifest(String name) {
    JsonNode deployment = deployment(name);
    JsonNode pod = deployment.at("/spec/template/spec");
    JsonNode container = pod.at("/containers/0");

    RolloutTemplate template = RolloutTemplate.of(deployment);

    assertEquals(pod.path("terminationGracePeriodSeconds").asInt(), template.graceSeconds());
    assertEquals(
        container.at("/lifecycle/preStop/sleep/seconds").asInt(), template.preStopSeconds());
    assertEquals(
        container.at("/readinessProbe/httpGet/path").asText(), template.readiness().path());
    assertEquals(
        container.at("/readinessProbe/periodSeconds").asInt(),
        template.readiness().period().toSeconds());
    assertTrue(template.port(template.liveness().port()) > 0);
  }

  @Test
  void onlyPodsThatAskTheApiServerGetAnAccount() {
    assertTrue(RolloutTemplate.of(deployment("switchboard-gateway")).knowsApiServer());
    assertFalse(RolloutTemplate.of(deployment(WORKER)).knowsApiServer());
  }

  @ParameterizedTest
  @ValueSource(strings = {"/spec/template/spec", "/spec/template/spec/containers/0/livenessProbe"})
  void whatItDoesNotKnowIsRefused(String at) {
    JsonNode deployment = deployment(WORKER);
    ((ObjectNode) deployment.at(at)).put("another", 1);

    assertThrows(IllegalArgumentException.class, () -> RolloutTemplate.of(deployment));
  }

  @Test
  void theConsoleHasItsKeysItsVolumesAndTheNameThatItIsAskedBy() {
    RolloutTemplate console = RolloutTemplate.of(deployment(CONSOLE));

    assertEquals(
        Map.of(
            "SWITCHBOARD_CONSOLE_VIEWER_KEY", new Secret("switchboard-keys", "viewer"),
            "SWITCHBOARD_CONSOLE_OPERATOR_KEY", new Secret("switchboard-keys", "operator"),
            "SWITCHBOARD_CONSOLE_ADMIN_KEY", new Secret("switchboard-keys", "admin")),
        console.secrets());
    assertEquals(Map.of("Host", "localhost"), console.readiness().headers());
    assertEquals(
        List.of("/var/lib/switchboard", "/tmp"),
        console.mounts().stream().map(RolloutTemplate.Mount::path).toList());
  }

  @Test
  void theJobRunsAnotherProgramOfItsImageWithAnAccount() {
    RolloutTemplate job =
        RolloutTemplate.of(Rendered.of("cpu-dev").one("Job", "switchboard-keys").json());

    assertTrue(job.options().contains("--entrypoint=new-keys"), job::toString);
    assertTrue(job.knowsApiServer());
    assertEquals(List.of("--secret=switchboard-keys"), job.arguments());
  }

  private static JsonNode deployment(String name) {
    return Rendered.of("cpu-dev").one("Deployment", name).json().deepCopy();
  }
}
