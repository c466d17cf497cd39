package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.bench.FakeKubernetes.Right;
import dev.switchboard.gateway.bench.KubernetesObjects;
import dev.switchboard.gateway.manifests.Rendered;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import dev.switchboard.testing.Await;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Accounts may do what their programs ask the API server for, and nothing else: a gateway with the
 * overlay's own models asks an API server that writes down which right each request needs.
 */
class RightsIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final String NAMESPACE = "switchboard";
  private static final String SLICES =
      "/apis/discovery.k8s.io/v1/namespaces/" + NAMESPACE + "/endpointslices";
  private static final String PODS = "/api/v1/namespaces/" + NAMESPACE + "/pods";

  /** Nobody listens there: the pod is known, which is enough for what is written at it. */
  private static final int CLOSED_PORT = 1;

  @ParameterizedTest
  @MethodSource(ALL)
  void gatewaysMayExactlyWhatTheyAskFor(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    Set<Right> granted = granted(rendered, "switchboard-gateway");

    Set<Right> used = used(rendered, granted);

    assertEquals(granted, used);
    assertTrue(used.stream().anyMatch(each -> each.verb().equals("patch")), used::toString);
  }

  /** The Job's one call is {@code NewKeysIT}'s; the collector is another's program. */
  @ParameterizedTest
  @MethodSource(ALL)
  void nobodyElseMayMoreThanIsKnownOfIt(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Set<String> accounts = new TreeSet<>();
    rendered.all("RoleBinding").forEach(each -> accounts.add(account(each)));
    Set<String> known = new TreeSet<>(Set.of("switchboard-gateway", "switchboard-keys"));
    if (overlay.equals("multi-gateway")) {
      known.add("otel-front");
      Set<Right> collector = new TreeSet<>();
      for (String verb : List.of("get", "list", "watch")) {
        collector.add(new Right(NAMESPACE, "", "pods", verb));
        collector.add(new Right(NAMESPACE, "apps", "replicasets", verb));
        collector.add(new Right(NAMESPACE, "discovery.k8s.io", "endpointslices", verb));
      }
      assertEquals(collector, granted(rendered, "otel-front"));
    }

    assertEquals(known, accounts);
    assertEquals(
        Set.of(new Right(NAMESPACE, "", "secrets", "create")),
        granted(rendered, "switchboard-keys"));
  }

  private static String account(Thing binding) {
    assertEquals(1, binding.json().path("subjects").size(), binding::toString);
    return binding.json().at("/subjects/0/name").asText();
  }

  private static Set<Right> granted(Rendered rendered, String account) {
    rendered.one("ServiceAccount", account);
    Set<Right> granted = new TreeSet<>();
    for (Thing binding : rendered.all("RoleBinding")) {
      if (account(binding).equals(account)) {
        Thing role = rendered.one("Role", binding.json().at("/roleRef/name").asText());
        String namespace = role.json().at("/metadata/namespace").asText();
        role.json().path("rules").forEach(rule -> granted.addAll(rights(namespace, rule)));
      }
    }
    return granted;
  }

  private static Set<Right> rights(String namespace, JsonNode rule) {
    Set<Right> rights = new TreeSet<>();
    for (JsonNode group : rule.path("apiGroups")) {
      for (JsonNode resource : rule.path("resources")) {
        for (JsonNode verb : rule.path("verbs")) {
          rights.add(new Right(namespace, group.asText(), resource.asText(), verb.asText()));
        }
      }
    }
    return rights;
  }

  // ------------------------------------------------------------------ what is asked for

  /** Until everything that is granted was asked for, and a moment longer for what is not. */
  private static Set<Right> used(Rendered rendered, Set<Right> granted) throws Exception {
    try (FakeKubernetes kubernetes = new FakeKubernetes()) {
      ObjectNode discovery = discovery(rendered);
      aPodOf(discovery.at("/kubernetes/models/0/service").asText(), kubernetes);
      ((ObjectNode) discovery.path("kubernetes"))
          .put("api-server", kubernetes.url().toString())
          .put("namespace", NAMESPACE)
          .put("deletion-cost-seconds", 1);
      ObjectNode file = InProcessGateway.JSON.createObjectNode().set("discovery", discovery);
      try (InProcessGateway _ = InProcessGateway.started(file.toString())) {
        Await.until("a patch", () -> kubernetes.asked("patch") > 0);
        Await.until("all of it", kubernetes::used, used -> used.containsAll(granted));
        // Every watch begins anew, and lists again, as after a break of the network.
        int watches = kubernetes.asked("watch");
        int lists = kubernetes.asked("list");
        // The patch was asked for and may not have been made: without one more change a watch could
        // be as new as what is left, and would not list.
        kubernetes.put(
            "/api/v1/namespaces/elsewhere/pods",
            KubernetesObjects.pod("p0", "127.0.0.2", Map.of()));
        kubernetes.compact(true);
        kubernetes.drop();
        Await.until("a watch", () -> kubernetes.asked("watch") > watches);
        Await.until("a list", () -> kubernetes.asked("list") > lists);
      }
      return kubernetes.used();
    }
  }

  /** As the overlay's gateways have it, without the keys, which no request here needs. */
  private static ObjectNode discovery(Rendered rendered) throws Exception {
    JsonNode file = new YAMLMapper().readTree(rendered.configuration());
    ObjectNode discovery = file.path("discovery").deepCopy();
    for (JsonNode model : discovery.at("/kubernetes/models")) {
      ((ObjectNode) model).remove("api-key-file");
    }
    return discovery;
  }

  private static void aPodOf(String service, FakeKubernetes kubernetes) {
    ObjectNode slice = KubernetesObjects.slice("slice", service, CLOSED_PORT);
    ObjectNode pod =
        KubernetesObjects.pod(
            "p1", "127.0.0.1", Map.of("app.kubernetes.io/name", "switchboard-worker"));
    KubernetesObjects.endpoint(slice, "p1", "127.0.0.1", "ready");
    ((ObjectNode) slice.at("/endpoints/0/targetRef")).put("namespace", NAMESPACE);
    slice.withObject("/metadata").put("namespace", NAMESPACE);
    pod.withObject("/metadata").put("namespace", NAMESPACE);
    kubernetes.put(SLICES, slice);
    kubernetes.put(PODS, pod);
  }
}
