package dev.switchboard.gateway.discovery;

import java.net.URI;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * How the API server of Kubernetes is asked, and for what.
 *
 * @param namespace of what names none; empty for the pod's own
 * @param apiServer its URL; empty for the cluster's that the pod runs in
 * @param tokenFile read again for each request
 * @param caFile certificates in PEM that the server's must lead to
 * @param podSelector labels of the pods whose annotations are watched; empty for all
 * @param drainGraceMs requests of a terminating pod may take to end where they are
 * @param unreadyMs an endpoint must be unready before new requests are kept from it
 * @param idleMs a watch that brings nothing for so long is begun anew
 * @param resyncSeconds between two lists where nothing went wrong
 * @param deletionCostSeconds between two changes of a pod's deletion cost; 0 sets none
 * @param models whose replicas are looked for
 */
public record KubernetesConfig(
    String namespace,
    String apiServer,
    Path tokenFile,
    Path caFile,
    String podSelector,
    int drainGraceMs,
    int unreadyMs,
    int idleMs,
    int resyncSeconds,
    int deletionCostSeconds,
    List<ModelSource> models) {
  private static final String ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/";

  /** A file in which a pod finds the name of its namespace. */
  public static final Path NAMESPACE_FILE = Path.of(ACCOUNT + "namespace");

  public static final KubernetesConfig DEFAULTS =
      new KubernetesConfig(
          "",
          "",
          Path.of(ACCOUNT + "token"),
          Path.of(ACCOUNT + "ca.crt"),
          "",
          5000,
          2000,
          90_000,
          600,
          30,
          List.of());

  public KubernetesConfig {
    if (!namespace.isEmpty()) {
      ModelSource.name("namespace", namespace);
    }
    checkServer(apiServer);
    if (!podSelector.matches("[A-Za-z0-9_./, =!()-]{0,1024}")) {
      throw new IllegalArgumentException(
          "pod-selector must be a selector of labels, such as app=worker, not " + podSelector);
    }
    range("drain-grace-ms", drainGraceMs, 0, 3_600_000);
    range("unready-ms", unreadyMs, 0, 600_000);
    range("idle-ms", idleMs, 1000, 600_000);
    range("resync-seconds", resyncSeconds, 10, 86_400);
    range("deletion-cost-seconds", deletionCostSeconds, 0, 3600);
    models = List.copyOf(models);
  }

  /** Whether Kubernetes is asked at all. */
  public boolean enabled() {
    return !models.isEmpty();
  }

  /** Models that it may find replicas of, in the order of the configuration. */
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>();
    models.forEach(each -> names.add(each.model()));
    return names;
  }

  private static void checkServer(String url) {
    if (url.isEmpty()) {
      return;
    }
    URI parsed;
    try {
      parsed = URI.create(url);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("api-server must be a URL, not " + url, e);
    }
    boolean http = "http".equals(parsed.getScheme()) || "https".equals(parsed.getScheme());
    if (!http
        || parsed.getHost() == null
        || parsed.getQuery() != null
        || parsed.getUserInfo() != null) {
      throw new IllegalArgumentException("api-server must be http(s)://host[:port], not " + url);
    }
  }

  private static void range(String key, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          key + " must be " + low + " to " + high + ", not " + value);
    }
  }
}
