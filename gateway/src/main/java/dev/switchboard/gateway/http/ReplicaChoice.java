package dev.switchboard.gateway.http;

import dev.switchboard.gateway.edge.EdgeLink;
import dev.switchboard.gateway.edge.EdgeReason;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prompt;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.slo.Slo;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which replica a request goes to: the models that may serve it, the replicas that are left out,
 * and what routing decides among the others.
 */
final class ReplicaChoice {
  private static final Logger LOG = LoggerFactory.getLogger(ReplicaChoice.class);

  /** Of a body, its JSON included: a rough estimate before anybody has tokenized it. */
  private static final int BYTES_PER_TOKEN = 4;

  /**
   * Expected at most of an answer that names no bound, even where answers are longer of late: with
   * no cap the simulation of people beside batches does not hold what people were promised.
   */
  private static final int USUAL_OUTPUT_TOKENS = 256;

  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final Slo slo;
  private final Affinity.Key affinity;
  private final int promptTokens;
  private final boolean generates;
  private final @Nullable EdgeWatch edge;
  private Router.Plan plan;
  private Set<String> excluded = Set.of();
  private RouteRequest wanted = RouteRequest.of("");
  private long turn;

  /** Tokens of the answer that its client has: whoever goes on with it reads them like a prompt. */
  private int answered;

  /** A routing policy threw. */
  private boolean broke;

  private ReplicaChoice(
      Call call,
      Slo slo,
      Router.Plan plan,
      @Nullable EdgeWatch edge,
      Affinity.Key affinity,
      int promptTokens) {
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.generates = call.endpoint().generates();
    // What has no first token has no target for it, nor for those after it.
    this.slo = generates ? slo : new Slo(slo.name(), 0, 0, slo.deadlineMs(), slo.priority());
    this.plan = plan;
    this.edge = edge;
    this.affinity = affinity;
    this.promptTokens = promptTokens;
  }

  /**
   * Among the models that may serve a request; a split is decided by the session, if there is one.
   */
  static ReplicaChoice of(Call call, RequestHead head, ParsedRequest parsed, int bodyBytes) {
    String session = head.session();
    Router.Plan plan = call.gateway().router().plan(parsed.model(), session);
    Affinity.Key affinity =
        new Affinity.Key(
            parsed.promptChain(), PromptBlocks.BLOCK_TOKENS, call.caller().tenant(), session);
    EdgeLink link = call.gateway().edges().of(parsed.model());
    EdgeWatch edge = link == null ? null : new EdgeWatch(call, link, plan.models().getFirst());
    Router.Plan led = link == null || edge == null ? plan : led(call, plan, link, edge);
    return new ReplicaChoice(
        call, head.slo(), led, edge, affinity, bodyBytes / BYTES_PER_TOKEN + 1);
  }

  /** The local model stands in for the one in the region: first, or where that one cannot. */
  private static Router.Plan led(Call call, Router.Plan plan, EdgeLink link, EdgeWatch edge) {
    Router.Plan both = plan.endingWith(edge.local());
    boolean ready = call.gateway().admission().queue(plan.models().getFirst()).ready();
    EdgeLink.Way way = link.choose(ready, call.nowNanos() / 1_000_000);
    EdgeReason reason = link.local();
    return way == EdgeLink.Way.LOCAL && reason != null
        ? both.ledBy(edge.local(), reason.label())
        : both;
  }

  /** Null for a name that has no local model. */
  @Nullable EdgeWatch edge() {
    return edge;
  }

  /** The name that the client asked for. */
  String requested() {
    return plan.requested();
  }

  /** The models that may serve it, the first one first. */
  List<String> models() {
    return plan.models();
  }

  /** One of the models comes before the others, for what was unfit in them. */
  void lead(String model, String reason) {
    plan = plan.ledBy(model, reason);
  }

  /** It is admitted; ties are broken in turn. */
  void takeTurn() {
    turn = gateway.fleet().nextTurn(plan.models().getFirst());
  }

  /** Estimated from its bytes. */
  int promptTokens() {
    return promptTokens;
  }

  /** At most; 0 for what generates nothing and ends with its prompt. */
  int outputTokens() {
    if (!generates) {
      return 0;
    }
    Integer most = flight.parameters().maxTokens();
    return most == null ? USUAL_OUTPUT_TOKENS : most;
  }

  /** Its prompt, as far as it is known at the replicas of a model. */
  Prompt prompt(String model) {
    return wanted(model, call.nowNanos()).prompt();
  }

  /** As the last decision was made for it. */
  RouteRequest wanted() {
    return wanted;
  }

  /** Its stream goes on elsewhere after so many tokens. */
  void goesOn(int tokens) {
    answered = tokens;
  }

  /** Whether a policy threw. */
  boolean broke() {
    return broke;
  }

  /** A replica that failed it, and is not to be tried again. */
  void exclude(String replica) {
    if (excluded.isEmpty()) {
      excluded = new HashSet<>();
    }
    excluded.add(replica);
  }

  /** One of them may be tried again. */
  void include(String replica) {
    if (!excluded.isEmpty()) {
      excluded.remove(replica);
    }
  }

  /** Whether a replica of its models is left, ready or not, that failed nothing of it. */
  boolean leavesAny() {
    for (String model : plan.models()) {
      for (ReplicaView view : gateway.fleet().views(model, call.nowNanos())) {
        boolean ended = view.state().equals("FAILED") || view.state().equals("STOPPED");
        if (!ended && !excluded.contains(view.id())) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Leaves those out too, unless then nobody would take it with the model that it has.
   *
   * @param leaving is not to take it in any case; null for nobody
   */
  void avoid(Set<String> replicas, @Nullable String leaving) {
    Set<String> before = excluded;
    if (before.containsAll(replicas)) {
      return;
    }
    excluded = new HashSet<>(before);
    excluded.addAll(replicas);
    Decision decision = leaving == null ? decide(true) : decideWithout(leaving, true);
    if (decision.chosen() == null) {
      excluded = before;
    }
  }

  /** Everybody may be tried again. */
  void excludeNobody() {
    excluded = Set.of();
  }

  boolean excludesAny() {
    return !excluded.isEmpty();
  }

  /**
   * Decides; a policy that throws chooses nobody, and is told once for each request.
   *
   * @param sameModel it goes on with the model that it has, and no other one
   */
  Decision decide(boolean sameModel) {
    long now = call.nowNanos();
    Router.Plan among = sameModel ? plan.only(flight.model()) : plan;
    try {
      Router.Routed routed =
          gateway
              .router()
              .route(
                  among,
                  model -> gateway.fleet().views(model, now),
                  model -> wanted(model, now),
                  now);
      wanted = routed.request();
      return sameModel ? standsIn(routed.decision()) : routed.decision();
    } catch (RuntimeException broken) {
      if (!broke) {
        broke = true;
        gateway.metrics().routingFailed(flight.model());
        LOG.error(
            "routing_failed request={} trace={} model={}",
            flight.id(),
            flight.traceId(),
            flight.model(),
            broken);
      }
      return Decision.of("none", among.models().getFirst(), null, List.of());
    }
  }

  /** Who goes on with a model that stands in for another one does so for the same reason. */
  private Decision standsIn(Decision decision) {
    Decision before = flight.decision();
    Decision.Fallback fallback = before == null ? null : before.fallback();
    return fallback == null ? decision : decision.withFallback(fallback);
  }

  /** What is decided for one model, be it among others of its plan. */
  Decision decideFor(String model) {
    Router.Plan all = plan;
    plan = all.only(model);
    try {
      return decide(false);
    } finally {
      plan = all;
    }
  }

  /** What would be decided without one more replica, which is not excluded by that. */
  Decision decideWithout(String replica, boolean sameModel) {
    if (excluded.contains(replica)) {
      return decide(sameModel);
    }
    exclude(replica);
    Decision decision = decide(sameModel);
    excluded.remove(replica);
    return decision;
  }

  private RouteRequest wanted(String model, long now) {
    RouteRequest plain =
        new RouteRequest(
            model,
            excluded,
            turn,
            slo,
            (now - flight.gatewayNanos(flight.at(Mark.ACCEPTED))) / 1e6,
            promptTokens + answered,
            Math.max(Math.min(1, outputTokens()), outputTokens() - answered),
            Map.of(),
            null);
    return gateway.affinity().enrich(plain, affinity);
  }

  /** A replica got it: its session and what begins like its prompt go there too. */
  void sent(String replica) {
    gateway.affinity().sent(flight.model(), replica, affinity);
  }

  /** A replica failed it for good: its session goes on at another one, if there is one. */
  void failed(String replica) {
    if (affinity.session() != null) {
      String other = decideWithout(replica, true).chosen();
      gateway.affinity().failed(flight.model(), replica, other, affinity);
    }
  }
}
