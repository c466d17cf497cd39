package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.autoscaling.Autoscaling;
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
      throw new ApiException(ApiError.modelNotFound(model));
    }
    AdminServer.answer(context, json(model, answer));
  }

  private static ObjectNode json(String model, Autoscaling.Answer answer) {
    ScaleSignals signals = answer.signals();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("model", model).put("at", SloRoutes.instant(answer.atMs()));
    json.put("desired", answer.desired()).put("since", SloRoutes.instant(answer.sinceMs()));
    json.put("reason", answer.reason());
    json.put("current", signals.current()).put("ready", signals.ready());
    json.put("standby", signals.standby());
    json.put("min", answer.bounds().min()).put("max", answer.bounds().max());
    ObjectNode needed = json.putObject("needed");
    needed.put("work", answer.need().work()).put("wait", answer.need().waiting());
    needed.put("kv", answer.need().kv());
    ObjectNode from = json.putObject("signals");
    from.put("waiting", signals.waiting()).put("running", signals.running());
    from.put("reported", signals.reported()).put("places", signals.places());
    from.put("places_per_replica", known(signals.placesEach()));
    from.put("busy_ratio", known(signals.busy()));
    from.put("predicted_wait_ms", known(signals.waitMs()));
    from.put("wait_target_ms", known(signals.targetMs()));
    from.put("kv_used_ratio", known(signals.kvUsed()));
    return json;
  }

  private static @Nullable Double known(double value) {
    return Double.isFinite(value) ? value : null;
  }
}
