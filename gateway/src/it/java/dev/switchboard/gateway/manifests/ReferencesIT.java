package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What an object says of another one of the same installation is so: name, port, label and key. */
class ReferencesIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final Pattern JOB = Pattern.compile("job=\"([a-z-]+)\"");
  private static final Pattern MOUNTED = Pattern.compile("(/run/switchboard/[a-z]+)/([a-z]+)");

  /** Secrets, and the keys that k8s/README.md tells of each. */
  private static final Map<String, Set<String>> SECRETS =
      Map.of(
          "switchboard-keys", Set.of("fleet", "app", "viewer", "operator", "admin"),
          "switchboard-store", Set.of("password"),
          "switchboard-region", Set.of("key"));

  // ------------------------------------------------------------------ what watches

  @ParameterizedTest
  @MethodSource(ALL)
  void everyServiceMonitorFindsAServiceWithItsPortsAndAKey(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing monitor : rendered.all("ServiceMonitor")) {
      List<Thing> services = services(rendered, monitor);
      assertEquals(1, services.size(), monitor + " finds " + services);
      for (JsonNode endpoint : monitor.json().at("/spec/endpoints")) {
        assertTrue(
            names(services.getFirst().json().at("/spec/ports"))
                .contains(endpoint.path("port").asText()),
            monitor::toString);
        assertKey(endpoint.at("/authorization/credentials"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyPodMonitorFindsPodsWithItsPorts(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing monitor : rendered.all("PodMonitor")) {
      List<Pods> found =
          rendered.pods().stream().filter(pods -> selects(monitor, pods.labels())).toList();
      assertFalse(found.isEmpty(), monitor::toString);
      for (Pods pods : found) {
        for (JsonNode endpoint : monitor.json().at("/spec/podMetricsEndpoints")) {
          assertTrue(
              names(pods.mains().getFirst().path("ports")).contains(endpoint.path("port").asText()),
              monitor + " at " + pods);
        }
      }
    }
  }

  /** Who has a port for metrics is read, or nobody would see what its alerts are about. */
  @ParameterizedTest
  @MethodSource(ALL)
  void whoHasAPortForMetricsIsReadWhereThereIsAPrometheus(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Pods pods : rendered.all("PrometheusRule").isEmpty() ? List.<Pods>of() : rendered.pods()) {
      assertTrue(
          !names(pods.mains().getFirst().path("ports")).contains("metrics")
              || rendered.all("PodMonitor").stream().anyMatch(each -> selects(each, pods.labels())),
          pods::toString);
    }
  }

  /** An alert that asks for another job would page for ever, or never. */
  @ParameterizedTest
  @MethodSource(ALL)
  void theJobThatRulesNameIsThatOfTheGateways(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Set<String> asked = new TreeSet<>();
    for (Thing rules : rendered.all("PrometheusRule")) {
      Matcher job = JOB.matcher(texts(rules));
      while (job.find()) {
        asked.add(job.group(1));
      }
      assertFalse(asked.isEmpty());
    }
    for (String each : asked) {
      assertEquals(Set.of(each), jobs(rendered), overlay);
    }
  }

  private static String texts(Thing rules) {
    List<String> texts = new ArrayList<>();
    rules.json().findValues("expr").forEach(each -> texts.add(each.asText()));
    return String.join("\n", texts);
  }

  /** As the operator names them: by a label of the Service, unless a relabelling sets another. */
  private static Set<String> jobs(Rendered rendered) {
    Set<String> jobs = new TreeSet<>();
    for (Thing monitor : rendered.all("ServiceMonitor")) {
      for (JsonNode endpoint : monitor.json().at("/spec/endpoints")) {
        String label = monitor.json().at("/spec/jobLabel").asText();
        Thing service = services(rendered, monitor).getFirst();
        jobs.add(
            endpoint
                .path("relabelings")
                .valueStream()
                .filter(each -> each.path("targetLabel").asText().equals("job"))
                .map(each -> each.path("replacement").asText())
                .findFirst()
                .orElse(service.json().at("/metadata/labels").path(label).asText()));
      }
    }
    return jobs;
  }

  /** Rules and dashboards ask for the buckets of both kinds; docs/observability.md says so. */
  @Test
  void classicHistogramsAreReadBesideNativeOnes() {
    for (Thing monitor : Rendered.of("multi-gateway").all("ServiceMonitor")) {
      assertTrue(monitor.json().at("/spec/scrapeClassicHistograms").asBoolean());
    }
  }

  private static List<Thing> services(Rendered rendered, Thing monitor) {
    return rendered.all("Service").stream()
        .filter(each -> selects(monitor, each.json().at("/metadata/labels")))
        .toList();
  }

  private static boolean selects(Thing monitor, JsonNode labels) {
    return Rendered.selects(monitor.json().at("/spec/selector"), labels);
  }

  private static Set<String> names(JsonNode ports) {
    Set<String> names = new TreeSet<>();
    ports.forEach(each -> names.add(each.path("name").asText()));
    return names;
  }

  // ------------------------------------------------------------------ what routes

  @ParameterizedTest
  @MethodSource(ALL)
  void everyRouteLeadsToAPortOfAService(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing route : rendered.all("HTTPRoute")) {
      for (JsonNode rule : route.json().at("/spec/rules")) {
        assertFalse(rule.path("backendRefs").isEmpty(), route::toString);
        for (JsonNode backend : rule.path("backendRefs")) {
          assertPort(rendered, backend.path("name").asText(), "port", backend.path("port"));
        }
      }
    }
    for (Thing ingress : rendered.all("Ingress")) {
      for (JsonNode service : ingress.json().findValues("service")) {
        JsonNode port = service.path("port");
        String by = port.has("name") ? "name" : "number";
        assertPort(
            rendered,
            service.path("name").asText(),
            by.equals("number") ? "port" : by,
            port.path(by));
      }
      assertEquals(
          hosts(ingress.json().at("/spec/rules"), "host"),
          new TreeSet<>(
              ingress.json().at("/spec/tls/0/hosts").valueStream().map(JsonNode::asText).toList()),
          "a certificate for each name");
    }
  }

  private static Set<String> hosts(JsonNode rules, String field) {
    Set<String> hosts = new TreeSet<>();
    rules.forEach(each -> hosts.add(each.path(field).asText()));
    return hosts;
  }

  private static void assertPort(Rendered rendered, String service, String by, JsonNode value) {
    assertTrue(
        rendered
            .one("Service", service)
            .json()
            .at("/spec/ports")
            .valueStream()
            .anyMatch(port -> port.path(by).equals(value)),
        service + " " + value);
  }

  /** A console answers 421 under a name that it was not told. */
  @ParameterizedTest
  @MethodSource(ALL)
  void theConsoleKnowsTheNameThatARouteHasForIt(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    String arguments =
        rendered.pods("switchboard-console").mains().getFirst().path("args").toString();
    for (Thing route : rendered.things()) {
      if (route.name().equals("switchboard-console")) {
        List<String> names = new ArrayList<>();
        route.json().at("/spec/hostnames").forEach(each -> names.add(each.asText()));
        if (route.kind().equals("Ingress")) {
          names.addAll(hosts(route.json().at("/spec/rules"), "host"));
        }
        for (String name : names) {
          assertTrue(arguments.contains("\"--host=" + name + "\""), name);
        }
      }
    }
  }

  // ------------------------------------------------------------------ what scales

  @ParameterizedTest
  @MethodSource(ALL)
  void everyTriggerAsksAPortThatThereIsWithAKeyThatThereIs(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    for (Thing scaled : rendered.all("ScaledObject")) {
      assertScales(rendered, scaled);
      for (JsonNode trigger : scaled.json().at("/spec/triggers")) {
        URI url = URI.create(trigger.at("/metadata/url").asText());
        String[] host = url.getHost().split("\\.", 3);
        assertEquals("switchboard", host[1], "the namespace");
        Thing service = rendered.one("Service", host[0]);
        assertTrue(
            service
                .json()
                .at("/spec/ports")
                .valueStream()
                .anyMatch(port -> port.path("port").asInt() == url.getPort()),
            url::toString);
        assertLeavesOutWhoIsLost(service);
        String named = trigger.at("/authenticationRef/name").asText();
        Thing authentication = rendered.one("TriggerAuthentication", named);
        JsonNode secrets = authentication.json().at("/spec/secretTargetRef");
        assertEquals(1, secrets.size(), authentication::toString);
        assertEquals("token", secrets.at("/0/parameter").asText());
        assertKey(secrets.get(0));
        assertServed(rendered, url.getPath().substring(url.getPath().lastIndexOf('/') + 1));
      }
    }
  }

  /** KEDA is one client: it would be kept at a gateway that does not answer any more. */
  private static void assertLeavesOutWhoIsLost(Thing service) {
    JsonNode spec = service.json().path("spec");
    assertFalse(spec.path("publishNotReadyAddresses").asBoolean(), service::toString);
    assertEquals("None", spec.path("sessionAffinity").asText("None"), service::toString);
  }

  /**
   * With a fallback of 0 KEDA takes a trigger that cannot be asked for one that is not active, and
   * stops every worker (RequestScale in pkg/scaling/executor/scale_scaledobjects.go).
   */
  @ParameterizedTest
  @MethodSource(ALL)
  void noModelIsStoppedBecauseNobodyCanBeAsked(String overlay) {
    for (Thing scaled : Rendered.of(overlay).all("ScaledObject")) {
      JsonNode spec = scaled.json().path("spec");
      assertTrue(
          !spec.has("fallback") || spec.at("/fallback/replicas").asInt() > 0, scaled::toString);
    }
  }

  /** A Deployment without a number that nothing scales has one pod. */
  @ParameterizedTest
  @MethodSource(ALL)
  void whoHasNoNumberOfReplicasIsScaled(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Set<String> scaled = new TreeSet<>();
    for (String kind : List.of("ScaledObject", "HorizontalPodAutoscaler")) {
      for (Thing each : rendered.all(kind)) {
        scaled.add(each.json().at("/spec/scaleTargetRef/name").asText());
      }
    }
    for (Thing deployment : rendered.all("Deployment")) {
      assertTrue(
          deployment.json().path("spec").has("replicas") || scaled.contains(deployment.name()),
          deployment::toString);
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyAutoscalerGoesByASeriesThatTheAdapterServes(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    for (Thing scaler : rendered.all("HorizontalPodAutoscaler")) {
      assertScales(rendered, scaler);
      JsonNode metric = scaler.json().at("/spec/metrics/0/external/metric");
      String rules =
          rendered
              .one("ConfigMap", "switchboard-adapter-rules")
              .json()
              .at("/data/config.yaml")
              .asText();
      JsonNode rule = new YAMLMapper().readTree(rules).at("/externalRules/0");
      String series = rule.path("seriesQuery").asText().replaceFirst("\\{.*", "");
      String by = rule.path("metricsQuery").asText();

      assertEquals(metric.path("name").asText(), rule.at("/name/as").asText());
      assertEquals(metric.path("name").asText(), series);
      for (String label : fields(metric.at("/selector/matchLabels"))) {
        assertTrue(by.contains(label), by);
      }
      assertEquals("namespace", rule.at("/resources/overrides/namespace/resource").asText());
      assertServed(rendered, metric.at("/selector/matchLabels/model").asText());
    }
  }

  private static List<String> fields(JsonNode object) {
    return object.properties().stream().map(Map.Entry::getKey).toList();
  }

  private static void assertScales(Rendered rendered, Thing scaler) {
    JsonNode target = scaler.json().at("/spec/scaleTargetRef");
    Thing scaled = rendered.one(target.path("kind").asText(), target.path("name").asText());
    assertEquals(scaled.api(), target.path("apiVersion").asText());
    assertEquals(scaled.name(), scaler.name(), "one for each, under its name");
  }

  /** A model whose workers the scaler's Deployment has. */
  private static void assertServed(Rendered rendered, String model) throws Exception {
    assertTrue(
        new YAMLMapper()
            .readTree(rendered.configuration())
            .at("/discovery/kubernetes/models")
            .valueStream()
            .anyMatch(each -> each.path("model").asText().equals(model)),
        model);
  }

  // ------------------------------------------------------------------ what pods name

  @ParameterizedTest
  @MethodSource(ALL)
  void everyMountIsOfAVolumeAndEverySecretHasItsKey(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      Set<String> volumes = names(pods.spec().path("volumes"));
      for (JsonNode container : pods.containers()) {
        for (JsonNode mount : container.path("volumeMounts")) {
          assertTrue(volumes.contains(mount.path("name").asText()), pods + " " + mount);
        }
      }
      for (JsonNode reference : pods.spec().findValues("secretKeyRef")) {
        assertKey(reference);
      }
      for (JsonNode volume : pods.spec().path("volumes")) {
        JsonNode secret = volume.path("secret");
        for (JsonNode item : secret.path("items")) {
          assertTrue(keys(secret.path("secretName").asText()).contains(item.path("key").asText()));
        }
      }
    }
  }

  /** A file that a process is told of is a key of the Secret that is mounted there. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everySecretFileIsThere(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    int files = 0;
    for (Pods pods : rendered.pods()) {
      for (JsonNode container : pods.containers()) {
        String told = container.path("args").toString();
        if (container.path("name").asText().equals("gateway")) {
          told += rendered.configuration();
        }
        Matcher named = MOUNTED.matcher(told);
        while (named.find()) {
          files++;
          assertEquals(named.group(2), file(pods, container, named.group(1), named.group(2)));
        }
      }
    }
    assertTrue(files >= 6, files + " files");
  }

  private static String file(Pods pods, JsonNode container, String folder, String wanted) {
    JsonNode mount = by(container.path("volumeMounts"), "mountPath", folder);
    JsonNode secret =
        by(pods.spec().path("volumes"), "name", mount.path("name").asText()).path("secret");
    Set<String> keys = keys(secret.path("secretName").asText());
    if (!secret.has("items")) {
      return keys.contains(wanted) ? wanted : "";
    }
    String key = by(secret.path("items"), "path", wanted).path("key").asText();
    return keys.contains(key) ? wanted : "";
  }

  private static JsonNode by(JsonNode list, String field, String value) {
    return list.valueStream()
        .filter(each -> each.path(field).asText().equals(value))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + field + " " + value + " in " + list));
  }

  private static Set<String> keys(String secret) {
    return Objects.requireNonNull(SECRETS.get(secret), secret);
  }

  private static void assertKey(JsonNode reference) {
    String key = reference.path("key").asText();
    assertTrue(keys(reference.path("name").asText()).contains(key), reference::toString);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everySelectorSelectsItsOwnPods(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      JsonNode selector = pods.owner().json().at("/spec/selector");
      if (!selector.isMissingNode()) {
        assertFalse(selector.path("matchLabels").isEmpty(), pods::toString);
        assertTrue(Rendered.selects(selector, pods.labels()), pods::toString);
      }
      for (JsonNode spread : pods.spec().path("topologySpreadConstraints")) {
        assertTrue(Rendered.selects(spread.path("labelSelector"), pods.labels()), pods::toString);
      }
    }
  }

  /** Two Deployments whose selectors take each other's pods would fight for them. */
  @ParameterizedTest
  @MethodSource(ALL)
  void noDeploymentSelectsThePodsOfAnother(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    for (Thing deployment : rendered.all("Deployment")) {
      for (Pods pods : rendered.pods()) {
        assertTrue(
            pods.owner().equals(deployment)
                || !Rendered.selects(deployment.json().at("/spec/selector"), pods.labels()),
            deployment + " takes " + pods);
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyProbeAsksAPortOfItsContainer(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.containers()) {
        for (String kind : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
          JsonNode probe = container.path(kind);
          JsonNode port =
              probe.has("tcpSocket") ? probe.at("/tcpSocket/port") : probe.at("/httpGet/port");
          assertTrue(
              !container.has(kind) || names(container.path("ports")).contains(port.asText()),
              pods + " " + kind);
        }
      }
    }
  }

  // ------------------------------------------------------------------ models

  @ParameterizedTest
  @MethodSource(ALL)
  void everyModelThatIsFetchedHasASumAndIsTheOneThatIsServed(String overlay) {
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.spec().path("initContainers")) {
        String served = option(pods.mains().getFirst(), "--model");

        assertTrue(option(container, "--sha256").matches("[0-9a-f]{64}"), pods::toString);
        assertTrue(option(container, "--url").startsWith("https://"), pods::toString);
        assertEquals(served, option(container, "--to"));
        assertEquals(models(container), models(pods.mains().getFirst()), "the same volume");
        assertTrue(served.startsWith("/models/"), served);
      }
    }
  }

  private static String models(JsonNode container) {
    return by(container.path("volumeMounts"), "mountPath", "/models").path("name").asText();
  }

  private static String option(JsonNode container, String name) {
    return container
        .path("args")
        .valueStream()
        .map(JsonNode::asText)
        .filter(each -> each.startsWith(name + "="))
        .findFirst()
        .orElse(name + "=")
        .substring(name.length() + 1);
  }
}
