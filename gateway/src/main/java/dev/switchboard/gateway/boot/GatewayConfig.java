package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.admin.AdminConfig;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.TenantConfig;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.discovery.DiscoveryConfig;
import dev.switchboard.gateway.drill.DrillConfig;
import dev.switchboard.gateway.edge.EdgeConfig;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.http.DeadlinesConfig;
import dev.switchboard.gateway.http.HttpConfig;
import dev.switchboard.gateway.http.MigrationConfig;
import dev.switchboard.gateway.identity.AuthConfig;
import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.models.ModelFilesConfig;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.routing.RoutingConfig;
import dev.switchboard.gateway.shared.SharedConfig;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.store.StoreConfig;
import dev.switchboard.gateway.telemetry.TelemetryConfig;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.gateway.upstream.RetryBudget;
import dev.switchboard.log.LogFormat;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The whole configuration.
 *
 * @param models served by local workers; empty with upstreams or discovery serves only those, empty
 *     without any serves the demonstration model
 */
public record GatewayConfig(
    HttpConfig http,
    AdminConfig admin,
    DeadlinesConfig deadlines,
    MigrationConfig migration,
    AuthConfig auth,
    SloConfig slo,
    AdmissionConfig admission,
    AutoscalingConfig autoscaling,
    List<TenantConfig> tenants,
    RoutingConfig routing,
    List<RouteSpec> routes,
    List<EdgeConfig> edge,
    RetryBudget.Config retry,
    Circuit.Config circuit,
    List<ModelSpec> models,
    ModelFilesConfig modelFiles,
    WorkersConfig workers,
    List<UpstreamSpec> upstreams,
    DiscoveryConfig discovery,
    FlightRecorder.Limits flight,
    TelemetryConfig telemetry,
    LogConfig log,
    StoreConfig store,
    SharedConfig shared,
    DrillConfig drills,
    ShutdownConfig shutdown) {

  public static final GatewayConfig DEFAULTS =
      new GatewayConfig(
          HttpConfig.DEFAULTS,
          AdminConfig.DEFAULTS,
          DeadlinesConfig.DEFAULTS,
          MigrationConfig.DEFAULTS,
          AuthConfig.DEFAULTS,
          SloConfig.DEFAULTS,
          AdmissionConfig.DEFAULTS,
          AutoscalingConfig.DEFAULTS,
          List.of(),
          RoutingConfig.DEFAULTS,
          List.of(),
          List.of(),
          RetryBudget.Config.DEFAULTS,
          Circuit.Config.DEFAULTS,
          List.of(),
          ModelFilesConfig.DEFAULTS,
          WorkersConfig.DEFAULTS,
          List.of(),
          DiscoveryConfig.DEFAULTS,
          FlightRecorder.Limits.DEFAULTS,
          TelemetryConfig.DEFAULTS,
          LogConfig.DEFAULTS,
          StoreConfig.DEFAULTS,
          SharedConfig.DEFAULTS,
          DrillConfig.DEFAULTS,
          ShutdownConfig.DEFAULTS);

  /**
   * On SIGTERM.
   *
   * @param settleMs readiness is false, requests are still taken: load balancers need to notice
   * @param lingerMs new connections are refused, or go to whoever shares the port; requests on
   *     those that are kept are still taken and told to close theirs
   * @param finishMs running requests may take
   */
  public record ShutdownConfig(int settleMs, int lingerMs, int finishMs) {
    static final ShutdownConfig DEFAULTS = new ShutdownConfig(0, 1000, 30_000);

    public ShutdownConfig {
      if (settleMs < 0 || settleMs > 300_000) {
        throw new IllegalArgumentException("settle-ms must be 0 to 300000");
      }
      if (lingerMs < 0 || lingerMs > 300_000) {
        throw new IllegalArgumentException("linger-ms must be 0 to 300000");
      }
      if (finishMs < 0 || finishMs > 3_600_000) {
        throw new IllegalArgumentException("finish-ms must be 0 to 3600000");
      }
    }
  }

  /**
   * The log on standard error.
   *
   * @param format of its lines, and of those of local workers among them
   */
  public record LogConfig(String format) {
    static final LogConfig DEFAULTS = new LogConfig(LogFormat.TEXT.word());

    public LogConfig {
      try {
        LogFormat.of(format);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("format " + e.getMessage(), e);
      }
    }

    LogFormat lines() {
      return LogFormat.of(format);
    }
  }

  public GatewayConfig {
    tenants = List.copyOf(tenants);
    routes = List.copyOf(routes);
    edge = List.copyOf(edge);
    models = List.copyOf(models);
    upstreams = List.copyOf(upstreams);
  }

  /**
   * What no single record can check.
   *
   * @param to gets the path of a key, and what is wrong with it
   */
  void mistakes(BiConsumer<String, String> to) {
    listeners(to);
    twice(tenants.stream().map(TenantConfig::name).toList(), "tenants", "are called", to);
    twice(edge.stream().map(EdgeConfig::name).toList(), "edge", "are for", to);
    twice(models.stream().map(ModelSpec::servedName).toList(), "models", "are called", to);
    twice(routes.stream().map(RouteSpec::name).toList(), "routes", "are called", to);
  }

  private void listeners(BiConsumer<String, String> to) {
    Boolean api = loopback(http.bind(), "http.bind", to);
    Boolean control = loopback(admin.bind(), "admin.bind", to);
    if (Boolean.FALSE.equals(control)
        && auth.keys().stream().noneMatch(key -> key.role() != Caller.Role.APP)) {
      to.accept(
          "admin.bind",
          admin.bind() + " is not loopback, and no key of auth.keys has a role above app");
    }
    if (api != null
        && control != null
        && http.port() != 0
        && http.port() == admin.port()
        && overlap(http.bind(), admin.bind())) {
      to.accept(
          "admin.port", "http.port (--port) and admin.port (--admin-port) are both " + http.port());
    }
    // Keys of the store are not known here: what guards is Cors, at each request.
    if (Boolean.TRUE.equals(api) && http.cors().any() && auth.keys().isEmpty()) {
      to.accept(
          "http.cors.origins", "has *, and auth.keys is empty: name the origins, or ask for keys");
    }
  }

  private static void twice(
      List<String> names, String section, String how, BiConsumer<String, String> to) {
    Map<String, Integer> first = new HashMap<>();
    for (int i = 0; i < names.size(); i++) {
      Integer before = first.putIfAbsent(names.get(i), i);
      if (before != null) {
        to.accept(section + "[" + i + "].name", "two " + how + " " + names.get(i));
      }
    }
  }

  /** Null for what is no address. */
  private static @Nullable Boolean loopback(
      String host, String path, BiConsumer<String, String> to) {
    try {
      return loopback(host);
    } catch (IllegalArgumentException e) {
      to.accept(path, "unknown host " + host);
      return null;
    }
  }

  GatewayConfig withStore(StoreConfig other) {
    return new GatewayConfig(
        http,
        admin,
        deadlines,
        migration,
        auth,
        slo,
        admission,
        autoscaling,
        tenants,
        routing,
        routes,
        edge,
        retry,
        circuit,
        models,
        modelFiles,
        workers,
        upstreams,
        discovery,
        flight,
        telemetry,
        log,
        other,
        shared,
        drills,
        shutdown);
  }

  /** As workers are started: where drills may be, engines take faults. */
  WorkersConfig startedWorkers() {
    return drills.enabled() ? workers.withArgument("--allow-fault-injection") : workers;
  }

  static boolean loopback(String host) {
    return address(host).isLoopbackAddress();
  }

  /** Whether two listeners on these addresses cannot share a port. */
  private static boolean overlap(String one, String other) {
    InetAddress first = address(one);
    InetAddress second = address(other);
    return first.equals(second) || first.isAnyLocalAddress() || second.isAnyLocalAddress();
  }

  private static InetAddress address(String host) {
    try {
      return InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("bind: unknown host " + host, e);
    }
  }
}
