package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.discovery.EndpointReconciler;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.discovery.PodAnnotations;
import dev.switchboard.gateway.kubernetes.Watch.Target;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The watches that the sources of a configuration need, one for each thing that is watched however
 * many sources want it. The pods of an InferencePool are watched once its selector is known. On one
 * event loop.
 */
final class Watches {
  private static final String DISCOVERY = "/apis/discovery.k8s.io/v1/namespaces/";
  private static final String CORE = "/api/v1/namespaces/";
  private static final String POOLS = "/apis/inference.networking.k8s.io/v1/namespaces/";
  private static final String SERVICE = "kubernetes.io/service-name=";

  /** Makes a watch that does not run yet. */
  interface Maker {
    <T extends ApiObjects.Watched> Watch<T> make(Target<T> target);
  }

  private final Maker maker;
  private final Map<String, Watch<ApiObjects.Slice>> slices = new LinkedHashMap<>();
  private final Map<String, Watch<ApiObjects.Pod>> pods = new LinkedHashMap<>();
  private final Map<String, Watch<ApiObjects.Pool>> pools = new LinkedHashMap<>();
  private final Map<String, Watch<ApiObjects.PodMeta>> marks = new LinkedHashMap<>();

  Watches(Maker maker) {
    this.maker = maker;
  }

  /** Starts what is missing, and stops what nobody wants any more. */
  void want(KubernetesDiscovery.Wanted wanted) {
    Set<String> names = new HashSet<>();
    for (EndpointReconciler.Source source : wanted.sources()) {
      ModelSource model = source.model();
      String namespace = source.namespace();
      if (model.service() != null) {
        need(slices, slicesOf(namespace, model.service()), names);
        need(marks, marksOf(namespace, wanted.config().podSelector()), names);
      } else if (model.inferencePool() != null) {
        Target<ApiObjects.Pool> pool = poolOf(namespace, model.inferencePool());
        need(pools, pool, names);
        String selector = selector(pools.get(pool.name()));
        if (selector != null) {
          need(pods, podsOf(namespace, selector), names);
        }
      } else {
        need(pods, podsOf(namespace, model.selectorText()), names);
      }
    }
    for (Map<String, ? extends Watch<?>> each : all()) {
      each.entrySet()
          .removeIf(
              entry -> {
                boolean unwanted = !names.contains(entry.getKey());
                if (unwanted) {
                  entry.getValue().stop();
                }
                return unwanted;
              });
    }
  }

  private <T extends ApiObjects.Watched> void need(
      Map<String, Watch<T>> there, Target<T> target, Set<String> names) {
    names.add(target.name());
    Watch<T> known = there.get(target.name());
    if (known == null) {
      Watch<T> made = maker.make(target);
      there.put(target.name(), made);
      made.start();
    }
  }

  private List<Map<String, ? extends Watch<?>>> all() {
    return List.of(slices, pods, pools, marks);
  }

  // ------------------------------------------------------------------ targets

  private static String slicesName(String namespace, String service) {
    return "endpointslices " + namespace + "/" + service;
  }

  private static Target<ApiObjects.Slice> slicesOf(String namespace, String service) {
    return new Target<>(
        slicesName(namespace, service),
        DISCOVERY + namespace + "/endpointslices",
        "labelSelector=" + encoded(SERVICE + service),
        ApiObjects.Slice.class,
        false);
  }

  private static Target<ApiObjects.Pod> podsOf(String namespace, String selector) {
    return new Target<>(
        "pods " + namespace + "/" + selector,
        CORE + namespace + "/pods",
        "labelSelector=" + encoded(selector),
        ApiObjects.Pod.class,
        false);
  }

  private static Target<ApiObjects.PodMeta> marksOf(String namespace, String selector) {
    return new Target<>(
        "annotations " + namespace + (selector.isEmpty() ? "" : "/" + selector),
        CORE + namespace + "/pods",
        selector.isEmpty() ? "" : "labelSelector=" + encoded(selector),
        ApiObjects.PodMeta.class,
        true);
  }

  private static Target<ApiObjects.Pool> poolOf(String namespace, String name) {
    return new Target<>(
        "inferencepools " + namespace + "/" + name,
        POOLS + namespace + "/inferencepools",
        "fieldSelector=" + encoded("metadata.name=" + name),
        ApiObjects.Pool.class,
        false);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  // ------------------------------------------------------------------ what they know

  private static ApiObjects.@Nullable Pool pool(@Nullable Watch<ApiObjects.Pool> watch) {
    return watch == null ? null : watch.objects().stream().findFirst().orElse(null);
  }

  /** Null while it is not known, or where it selects nothing. */
  private static @Nullable String selector(@Nullable Watch<ApiObjects.Pool> watch) {
    ApiObjects.Pool pool = pool(watch);
    ApiObjects.PoolSpec spec = pool == null ? null : pool.spec();
    ApiObjects.LabelSelector selector = spec == null ? null : spec.selector();
    Map<String, String> labels = selector == null ? null : selector.matchLabels();
    return labels == null || labels.isEmpty() ? null : ModelSource.text(labels);
  }

  private static List<Integer> ports(ApiObjects.@Nullable Pool pool) {
    List<Integer> ports = new ArrayList<>();
    ApiObjects.PoolSpec spec = pool == null ? null : pool.spec();
    if (spec != null && spec.targetPorts() != null) {
      for (ApiObjects.TargetPort each : spec.targetPorts()) {
        Integer port = each.number();
        if (port != null && port >= 1 && port <= 65_535 && !ports.contains(port)) {
          ports.add(port);
        }
      }
    }
    return ports;
  }

  /** Of a source; null while that was not listed yet. */
  Endpoints.@Nullable Known endpoints(EndpointReconciler.Source source) {
    ModelSource model = source.model();
    String namespace = source.namespace();
    if (model.service() != null) {
      Watch<ApiObjects.Slice> watch = slices.get(slicesName(namespace, model.service()));
      return watch == null || !watch.known()
          ? null
          : Endpoints.ofSlices(watch.objects(), model, namespace);
    }
    if (model.inferencePool() == null) {
      return ofPods(podsOf(namespace, model.selectorText()), model, List.of());
    }
    Watch<ApiObjects.Pool> watch = pools.get(poolOf(namespace, model.inferencePool()).name());
    if (watch == null || !watch.known()) {
      return null;
    }
    ApiObjects.Pool pool = pool(watch);
    String selector = selector(watch);
    if (pool == null || selector == null) {
      return new Endpoints.Known(
          List.of(), pool == null ? "there is no such pool" : "the pool selects nothing");
    }
    List<Integer> ports = ports(pool);
    if (model.port() == null && ports.isEmpty()) {
      return new Endpoints.Known(List.of(), "the pool has no target ports");
    }
    return ofPods(
        podsOf(namespace, selector), model, model.port() == null ? ports : List.of(model.port()));
  }

  private Endpoints.@Nullable Known ofPods(
      Target<ApiObjects.Pod> target, ModelSource model, List<Integer> ports) {
    Watch<ApiObjects.Pod> watch = pods.get(target.name());
    return watch == null || !watch.known() ? null : Endpoints.ofPods(watch.objects(), model, ports);
  }

  /** What keeps a source from going on; null for nothing. */
  @Nullable String trouble(EndpointReconciler.Source source) {
    ModelSource model = source.model();
    String namespace = source.namespace();
    Watch<?> watch = null;
    if (model.service() != null) {
      watch = slices.get(slicesName(namespace, model.service()));
    } else if (model.inferencePool() != null) {
      watch = pools.get(poolOf(namespace, model.inferencePool()).name());
    } else {
      watch = pods.get(podsOf(namespace, model.selectorText()).name());
    }
    return watch == null ? null : watch.trouble();
  }

  /**
   * What is written at a pod; null for one that is not known.
   *
   * @param key its namespace and name, with a slash between
   */
  @Nullable PodAnnotations marks(String key) {
    for (Watch<ApiObjects.PodMeta> watch : marks.values()) {
      ApiObjects.PodMeta pod = watch.get(key);
      if (pod != null) {
        return of(pod.metadata());
      }
    }
    for (Watch<ApiObjects.Pod> watch : pods.values()) {
      ApiObjects.Pod pod = watch.get(key);
      if (pod != null) {
        return of(pod.metadata());
      }
    }
    return null;
  }

  private static PodAnnotations of(ApiObjects.@Nullable Meta meta) {
    Map<String, String> annotations = meta == null ? null : meta.annotations();
    return PodAnnotations.of(Objects.requireNonNullElse(annotations, Map.of()));
  }

  void tick() {
    all().forEach(each -> each.values().forEach(Watch::tick));
  }

  void stop() {
    all().forEach(each -> each.values().forEach(Watch::stop));
  }

  List<DiscoveryStatus.Watch> status() {
    List<DiscoveryStatus.Watch> told = new ArrayList<>();
    all().forEach(each -> each.values().forEach(watch -> told.add(watch.status())));
    return List.copyOf(told);
  }
}
