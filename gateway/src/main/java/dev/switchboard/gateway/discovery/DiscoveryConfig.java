package dev.switchboard.gateway.discovery;

/**
 * Where replicas are found that the configuration does not name.
 *
 * @param kubernetes asked only where it names models
 */
public record DiscoveryConfig(KubernetesConfig kubernetes) {
  public static final DiscoveryConfig DEFAULTS = new DiscoveryConfig(KubernetesConfig.DEFAULTS);
}
