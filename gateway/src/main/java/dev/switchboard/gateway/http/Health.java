package dev.switchboard.gateway.http;

import io.vertx.ext.web.RoutingContext;

/**
 * Liveness says that this process answers; readiness says that it can serve: some replica's every
 * rank answered the canary, and the gateway is not stopping.
 */
public final class Health {
  private Health() {}

  public static void live(RoutingContext context) {
    Answers.json(context.response(), "{\"status\":\"live\"}");
  }

  public static void ready(RoutingContext context, Gatehouse house) {
    boolean closing = house.admission().closing();
    if (!closing && house.fleet().anyReady()) {
      Answers.json(context.response(), "{\"status\":\"ready\"}");
    } else {
      String reason = closing ? "stopping" : "no replica is ready";
      Answers.json(
          context.response().setStatusCode(503),
          "{\"status\":\"not ready\",\"reason\":\"" + reason + "\"}");
    }
  }
}
