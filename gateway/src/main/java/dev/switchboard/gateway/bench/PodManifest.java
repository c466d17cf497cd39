package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;

/**
 * A Deployment's template as the pod that podman can play. What podman lacks, {@link PodRun} does:
 * probes, the hook before the stop, the account's files. What has no meaning on one machine is left
 * out: spreading, the account itself, and owners of volumes by group, in place of which secrets are
 * readable by all of the pod.
 */
record PodManifest(String deployment, JsonNode template) {
  private static final String ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

  static PodManifest of(JsonNode deployment) {
    return new PodManifest(
        deployment.at("/metadata/name").asText(), deployment.at("/spec/template"));
  }

  Map<String, String> labels() {
    Map<String, String> labels = new HashMap<>();
    template
        .at("/metadata/labels")
        .properties()
        .forEach(each -> labels.put(each.getKey(), each.getValue().asText()));
    return labels;
  }

  /** Its only container. */
  JsonNode container() {
    return template.at("/spec/containers/0");
  }

  String containerName() {
    return container().path("name").asText();
  }

  int graceSeconds() {
    return template.at("/spec/terminationGracePeriodSeconds").asInt(30);
  }

  /** How long the hook before the stop sleeps. */
  int preStopSeconds() {
    return container().at("/lifecycle/preStop/sleep/seconds").asInt(0);
  }

  /** The number of a port that may be named. */
  int port(JsonNode port) {
    for (JsonNode each : container().path("ports")) {
      if (each.path("name").asText().equals(port.asText())) {
        return each.path("containerPort").asInt();
      }
    }
    return port.asInt();
  }

  /**
   * @param account whether the pod has the files of its account
   */
  ObjectNode pod(String name, boolean account) {
    ObjectNode pod = JsonNodeFactory.instance.objectNode();
    pod.put("apiVersion", "v1").put("kind", "Pod");
    ObjectNode spec = template.path("spec").deepCopy();
    pod.putObject("metadata").put("name", name).set("labels", template.at("/metadata/labels"));
    spec.put("restartPolicy", "Never");
    spec.remove("topologySpreadConstraints");
    spec.remove("serviceAccountName");
    spec.withObject("/securityContext").remove("fsGroup");
    spec.withObject("/securityContext").remove("fsGroupChangePolicy");
    for (JsonNode each : spec.path("containers")) {
      ObjectNode container = (ObjectNode) each;
      container.put("imagePullPolicy", "Never");
      container.remove("startupProbe");
      container.remove("readinessProbe");
      container.remove("livenessProbe");
      container.remove("lifecycle");
      if (account) {
        ObjectNode mount = container.withArray("volumeMounts").addObject();
        mount.put("name", "account").put("mountPath", ACCOUNT).put("readOnly", true);
      }
    }
    for (JsonNode volume : spec.path("volumes")) {
      if (volume.has("secret")) {
        ((ObjectNode) volume.path("secret")).remove("defaultMode");
      }
    }
    if (account) {
      ObjectNode volume = spec.withArray("volumes").addObject().put("name", "account");
      volume.putObject("secret").put("secretName", "account");
    }
    pod.set("spec", spec);
    return pod;
  }
}
