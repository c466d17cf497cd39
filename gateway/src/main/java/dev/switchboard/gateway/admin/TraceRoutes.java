package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.telemetry.Governor;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.gateway.telemetry.TraceLevels;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** How much the traces of requests tell, of all models and of each. */
final class TraceRoutes {
  private final TraceLevels levels;
  private final Predicate<String> served;

  private TraceRoutes(TraceLevels levels, Predicate<String> served) {
    this.levels = levels;
    this.served = served;
  }

  /** A level to be set. */
  record Wanted(@Nullable Integer level) {
    TraceDetail detail() {
      if (level == null) {
        throw JsonInput.refused("level", "is missing");
      }
      try {
        return TraceDetail.of(level);
      } catch (IllegalArgumentException e) {
        throw JsonInput.refused("level", String.valueOf(e.getMessage()));
      }
    }
  }

  static void add(AdminRouter router, TraceLevels levels, Predicate<String> served) {
    TraceRoutes routes = new TraceRoutes(levels, served);
    String all = "/admin/v1/trace-levels";
    String one = all + "/:model";
    router.read(all, routes::list);
    router.change(HttpMethod.PUT, all, Role.OPERATOR, routes::putAll);
    router.change(HttpMethod.DELETE, all, Role.OPERATOR, routes::deleteAll);
    router.change(HttpMethod.PUT, one, Role.OPERATOR, routes::put);
    router.change(HttpMethod.DELETE, one, Role.OPERATOR, routes::delete);
  }

  private void list(RoutingContext context) {
    TraceDetail ceiling = levels.ceiling();
    ObjectNode answer = Versions.with(json(levels.general()));
    answer.set("ceiling", ceiling == null ? null : json(ceiling));
    Governor.State governor = levels.governor();
    if (governor != null) {
      answer
          .putObject("governor")
          .put("cpu_share", governor.share())
          .put("told_share", governor.told())
          .put("since_ms", governor.sinceNanos() / 1_000_000);
    }
    ArrayNode models = answer.putArray("models");
    levels.models().forEach((model, set) -> models.add(Versions.with(json(model, set))));
    AdminServer.answer(context, answer);
  }

  private Future<Change> putAll(RoutingContext context, byte[] body) {
    TraceDetail wanted = JsonInput.read(body, Wanted.class).detail();
    ObjectNode before = json(levels.general());
    Versions.check(context, before);
    TraceDetail _ = levels.general(wanted);
    return Future.succeededFuture(Change.of(json(wanted), before, json(wanted)));
  }

  private Future<Change> deleteAll(RoutingContext context, byte[] body) {
    Versions.check(context, json(levels.general()));
    TraceDetail before = levels.general(null);
    if (before == null) {
      throw new ApiException(AdminServer.noSuch("level", null));
    }
    ObjectNode after = json(levels.general());
    ObjectNode answer = after.deepCopy().put("deleted", true);
    return Future.succeededFuture(Change.of(answer, json(before), after));
  }

  private Future<Change> put(RoutingContext context, byte[] body) {
    String model = JsonInput.path(context, "model");
    TraceDetail wanted = JsonInput.read(body, Wanted.class).detail();
    if (!served.test(model)) {
      throw new ApiException(AdminServer.noSuch("model", "model"));
    }
    check(context, model);
    TraceDetail before = levels.model(model, wanted);
    ObjectNode after = json(model, wanted);
    return Future.succeededFuture(
        Change.of(after, before == null ? null : json(model, before), after));
  }

  private Future<Change> delete(RoutingContext context, byte[] body) {
    String model = JsonInput.path(context, "model");
    check(context, model);
    TraceDetail before = levels.model(model, null);
    if (before == null) {
      throw new ApiException(AdminServer.noSuch("level of that model", "model"));
    }
    ObjectNode answer = json(model, levels.general()).put("deleted", true);
    return Future.succeededFuture(Change.of(answer, json(model, before), null));
  }

  private void check(RoutingContext context, String model) {
    TraceDetail set = levels.models().get(model);
    Versions.check(context, set == null ? null : json(model, set));
  }

  private static ObjectNode json(String model, TraceDetail detail) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("model", model);
    return json.setAll(json(detail));
  }

  private static ObjectNode json(TraceDetail detail) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("level", detail.level())
        .put("detail", detail.name().toLowerCase(Locale.ROOT));
  }
}
