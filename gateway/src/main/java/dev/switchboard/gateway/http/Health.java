package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import io.vertx.ext.web.RoutingContext;

/**
 * Liveness says that this process answers; readiness says that it can serve: some replica's every
 * rank answered the canary, and the gateway is not stopping. A store that cannot be written to is
 * told beside that: requests go on without it, and all gateways that share it would leave their
 * load balancer at once.
 */
public final class Health {
  private Health() {}

  public static void live(RoutingContext context) {
    Answers.json(context.response(), "{\"status\":\"live\"}");
  }

  /** Readiness under the name that other servers of models have for it. */
  public static void ok(RoutingContext context, GatewayContext gateway) {
    if (!gateway.admission().closing() && gateway.fleet().anyReady()) {
      Answers.json(context.response(), "{\"status\":\"ok\"}");
    } else {
      ready(context, gateway);
    }
  }

  public static void ready(RoutingContext context, GatewayContext gateway) {
    boolean closing = gateway.admission().closing();
    if (!closing && gateway.fleet().anyReady()) {
      String trouble = gateway.metrics().storeTrouble();
      Answers.json(
          context.response(),
          "{\"status\":\"ready\""
              + (trouble == null ? "" : ",\"store\":\"" + trouble + "\"")
              + "}");
    } else {
      String reason = closing ? "stopping" : unready(gateway);
      Answers.json(
          context.response().setStatusCode(503),
          "{\"status\":\"not ready\",\"reason\":\"" + reason + "\"}");
    }
  }

  private static String unready(GatewayContext gateway) {
    return gateway.fleet().replicas().stream().anyMatch(Health::takenOut)
        ? "no replica is ready, and an operator has drained or cordoned at least one"
        : "no replica is ready";
  }

  private static boolean takenOut(Replica replica) {
    return switch (replica.state()) {
      case DRAINING, DRAINED, CORDONED -> true;
      default -> false;
    };
  }
}
