package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.discovery.EndpointReconciler;
import dev.switchboard.gateway.discovery.KubernetesConfig;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.kubernetes.Cluster;
import dev.switchboard.gateway.kubernetes.KubernetesDiscovery;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Vertx;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether replicas are looked for, as the configuration says now. No class of the client is loaded
 * before that says so: none is the type of what a lambda here takes or gives. Safe on any thread.
 */
final class Discovery implements DiscoveryStatus.Source {
  private static final String PATH = "discovery.kubernetes.models";

  private final Vertx vertx;
  private final Consumer<List<DiscoveredServer>> taker;
  private final Supplier<List<Replica>> replicas;
  private final NanoClock clock;
  private @Nullable KubernetesDiscovery running;

  /**
   * @param taker puts in force what is found; may block
   */
  Discovery(
      Vertx vertx,
      Consumer<List<DiscoveredServer>> taker,
      Supplier<List<Replica>> replicas,
      NanoClock clock) {
    this.vertx = vertx;
    this.taker = taker;
    this.replicas = replicas;
    this.clock = clock;
  }

  /**
   * What a configuration wants found, with keys and certificates read; null for nothing.
   *
   * @param now at which certificates must be valid
   * @throws IllegalArgumentException naming the key of the configuration
   */
  static KubernetesDiscovery.@Nullable Wanted wanted(GatewayConfig config, Instant now) {
    KubernetesConfig kubernetes = config.discovery().kubernetes();
    if (!kubernetes.enabled()) {
      return null;
    }
    Cluster cluster =
        Cluster.of(kubernetes, name -> System.getenv(name), KubernetesConfig.NAMESPACE_FILE);
    List<EndpointReconciler.Source> sources = new ArrayList<>();
    for (int i = 0; i < kubernetes.models().size(); i++) {
      ModelSource model = kubernetes.models().get(i);
      String namespace = Objects.requireNonNullElse(model.namespace(), cluster.namespace());
      UpstreamAccess access =
          UpstreamAccess.of(
              model.spec(URI.create("https".equals(model.scheme()) ? "https://pod" : "http://pod")),
              model.model(),
              PATH + "[" + i + "]",
              now);
      sources.add(new EndpointReconciler.Source(model, namespace, access));
    }
    return new KubernetesDiscovery.Wanted(kubernetes, cluster, List.copyOf(sources));
  }

  /** Looks for this from now on; for nothing where it is null. */
  synchronized void want(KubernetesDiscovery.@Nullable Wanted wanted) {
    KubernetesDiscovery there = running;
    if (wanted == null) {
      running = null;
      if (there != null) {
        there.close();
      }
    } else if (there != null) {
      there.reconfigure(wanted);
    } else {
      KubernetesDiscovery begun =
          new KubernetesDiscovery(
              vertx,
              new VertxTimers(vertx),
              wanted,
              taker,
              replicas,
              clock,
              () -> ThreadLocalRandom.current().nextDouble());
      running = begun;
      begun.start();
    }
  }

  @Override
  public synchronized DiscoveryStatus get() {
    return running == null ? DiscoveryStatus.NONE : running.get();
  }
}
