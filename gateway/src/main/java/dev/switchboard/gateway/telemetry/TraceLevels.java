package dev.switchboard.gateway.telemetry;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How much is traced of the requests that begin now: what the configuration says, over it what an
 * operator set for all models or for one, over that what a request asks for, and above all a
 * ceiling, by which the gateway protects itself. What an operator set belongs to an investigation,
 * so it ends with this process. Safe on any thread.
 */
public final class TraceLevels {
  private final Map<String, TraceDetail> models = new ConcurrentHashMap<>();
  private volatile TelemetryConfig config;
  private volatile @Nullable TraceDetail general;
  private volatile @Nullable TraceDetail ceiling;
  private volatile Governor.@Nullable State governor;

  public TraceLevels(TelemetryConfig config) {
    this.config = config;
  }

  /** Goes by another configuration from the next request on; what was set stays. */
  public void reconfigure(TelemetryConfig other) {
    config = other;
  }

  /** Of models that have none of their own, before the ceiling. */
  public TraceDetail general() {
    TraceDetail set = general;
    return set == null ? config.traceDetail() : set;
  }

  /**
   * Sets it over the configuration's; null takes that back.
   *
   * @return what had been set before; null when nothing was
   */
  public synchronized @Nullable TraceDetail general(@Nullable TraceDetail wanted) {
    TraceDetail before = general;
    general = wanted;
    return before;
  }

  /** What was set for single models, by their names, before the ceiling. */
  public Map<String, TraceDetail> models() {
    return new TreeMap<>(models);
  }

  /**
   * Sets that of a model; null has it go by the general one again.
   *
   * @return what had been set before; null when nothing was
   */
  public @Nullable TraceDetail model(String model, @Nullable TraceDetail wanted) {
    return wanted == null ? models.remove(model) : models.put(model, wanted);
  }

  /** Nothing goes above it; null where there is none. */
  public @Nullable TraceDetail ceiling() {
    return ceiling;
  }

  /** Sets or, with null, takes away what nothing goes above. */
  public void ceiling(@Nullable TraceDetail most) {
    ceiling = most;
  }

  /** Takes the ceiling from the governor. */
  void governed(Governor.State state) {
    governor = state;
    ceiling(state.ceiling() == TraceDetail.STEPS ? null : state.ceiling());
  }

  /** How the governor stands; null before it began. */
  public Governor.@Nullable State governor() {
    return governor;
  }

  /** When the governor acts. */
  Governor.Config governing() {
    return config.governor();
  }

  /** In force for a request to a model that asks for nothing. */
  public TraceDetail of(String model) {
    return set(model).atMost(ceiling);
  }

  /** Whether a tenant's requests may ask for more than their model's level. */
  public boolean mayRaise(String tenant) {
    return config.traceTenants().contains(tenant);
  }

  /**
   * In force for a request. Everybody may ask for less.
   *
   * @param asked null when it asks for nothing
   */
  public TraceDetail of(String model, String tenant, @Nullable TraceDetail asked) {
    TraceDetail set = set(model);
    TraceDetail allowed = asked == null ? set : mayRaise(tenant) ? asked : set.atMost(asked);
    return allowed.atMost(ceiling);
  }

  private TraceDetail set(String model) {
    TraceDetail own = models.get(model);
    return own == null ? general() : own;
  }
}
