package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.routing.Decision.Fallback;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * From the name a client asks for to a replica: aliases, splits, policies, shadows and fallbacks.
 * Immutable but for counts of what was split; safe on any thread.
 */
public final class Router {
  private final RoutingPolicy policy;
  private final Set<String> served;
  private final Map<String, RouteSpec> routes = new LinkedHashMap<>();

  /**
   * Requests without a session that each split had to place. Its own: what others split says
   * nothing of its shares.
   */
  private final Map<String, AtomicLong> placed;

  /**
   * How a request goes on.
   *
   * @param requested the name its client asked for
   * @param models the target, then its fallbacks; at least one
   * @param standIn the first of them stands in for the target, which admission found unfit; or null
   * @param shadow decides too, without effect; null for none
   */
  public record Plan(
      String requested,
      List<String> models,
      @Nullable Fallback standIn,
      RoutingPolicy policy,
      @Nullable RoutingPolicy shadow) {
    public Plan {
      models = List.copyOf(models);
    }

    /** The same with one more model behind the others, unless it is among them. */
    public Plan endingWith(String model) {
      if (models.contains(model)) {
        return this;
      }
      List<String> order = new ArrayList<>(models);
      order.add(model);
      return new Plan(requested, order, standIn, policy, shadow);
    }

    /** The same, held to one model: whose answer has begun, it goes on with. */
    public Plan only(String model) {
      return new Plan(requested, List.of(model), null, policy, shadow);
    }

    /** The same, with one of its models before the others. */
    public Plan ledBy(String model, String reason) {
      String target = models.getFirst();
      if (model.equals(target)) {
        return this;
      }
      List<String> order = new ArrayList<>(models);
      order.remove(model);
      order.addFirst(model);
      return new Plan(requested, order, new Fallback(target, model, reason), policy, shadow);
    }
  }

  /**
   * @param served models that some replica serves
   * @throws IllegalArgumentException naming the key, when a route leads to no served model
   */
  public Router(RoutingConfig config, List<RouteSpec> specs, Set<String> served) {
    this(Policies.of(config.policy()), specs, served);
  }

  /**
   * A router with a policy of whoever makes it.
   *
   * @param policy of names that have none of their own
   * @param served models that some replica serves
   * @throws IllegalArgumentException naming the key, when a route leads to no served model
   */
  public Router(RoutingPolicy policy, List<RouteSpec> specs, Set<String> served) {
    this.policy = policy;
    this.served = Set.copyOf(served);
    this.placed = new ConcurrentHashMap<>();
    for (int i = 0; i < specs.size(); i++) {
      RouteSpec spec = specs.get(i);
      check(spec, "routes[" + i + "]");
      if (routes.put(spec.name(), spec) != null) {
        throw new IllegalArgumentException("routes: two are called " + spec.name());
      }
    }
  }

  private Router(Router made, Map<String, AtomicLong> placed) {
    this.policy = made.policy;
    this.served = made.served;
    this.routes.putAll(made.routes);
    this.placed = placed;
    placed.keySet().retainAll(routes.keySet());
  }

  /** The same in another one's place, whose splits go on where they are. */
  public Router after(Router before) {
    return new Router(this, before.placed);
  }

  private void check(RouteSpec spec, String path) {
    for (RouteSpec.Target target : spec.targets()) {
      requireServed(target.model(), path + ".targets");
    }
    for (String fallback : spec.fallbacks()) {
      requireServed(fallback, path + ".fallbacks");
    }
    if (spec.targets().isEmpty()) {
      requireServed(spec.name(), path + ".name");
    }
  }

  private void requireServed(String model, String path) {
    if (!served.contains(model)) {
      throw new IllegalArgumentException(path + ": no replica serves " + model);
    }
  }

  /** Whether requests for a name can be served at all. */
  public boolean knows(String name) {
    return served.contains(name) || routes.containsKey(name);
  }

  /** Every name that a client may ask for, sorted. */
  public Set<String> names() {
    Set<String> names = new TreeSet<>(served);
    names.addAll(routes.keySet());
    return names;
  }

  /**
   * The plan for a name. Of a split each target gets its share of the sessions, and of the requests
   * without one.
   *
   * @param session always on the same side of a split; null for none
   */
  public Plan plan(String name, @Nullable String session) {
    return plan(name, session, () -> placed(name).getAndIncrement());
  }

  /** What {@link #plan} would say next; no split counts it. */
  public Plan preview(String name, @Nullable String session) {
    return plan(name, session, () -> placed(name).get());
  }

  /** Of a name with a split only, so there are no more of them than routes. */
  private AtomicLong placed(String name) {
    return placed.computeIfAbsent(name, none -> new AtomicLong());
  }

  private Plan plan(String name, @Nullable String session, LongSupplier place) {
    RouteSpec spec = routes.get(name);
    if (spec == null) {
      return new Plan(name, List.of(name), null, policy, null);
    }
    List<String> models = new ArrayList<>();
    models.add(target(spec, session, place));
    for (String fallback : spec.fallbacks()) {
      if (!models.contains(fallback)) {
        models.add(fallback);
      }
    }
    return new Plan(
        name,
        models,
        null,
        spec.policy() == null ? policy : Policies.of(spec.policy()),
        spec.shadow() == null ? null : Policies.of(spec.shadow()));
  }

  /** Splits by a place on the line of all weights: the session's, or the next one. */
  private static String target(RouteSpec spec, @Nullable String session, LongSupplier nextPlace) {
    List<RouteSpec.Target> targets = spec.targets();
    if (targets.size() < 2) {
      return targets.isEmpty() ? spec.name() : targets.getFirst().model();
    }
    double sum = 0;
    for (RouteSpec.Target target : targets) {
      sum += target.share();
    }
    double place =
        sum
            * (session == null
                ? WeightedShare.ofTargets(nextPlace.getAsLong())
                : Scoring.unit(Scoring.hash(spec.name() + "\n" + session)));
    for (RouteSpec.Target target : targets) {
      place -= target.share();
      if (place < 0) {
        return target.model();
      }
    }
    return targets.getLast().model();
  }

  /**
   * A decision and what it was made from.
   *
   * @param request as it was for the model of the decision
   */
  public record Routed(Decision decision, RouteRequest request) {}

  /** One model's part of a decision. */
  private record Look(Decision decision, RouteRequest request, List<ReplicaView> replicas) {

    /** Whether there is a replica, and nothing says that it would miss the deadline. */
    boolean good(long nowNanos) {
      Candidate winner = decision.winner();
      int deadlineMs = request.slo().deadlineMs();
      if (winner == null || deadlineMs == 0) {
        return winner != null;
      }
      double endMs = endMs(winner, nowNanos);
      return Double.isNaN(endMs) || request.elapsedMs() + endMs <= deadlineMs;
    }

    /** As admission expects it where the replica itself is not known enough; NaN for unknown. */
    private double endMs(Candidate winner, long nowNanos) {
      return winner.view().own().rates().believed(nowNanos)
          ? winner.prediction().endMs()
          : forecast(nowNanos).endMs();
    }

    private Forecast forecast(long nowNanos) {
      int tokens = request.outputTokens();
      return Forecast.of(replicas, request.prompt(), tokens, Slo.MIN_PRIORITY, nowNanos);
    }

    Look instead(Fallback fallback) {
      return fallback.from().equals(fallback.to())
          ? this
          : new Look(decision.withFallback(fallback), request, replicas);
    }
  }

  /**
   * Decides.
   *
   * @param replicas of a model, at this moment
   * @param requests the request as it is for a model: with what is known of it there
   */
  public Routed route(
      Plan plan,
      Function<String, List<ReplicaView>> replicas,
      Function<String, RouteRequest> requests,
      long nowNanos) {
    Function<String, Look> look =
        model -> {
          RouteRequest request = requests.apply(model);
          List<ReplicaView> views = replicas.apply(model);
          return new Look(plan.policy.route(views, request, nowNanos), request, views);
        };
    Look best = look.apply(plan.models.getFirst());
    if (plan.standIn != null) {
      best = best.instead(plan.standIn);
    }
    if (plan.models.size() > 1 && !best.good(nowNanos)) {
      best = fallback(plan, best, look, nowNanos);
    }
    Decision decision = best.decision;
    if (plan.shadow != null) {
      decision = decision.withShadow(watch(plan.shadow, best, nowNanos));
    }
    return new Routed(decision.withRequested(plan.requested), best.request);
  }

  /** What a shadow decides; one that throws is no harm to the request, and told by its name. */
  private static Decision watch(RoutingPolicy shadow, Look best, long nowNanos) {
    try {
      return shadow.route(best.replicas, best.request, nowNanos);
    } catch (RuntimeException e) {
      return Decision.of("broken", best.decision.model(), null, List.of());
    }
  }

  /**
   * The first of the others that is good; else the first of the plan, if it can serve at all; else
   * any that can.
   */
  private static Look fallback(Plan plan, Look first, Function<String, Look> look, long nowNanos) {
    Fallback standIn = plan.standIn;
    String target = standIn == null ? plan.models.getFirst() : standIn.from();
    String reason = first.decision.chosen() == null ? "no_replica" : "deadline";
    Look best = first;
    for (String model : plan.models.subList(1, plan.models.size())) {
      Look other = look.apply(model).instead(new Fallback(target, model, reason));
      if (other.good(nowNanos)) {
        return other;
      }
      if (best.decision.chosen() == null && other.decision.chosen() != null) {
        best = other;
      }
    }
    return best;
  }
}
