package dev.switchboard.gateway.identity;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The tenants' limits as they are now, by name. Safe on any thread. */
public final class Tenants {
  private volatile Map<String, Tenant> byName = Map.of();

  /** Takes these instead of those it had. */
  public void set(List<Tenant> tenants) {
    Map<String, Tenant> named = new HashMap<>();
    tenants.forEach(tenant -> named.put(tenant.name(), tenant));
    byName = named;
  }

  /** The limits of a tenant; none for one that nobody has limited. */
  public Tenant of(String name) {
    Tenant known = byName.get(name);
    return known == null ? Tenant.unlimited(name) : known;
  }
}
