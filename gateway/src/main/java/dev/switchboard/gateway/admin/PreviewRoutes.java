package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Router;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Where a request would go that is not sent: the decision, with the table it was made from. */
final class PreviewRoutes {
  private static final int MOST_TOKENS = 10_000_000;
  private static final int USUAL_TOKENS = 100;

  private final Supplier<GatewayContext> contexts;

  private PreviewRoutes(Supplier<GatewayContext> contexts) {
    this.contexts = contexts;
  }

  /**
   * A request as far as routing knows one.
   *
   * @param headers of those that say what is wanted of it, X-SLO-Class and so on
   */
  record Wanted(
      @Nullable String model,
      @Nullable Integer promptTokens,
      @Nullable Integer maxTokens,
      @Nullable String session,
      @Nullable String tenant,
      @Nullable Map<String, String> headers) {
    Wanted {
      if (model == null || model.isEmpty()) {
        throw new IllegalArgumentException("model must name one");
      }
      within("prompt_tokens", promptTokens, 1);
      within("max_tokens", maxTokens, 0);
    }

    private static void within(String field, @Nullable Integer value, int least) {
      if (value != null && (value < least || value > MOST_TOKENS)) {
        throw new IllegalArgumentException(field + " must be " + least + " to " + MOST_TOKENS);
      }
    }
  }

  /**
   * @param contexts the present one: routes, models and classes change while the gateway runs
   */
  static void add(AdminRouter router, Supplier<GatewayContext> contexts) {
    router.ask("/admin/v1/route", new PreviewRoutes(contexts)::decide);
  }

  private JsonNode decide(RoutingContext context, byte[] body) {
    Wanted wanted = JsonInput.read(body, Wanted.class);
    String model = String.valueOf(wanted.model());
    GatewayContext gateway = contexts.get();
    Router router = gateway.router();
    if (!router.knows(model)) {
      throw new ApiException(ApiError.modelNotFound(model));
    }
    String tenant = wanted.tenant() == null ? "" : wanted.tenant();
    Slo slo = slo(gateway, tenant, wanted.headers());
    Affinity.Key key = new Affinity.Key(new long[0], 0, tenant, wanted.session());
    long now = gateway.clock().epochNanos();
    Router.Plan plan = router.preview(model, wanted.session());
    long turn = gateway.fleet().comingTurn(plan.models().getFirst());
    Router.Routed routed =
        router.route(
            plan,
            each -> gateway.fleet().views(each, now),
            each ->
                gateway
                    .affinity()
                    .enrich(
                        new RouteRequest(
                            each,
                            Set.of(),
                            turn,
                            slo,
                            0,
                            orUsual(wanted.promptTokens()),
                            orUsual(wanted.maxTokens()),
                            Map.of(),
                            null),
                        key),
            now);
    return json(routed.decision(), slo);
  }

  private static Slo slo(
      GatewayContext gateway, String tenant, @Nullable Map<String, String> headers) {
    Map<String, String> named = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    if (headers != null) {
      named.putAll(headers);
    }
    return gateway.slos().read(named::get, gateway.admission().maxPriority(tenant));
  }

  private static int orUsual(@Nullable Integer tokens) {
    return tokens == null ? USUAL_TOKENS : tokens;
  }

  private static JsonNode json(Decision decision, Slo slo) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.set("slo", FlightJson.slo(slo));
    return json.setAll(FlightJson.decision(decision));
  }
}
