package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What no pod, network or account of an installation may do, and what each has to. */
class PolicyIT {
  private static final Set<String> BY_DEVICE_PLUGIN = Set.of("gpu", "multi-gateway", "standby");
  private static final Set<String> BY_CLAIM = Set.of("other");
  private static final String GPU = "nvidia.com/gpu";

  /** Of the file that models/qwen3-0.6b downloads. */
  private static final long QWEN_BYTES = 640_000_000;

  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";

  @ParameterizedTest
  @MethodSource(ALL)
  void noPodIsRootOrMayBecomeIt(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      JsonNode context = pods.spec().path("securityContext");
      assertTrue(context.path("runAsNonRoot").asBoolean(), pods::toString);
      assertTrue(context.path("runAsUser").isInt(), pods::toString);
      assertTrue(context.path("runAsUser").asInt() >= 10_000, pods::toString);
      assertTrue(context.path("runAsGroup").asInt() >= 10_000, pods::toString);
      assertEquals("RuntimeDefault", context.at("/seccompProfile/type").asText(), pods::toString);
      for (String shared : List.of("hostNetwork", "hostPID", "hostIPC")) {
        assertFalse(pods.spec().path(shared).asBoolean(), pods::toString);
      }
      for (JsonNode container : pods.containers()) {
        String name = pods + " " + container.path("name").asText();
        JsonNode own = container.path("securityContext");
        assertFalse(own.path("allowPrivilegeEscalation").asBoolean(true), name);
        assertTrue(own.path("readOnlyRootFilesystem").asBoolean(), name);
        assertEquals("[\"ALL\"]", own.at("/capabilities/drop").toString(), name);
        assertTrue(own.at("/capabilities/add").isMissingNode(), name);
        assertFalse(own.path("privileged").asBoolean(), name);
        assertTrue(own.path("runAsUser").isMissingNode(), name);
      }
      pods.spec()
          .path("volumes")
          .forEach(volume -> assertFalse(volume.has("hostPath"), pods::toString));
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyContainerHasRequestsAndLimits(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.containers()) {
        String name = pods + " " + container.path("name").asText();
        JsonNode resources = container.path("resources");
        for (String each : List.of("cpu", "memory")) {
          assertTrue(resources.path("requests").has(each), name);
          assertTrue(resources.path("limits").has(each), name);
        }
        // More than was asked for is memory that the node may not have.
        assertEquals(resources.at("/requests/memory"), resources.at("/limits/memory"), name);
      }
    }
  }

  /** A pod whose disk holds more than its containers may have is evicted; volumes count too. */
  @ParameterizedTest
  @MethodSource(ALL)
  void aPodsDiskHoldsItsVolumes(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      long volumes = 0;
      for (JsonNode volume : pods.spec().path("volumes")) {
        JsonNode disk = volume.path("emptyDir");
        if (disk.isObject() && !disk.path("medium").asText().equals("Memory")) {
          assertTrue(disk.has("sizeLimit"), () -> pods + " " + volume.path("name").asText());
          volumes += bytes(disk.path("sizeLimit").asText());
        }
      }
      long limit = 0;
      for (JsonNode container : pods.mains()) {
        limit += bytes(container.at("/resources/limits/ephemeral-storage").asText("0Mi"));
      }
      // What it writes beside them are its logs.
      assertTrue(
          limit == 0 || limit >= volumes + bytes("32Mi"), pods + ": " + limit + " " + volumes);
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void whoDownloadsAModelHasADiskForIt(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      boolean downloads =
          pods.containers().stream()
              .anyMatch(each -> each.path("command").toString().contains("fetch-model"));
      JsonNode models =
          pods.spec()
              .path("volumes")
              .valueStream()
              .filter(volume -> volume.path("name").asText().equals("models"))
              .findFirst()
              .orElse(MissingNode.getInstance());
      if (downloads && models.has("emptyDir")) {
        long room = bytes(models.at("/emptyDir/sizeLimit").asText("0Mi"));
        long asked = 0;
        for (JsonNode container : pods.mains()) {
          asked += bytes(container.at("/resources/requests/ephemeral-storage").asText("0Mi"));
        }
        assertTrue(room >= QWEN_BYTES, pods + ": its volume has " + room);
        assertTrue(asked >= room, pods + ": a node of " + asked + " is enough for it");
      }
    }
  }

  private static long bytes(String quantity) {
    Matcher number = Pattern.compile("([0-9]+)([KMG]i)").matcher(quantity);
    assertTrue(number.matches(), quantity);
    int power = "KMG".indexOf(number.group(2).charAt(0)) + 1;
    return Long.parseLong(number.group(1)) << (10 * power);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyImageHasAVersion(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.containers()) {
        String image = Pods.image(container);
        assertTrue(image.matches("[a-z0-9./-]+:v?\\d+\\.\\d+(\\.\\d+)?(-[a-z0-9]+)?"), image);
        assertFalse(image.contains("latest"), image);
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void whoServesSaysHowItIs(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.serves() ? pods.mains() : List.<JsonNode>of()) {
        for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
          assertTrue(container.has(probe), pods + " " + probe);
        }
        // Dying helps against nothing that another process lacks.
        String liveness = container.at("/livenessProbe/httpGet/path").asText();
        assertFalse(liveness.startsWith("/readyz"), pods::toString);
        if (pods.ours()) {
          boolean valkey = container.path("livenessProbe").has("tcpSocket");
          assertTrue(valkey || liveness.equals("/livez"), pods::toString);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void aWorkerIsReadyWhenEveryRankComputesAndMayTakeLongToLoad(String overlay) {
    for (Pods pods : workers(Rendered.of(overlay))) {
      JsonNode worker = pods.mains().getFirst();
      JsonNode startup = worker.path("startupProbe");

      assertEquals("/readyz?canary=true", worker.at("/readinessProbe/httpGet/path").asText());
      assertEquals("/readyz", startup.at("/httpGet/path").asText());
      int seconds =
          startup.path("periodSeconds").asInt(10) * startup.path("failureThreshold").asInt(3);
      assertTrue(seconds >= 1800, pods + " gives up after " + seconds + " s");
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void workersAskForGpusWhereTheyAreForGpusAndElsewhereForNone(String overlay) {
    boolean plugin = BY_DEVICE_PLUGIN.contains(overlay);
    boolean claim = BY_CLAIM.contains(overlay);
    for (Pods pods : workers(Rendered.of(overlay))) {
      JsonNode worker = pods.mains().getFirst();
      JsonNode resources = worker.path("resources");

      assertEquals(plugin || claim, Pods.image(worker).endsWith("-cuda"), pods::toString);
      assertEquals(plugin ? "1" : "", resources.path("limits").path(GPU).asText(), pods::toString);
      assertFalse(resources.path("requests").has(GPU), "the limit is the request");
      assertEquals(claim, pods.spec().has("resourceClaims"), pods::toString);
      assertEquals(claim, resources.has("claims"), pods::toString);
      assertEquals(plugin || claim, toleratesGpus(pods), pods::toString);
      assertEquals(
          plugin || claim ? "compute,utility" : "",
          environment(worker, "NVIDIA_DRIVER_CAPABILITIES"),
          pods::toString);
    }
  }

  private static boolean toleratesGpus(Pods pods) {
    return pods.spec()
        .path("tolerations")
        .valueStream()
        .anyMatch(
            each ->
                each.path("key").asText().equals(GPU)
                    && each.path("operator").asText().equals("Exists")
                    && each.path("effect").asText().equals("NoSchedule"));
  }

  private static String environment(JsonNode container, String name) {
    return container
        .path("env")
        .valueStream()
        .filter(each -> each.path("name").asText().equals(name))
        .map(each -> each.path("value").asText())
        .findFirst()
        .orElse("");
  }

  /** Terms are alternatives: each has to name the label. */
  @ParameterizedTest
  @MethodSource(ALL)
  void workersOnGpusAreOnNodesThatAreLabelledToHaveThem(String overlay) {
    for (Pods pods : workers(Rendered.of(overlay))) {
      JsonNode terms =
          pods.spec()
              .at(
                  "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"
                      + "/nodeSelectorTerms");

      assertEquals(BY_DEVICE_PLUGIN.contains(overlay), !terms.isEmpty(), pods::toString);
      for (JsonNode term : terms) {
        assertTrue(
            term.path("matchExpressions")
                .valueStream()
                .anyMatch(
                    each ->
                        each.path("key").asText().equals("nvidia.com/gpu.present")
                            && each.path("operator").asText().equals("In")
                            && each.path("values").toString().equals("[\"true\"]")),
            () -> pods + " " + term);
      }
    }
  }

  @Test
  void aClaimIsForOneGpuAndIsTheContainersOwn() {
    Rendered rendered = Rendered.of("other");
    for (Pods pods : workers(rendered)) {
      JsonNode claims = pods.spec().path("resourceClaims");
      JsonNode taken = pods.mains().getFirst().at("/resources/claims");
      assertEquals(1, claims.size(), pods::toString);
      assertEquals(1, taken.size(), pods::toString);
      assertEquals(claims.at("/0/name"), taken.at("/0/name"), pods::toString);
      Thing template =
          rendered.one("ResourceClaimTemplate", claims.at("/0/resourceClaimTemplateName").asText());
      JsonNode requests = template.json().at("/spec/spec/devices/requests");
      JsonNode exactly = requests.at("/0/exactly");

      assertEquals(1, requests.size());
      assertEquals("gpu.nvidia.com", exactly.path("deviceClassName").asText());
      assertEquals("ExactCount", exactly.path("allocationMode").asText());
      assertEquals(1, exactly.path("count").asInt());
      assertTrue(
          exactly.at("/selectors/0/cel/expression").asText().contains("memory"),
          "it is large enough for the model");
    }
  }

  private static List<Pods> workers(Rendered rendered) {
    List<Pods> workers =
        rendered.pods().stream()
            .filter(
                pods ->
                    pods.labels()
                        .path("app.kubernetes.io/name")
                        .asText()
                        .equals("switchboard-worker"))
            .toList();
    assertFalse(workers.isEmpty());
    return workers;
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void gatewaysAreTwoOverZonesAndNoneIsAwayDuringAnUpdate(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Pods gateway = rendered.pods("switchboard-gateway");
    JsonNode spec = gateway.owner().json().path("spec");

    assertTrue(spec.path("replicas").asInt() >= 2);
    assertEquals("0", spec.at("/strategy/rollingUpdate/maxUnavailable").asText());
    assertTrue(
        gateway
            .spec()
            .path("topologySpreadConstraints")
            .valueStream()
            .anyMatch(
                each -> each.path("topologyKey").asText().equals("topology.kubernetes.io/zone")));
    assertEquals(
        1,
        rendered.all("PodDisruptionBudget").stream().filter(each -> covers(each, gateway)).count());
  }

  /** Else a zone whose nodes take no pods would hold up every update. */
  @ParameterizedTest
  @MethodSource(ALL)
  void zonesThatTakeNoPodsDoNotCountWhereSpreadingIsForced(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode spread : pods.spec().path("topologySpreadConstraints")) {
        assertTrue(
            !spread.path("whenUnsatisfiable").asText().equals("DoNotSchedule")
                || spread.path("nodeTaintsPolicy").asText().equals("Honor"),
            pods::toString);
      }
    }
  }

  /** A new one would wait for a GPU for ever, and no old one would go. */
  @Test
  void withRollInPlaceAWorkerEndsBeforeTheNextIsStarted() {
    Rendered rendered = Rendered.of("other");
    for (Pods pods : workers(rendered)) {
      JsonNode rolling = pods.owner().json().at("/spec/strategy/rollingUpdate");
      assertEquals("1 0", rolling.path("maxUnavailable") + " " + rolling.path("maxSurge"));
    }
    for (Thing set : rendered.all("LeaderWorkerSet")) {
      JsonNode rolling = set.json().at("/spec/rolloutStrategy/rollingUpdateConfiguration");
      assertEquals("1 0", rolling.path("maxUnavailable") + " " + rolling.path("maxSurge"));
    }
    assertEquals(1, rendered.all("LeaderWorkerSet").size());
  }

  /** Of those that an older API server takes without a word, or does not know. */
  @Test
  void thePageAsksForTheVersionThatHasEveryField() throws IOException {
    Map<String, String> since =
        Map.of("preStop.sleep", "1.34", "resource.k8s.io/v1", "1.34", "tolerance", "1.35");
    Set<String> used = new HashSet<>();
    for (String overlay : Rendered.names().toList()) {
      for (Thing each : Rendered.of(overlay).things()) {
        String text = each.json().toString();
        used.addAll(text.contains("\"preStop\":{\"sleep\"") ? Set.of("preStop.sleep") : Set.of());
        used.addAll(text.contains("\"tolerance\":") ? Set.of("tolerance") : Set.of());
        used.addAll(each.api().startsWith("resource.k8s.io/") ? Set.of(each.api()) : Set.of());
      }
    }
    Map<String, String> told = new HashMap<>();
    String page = Files.readString(Rendered.K8S.resolve("README.md"));
    Matcher version = Pattern.compile("(1\\.\\d+) or later \\(([^)]*)\\)").matcher(page);
    while (version.find()) {
      for (String field : version.group(2).replace("`", "").split(", ", -1)) {
        told.put(field, version.group(1));
      }
    }

    assertEquals(since.keySet(), used);
    assertEquals(since, told);
  }

  private static boolean covers(Thing selecting, Pods pods) {
    return Rendered.selects(selecting.json().at("/spec/selector"), pods.labels());
  }

  /** Two budgets of a pod refuse every eviction of it. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everyBudgetSelectsPodsThatNoOtherDoes(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    List<Thing> budgets = rendered.all("PodDisruptionBudget");

    for (Thing budget : budgets) {
      assertTrue(rendered.pods().stream().anyMatch(pods -> covers(budget, pods)), budget::toString);
    }
    for (Pods pods : rendered.pods()) {
      assertTrue(budgets.stream().filter(each -> covers(each, pods)).count() <= 1, pods::toString);
    }
    for (Pods pods : workers(rendered)) {
      assertTrue(budgets.stream().anyMatch(each -> covers(each, pods)), pods::toString);
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyServiceSelectsPodsThatHaveItsPorts(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing service : rendered.all("Service")) {
      List<Pods> selected = rendered.pods().stream().filter(pods -> covers(service, pods)).toList();
      assertEquals(1, selected.size(), service + " selects " + selected);
      for (JsonNode port : service.json().at("/spec/ports")) {
        String target = port.path("targetPort").asText();
        assertTrue(ports(selected.getFirst()).contains(target), service + " " + target);
      }
    }
  }

  private static Set<String> ports(Pods pods) {
    Set<String> ports = new HashSet<>();
    for (JsonNode container : pods.mains()) {
      for (JsonNode port : container.path("ports")) {
        ports.add(port.path("name").asText());
        ports.add(port.path("containerPort").asText());
      }
    }
    return ports;
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void nobodySpeaksUnlessAPolicySaysSo(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Thing deny = rendered.one("NetworkPolicy", "default-deny");

    assertEquals("{}", deny.json().at("/spec/podSelector").toString());
    assertEquals("[\"Ingress\",\"Egress\"]", deny.json().at("/spec/policyTypes").toString());
    assertFalse(deny.json().path("spec").has("ingress") || deny.json().path("spec").has("egress"));
    for (Thing each : rendered.things()) {
      if (!List.of("Namespace", "PersistentVolume").contains(each.kind())) {
        assertEquals("switchboard", each.json().at("/metadata/namespace").asText(), each::toString);
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyPolicyIsAboutPodsAndPortsThatThereAre(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing policy : rendered.all("NetworkPolicy")) {
      List<Pods> selected =
          rendered.pods().stream()
              .filter(
                  pods -> Rendered.selects(policy.json().at("/spec/podSelector"), pods.labels()))
              .toList();
      if (ofOthers(policy.json().at("/spec/podSelector"))) {
        continue;
      }
      assertFalse(selected.isEmpty(), policy::toString);
      for (JsonNode rule : policy.json().at("/spec/ingress")) {
        for (JsonNode port : rule.path("ports")) {
          String wanted = port.path("port").asText();
          assertTrue(
              selected.stream().anyMatch(pods -> ports(pods).contains(wanted)),
              policy + " " + wanted);
        }
        peers(rule.path("from")).forEach(peer -> assertThere(rendered, policy, peer));
      }
      for (JsonNode rule : policy.json().at("/spec/egress")) {
        peers(rule.path("to")).forEach(peer -> assertThere(rendered, policy, peer));
      }
    }
  }

  private static Stream<JsonNode> peers(JsonNode rule) {
    return rule.valueStream()
        .filter(peer -> peer.has("podSelector") && !peer.has("namespaceSelector"));
  }

  /** Who deploys the pods of an InferencePool gives them the label. */
  private static boolean ofOthers(JsonNode selector) {
    return selector.path("matchLabels").has("switchboard.dev/pool");
  }

  private static void assertThere(Rendered rendered, Thing policy, JsonNode peer) {
    assertTrue(
        ofOthers(peer.path("podSelector"))
            || rendered.pods().stream()
                .anyMatch(pods -> Rendered.selects(peer.path("podSelector"), pods.labels())),
        () -> policy + " lets in " + peer);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void nobodyHasRightsBeyondTheNamespace(String overlay) {
    Rendered rendered = Rendered.of(overlay);

    assertTrue(
        rendered.all("ClusterRole").isEmpty() && rendered.all("ClusterRoleBinding").isEmpty());
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void onlyWhoHasRightsGetsAToken(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Set<String> bound = new HashSet<>();
    rendered
        .all("RoleBinding")
        .forEach(each -> bound.add(each.json().at("/subjects/0/name").asText()));

    for (Pods pods : rendered.pods()) {
      String account = pods.spec().path("serviceAccountName").asText();
      boolean token =
          pods.spec().path("automountServiceAccountToken").asBoolean(true)
              && rendered
                  .one("ServiceAccount", account)
                  .json()
                  .path("automountServiceAccountToken")
                  .asBoolean(true);
      assertEquals(bound.contains(account), token, pods::toString);
    }
  }

  /** A change of the content changes the name, and so the template of the pods. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everyMountedConfigMapIsThereUnderAChecksum(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Pods pods : rendered.pods()) {
      for (JsonNode volume : pods.spec().path("volumes")) {
        String name = volume.at("/configMap/name").asText();
        if (!name.isEmpty()) {
          rendered.one("ConfigMap", name);
          assertTrue(name.matches(".*-[a-z0-9]{10}"), name);
        }
        String claim = volume.at("/persistentVolumeClaim/claimName").asText();
        if (!claim.isEmpty()) {
          rendered.one("PersistentVolumeClaim", claim);
        }
      }
    }
  }

  /** Those that are not made here are told in k8s/README.md. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everySecretIsMadeOrTold(String overlay) {
    Set<String> known = Set.of("switchboard-keys", "switchboard-store", "switchboard-region");
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode name : pods.spec().findValues("secretName")) {
        assertTrue(known.contains(name.asText()), pods + " " + name);
      }
      for (JsonNode reference : pods.spec().findValues("secretKeyRef")) {
        assertEquals("switchboard-keys", reference.path("name").asText(), pods::toString);
      }
    }
    assertTrue(Rendered.of(overlay).all("Secret").isEmpty());
  }

  /** Autoscaled Deployments have no number of their own, which an apply would set them back to. */
  @ParameterizedTest
  @MethodSource(ALL)
  void whatIsScaledHasNoReplicas(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing scaler :
        Stream.concat(
                rendered.all("ScaledObject").stream(),
                rendered.all("HorizontalPodAutoscaler").stream())
            .toList()) {
      String target = scaler.json().at("/spec/scaleTargetRef/name").asText();
      assertFalse(rendered.one("Deployment", target).json().path("spec").has("replicas"));
    }
  }
}
