package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.KubernetesConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Which API server is asked, and for which namespace where a source names none.
 *
 * @param url of the API server
 */
public record Cluster(URI url, String namespace) {
  private static final String HOST = "KUBERNETES_SERVICE_HOST";
  private static final String PORT = "KUBERNETES_SERVICE_PORT";

  /**
   * What the configuration says, or else what a pod is told.
   *
   * @param environment the value of a variable; null where it is not set
   * @param namespaceFile that holds the namespace of a pod
   * @throws IllegalArgumentException naming the key of the configuration
   */
  public static Cluster of(
      KubernetesConfig config, UnaryOperator<@Nullable String> environment, Path namespaceFile) {
    return new Cluster(url(config, environment), namespace(config, namespaceFile));
  }

  private static URI url(KubernetesConfig config, UnaryOperator<@Nullable String> environment) {
    if (!config.apiServer().isEmpty()) {
      String given = config.apiServer();
      return URI.create(given.endsWith("/") ? given.substring(0, given.length() - 1) : given);
    }
    URI own = ofPod(environment);
    if (own == null) {
      throw new IllegalArgumentException(
          "discovery.kubernetes.api-server is not set, and the environment has no "
              + HOST
              + " and "
              + PORT
              + ": this is no pod");
    }
    return own;
  }

  /** The API server that a pod is told; null where this is no pod. */
  public static @Nullable URI ofPod(UnaryOperator<@Nullable String> environment) {
    String host = environment.apply(HOST);
    String port = environment.apply(PORT);
    return host == null || port == null
        ? null
        : URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port);
  }

  private static String namespace(KubernetesConfig config, Path file) {
    if (!config.namespace().isEmpty()) {
      return config.namespace();
    }
    if (config.models().stream().allMatch(each -> each.namespace() != null)) {
      return "";
    }
    try {
      String read = Files.readString(file).strip();
      if (read.matches("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")) {
        return read;
      }
      throw new IllegalArgumentException(
          "discovery.kubernetes.namespace is not set, and " + file + " holds no name");
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "discovery.kubernetes.namespace is not set, and " + file + " cannot be read", e);
    }
  }
}
