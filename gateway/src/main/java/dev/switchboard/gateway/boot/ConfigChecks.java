package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.edge.EdgeConfig;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.kubernetes.KubernetesDiscovery;
import dev.switchboard.gateway.routing.RouteSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a configuration names and is not there: files, keys, certificates, models. Reads only, and
 * goes on after each that is missing.
 */
final class ConfigChecks {
  private static final String NOBODY = ": no replica serves ";

  private final List<String> wrong = new ArrayList<>();

  /** Names that the file has nobody for, and a store may. */
  private final List<String> ofStore = new ArrayList<>();

  private ConfigChecks() {}

  /** What is missing outside of the file; each message begins with the path of the key. */
  static List<String> outside(GatewayConfig config) {
    ConfigChecks checks = new ConfigChecks();
    for (int i = 0; i < config.models().size(); i++) {
      Path file = config.models().get(i).file();
      if (!Files.isReadable(file)) {
        checks.wrong.add("models[" + i + "].file: cannot read the model " + file);
      }
    }
    for (int i = 0; i < config.upstreams().size(); i++) {
      int number = i;
      checks.check(
          () ->
              UpstreamAccess.check(
                  config.upstreams().get(number), "upstreams[" + number + "]", Instant.now()));
    }
    ListenerTls.checks(config).forEach(checks::check);
    checks.check(
        () -> {
          KubernetesDiscovery.Wanted _ = Discovery.wanted(config, Instant.now());
        });
    return checks.wrong;
  }

  /**
   * And what the names are for which the file itself has nobody.
   *
   * @param models that local workers serve
   */
  static List<String> all(GatewayConfig config, List<ModelSpec> models) {
    ConfigChecks checks = new ConfigChecks();
    checks.wrong.addAll(outside(config));
    checks.names(config, names(config, models));
    if (!config.store().lasts()) {
      checks.wrong.addAll(checks.ofStore);
    }
    return checks.wrong;
  }

  /**
   * Names that only models and splits of the store can have: those that operators set while a
   * gateway ran. A file tells nothing of them. One that is nearly that of somebody who is served is
   * taken for a misspelling.
   *
   * @param models that local workers serve
   */
  static List<String> ofStore(GatewayConfig config, List<ModelSpec> models) {
    ConfigChecks checks = new ConfigChecks();
    checks.names(config, names(config, models));
    return config.store().lasts() ? checks.ofStore : List.of();
  }

  private void names(GatewayConfig config, Set<String> served) {
    for (int i = 0; i < config.routes().size(); i++) {
      route(config.routes().get(i), "routes[" + i + "]", served);
    }
    Set<String> called = new LinkedHashSet<>(served);
    config.routes().forEach(route -> called.add(route.name()));
    List<EdgeConfig> edges = config.edge();
    for (int i = 0; i < edges.size(); i++) {
      int number = i;
      check(
          () -> Edges.check(List.of(edges.get(number)), called, served),
          "edge[0]",
          "edge[" + i + "]",
          ofStore);
    }
  }

  /** Whether a message is about a name that nothing has, perhaps for it could not be read. */
  static boolean ofNames(String message) {
    return message.contains(NOBODY) || message.contains("nobody serves ");
  }

  /** What replicas may serve, those that are only found among them. */
  private static Set<String> names(GatewayConfig config, List<ModelSpec> models) {
    Set<String> names = new LinkedHashSet<>();
    models.forEach(model -> names.add(model.servedName()));
    config.upstreams().forEach(upstream -> names.addAll(upstream.models()));
    names.addAll(config.discovery().kubernetes().names());
    names.addAll(config.autoscaling().fromZero());
    return names;
  }

  private void route(RouteSpec route, String path, Set<String> served) {
    for (int i = 0; i < route.targets().size(); i++) {
      served(route.targets().get(i).model(), path + ".targets[" + i + "].model", served);
    }
    for (int i = 0; i < route.fallbacks().size(); i++) {
      served(route.fallbacks().get(i), path + ".fallbacks[" + i + "]", served);
    }
    if (route.targets().isEmpty()) {
      served(route.name(), path + ".name", served);
    }
  }

  private void served(String model, String path, Set<String> served) {
    if (served.contains(model)) {
      return;
    }
    String near =
        served.stream()
            .filter(each -> ConfigHints.distance(each, model) <= Math.max(1, model.length() / 3))
            .findFirst()
            .orElse(null);
    (near == null ? ofStore : wrong)
        .add(
            path
                + NOBODY
                + model
                + (near == null
                    ? "; served are " + String.join(", ", served)
                    : "; did you mean " + near + "?"));
  }

  private void check(Runnable check) {
    check(check, "", "", wrong);
  }

  private static void check(Runnable check, String from, String to, List<String> faults) {
    try {
      check.run();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      faults.add(message.startsWith(from) ? to + message.substring(from.length()) : message);
    }
  }
}
