package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.identity.Tenant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How much is traced of requests, and of how many. The level of one that begins now is what the
 * configuration says, over it what an operator set for all models or for one, over that what a
 * request asks for, and above all but kept traces a ceiling, by which the gateway protects itself.
 * What an operator set belongs to an investigation, so it ends with this process. Safe on any
 * thread.
 */
public final class TraceLevels {
  /** One has hundreds of steps, and what exports spans has a queue. */
  private static final int STEPPED_PER_SECOND = 5;

  private final Pace exemplars = new Pace();
  private final Pace kept = new Pace();
  private final Pace stepped = new Pace();
  private final Map<String, TraceDetail> models = new ConcurrentHashMap<>();
  private volatile TelemetryConfig config;
  private volatile Map<String, Integer> contentBytes = Map.of();
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

  /** Whether a request that begins now is told although nothing may make it of interest. */
  boolean tells() {
    Governor.State state = governor;
    return state == null
        || state.told() == 1
        || ThreadLocalRandom.current().nextDouble() < state.told();
  }

  /** How the governor stands; null before it began. */
  public Governor.@Nullable State governor() {
    return governor;
  }

  /** When the governor acts. */
  Governor.Config governing() {
    return config.governor();
  }

  /** Knows from now on which tenants' traces may tell what is said. */
  public void tenants(List<Tenant> tenants) {
    contentBytes =
        tenants.stream()
            .filter(tenant -> tenant.traceContentBytes() > 0)
            .collect(Collectors.toUnmodifiableMap(Tenant::name, Tenant::traceContentBytes));
  }

  /** Bytes of a request's text, and of its answer's, that its trace may tell; 0 for none. */
  public int contentBytes(String tenant) {
    return contentBytes.getOrDefault(tenant, 0);
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
    return wanted(model, tenant, asked).atMost(ceiling);
  }

  /**
   * What a request's trace would tell if nothing were held back.
   *
   * @param asked null when it asks for nothing
   */
  public TraceDetail wanted(String model, String tenant, @Nullable TraceDetail asked) {
    TraceDetail set = set(model);
    return asked == null ? set : mayRaise(tenant) ? asked : set.atMost(asked);
  }

  /**
   * That of a request which turned out to be of interest: more than it wanted, if it wanted any.
   * The ceiling is not for these; their number has a bound of its own.
   */
  TraceDetail full(TraceDetail wanted, boolean everyStep, long nowNanos) {
    boolean steps = everyStep && stepped.take(nowNanos, STEPPED_PER_SECOND, STEPPED_PER_SECOND);
    TraceDetail full = steps ? TraceDetail.STEPS : TraceDetail.RANKS;
    return wanted == TraceDetail.OFF || full.toldAt(wanted) ? wanted : full;
  }

  /** Whether the metrics shall point to a request that begins now. */
  public boolean chooseExemplar(long nowNanos) {
    return exemplars.take(nowNanos, config.exemplarsPerSecond(), 1);
  }

  /**
   * Whether one more trace may be kept now, or its replicas asked; in an overload all of them are
   * of interest.
   */
  public boolean mayKeep(long nowNanos) {
    int most = config.keptTracesPerSecond();
    return kept.take(nowNanos, most, most);
  }

  /** Whether the log has a line of the end of requests that end well, too. */
  public boolean logsAll() {
    return config.logRequests();
  }

  private TraceDetail set(String model) {
    TraceDetail own = models.get(model);
    return own == null ? general() : own;
  }
}
