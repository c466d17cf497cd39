package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.manifests.Rendered;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The gateways' files under {@code k8s/} beside the pods that they are mounted into. */
class KubernetesConfigIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final Pattern MOUNTED = Pattern.compile("/run/switchboard/([a-z]+)/([a-z]+)");
  private static final Pattern SELECTOR =
      Pattern.compile("([a-z./]+)(?:=([a-z-]+)| in \\(([a-z, -]+)\\))");
  private static final String NGINX = "nginx.ingress.kubernetes.io/";
  private static final String NEXT = "proxy-next-upstream";
  private static final Map<String, Long> UNITS =
      Map.of("Mi", 1L << 20, "MiB", 1L << 20, "Gi", 1L << 30, "GiB", 1L << 30);

  /** What a worker closes in, and what is left over for the end of each process. */
  private static final int CLOSING_SECONDS = 5;

  /** In which clients read how their request ended. */
  private static final int LAST_WORDS_MS = 3000;

  @TempDir Path folder;

  @ParameterizedTest
  @MethodSource(ALL)
  void theFileIsOneThatAGatewayStartsWith(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    GatewayConfig config = config(rendered);
    Pods gateway = rendered.pods("switchboard-gateway");
    JsonNode ports = gateway.mains().getFirst().path("ports");

    assertEquals("0.0.0.0", config.http().bind());
    assertEquals(config.http().port(), port(ports, "http"));
    assertEquals(config.admin().port(), port(ports, "admin"));
    assertTrue(config.discovery().kubernetes().enabled());
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everySecretThatTheFileNamesIsMountedThere(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    Pods gateway = rendered.pods("switchboard-gateway");
    List<MatchResult> named = MOUNTED.matcher(rendered.configuration()).results().toList();

    assertTrue(named.size() >= 5);
    for (MatchResult each : named) {
      assertTrue(
          gateway
              .mains()
              .getFirst()
              .path("volumeMounts")
              .valueStream()
              .anyMatch(
                  mount ->
                      mount.path("mountPath").asText().equals("/run/switchboard/" + each.group(1))),
          each.group());
      if (each.group(1).equals("keys")) {
        assertTrue(NewKeysMain.NAMES.contains(each.group(2)), each.group());
      }
    }
  }

  /**
   * preStop, what the gateway gives to requests, and 5 s: else the kubelet kills what still runs.
   */
  @ParameterizedTest
  @MethodSource(ALL)
  void gatewaysHaveTheTimeThatTheirFileGivesToRequests(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    var shutdown = config(rendered).shutdown();
    Pods gateway = rendered.pods("switchboard-gateway");
    long needed =
        1000L * (preStopSeconds(gateway) + CLOSING_SECONDS)
            + shutdown.settleMs()
            + shutdown.lingerMs()
            + shutdown.finishMs()
            + LAST_WORDS_MS;

    assertTrue(1000L * graceSeconds(gateway) >= needed, graceSeconds(gateway) + " s, " + needed);
    assertTrue(shutdown.settleMs() >= 2000, "Services need a moment to leave a pod out");
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void workersHaveTheTimeThatTheirStreamsNeed(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    int moved = config(rendered).discovery().kubernetes().drainGraceMs();
    for (Pods worker : workers(rendered)) {
      int lives = preStopSeconds(worker) + Integer.parseInt(option(worker, "--drain-timeout"));

      assertTrue(graceSeconds(worker) >= lives + CLOSING_SECONDS, worker::toString);
      // Gateways wait for a stream's end so long, and then take it elsewhere while the worker is
      // there.
      assertTrue(moved + 10_000 <= 1000 * lives, worker::toString);
      // Streams move within preStop: behind it the worker is being stopped.
      assertTrue(moved + 3000 <= 1000 * preStopSeconds(worker), worker::toString);
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyModelIsThatOfWorkersThatThereAre(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    List<ModelSource> sources = config(rendered).discovery().kubernetes().models();

    assertEquals(workers(rendered).size(), sources.stream().filter(ModelSource::worker).count());
    // The pods of an InferencePool are another's.
    for (ModelSource source : sources.stream().filter(each -> each.service() != null).toList()) {
      Thing service = rendered.one("Service", String.valueOf(source.service()));
      Pods engine =
          rendered.pods().stream()
              .filter(pods -> Rendered.selects(service.json().at("/spec/selector"), pods.labels()))
              .findFirst()
              .orElseThrow();
      assertEquals(source.portName(), service.json().at("/spec/ports/0/name").asText());
      if (source.worker()) {
        assertEquals(source.model(), option(engine, "--model-name"));
        assertTrue(String.valueOf(source.apiKeyFile()).endsWith("/keys/fleet"));
      } else {
        assertEquals(source.model(), option(engine, "--served-model-name"));
        assertEquals("leaderTemplate", engine.role());
      }
    }
  }

  /** The annotations of pods that it leaves out would be heeded by nobody. */
  @ParameterizedTest
  @MethodSource(ALL)
  void theSelectorOfAnnotationsIsOfThePodsOfEveryService(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    var kubernetes = config(rendered).discovery().kubernetes();
    Matcher selector = SELECTOR.matcher(kubernetes.podSelector());
    assertTrue(selector.matches(), kubernetes::podSelector);
    String values = Objects.requireNonNullElse(selector.group(2), selector.group(3));

    for (ModelSource source : kubernetes.models()) {
      for (Pods pods : source.service() == null ? List.<Pods>of() : rendered.pods()) {
        Thing service = rendered.one("Service", String.valueOf(source.service()));
        if (Rendered.selects(service.json().at("/spec/selector"), pods.labels())) {
          String value = pods.labels().path(selector.group(1)).asText();
          assertTrue(List.of(values.split(", *", -1)).contains(value), pods::toString);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void aWorkersPlanOfMemoryFitsIntoItsLimit(String overlay) {
    for (Pods worker : workers(Rendered.of(overlay))) {
      long plan = bytes(option(worker, "--memory"));
      long limit = bytes(worker.mains().getFirst().at("/resources/limits/memory").asText());

      assertTrue(plan + (64L << 20) <= limit, worker + " plans " + plan + " of " + limit);
    }
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void autoscalersKeepTheBoundsOfTheFile(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    var autoscaling = config(rendered).autoscaling();
    for (Thing scaled : rendered.all("ScaledObject")) {
      JsonNode spec = scaled.json().path("spec");
      String url = spec.at("/triggers/0/metadata/url").asText();
      String model = url.substring(url.lastIndexOf('/') + 1);

      assertTrue(autoscaling.names(model), "bounds of its own for " + model);
      assertEquals(autoscaling.bounds(model), bounds(spec, "minReplicaCount", "maxReplicaCount"));
    }
    for (Thing scaler : rendered.all("HorizontalPodAutoscaler")) {
      JsonNode spec = scaler.json().path("spec");
      String model = spec.at("/metrics/0/external/metric/selector/matchLabels/model").asText();

      assertTrue(autoscaling.names(model), "bounds of its own for " + model);
      assertEquals(autoscaling.bounds(model), bounds(spec, "minReplicas", "maxReplicas"));
    }
  }

  private static AutoscalingConfig.Bounds bounds(JsonNode spec, String min, String max) {
    return new AutoscalingConfig.Bounds(spec.path(min).asInt(-1), spec.path(max).asInt(-1));
  }

  /**
   * KEDA asks one of the gateways, and the adapter takes the highest; only by what they share each
   * knows what the others hold.
   */
  @ParameterizedTest
  @MethodSource(ALL)
  void gatewaysThatAreAskedHowManyWorkersShareWhatTheyHaveToDo(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    boolean asked =
        !rendered.all("ScaledObject").isEmpty()
            || !rendered.all("HorizontalPodAutoscaler").isEmpty();

    assertTrue(!asked || !config(rendered).shared().url().isEmpty(), overlay);
  }

  /** KEDA starts the first one for whatever is above {@code activationTargetValue}. */
  @Test
  void aModelThatMayHaveNoWorkerGetsOneWhenOneIsDesired() throws Exception {
    Rendered rendered = Rendered.of("zero");
    JsonNode spec = rendered.one("ScaledObject", "qwen3-0-6b-worker").json().path("spec");
    JsonNode metadata = spec.at("/triggers/0/metadata");

    assertEquals(1, rendered.all("ScaledObject").size());
    assertEquals(0, spec.path("minReplicaCount").asInt(-1));
    assertEquals("metrics-api", spec.at("/triggers/0/type").asText());
    assertEquals("desired", metadata.path("valueLocation").asText());
    assertEquals(0, metadata.path("activationTargetValue").asInt(0));
    assertEquals(Set.of("qwen3-0.6b"), config(rendered).autoscaling().fromZero());
  }

  @Test
  void podsThatStandByHaveTheModelOfThoseThatServe() throws Exception {
    List<ModelSource> sources = config(Rendered.of("standby")).discovery().kubernetes().models();

    assertEquals(
        List.of("standby-qwen3-0-6b-worker"),
        sources.stream().filter(ModelSource::standsBy).map(ModelSource::service).toList());
    assertEquals(
        Set.of("qwen3-0.6b"), sources.stream().map(ModelSource::model).collect(Collectors.toSet()));
  }

  /** A proxy that gives up first ends a request that the gateway would have answered. */
  @ParameterizedTest
  @MethodSource(ALL)
  void proxiesWaitAsLongAsAGatewayMaySayNothingAndPassOnAllThatItTakes(String overlay)
      throws Exception {
    Rendered rendered = Rendered.of(overlay);
    GatewayConfig config = config(rendered);
    long silenceMs =
        (long) Math.max(config.admission().queueMs(), config.autoscaling().holdMs())
            + config.deadlines().answerMs();
    for (Thing ingress : rendered.all("Ingress")) {
      JsonNode told = ingress.json().at("/metadata/annotations");
      for (String wait : List.of("proxy-read-timeout", "proxy-send-timeout")) {
        long waitsMs = 1000 * told.path(NGINX + wait).asLong();
        assertTrue(waitsMs >= silenceMs, ingress + " " + wait + ", " + silenceMs + " ms");
      }
      if (leadsToGateways(ingress)) {
        for (String off : List.of("proxy-buffering", "proxy-request-buffering", NEXT)) {
          assertEquals("off", told.path(NGINX + off).asText(), ingress + " " + off);
        }
        long most = Long.parseLong(told.path(NGINX + "proxy-body-size").asText().replace("m", ""));
        assertTrue(
            (most << 20) >= config.http().maxBodyBytes(), ingress + " takes " + most + " MiB");
      }
    }
    for (Thing route : rendered.all("HTTPRoute")) {
      for (JsonNode rule : route.json().at("/spec/rules")) {
        assertEquals("0s", rule.at("/timeouts/request").asText(), route::toString);
        assertEquals("0s", rule.at("/timeouts/backendRequest").asText(), route::toString);
      }
    }
  }

  private static boolean leadsToGateways(Thing ingress) {
    return ingress.json().findValues("service").stream()
        .anyMatch(each -> each.path("name").asText().equals("switchboard-gateway"));
  }

  /** The file as the gateway reads it, with keys where it looks for them. */
  private GatewayConfig config(Rendered rendered) throws Exception {
    String text = rendered.configuration();
    for (MatchResult each : MOUNTED.matcher(text).results().toList()) {
      Path file = folder.resolve(each.group(1)).resolve(each.group(2));
      Files.createDirectories(file.getParent());
      Files.writeString(file, "sb-of-the-test-" + each.group(2));
    }
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, text.replace("/run/switchboard", folder.toString()));
    return ConfigReader.read(tree);
  }

  private static List<Pods> workers(Rendered rendered) {
    List<Pods> workers =
        rendered.pods().stream()
            .filter(pods -> pods.mains().getFirst().path("name").asText().equals("worker"))
            .toList();
    assertFalse(workers.isEmpty());
    return workers;
  }

  private static int port(JsonNode ports, String name) {
    return ports
        .valueStream()
        .filter(each -> each.path("name").asText().equals(name))
        .findFirst()
        .orElseThrow()
        .path("containerPort")
        .asInt();
  }

  private static int graceSeconds(Pods pods) {
    return pods.spec().path("terminationGracePeriodSeconds").asInt();
  }

  private static int preStopSeconds(Pods pods) {
    return pods.mains().getFirst().at("/lifecycle/preStop/sleep/seconds").asInt(0);
  }

  private static String option(Pods pods, String name) {
    return pods.mains()
        .getFirst()
        .path("args")
        .valueStream()
        .map(JsonNode::asText)
        .filter(argument -> argument.startsWith(name + "="))
        .findFirst()
        .orElseThrow()
        .substring(name.length() + 1);
  }

  private static long bytes(String text) {
    String unit = text.replaceFirst("[0-9]+", "");
    long factor = Objects.requireNonNull(UNITS.get(unit), unit);
    return Long.parseLong(text.substring(0, text.length() - unit.length())) * factor;
  }
}
