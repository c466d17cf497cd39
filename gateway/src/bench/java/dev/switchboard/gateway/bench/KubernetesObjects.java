package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.UUID;

/** Objects as an API server has them, as far as anybody here reads them. */
public final class KubernetesObjects {
  public static final String SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  public static final String PODS = "/api/v1/namespaces/default/pods";
  public static final String POOLS =
      "/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools";

  private KubernetesObjects() {}

  /** The same for the same name. */
  static String uid(String pod) {
    return UUID.nameUUIDFromBytes(pod.getBytes(StandardCharsets.UTF_8)).toString();
  }

  private static ObjectNode named(String name, Map<String, String> labels) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    ObjectNode meta = object.putObject("metadata").put("name", name).put("namespace", "default");
    ObjectNode set = meta.putObject("labels");
    labels.forEach(set::put);
    return object;
  }

  /** A slice of a service with one port, and no endpoint yet. */
  public static ObjectNode slice(String name, String service, int port) {
    ObjectNode slice = named(name, Map.of("kubernetes.io/service-name", service));
    slice.put("addressType", "IPv4");
    slice
        .putArray("ports")
        .addObject()
        .put("name", "http")
        .put("port", port)
        .put("protocol", "TCP");
    slice.putArray("endpoints");
    return slice;
  }

  /**
   * Adds an endpoint to a slice.
   *
   * @param state {@code ready}, {@code unready}, {@code draining} (it ends and still answers) or
   *     {@code ended}
   */
  public static ObjectNode endpoint(ObjectNode slice, String pod, String address, String state) {
    ObjectNode endpoint = slice.withArray("endpoints").addObject();
    endpoint.putArray("addresses").add(address);
    boolean ends = state.equals("draining") || state.equals("ended");
    endpoint
        .putObject("conditions")
        .put("ready", state.equals("ready"))
        .put("serving", state.equals("ready") || state.equals("draining"))
        .put("terminating", ends);
    endpoint
        .putObject("targetRef")
        .put("kind", "Pod")
        .put("namespace", "default")
        .put("name", pod)
        .put("uid", uid(pod));
    endpoint.put("nodeName", "node-1").put("zone", "zone-a");
    return slice;
  }

  /** A pod that is ready. */
  public static ObjectNode pod(String name, String address, Map<String, String> labels) {
    ObjectNode pod = named(name, labels);
    pod.withObject("/metadata").put("uid", uid(name));
    pod.putObject("spec").put("nodeName", "node-1");
    ObjectNode status = pod.putObject("status").put("phase", "Running").put("podIP", address);
    status.putArray("conditions").addObject().put("type", "Ready").put("status", "True");
    return pod;
  }

  /** A pod with an annotation more. */
  public static ObjectNode annotated(ObjectNode pod, String key, String value) {
    pod.withObject("/metadata").withObject("/annotations").put(key, value);
    return pod;
  }

  /** An InferencePool. */
  public static ObjectNode pool(String name, Map<String, String> selector, int... ports) {
    ObjectNode pool = named(name, Map.of());
    ObjectNode labels = pool.putObject("spec").putObject("selector").putObject("matchLabels");
    selector.forEach(labels::put);
    for (int port : ports) {
      pool.withObject("/spec").withArray("targetPorts").addObject().put("number", port);
    }
    return pool;
  }
}
