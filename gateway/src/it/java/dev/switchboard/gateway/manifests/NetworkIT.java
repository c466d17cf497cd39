package dev.switchboard.gateway.manifests;

import static dev.switchboard.gateway.manifests.Connections.NAMESPACE;
import static dev.switchboard.gateway.manifests.Connections.told;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.manifests.Connections.Peer;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every pod beside every other and beside those outside: what the product needs is allowed by both
 * ends' policies, and of the rest only what is named here.
 */
class NetworkIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final String GATEWAY = "switchboard-gateway";
  private static final String CONSOLE = "switchboard-console";
  private static final String SAMPLER = "otel-sampler";

  /** Where the pods of a LeaderWorkerSet find each other; they choose more. */
  private static final int RENDEZVOUS = 29_500;

  private static final Pattern HOST = Pattern.compile("//([a-z0-9.-]+):([0-9]+)");

  /** It says what goes there; the API server's rule lets the same out. */
  private static final Set<String> SAID_TWICE = Set.of("switchboard-gateway-region");

  private static List<Peer> peers(Rendered rendered) throws Exception {
    List<Peer> peers = new ArrayList<>();
    for (Pods pods : rendered.pods()) {
      Peer peer = Peer.of(pods);
      if (pods.owner().kind().equals("LeaderWorkerSet")) {
        peer.ports().put("rendezvous", RENDEZVOUS);
      }
      peers.add(peer);
    }
    // What a gateway finds by an InferencePool, with the label that the component asks for.
    JsonNode label = Peer.labels(Map.of("switchboard.dev/pool", "true"));
    peers.add(new Peer("pool", NAMESPACE, "10.1.2.4", label, Map.of("http", 8000, "22", 22)));
    peers.add(Peer.in(NAMESPACE, "somebody", 80, 443, 8000, 8080));
    peers.add(Peer.in("default", "application", 80, 443, 8000, 8080));
    peers.add(Peer.in("gateways", "proxy", 443));
    peers.add(Peer.in("monitoring", "prometheus", 443, 9090));
    peers.add(Peer.in("keda", "keda", 443));
    peers.add(Peer.in("kube-system", "names", 53, 443));
    peers.add(Peer.in("databases", "postgres", 22, 5432));
    peers.add(Peer.in("observability", "traces", 22, 443, 4317, 4318));
    peers.add(Peer.at("192.0.2.1", "api-server", 22, 443, 6443));
    peers.add(Peer.at("203.0.113.9", "internet", 22, 53, 80, 443, 5432, 8000));
    peers.add(Peer.at("2001:db8::9", "internet6", 80, 443));
    peers.add(Peer.at("169.254.169.254", "metadata", 80, 443));
    peers.add(Peer.at("fd00:ec2::254", "metadata6", 80, 443));
    return peers;
  }

  private static SortedSet<String> allowed(Rendered rendered) throws Exception {
    return new Connections(rendered.all("NetworkPolicy")).among(peers(rendered));
  }

  // ------------------------------------------------------------------ what is needed

  /** By the gateways' file, arguments, Services, monitors and triggers, not by the policies. */
  private static SortedSet<String> needed(Rendered rendered) throws Exception {
    SortedSet<String> needed = new TreeSet<>();
    JsonNode file = new YAMLMapper().readTree(rendered.configuration());
    gateways(rendered, file, needed);
    console(rendered, needed);
    monitors(rendered, needed);
    collectors(rendered, needed);
    for (Thing each : rendered.all("ScaledObject")) {
      reach("keda", rendered, each.json().at("/spec/triggers/0/metadata/url").asText(), needed);
    }
    for (Pods pods : rendered.pods()) {
      String name = Peer.of(pods).name();
      if (pods.owner().kind().equals("LeaderWorkerSet")) {
        for (String role : List.of("leaderTemplate", "workerTemplate")) {
          needed.add(told(name, pods.owner().name() + "." + role, RENDEZVOUS));
        }
      }
      if (asksForNames(pods)) {
        needed.add(told(name, "names", 53));
      }
      if (downloads(pods)) {
        needed.add(told(name, "internet", 443));
        needed.add(told(name, "internet6", 443));
      }
      if (hasToken(rendered, pods)) {
        needed.add(told(name, "api-server", 443));
        needed.add(told(name, "api-server", 6443));
      }
    }
    return needed;
  }

  private static void gateways(Rendered rendered, JsonNode file, SortedSet<String> needed) {
    for (JsonNode model : file.at("/discovery/kubernetes/models")) {
      if (model.has("inference-pool")) {
        needed.add(told(GATEWAY, "pool", 8000));
      } else {
        Thing service = rendered.one("Service", model.path("service").asText());
        needed.addAll(to(GATEWAY, rendered, service, model.path("port-name").asText()));
      }
    }
    reach(GATEWAY, rendered, file.at("/shared/url").asText(""), needed);
    if (file.at("/store/url").asText().startsWith("jdbc:postgresql:")) {
      needed.add(told(GATEWAY, "postgres", 5432));
    }
    if (file.has("upstreams")) {
      needed.add(told(GATEWAY, "internet", 443));
    }
    for (JsonNode variable : rendered.pods(GATEWAY).mains().getFirst().path("env")) {
      if (variable.path("name").asText().equals("OTEL_EXPORTER_OTLP_ENDPOINT")) {
        reach(GATEWAY, rendered, variable.path("value").asText(), needed);
      }
    }
    // Applications, and who brings them from outside.
    needed.add(told("application", GATEWAY, 8080));
    needed.add(told("proxy", GATEWAY, 8080));
  }

  private static void console(Rendered rendered, SortedSet<String> needed) {
    for (JsonNode argument : rendered.pods(CONSOLE).mains().getFirst().path("args")) {
      if (argument.asText().startsWith("--gateway=")) {
        reach(CONSOLE, rendered, argument.asText(), needed);
      }
    }
    // The playground.
    needed.add(told(CONSOLE, GATEWAY, 8080));
    needed.add(told("proxy", CONSOLE, 9902));
  }

  private static void monitors(Rendered rendered, SortedSet<String> needed) {
    for (Thing monitor : rendered.all("ServiceMonitor")) {
      for (Thing service : rendered.all("Service")) {
        if (selects(monitor, service.json().at("/metadata/labels"))) {
          for (JsonNode endpoint : monitor.json().at("/spec/endpoints")) {
            needed.addAll(to("prometheus", rendered, service, endpoint.path("port").asText()));
          }
        }
      }
    }
    for (Thing monitor : rendered.all("PodMonitor")) {
      for (Pods pods : rendered.pods()) {
        if (selects(monitor, pods.labels())) {
          Peer peer = Peer.of(pods);
          for (JsonNode endpoint : monitor.json().at("/spec/podMetricsEndpoints")) {
            int port = peer.ports().getOrDefault(endpoint.path("port").asText(), -1);
            needed.add(told("prometheus", peer.name(), port));
          }
        }
      }
    }
  }

  private static boolean selects(Thing monitor, JsonNode labels) {
    return Rendered.selects(monitor.json().at("/spec/selector"), labels);
  }

  /** The tiers find each other by otel/two-tier/front.yaml, the store of traces by a variable. */
  private static void collectors(Rendered rendered, SortedSet<String> needed) {
    if (rendered.pods().stream().anyMatch(each -> each.owner().name().equals(SAMPLER))) {
      needed.add(told("otel-front", SAMPLER, 4317));
      for (JsonNode variable : rendered.pods(SAMPLER).mains().getFirst().path("env")) {
        String value = variable.path("value").asText();
        assertTrue(value.contains(".observability:"), value);
        int port = Integer.parseInt(value.substring(value.lastIndexOf(':') + 1));
        needed.add(told(SAMPLER, "traces", port));
      }
    }
  }

  private static boolean asksForNames(Pods pods) {
    String name = pods.labels().path("app.kubernetes.io/name").asText();
    return Set.of(GATEWAY, CONSOLE, "otel-front", SAMPLER, "switchboard-foreign").contains(name)
        || downloads(pods);
  }

  private static boolean downloads(Pods pods) {
    return pods.spec().path("initContainers").toString().contains("--url=https://");
  }

  private static boolean hasToken(Rendered rendered, Pods pods) {
    String account = pods.spec().path("serviceAccountName").asText();
    return rendered.all("RoleBinding").stream()
        .anyMatch(each -> each.json().at("/subjects/0/name").asText().equals(account));
  }

  /** The pods behind a Service of the installation that a URL names. */
  private static void reach(String from, Rendered rendered, String url, SortedSet<String> needed) {
    Matcher host = HOST.matcher(url);
    if (!url.isEmpty()) {
      assertTrue(host.find(), url);
      String name = host.group(1).replaceFirst("\\..*", "");
      Thing service = rendered.one("Service", name);
      for (JsonNode port : service.json().at("/spec/ports")) {
        if (port.path("port").asText().equals(host.group(2))) {
          needed.addAll(to(from, rendered, service, port.path("name").asText()));
        }
      }
    }
  }

  private static Set<String> to(String from, Rendered rendered, Thing service, String portName) {
    Set<String> found = new TreeSet<>();
    for (JsonNode port : service.json().at("/spec/ports")) {
      for (Pods pods :
          port.path("name").asText().equals(portName) ? rendered.pods() : List.<Pods>of()) {
        if (Rendered.selects(service.json().at("/spec/selector"), pods.labels())) {
          Peer peer = Peer.of(pods);
          String target = port.path("targetPort").asText();
          found.add(told(from, peer.name(), peer.ports().getOrDefault(target, -1)));
        }
      }
    }
    assertFalse(found.isEmpty(), from + " to " + service + " " + portName);
    return found;
  }

  // ------------------------------------------------------------------ what is held

  @ParameterizedTest
  @MethodSource(ALL)
  void whatIsNeededIsAllowedAtBothEnds(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    SortedSet<String> missing = needed(rendered);
    System.out.println(missing.size() + " connections are needed in " + overlay);

    missing.removeAll(allowed(rendered));

    assertEquals(Set.of(), missing);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void ofTheRestOnlyWhatCannotBeNamedIsAllowed(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    JsonNode file = new YAMLMapper().readTree(rendered.configuration());
    boolean store = file.at("/store/url").asText().contains("postgresql");
    boolean downloads = rendered.pods().stream().anyMatch(NetworkIT::downloads);
    boolean foreign = !rendered.all("LeaderWorkerSet").isEmpty();
    List<Pattern> tolerated = new ArrayList<>();
    // They are for everybody, and ask who it is.
    tolerated.add(Pattern.compile(".* -> (switchboard-gateway:8080|switchboard-console:9902)"));
    // The API server's address is another one in each cluster.
    tolerated.add(Pattern.compile("(switchboard-(gateway|keys)|otel-front) -> .*:(443|6443)"));
    if (store) {
      tolerated.add(Pattern.compile("switchboard-gateway -> [a-z]+:5432"));
    }
    if (downloads) {
      tolerated.add(Pattern.compile("[a-z0-9-]+-worker -> (?!metadata).*:443"));
    }
    if (foreign) {
      tolerated.add(Pattern.compile("llama-405b\\.[a-zA-Z]+ -> llama-405b\\.[a-zA-Z]+:[0-9]+"));
    }

    SortedSet<String> rest = allowed(rendered);
    rest.removeAll(needed(rendered));
    rest.removeIf(each -> tolerated.stream().anyMatch(all -> all.matcher(each).matches()));

    assertEquals(Set.of(), rest);
  }

  /** What must never be, by name, whatever else is tolerated. */
  @ParameterizedTest
  @MethodSource(ALL)
  void workersAndTheAdminPortAreReachedByNobodyElse(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    Set<String> readers = new TreeSet<>(Set.of(CONSOLE));
    if (!rendered.all("ServiceMonitor").isEmpty()) {
      readers.add("prometheus");
    }
    if (!rendered.all("ScaledObject").isEmpty()) {
      readers.add("keda");
    }
    Set<String> askers = new TreeSet<>(Set.of(GATEWAY));
    if (!rendered.all("PodMonitor").isEmpty()) {
      askers.add("prometheus");
    }
    int workers = 0;
    for (Pods pods : rendered.pods()) {
      String name = Peer.of(pods).name();
      if (name.endsWith("-worker")) {
        workers++;
        assertEquals(askers, from(allowed(rendered), " -> " + name + ":8000"), name);
        for (int port : List.of(22, 53, 80, 5432, 8000)) {
          assertFalse(allowed(rendered).contains(told(name, "internet", port)), name);
        }
        assertFalse(
            allowed(rendered).stream().anyMatch(each -> each.startsWith(name + " -> meta")));
        assertEquals(downloads(pods), allowed(rendered).contains(told(name, "internet", 443)));
      }
    }
    assertTrue(workers > 0);
    assertEquals(readers, from(allowed(rendered), " -> " + GATEWAY + ":9901"));
  }

  private static Set<String> from(Set<String> connections, String end) {
    Set<String> found = new TreeSet<>();
    for (String each : connections) {
      if (each.endsWith(end)) {
        found.add(each.substring(0, each.length() - end.length()));
      }
    }
    return found;
  }

  /** So the walk sees each of them, and none is left over from what nobody needs any more. */
  @ParameterizedTest
  @MethodSource(ALL)
  void withoutAnyOneOfThePoliciesItIsAnother(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    SortedSet<String> whole = allowed(rendered);
    for (Thing policy : rendered.all("NetworkPolicy")) {
      List<Thing> others = new ArrayList<>(rendered.all("NetworkPolicy"));
      others.remove(policy);
      if (!SAID_TWICE.contains(policy.name())) {
        assertNotEquals(whole, new Connections(others).among(peers(rendered)), policy::toString);
      }
    }
  }
}
