package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.admin.ConfigControl;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.TenantConfig;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.FleetChange;
import dev.switchboard.gateway.fleet.FleetPlan;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.http.DeadlinesConfig;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.identity.Quotas;
import dev.switchboard.gateway.kubernetes.KubernetesDiscovery;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.store.Snapshot;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoreException;
import dev.switchboard.gateway.telemetry.TelemetryConfig;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts a changed configuration and the store's state in force while the gateway runs. A new
 * configuration is checked as a whole and taken as a whole: one that changes a key outside {@link
 * #RELOADABLE} is refused, so that what runs is always what the file says. A request keeps the
 * context with which it began.
 */
final class Reconfiguration implements ConfigControl, Store.Listener {
  private static final Logger LOG = LoggerFactory.getLogger(Reconfiguration.class);

  /** Keys, or sections, that can change while the gateway runs. */
  static final List<String> RELOADABLE =
      List.of(
          "admin.tls.",
          "admission.",
          "auth.",
          "autoscaling.",
          "circuit.",
          "deadlines.answer-ms",
          "deadlines.body-ms",
          "deadlines.first-token-ms",
          "deadlines.inter-token-ms",
          "deadlines.write-stall-ms",
          "discovery.",
          "edge",
          "flight.",
          "http.tls.",
          "migration.",
          "model-files.",
          "models",
          "retry.",
          "routes",
          "routing.",
          "shutdown.",
          "slo.",
          "telemetry.",
          "tenants",
          "upstreams",
          "workers.");

  private static final String HIDDEN = "…";
  private static final Pattern PASSWORD = Pattern.compile("(?i)password=([^&;]*)");
  private static final Pattern USER = Pattern.compile("//([^/@]*)@");

  private final ListenerTls tls;
  private final ConfigSource source;
  private final Function<GatewayConfig, List<ModelSpec>> served;
  private final BiConsumer<String, List<String>> watcher;
  private List<ModelSpec> configured;
  private FleetPlan plan;
  private volatile GatewayConfig config;
  private ConfigOrigins origins;
  private Snapshot stored = Snapshot.EMPTY;
  private List<DiscoveredServer> found = List.of();
  private volatile @Nullable Discovery discovery;
  private volatile GatewayContext context;
  private volatile TenantLimits limits = tenant -> TenantLimits.Limit.NONE;

  /**
   * @param source reads the configuration anew; throws {@link IllegalArgumentException}
   * @param served the models that local workers are to serve by a configuration; throws likewise
   * @param watcher told of each reload: what came of it, and the keys that changed or cannot
   */
  Reconfiguration(
      GatewayConfig config,
      GatewayContext context,
      ListenerTls tls,
      ConfigSource source,
      Function<GatewayConfig, List<ModelSpec>> served,
      BiConsumer<String, List<String>> watcher) {
    this.config = config;
    this.context = context;
    this.tls = tls;
    this.source = source;
    this.origins = source.origins();
    this.served = served;
    this.watcher = watcher;
    this.configured = served.apply(config);
    this.plan = plan(config, configured);
  }

  private FleetPlan plan(GatewayConfig wanted, List<ModelSpec> named) {
    Set<String> names = wanted.discovery().kubernetes().names();
    return FleetPlan.of(
            wanted.startedWorkers(),
            wanted.circuit(),
            ModelOverlay.of(named, stored.models()),
            wanted.upstreams(),
            Instant.now())
        .withFound(names, found.stream().filter(each -> names.contains(each.model())).toList())
        .withFromZero(wanted.autoscaling().fromZero());
  }

  /** Told what is to be looked for, now and with each reload. */
  void onDiscovery(Discovery to) {
    discovery = to;
    to.want(Discovery.wanted(config, Instant.now()));
  }

  /** Puts in force what was found; may wait for a reload that is under way. */
  synchronized void discovered(List<DiscoveredServer> now) {
    Set<String> names = config.discovery().kubernetes().names();
    found = now;
    plan =
        plan.withFound(names, now.stream().filter(each -> names.contains(each.model())).toList());
    FleetChange change = context.fleet().reconfigure(plan);
    LOG.debug("discovered fleet=\"{}\"", change);
  }

  /** What a request that begins now works with. */
  GatewayContext context() {
    return context;
  }

  /** How the gateway is to stop. */
  GatewayConfig.ShutdownConfig shutdown() {
    return config.shutdown();
  }

  /** What is said of the number of replicas. */
  AutoscalingConfig autoscaling() {
    return config.autoscaling();
  }

  /** Models whose replicas are looked for on Kubernetes. */
  Set<String> sought() {
    return config.discovery().kubernetes().names();
  }

  /** How requests come in. */
  AdmissionConfig admission() {
    return config.admission();
  }

  /** What is told of requests and replicas. */
  TelemetryConfig telemetry() {
    return config.telemetry();
  }

  /** What a tenant may use now. */
  TenantLimits.Limit limit(String tenant) {
    return limits.of(tenant);
  }

  // ------------------------------------------------------------------ configuration

  @Override
  public synchronized Reloaded reload() {
    GatewayConfig wanted;
    List<ModelSpec> named;
    FleetPlan fleet;
    Router router;
    ListenerTls.Renewal renewal;
    KubernetesDiscovery.@Nullable Wanted search;
    try {
      wanted = source.read();
      named = served.apply(wanted);
      fleet = plan(wanted, named);
      router = router(wanted, fleet.names());
      Edges.check(wanted.edge(), router.names(), fleet.names());
      renewal = tls.renewal(wanted);
      search = Discovery.wanted(wanted, Instant.now());
    } catch (IllegalArgumentException e) {
      reloaded("invalid", List.of());
      throw new ApiException(
          new ApiError(
              400,
              "invalid_request_error",
              "invalid_config",
              null,
              String.valueOf(e.getMessage())));
    }
    List<String> changed = changes(config, wanted, renewal);
    refuseFixed(
        Stream.concat(
                changed.stream().filter(key -> !reloadable(key)),
                ListenerTls.turned(config, wanted).stream())
            .toList());
    ObjectNode before = only(changed, config);
    ObjectNode after = only(changed, wanted);
    changed = Stream.concat(changed.stream(), renewed(changed, fleet).stream()).toList();
    configured = named;
    FleetChange change = take(wanted, fleet, router, renewal);
    Discovery told = discovery;
    if (told != null) {
      told.want(search);
    }
    reloaded("done", changed);
    LOG.info("config_reloaded changed={} fleet=\"{}\"", changed, change);
    return new Reloaded(changed, before, after, change);
  }

  /** Told as changed where files or keys are others, though the configuration is the same. */
  private List<String> renewed(List<String> changed, FleetPlan fleet) {
    List<String> renewed = new ArrayList<>();
    if (!changed.contains("models") && fleet.renewsModels(plan)) {
      renewed.add("models[].file");
    }
    if (!changed.contains("upstreams")) {
      if (fleet.rekeys(plan)) {
        renewed.add("upstreams[].api-key");
      }
      if (fleet.renewsAuthorities(plan)) {
        renewed.add("upstreams[].tls-ca-file");
      }
    }
    return renewed;
  }

  private void refuseFixed(List<String> fixed) {
    if (!fixed.isEmpty()) {
      reloaded("needs_restart", fixed);
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "needs_restart",
              fixed.getFirst(),
              "Nothing was changed: a restart is needed for " + String.join(", ", fixed) + "."));
    }
  }

  /**
   * Puts in force what was checked. The router comes before the fleet: a model that leaves gets no
   * new requests, and then waits for those that it has.
   */
  private FleetChange take(
      GatewayConfig wanted, FleetPlan fleet, Router router, ListenerTls.Renewal renewal) {
    config = wanted;
    origins = source.origins();
    plan = fleet;
    renewal.take().run();
    context.keys().configured(wanted.auth());
    context.admission().reconfigure(wanted.admission());
    context.retries().reconfigure(wanted.retry());
    context.edges().reconfigure(wanted.edge());
    context.affinity().reconfigure(wanted.routing());
    context.recorder().reconfigure(wanted.flight());
    context.traces().reconfigure(wanted.telemetry());
    rebuild(router);
    return context.fleet().reconfigure(fleet);
  }

  private void reloaded(String result, List<String> keys) {
    context.metrics().reloaded(result);
    watcher.accept(result, keys);
  }

  /** Some keys with their values, without what is secret. */
  private static ObjectNode only(List<String> keys, GatewayConfig config) {
    Map<String, JsonNode> leaves = new TreeMap<>();
    collect("", shown(config), leaves);
    leaves.keySet().retainAll(keys);
    return JsonNodeFactory.instance.objectNode().setAll(leaves);
  }

  /** Whether a key, or a part of a list, can change while the gateway runs. */
  static boolean reloadable(String path) {
    String key = path.replaceFirst("\\[].*", "");
    return RELOADABLE.stream()
        .anyMatch(each -> each.endsWith(".") ? key.startsWith(each) : key.equals(each));
  }

  /** And those whose files hold something else than before. */
  private static List<String> changes(
      GatewayConfig one, GatewayConfig other, ListenerTls.Renewal renewal) {
    return Stream.concat(changes(one, other).stream(), renewal.changed().stream())
        .distinct()
        .sorted()
        .toList();
  }

  /** The keys whose values differ; a list is one value. */
  static List<String> changes(GatewayConfig one, GatewayConfig other) {
    Map<String, JsonNode> before = leaves(one);
    Map<String, JsonNode> after = leaves(other);
    return Stream.concat(before.keySet().stream(), after.keySet().stream())
        .distinct()
        .sorted()
        .filter(key -> !Objects.equals(before.get(key), after.get(key)))
        .toList();
  }

  static Map<String, JsonNode> leaves(GatewayConfig config) {
    Map<String, JsonNode> leaves = new TreeMap<>();
    collect("", ConfigReader.tree(config), leaves);
    return leaves;
  }

  private static void collect(String path, JsonNode node, Map<String, JsonNode> leaves) {
    if (node instanceof ObjectNode object) {
      for (var entry : object.properties()) {
        collect(
            path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
            entry.getValue(),
            leaves);
      }
    } else {
      leaves.put(path, node);
    }
  }

  @Override
  public synchronized ObjectNode effective() {
    ObjectNode shown = shown(config);
    shown.set("origins", origins.json(config, stored));
    return shown;
  }

  @Override
  public synchronized List<String> secrets() {
    List<String> secrets = new ArrayList<>();
    config.auth().keys().forEach(key -> secrets.add(key.sha256()));
    stored.keys().forEach(key -> secrets.add(key.sha256()));
    List<String> urls = new ArrayList<>(List.of(config.store().url(), config.shared().url()));
    config.upstreams().forEach(each -> urls.add(each.url().toString()));
    for (String url : urls) {
      PASSWORD.matcher(url).results().forEach(found -> secrets.add(found.group(1)));
      USER.matcher(url)
          .results()
          .forEach(found -> secrets.add(found.group(1).replaceFirst("^[^:]*:", "")));
    }
    secrets.add(passwordOf(config.store().passwordFile()));
    secrets.removeIf(String::isEmpty);
    return List.copyOf(secrets);
  }

  private static String passwordOf(String file) {
    try {
      return file.isEmpty() ? "" : Files.readAllLines(Path.of(file)).getFirst();
    } catch (IOException | RuntimeException e) {
      // A file that cannot be read now tells nobody a password.
      return "";
    }
  }

  private static ObjectNode shown(GatewayConfig config) {
    ObjectNode tree = ConfigReader.tree(config);
    hide(tree);
    return tree;
  }

  private static void hide(JsonNode node) {
    if (node instanceof ObjectNode object) {
      for (var entry : List.copyOf(object.properties())) {
        if (secret(entry.getKey()) && entry.getValue().isTextual()) {
          object.put(entry.getKey(), HIDDEN);
        } else if (entry.getKey().equals("url")) {
          object.put("url", withoutPassword(entry.getValue().asText()));
        }
      }
    }
    node.forEach(Reconfiguration::hide);
  }

  private static boolean secret(String key) {
    return key.equals("sha256") || key.equals("key") || key.equals("password");
  }

  private static String withoutPassword(String url) {
    return USER.matcher(PASSWORD.matcher(url).replaceAll("password=" + HIDDEN))
        .replaceAll("//" + HIDDEN + "@");
  }

  // ------------------------------------------------------------------ the store

  @Override
  public synchronized void changed(Snapshot snapshot) {
    boolean models = !snapshot.models().equals(stored.models());
    stored = snapshot;
    context.keys().stored(snapshot.keys());
    context.usage().quotas().tenants(snapshot.tenants());
    context.traces().tenants(snapshot.tenants());
    FleetPlan wanted = models ? replanned() : plan;
    rebuild(router(config, wanted.names()));
    if (models) {
      plan = wanted;
      FleetChange change = context.fleet().reconfigure(wanted);
      LOG.info("models_set fleet=\"{}\"", change);
    }
  }

  /**
   * With the models that operators have set. Where the configuration's names cannot be followed
   * with them, because it was changed since, none of them holds.
   */
  private FleetPlan replanned() {
    FleetPlan wanted = plan.withModels(ModelOverlay.of(configured, stored.models()));
    try {
      checkNames(router(config, wanted.names()), wanted);
      return wanted;
    } catch (IllegalArgumentException e) {
      LOG.error("stored_models_left_out reason=\"{}\"", e.getMessage());
      return plan.withModels(configured);
    }
  }

  /** Beside a router, which looks at routes itself. */
  private void checkNames(Router router, FleetPlan models) {
    Edges.check(config.edge(), router.names(), models.names());
  }

  /**
   * At the start, when what the store says is in force: whether the configuration's names lead to
   * models that somebody serves, be they the operators'.
   *
   * @throws IllegalArgumentException naming the key
   */
  synchronized void checkNames() {
    checkNames(context.router(), plan);
  }

  @Override
  public synchronized List<ModelState> models() {
    return ModelOverlay.states(configured, configuredOrigin(), stored.models());
  }

  private String configuredOrigin() {
    return origins.equals(ConfigOrigins.NONE) ? "file" : origins.of("models");
  }

  @Override
  public synchronized void check(String name, @Nullable ModelSpec spec) {
    FleetPlan wanted = plan.withModels(ModelOverlay.with(plan.localModels(), name, spec));
    checkNames(new Router(config.routing(), routes(), wanted.names()), wanted);
  }

  @Override
  public synchronized @Nullable Path modelFolder() {
    return config.modelFiles().folder();
  }

  @Override
  public void spent(List<Quotas.Spent> spent) {
    spent.forEach(context.usage().quotas()::known);
  }

  @Override
  public void available(StoreException.@Nullable Kind trouble) {
    context.metrics().store(trouble == null ? null : trouble.code());
  }

  @Override
  public void auditLost(int entries) {
    context.metrics().auditLost(entries);
  }

  // ------------------------------------------------------------------ both

  @Override
  public synchronized SloConfig slo() {
    Map<String, SloClass> classes = new LinkedHashMap<>();
    config.slo().classes().forEach(each -> classes.put(each.name(), each));
    stored.classes().forEach(each -> classes.put(each.name(), each));
    return new SloConfig(config.slo().defaultClass(), List.copyOf(classes.values()));
  }

  @Override
  public synchronized Set<String> tenants() {
    Set<String> names = new TreeSet<>(Set.of(Caller.DEFAULT_TENANT));
    config.tenants().forEach(each -> names.add(each.name()));
    config.auth().keys().forEach(each -> names.add(each.tenant()));
    stored.tenants().forEach(each -> names.add(each.name()));
    stored.keys().forEach(each -> names.add(each.tenant()));
    names.remove("*");
    return names;
  }

  /** What the store says of a tenant stands over what the file says. */
  private TenantLimits tenantLimits() {
    TenantLimits configured = TenantConfig.limits(config.tenants());
    Map<String, TenantLimits.Limit> known = new HashMap<>();
    stored
        .tenants()
        .forEach(
            tenant ->
                known.put(
                    tenant.name(),
                    new TenantLimits.Limit(
                        tenant.weight(),
                        (int) tenant.requestsPerMinute(),
                        (int) tenant.tokensPerMinute(),
                        tenant.maxConcurrency(),
                        tenant.maxPriority())));
    return name -> {
      TenantLimits.Limit limit = known.get(name);
      return limit == null ? configured.of(name) : limit;
    };
  }

  private void rebuild(Router router) {
    DeadlinesConfig deadlines = config.deadlines();
    // A canary of one percent would else get the first requests after each reload.
    Router next = router.after(context.router());
    context = context.with(deadlines, config.migration(), new SloHeaders(slo()), next);
    limits = tenantLimits();
    context.admission().tenants(limits);
  }

  @Override
  public synchronized List<RouteSpec> routes() {
    return routes(config, plan.names());
  }

  @Override
  public synchronized void check(RouteSpec route) {
    Router _ = new Router(config.routing(), List.of(route), plan.names());
  }

  @Override
  public synchronized @Nullable String needs(String route) {
    boolean named =
        plan.names().contains(route)
            || config.routes().stream().anyMatch(each -> each.name().equals(route));
    for (int i = 0; i < config.edge().size() && !named; i++) {
      if (config.edge().get(i).name().equals(route)) {
        return "edge[" + i + "].name";
      }
    }
    return null;
  }

  private Router router(GatewayConfig wanted, Set<String> models) {
    // The configuration's own first: its complaints name its keys.
    Router configured = new Router(wanted.routing(), wanted.routes(), models);
    return stored.routes().isEmpty()
        ? configured
        : new Router(wanted.routing(), routes(wanted, models), models);
  }

  /** A route of the store that leads to a model which nobody serves any more is left out. */
  private List<RouteSpec> routes(GatewayConfig wanted, Set<String> models) {
    Map<String, RouteSpec> routes = new LinkedHashMap<>();
    wanted.routes().forEach(each -> routes.put(each.name(), each));
    for (RouteSpec each : stored.routes()) {
      try {
        Router _ = new Router(wanted.routing(), List.of(each), models);
        routes.put(each.name(), each);
      } catch (IllegalArgumentException e) {
        LOG.warn("stored_route_left_out name={} reason=\"{}\"", each.name(), e.getMessage());
      }
    }
    return List.copyOf(routes.values());
  }
}
