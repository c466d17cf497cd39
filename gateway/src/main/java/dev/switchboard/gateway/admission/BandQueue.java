package dev.switchboard.gateway.admission;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One band of a queue: start-time fair queueing between tenants (Goyal, Vin and Cheng, 1996), the
 * earliest deadline first within one.
 *
 * <p>A dispatch moves the tenant's {@code start} on by its tokens over its weight, and the band's
 * virtual time to where that request began. The end of a request corrects the tokens from the
 * estimate to what they were. A band in which nothing waits or runs forgets everything.
 */
final class BandQueue {
  private final Map<String, TenantQueue> tenants = new HashMap<>();
  private final TreeSet<TenantQueue> backlogged = new TreeSet<>(TenantQueue.ORDER);
  private final LinkedHashSet<AdmissionQueue.Entry> arrivals = new LinkedHashSet<>();
  private double virtualTime;
  private int running;

  /** That those who wait are to take. */
  private long places;

  /** Tokens that higher bands owe it. */
  double credit;

  int size() {
    return arrivals.size();
  }

  boolean isEmpty() {
    return arrivals.isEmpty();
  }

  int tenants() {
    return tenants.size();
  }

  TenantQueue tenant(String name, double weight) {
    TenantQueue tenant = tenants.computeIfAbsent(name, TenantQueue::new);
    tenant.weight = weight;
    return tenant;
  }

  void add(AdmissionQueue.Entry entry) {
    TenantQueue tenant = tenant(entry.demand.tenant(), entry.weight);
    if (tenant.waiting.isEmpty()) {
      tenant.start = Math.max(virtualTime, tenant.start);
      backlogged.add(tenant);
    }
    tenant.waiting.add(entry);
    arrivals.add(entry);
    places += entry.places();
  }

  /** The request that is served next; null when none waits. */
  AdmissionQueue.@Nullable Entry head() {
    return backlogged.isEmpty() ? null : backlogged.first().waiting.first();
  }

  /** Takes a request that waits out. */
  void remove(AdmissionQueue.Entry entry) {
    TenantQueue tenant = tenants.get(entry.demand.tenant());
    if (tenant == null || !arrivals.remove(entry)) {
      throw new IllegalStateException("not in this band");
    }
    tenant.waiting.remove(entry);
    places -= entry.places();
    if (tenant.waiting.isEmpty()) {
      backlogged.remove(tenant);
    }
    if (arrivals.isEmpty()) {
      credit = 0;
    }
    forgetIfIdle(tenant);
  }

  /** Charges a request, which does not wait here any more, as it begins to run. */
  void begins(AdmissionQueue.Entry entry) {
    TenantQueue tenant = tenant(entry.demand.tenant(), entry.weight);
    double start = Math.max(virtualTime, tenant.start);
    virtualTime = start;
    move(tenant, start + entry.charged / tenant.weight);
    tenant.running++;
    running++;
  }

  /** Corrects the charge of a request that ends. */
  void ends(AdmissionQueue.Entry entry, long tokens) {
    TenantQueue tenant = tenant(entry.demand.tenant(), entry.weight);
    move(tenant, Math.max(0, tenant.start + (tokens - entry.charged) / tenant.weight));
    tenant.running--;
    running--;
    forgetIfIdle(tenant);
  }

  private void move(TenantQueue tenant, double start) {
    boolean waits = backlogged.remove(tenant);
    // What it was charged too much is given back, but never from before its backlog began.
    tenant.start = waits ? Math.max(start, virtualTime) : start;
    if (waits) {
      backlogged.add(tenant);
    }
  }

  private void forgetIfIdle(TenantQueue tenant) {
    if (running == 0 && arrivals.isEmpty()) {
      tenants.clear();
      virtualTime = 0;
    } else if (tenant.running == 0 && tenant.waiting.isEmpty() && tenant.start <= virtualTime) {
      tenants.remove(tenant.name);
    }
  }

  /** How many requests of this band would be served before this one. */
  int before(AdmissionQueue.Entry entry) {
    TenantQueue own = tenants.get(entry.demand.tenant());
    int mine = own == null ? 0 : own.before(entry);
    double turns = (mine + 1) / entry.weight;
    int before = mine;
    for (TenantQueue other : backlogged) {
      if (other != own) {
        before += (int) Math.min(other.waiting.size(), Math.ceil(turns * other.weight));
      }
    }
    return before;
  }

  /** All places that those who wait are to take. */
  long places() {
    return places;
  }

  /**
   * Those that the ones take who would be served before this one, each as many as all on average.
   */
  double placesBefore(AdmissionQueue.Entry entry) {
    return arrivals.isEmpty() ? 0 : before(entry) * ((double) places / arrivals.size());
  }

  /** The newest request; null when none waits. */
  AdmissionQueue.@Nullable Entry newest() {
    return arrivals.isEmpty() ? null : arrivals.getLast();
  }

  /** The newest of those that were not told to come when they did; null when none waits. */
  AdmissionQueue.@Nullable Entry newestUnpromised() {
    for (AdmissionQueue.Entry entry : arrivals.reversed()) {
      if (!entry.promised) {
        return entry;
      }
    }
    return null;
  }

  /**
   * The least urgent request of the tenant whose backlog is largest for its share; null when no
   * tenant's is larger than a newcomer's would be.
   */
  AdmissionQueue.@Nullable Entry excess(AdmissionQueue.Entry newcomer) {
    TenantQueue own = tenants.get(newcomer.demand.tenant());
    double most = ((own == null ? 0 : own.waiting.size()) + 1) / newcomer.weight;
    TenantQueue greediest = null;
    for (TenantQueue other : backlogged) {
      if (other != own && other.load() > most) {
        greediest = other;
        most = other.load();
      }
    }
    return greediest == null ? null : greediest.waiting.last();
  }
}
