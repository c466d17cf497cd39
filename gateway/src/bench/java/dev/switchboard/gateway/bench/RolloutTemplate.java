package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A Deployment or a Job with one container, as it was rendered. Every field of its pods is either
 * read here or named among those that say nothing to a single machine; another one is refused, so
 * that nothing of the manifests is left out in silence.
 *
 * @param fileGroup whose group the files of volumes have
 * @param secrets variables of the environment whose values are those of Secrets, by their names
 */
record RolloutTemplate(
    String name,
    Map<String, String> labels,
    int replicas,
    int maxSurge,
    int maxUnavailable,
    int graceSeconds,
    int preStopSeconds,
    int fileGroup,
    boolean knowsApiServer,
    String image,
    List<String> options,
    List<String> arguments,
    Map<String, Integer> ports,
    Probe startup,
    Probe liveness,
    Probe readiness,
    List<Mount> mounts,
    Map<String, Secret> secrets) {
  /** Of a core, in a control group. */
  private static final int SHARES = 1024;

  /** A volume where the container has it, as the pod says it. */
  record Mount(String path, boolean readOnly, JsonNode volume) {}

  /** A key of a Secret. */
  record Secret(String name, String key) {}

  /** An {@code httpGet} of the kubelet. */
  record Probe(
      String path,
      String port,
      Map<String, String> headers,
      Duration period,
      Duration timeout,
      int failures) {
    private static Probe of(JsonNode probe) {
      only(probe, "httpGet", "periodSeconds", "timeoutSeconds", "failureThreshold");
      JsonNode get = probe.path("httpGet");
      only(get, "path", "port", "httpHeaders");
      Map<String, String> headers = new HashMap<>();
      get.path("httpHeaders")
          .forEach(each -> headers.put(each.path("name").asText(), each.path("value").asText()));
      return new Probe(
          get.path("path").asText(),
          get.path("port").asText(),
          headers,
          Duration.ofSeconds(probe.path("periodSeconds").asInt(10)),
          Duration.ofSeconds(probe.path("timeoutSeconds").asInt(1)),
          probe.path("failureThreshold").asInt(3));
    }
  }

  /** Reads a Deployment, or a Job, which has no probes. */
  static RolloutTemplate of(JsonNode owner) {
    JsonNode spec = owner.path("spec");
    JsonNode pod = spec.at("/template/spec");
    only(
        pod,
        "automountServiceAccountToken",
        "containers",
        "enableServiceLinks",
        "restartPolicy",
        "securityContext",
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
        "volumes");
    if (pod.path("containers").size() != 1) {
      throw new IllegalArgumentException("not one container: " + owner.path("metadata"));
    }
    JsonNode container = pod.path("containers").path(0);
    only(
        container,
        "args",
        "command",
        "env",
        "image",
        "lifecycle",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "volumeMounts");
    JsonNode rolling = spec.at("/strategy/rollingUpdate");
    boolean rolls = !rolling.isMissingNode();
    return new RolloutTemplate(
        owner.at("/metadata/name").asText(),
        texts(spec.at("/template/metadata/labels")),
        spec.path("replicas").asInt(),
        rolls ? number(rolling, "maxSurge") : 0,
        rolls ? number(rolling, "maxUnavailable") : 1,
        number(pod, "terminationGracePeriodSeconds"),
        preStopSeconds(container.path("lifecycle")),
        fileGroup(pod.path("securityContext")),
        pod.path("automountServiceAccountToken").asBoolean(true),
        container.path("image").asText(),
        options(pod.path("securityContext"), container),
        list(container.path("args")),
        ports(container.path("ports")),
        Probe.of(container.path("startupProbe")),
        Probe.of(container.path("livenessProbe")),
        Probe.of(container.path("readinessProbe")),
        mounts(container.path("volumeMounts"), pod.path("volumes")),
        secrets(container.path("env")));
  }

  private static int fileGroup(JsonNode context) {
    return number(context, context.has("fsGroup") ? "fsGroup" : "runAsGroup");
  }

  private static Map<String, Secret> secrets(JsonNode variables) {
    Map<String, Secret> found = new HashMap<>();
    for (JsonNode each : variables) {
      only(each, "name", "valueFrom");
      only(each.path("valueFrom"), "secretKeyRef");
      JsonNode reference = each.at("/valueFrom/secretKeyRef");
      found.put(
          each.path("name").asText(),
          new Secret(reference.path("name").asText(), reference.path("key").asText()));
    }
    return found;
  }

  /** The same with another number of pods, which is what an autoscaler sets. */
  RolloutTemplate scaled(int pods) {
    return new RolloutTemplate(
        name,
        labels,
        pods,
        maxSurge,
        maxUnavailable,
        graceSeconds,
        preStopSeconds,
        fileGroup,
        knowsApiServer,
        image,
        options,
        arguments,
        ports,
        startup,
        liveness,
        readiness,
        mounts,
        secrets);
  }

  int port(String portName) {
    Integer port = ports.get(portName);
    if (port == null) {
      throw new IllegalArgumentException(name + " has no port " + portName);
    }
    return port;
  }

  private static int preStopSeconds(JsonNode lifecycle) {
    only(lifecycle, "preStop");
    only(lifecycle.path("preStop"), "sleep");
    return lifecycle.at("/preStop/sleep/seconds").asInt();
  }

  /** What podman is told of a container's rights and limits. */
  private static List<String> options(JsonNode pod, JsonNode container) {
    only(
        pod,
        "fsGroup",
        "fsGroupChangePolicy",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile");
    JsonNode own = container.path("securityContext");
    only(own, "allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem");
    only(own.path("capabilities"), "drop");
    // What podman does unless it is told otherwise.
    is("RuntimeDefault", pod.at("/seccompProfile/type").asText());
    is("true", pod.path("runAsNonRoot").asText());
    List<String> options = new ArrayList<>();
    options.add("--user=" + number(pod, "runAsUser") + ":" + number(pod, "runAsGroup"));
    options.add("--group-add=" + fileGroup(pod));
    if (container.path("command").size() > 1) {
      throw new IllegalArgumentException("a command of words: " + container.path("command"));
    }
    container.path("command").forEach(each -> options.add("--entrypoint=" + each.asText()));
    if (!own.path("allowPrivilegeEscalation").asBoolean(true)) {
      options.add("--security-opt=no-new-privileges");
    }
    own.at("/capabilities/drop").forEach(each -> options.add("--cap-drop=" + each.asText()));
    if (own.path("readOnlyRootFilesystem").asBoolean(false)) {
      options.addAll(List.of("--read-only", "--read-only-tmpfs=false"));
    }
    JsonNode limits = container.at("/resources/limits");
    only(limits, "cpu", "memory", "ephemeral-storage");
    options.add("--cpus=" + cores(limits));
    options.add("--cpu-shares=" + (int) (cores(container.at("/resources/requests")) * SHARES));
    String memory = limits.path("memory").asText().replaceFirst("i$", "").toLowerCase(Locale.ROOT);
    options.addAll(List.of("--memory=" + memory, "--memory-swap=" + memory));
    return options;
  }

  private static double cores(JsonNode resources) {
    String cores = resources.path("cpu").asText();
    return cores.endsWith("m")
        ? Double.parseDouble(cores.substring(0, cores.length() - 1)) / 1000
        : Double.parseDouble(cores);
  }

  private static Map<String, Integer> ports(JsonNode ports) {
    Map<String, Integer> found = new HashMap<>();
    ports.forEach(
        each -> found.put(each.path("name").asText(), each.path("containerPort").asInt()));
    return found;
  }

  private static List<Mount> mounts(JsonNode mounts, JsonNode volumes) {
    List<Mount> found = new ArrayList<>();
    for (JsonNode mount : mounts) {
      only(mount, "mountPath", "name", "readOnly");
      for (JsonNode volume : volumes) {
        only(volume, "name", "configMap", "secret", "emptyDir", "persistentVolumeClaim");
        if (volume.path("name").equals(mount.path("name"))) {
          boolean readOnly = mount.path("readOnly").asBoolean(false);
          found.add(new Mount(mount.path("mountPath").asText(), readOnly, volume));
        }
      }
    }
    return found;
  }

  private static List<String> list(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(each -> texts.add(each.asText()));
    return texts;
  }

  private static Map<String, String> texts(JsonNode object) {
    Map<String, String> texts = new HashMap<>();
    object.properties().forEach(each -> texts.put(each.getKey(), each.getValue().asText()));
    return texts;
  }

  private static int number(JsonNode object, String field) {
    if (!object.path(field).isInt()) {
      throw new IllegalArgumentException(field + " is no number in " + object);
    }
    return object.path(field).asInt();
  }

  private static void is(String wanted, String found) {
    if (!wanted.equals(found)) {
      throw new IllegalArgumentException("'" + found + "' where " + wanted + " is known");
    }
  }

  private static void only(JsonNode object, String... known) {
    Set<String> others = new HashSet<>();
    object.fieldNames().forEachRemaining(others::add);
    others.removeAll(Set.of(known));
    if (!others.isEmpty()) {
      throw new IllegalArgumentException("not known here: " + others + " of " + object);
    }
  }
}
