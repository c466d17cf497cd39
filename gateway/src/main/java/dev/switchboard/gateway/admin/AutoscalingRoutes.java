package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.autoscaling.Autoscaling;
import dev.switchboard.gateway.autoscaling.ScaleRule;
import dev.switchboard.gateway.autoscaling.ScaleSignals;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.ext.web.RoutingContext;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How many replicas a model should have, and why. */
final class AutoscalingRoutes {
  private final Autoscaling autoscaling;

  private AutoscalingRoutes(Autoscaling autoscaling) {
    this.autoscaling = autoscaling;
  }

  static void add(AdminRouter router, Autoscaling autoscaling) {
    AutoscalingRoutes routes = new AutoscalingRoutes(autoscaling);
    router.read("/admin/v1/autoscaling/:model", routes::get);
  }

  private void get(RoutingContext context) {
    JsonInput.only(context, Set.of("model"));
    String model = JsonInput.path(context, "model");
    Autoscaling.Answer answer = autoscaling.of(model);
    if (answer == null) {
      throw new ApiException(
          autoscaling.has(model)
              ? ApiError.unavailable(
                  "Which replicas of '" + model + "' there are is not known yet.")
              : ApiError.modelNotFound(model));
    }
    AdminServer.answer(context, json(model, answer));
  }

  private static ObjectNode json(String model, Autoscaling.Answer answer) {
    ScaleSignals signals = answer.signals();
    ScaleRule.Decided decided = answer.decided();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("model", model).put("at", SloRoutes.instant(answer.atMs()));
    json.put("desired", decided.desired()).put("since", SloRoutes.instant(decided.sinceMs()));
    json.put("cause", decided.cause().label()).put("reason", decided.reason());
    json.put("at_max", decided.atMax());
    json.put("current", signals.current()).put("ready", signals.ready());
    json.put("standby", signals.standby()).put("gateways", answer.gateways());
    json.put("min", answer.bounds().min()).put("max", answer.bounds().max());
    json.put("start_seconds", decided.startMs() / 1e3);
    ObjectNode needed = json.putObject("needed");
    needed.put("headroom", decided.need().headroom()).put("queue", decided.need().queue());
    needed.put("kv", decided.need().kv());
    signals(json.putObject("signals"), signals);
    return json;
  }

  private static void signals(ObjectNode from, ScaleSignals signals) {
    from.put("waiting", signals.waiting()).put("running", signals.running());
    from.put("reported", signals.reported()).put("places", signals.places());
    from.put("places_per_replica", known(signals.placesEach()));
    from.put("busy_ratio", known(signals.busy()));
    from.put("queued_tokens", signals.queuedTokens());
    from.put("queued_batch_tokens", signals.batchTokens());
    from.put("tokens_per_place_second", signals.placeTokens());
    from.put("predicted_wait_ms", known(signals.waitMs()));
    from.put("wait_target_ms", known(signals.targetMs()));
    from.put("kv_used_ratio", known(signals.kvUsed()));
  }

  private static @Nullable Double known(double value) {
    return Double.isFinite(value) ? value : null;
  }
}
