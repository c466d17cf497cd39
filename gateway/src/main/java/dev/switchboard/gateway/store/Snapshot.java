package dev.switchboard.gateway.store;

import dev.switchboard.gateway.identity.ApiKey;
import dev.switchboard.gateway.identity.Tenant;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import java.util.List;

/**
 * What requests need of the store, at one revision.
 *
 * @param revision grows with every change of what stands here
 * @param models that operators set at this gateway
 */
public record Snapshot(
    long revision,
    List<ApiKey> keys,
    List<Tenant> tenants,
    List<SloClass> classes,
    List<RouteSpec> routes,
    List<ModelSetting> models) {
  public static final Snapshot EMPTY =
      new Snapshot(-1, List.of(), List.of(), List.of(), List.of(), List.of());

  public Snapshot {
    keys = List.copyOf(keys);
    tenants = List.copyOf(tenants);
    classes = List.copyOf(classes);
    routes = List.copyOf(routes);
    models = List.copyOf(models);
  }
}
