package dev.switchboard.gateway.manifests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * Who may connect to whom, as a network plugin decides it by the NetworkPolicies of one namespace:
 * a connection is there when what leaves the one and what enters the other are both allowed. What
 * comes from the node of a pod, as probes do, is always let in and is nothing of it.
 */
final class Connections {
  static final String NAMESPACE = "switchboard";
  private static final String IN_CLUSTER = "10.1.2.3";

  /**
   * An end of a connection.
   *
   * @param namespace empty outside the cluster
   * @param ports those that are of interest, by their names
   */
  record Peer(
      String name, String namespace, String address, JsonNode labels, Map<String, Integer> ports) {
    /** Pods of the installation. */
    static Peer of(Pods pods) {
      Map<String, Integer> ports = new TreeMap<>(Map.of("22", 22));
      for (JsonNode container : pods.mains()) {
        for (JsonNode port : container.path("ports")) {
          ports.put(port.path("name").asText(), port.path("containerPort").asInt());
        }
      }
      String name = pods.owner().name() + (pods.role().isEmpty() ? "" : "." + pods.role());
      return new Peer(name, NAMESPACE, IN_CLUSTER, pods.labels(), ports);
    }

    /** Pods of others in the cluster, without labels that anybody here knows. */
    static Peer in(String namespace, String name, int... ports) {
      return new Peer(name, namespace, IN_CLUSTER, labels(Map.of()), named(ports));
    }

    /** Somebody outside the cluster. */
    static Peer at(String address, String name, int... ports) {
      return new Peer(name, "", address, labels(Map.of()), named(ports));
    }

    private static Map<String, Integer> named(int... ports) {
      Map<String, Integer> named = new TreeMap<>();
      for (int port : ports) {
        named.put(Integer.toString(port), port);
      }
      return named;
    }

    static JsonNode labels(Map<String, String> labels) {
      var object = JsonNodeFactory.instance.objectNode();
      labels.forEach(object::put);
      return object;
    }

    boolean isHere() {
      return namespace.equals(NAMESPACE);
    }
  }

  private final List<Thing> policies;

  /**
   * @param policies all of the namespace
   */
  Connections(List<Thing> policies) {
    this.policies = policies;
  }

  /** How a connection is told. */
  static String told(String from, String to, int port) {
    return from + " -> " + to + ":" + port;
  }

  /** Every connection between two of these that begins or ends here and that is allowed. */
  SortedSet<String> among(List<Peer> peers) {
    SortedSet<String> found = new TreeSet<>();
    for (Peer from : peers) {
      for (Peer to : peers) {
        for (int port : from.isHere() || to.isHere() ? to.ports().values() : List.<Integer>of()) {
          if (allows(from, to, port)) {
            found.add(told(from.name(), to.name(), port));
          }
        }
      }
    }
    return found;
  }

  /** Names are asked for over both; everything else here speaks TCP. */
  private boolean allows(Peer from, Peer to, int port) {
    List<String> protocols = port == 53 ? List.of("TCP", "UDP") : List.of("TCP");
    return protocols.stream()
        .map(protocol -> (Predicate<JsonNode>) rule -> at(rule, to, protocol, port))
        .allMatch(
            ports ->
                passes(from, "Egress", rule -> ports.test(rule) && is(rule.path("to"), to))
                    && passes(
                        to, "Ingress", rule -> ports.test(rule) && is(rule.path("from"), from)));
  }

  /** Whom no policy of a kind selects may do everything of that kind. */
  private boolean passes(Peer pod, String type, Predicate<JsonNode> matches) {
    List<JsonNode> isolating =
        policies.stream()
            .map(policy -> policy.json().path("spec"))
            .filter(
                spec ->
                    spec.path("policyTypes")
                        .valueStream()
                        .anyMatch(each -> each.asText().equals(type)))
            .filter(spec -> Rendered.selects(spec.path("podSelector"), pod.labels()))
            .toList();
    return !pod.isHere()
        || isolating.isEmpty()
        || isolating.stream()
            .flatMap(spec -> spec.path(type.toLowerCase(Locale.ROOT)).valueStream())
            .anyMatch(matches);
  }

  /** A rule without ports is about all of them; a name is that of a port of who is connected to. */
  private static boolean at(JsonNode rule, Peer to, String protocol, int port) {
    return rule.path("ports").isEmpty()
        || rule.path("ports")
            .valueStream()
            .filter(each -> each.path("protocol").asText("TCP").equals(protocol))
            .anyMatch(
                each -> {
                  JsonNode wanted = each.path("port");
                  int first =
                      wanted.isTextual()
                          ? to.ports().getOrDefault(wanted.asText(), -1)
                          : wanted.asInt();
                  return port >= first && port <= each.path("endPort").asInt(first) && first >= 0;
                });
  }

  private static boolean is(JsonNode peers, Peer other) {
    return peers.isEmpty() || peers.valueStream().anyMatch(peer -> isOne(peer, other));
  }

  private static boolean isOne(JsonNode peer, Peer other) {
    if (peer.has("ipBlock")) {
      return within(peer.at("/ipBlock/cidr").asText(), other.address())
          && peer.at("/ipBlock/except")
              .valueStream()
              .noneMatch(each -> within(each.asText(), other.address()));
    }
    JsonNode namespace = Peer.labels(Map.of("kubernetes.io/metadata.name", other.namespace()));
    boolean there =
        peer.has("namespaceSelector")
            ? !other.namespace().isEmpty()
                && Rendered.selects(peer.path("namespaceSelector"), namespace)
            : other.isHere();
    return there
        && (!peer.has("podSelector") || Rendered.selects(peer.path("podSelector"), other.labels()));
  }

  private static boolean within(String network, String address) {
    int slash = network.indexOf('/');
    byte[] base = InetAddress.ofLiteral(network.substring(0, slash)).getAddress();
    byte[] one = InetAddress.ofLiteral(address).getAddress();
    int bits = Integer.parseInt(network.substring(slash + 1));
    if (base.length != one.length) {
      return false;
    }
    for (int i = 0; i < bits; i++) {
      int mask = 0x80 >> i % 8;
      if ((base[i / 8] & mask) != (one[i / 8] & mask)) {
        return false;
      }
    }
    return true;
  }
}
