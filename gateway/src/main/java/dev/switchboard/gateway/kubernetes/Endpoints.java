package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.Endpoint;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.kubernetes.ApiObjects.Conditions;
import dev.switchboard.gateway.kubernetes.ApiObjects.Meta;
import dev.switchboard.gateway.kubernetes.ApiObjects.Pod;
import dev.switchboard.gateway.kubernetes.ApiObjects.Slice;
import dev.switchboard.gateway.kubernetes.ApiObjects.SliceEndpoint;
import dev.switchboard.gateway.kubernetes.ApiObjects.SlicePort;
import dev.switchboard.gateway.kubernetes.ApiObjects.TargetRef;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Endpoints of what the API server has. A pod that several slices name, because it moves between
 * them or has addresses of both families, is one endpoint: IPv4 counts before IPv6, then the newer
 * slice. Of several addresses the first counts. Pure.
 */
final class Endpoints {
  private static final String IPV4 = "IPv4";
  private static final String IPV6 = "IPv6";
  private static final Pattern ADDRESS = Pattern.compile("[0-9.]{7,15}|[0-9a-fA-F:.]{2,45}");

  /**
   * What was found.
   *
   * @param trouble what keeps some or all from being found; null for nothing
   */
  record Known(List<Endpoint> endpoints, @Nullable String trouble) {}

  private Endpoints() {}

  // ------------------------------------------------------------------ slices

  static Known ofSlices(Collection<Slice> slices, ModelSource source, String namespace) {
    Map<String, Endpoint> found = new LinkedHashMap<>();
    String trouble = null;
    List<Slice> sorted =
        slices.stream()
            .sorted(
                Comparator.comparingInt((Slice slice) -> IPV4.equals(slice.addressType()) ? 0 : 1)
                    .thenComparing(Comparator.comparingLong(Endpoints::revision).reversed()))
            .toList();
    for (Slice slice : sorted) {
      if (!IPV4.equals(slice.addressType()) && !IPV6.equals(slice.addressType())) {
        trouble = "an address type that is not supported: " + slice.addressType();
        continue;
      }
      Integer port = port(slice, source);
      if (port == null) {
        trouble = weightless(slice) ? trouble : "a slice without " + wanted(source);
        continue;
      }
      for (SliceEndpoint each : orEmpty(slice.endpoints())) {
        Endpoint endpoint = endpoint(each, port, namespace);
        if (endpoint != null) {
          found.putIfAbsent(endpoint.pod().uid(), endpoint);
        }
      }
    }
    return new Known(List.copyOf(found.values()), trouble);
  }

  private static long revision(Slice slice) {
    Meta meta = slice.metadata();
    String revision = meta == null ? null : meta.resourceVersion();
    return ObjectCache.number(revision == null ? "" : revision);
  }

  private static boolean weightless(Slice slice) {
    return orEmpty(slice.endpoints()).isEmpty();
  }

  private static String wanted(ModelSource source) {
    return source.portName() != null
        ? "a port " + source.portName()
        : source.port() != null ? "the port " + source.port() : "exactly one TCP port: name one";
  }

  /** A slice without ports has all of them. */
  private static @Nullable Integer port(Slice slice, ModelSource source) {
    List<SlicePort> tcp =
        orEmpty(slice.ports()).stream()
            .filter(port -> port.protocol() == null || port.protocol().equals("TCP"))
            .toList();
    if (source.portName() != null) {
      return tcp.stream()
          .filter(port -> source.portName().equals(port.name()))
          .map(SlicePort::port)
          .filter(Endpoints::valid)
          .findFirst()
          .orElse(null);
    }
    if (source.port() != null) {
      boolean there =
          orEmpty(slice.ports()).isEmpty()
              || tcp.stream().anyMatch(port -> source.port().equals(port.port()));
      return there ? source.port() : null;
    }
    return tcp.size() == 1 && valid(tcp.getFirst().port()) ? tcp.getFirst().port() : null;
  }

  private static boolean valid(@Nullable Integer port) {
    return port != null && port >= 1 && port <= 65_535;
  }

  private static @Nullable Endpoint endpoint(SliceEndpoint each, int port, String namespace) {
    List<String> addresses = orEmpty(each.addresses());
    if (addresses.isEmpty() || !address(addresses.getFirst())) {
      return null;
    }
    String host = addresses.getFirst();
    Conditions conditions = Objects.requireNonNullElse(each.conditions(), Conditions.NONE);
    return new Endpoint(
        host,
        port,
        pod(each, host, namespace),
        conditions.isReady(),
        conditions.isServing(),
        conditions.isTerminating());
  }

  private static DiscoveredServer.Pod pod(SliceEndpoint each, String host, String namespace) {
    String node = Objects.requireNonNullElse(each.nodeName(), "");
    String zone = Objects.requireNonNullElse(each.zone(), "");
    TargetRef target = each.targetRef();
    if (target == null || !"Pod".equals(target.kind()) || target.uid() == null) {
      return new DiscoveredServer.Pod(namespace, "", "at " + host, node, zone);
    }
    return new DiscoveredServer.Pod(
        Objects.requireNonNullElse(target.namespace(), namespace),
        Objects.requireNonNullElse(target.name(), ""),
        target.uid(),
        node,
        zone);
  }

  /** Digits and colons only: nothing that a URL takes for anything else. */
  private static boolean address(@Nullable String host) {
    return host != null && ADDRESS.matcher(host).matches();
  }

  private static <E> List<E> orEmpty(@Nullable List<E> list) {
    return list == null ? List.of() : list;
  }

  // ------------------------------------------------------------------ pods

  /**
   * Endpoints of pods.
   *
   * @param ports of each; where there are none, that of the source
   */
  static Known ofPods(Collection<Pod> pods, ModelSource source, List<Integer> ports) {
    List<Endpoint> found = new ArrayList<>();
    String trouble = null;
    for (Pod pod : pods) {
      String host = pod.status() == null ? null : pod.status().podIp();
      if (!address(host) || host == null || pod.metadata() == null || ended(pod)) {
        continue;
      }
      List<Integer> own = ports.isEmpty() ? ownPorts(pod, source) : ports;
      if (own.isEmpty()) {
        trouble = "a pod without " + wanted(source);
      }
      own.forEach(port -> found.add(endpoint(pod, host, port)));
    }
    return new Known(List.copyOf(found), trouble);
  }

  private static boolean ended(Pod pod) {
    String phase = pod.status() == null ? null : pod.status().phase();
    return "Succeeded".equals(phase) || "Failed".equals(phase);
  }

  private static List<Integer> ownPorts(Pod pod, ModelSource source) {
    if (source.port() != null) {
      return List.of(source.port());
    }
    if (pod.spec() == null) {
      return List.of();
    }
    return Stream.concat(
            orEmpty(pod.spec().containers()).stream(),
            orEmpty(pod.spec().initContainers()).stream())
        .flatMap(container -> orEmpty(container.ports()).stream())
        .filter(port -> port.name() != null && port.name().equals(source.portName()))
        .map(port -> port.containerPort())
        .filter(Endpoints::valid)
        .map(Objects::requireNonNull)
        .limit(1)
        .toList();
  }

  private static Endpoint endpoint(Pod pod, String host, int port) {
    Meta meta = Objects.requireNonNull(pod.metadata());
    boolean ready =
        pod.status() != null
            && orEmpty(pod.status().conditions()).stream()
                .anyMatch(each -> "Ready".equals(each.type()) && "True".equals(each.status()));
    boolean ends = meta.deletionTimestamp() != null;
    String node = pod.spec() == null ? null : pod.spec().nodeName();
    return new Endpoint(
        host,
        port,
        new DiscoveredServer.Pod(
            Objects.requireNonNullElse(meta.namespace(), ""),
            Objects.requireNonNullElse(meta.name(), ""),
            Objects.requireNonNullElse(meta.uid(), "at " + host),
            Objects.requireNonNullElse(node, ""),
            ""),
        ready && !ends,
        ready,
        ends);
  }
}
