package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.LogTail;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.ext.web.RoutingContext;

/**
 * What a worker says of itself, asked of it now: its state, its devices, its latest steps, and the
 * last lines of its log. What it answers is passed on as it is.
 */
final class WorkerRoutes {
  private static final String BASE = "/admin/v1/replicas/:id";
  private static final int TIMEOUT_MS = 2000;
  private static final int MOST_BYTES = 8 << 20;
  private static final int DEFAULT_STEPS = 200;
  private static final int MOST_STEPS = 1000;
  private static final int DEFAULT_LINES = 100;

  private final Fleet fleet;
  private final UpstreamClient client;

  private WorkerRoutes(Fleet fleet, UpstreamClient client) {
    this.fleet = fleet;
    this.client = client;
  }

  static void add(AdminRouter router, Fleet fleet, UpstreamClient client) {
    WorkerRoutes routes = new WorkerRoutes(fleet, client);
    router.read(BASE + "/state", context -> routes.ask(context, "/engine/v1/state"));
    router.read(BASE + "/devices", context -> routes.ask(context, "/engine/v1/devices"));
    router.read(BASE + "/steps", routes::steps);
    router.read(BASE + "/log", routes::log);
  }

  private void steps(RoutingContext context) {
    int last = JsonInput.number(context, "last", 1, MOST_STEPS, DEFAULT_STEPS);
    ask(context, "/engine/v1/steps?last=" + last);
  }

  private void ask(RoutingContext context, String path) {
    client
        .get(listening(ReplicaRoutes.named(context, fleet)), path, TIMEOUT_MS, MOST_BYTES)
        .onSuccess(body -> AdminRouter.json(context, body.toString()))
        .onFailure(cause -> AdminRouter.error(context, unanswered(cause)));
  }

  private static UpstreamAddress listening(Replica replica) {
    if (!replica.worker()) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "no_worker",
              null,
              "The replica is a foreign server, which tells nothing of itself."));
    }
    UpstreamAddress address = replica.address();
    if (address == null) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "wrong_state",
              null,
              "The replica is " + replica.state() + " and does not listen."));
    }
    return address;
  }

  private static ApiError unanswered(Throwable cause) {
    boolean status = cause instanceof UpstreamClient.StatusException;
    String how = status ? " with " + cause.getMessage() : ": " + cause.getMessage();
    return new ApiError(
        502,
        "server_error",
        "worker_unanswered",
        null,
        "The worker did not answer as it should" + how + ".");
  }

  private void log(RoutingContext context) {
    Replica replica = ReplicaRoutes.named(context, fleet);
    int lines = JsonInput.number(context, "lines", 1, LogTail.MOST_LINES, DEFAULT_LINES);
    if (!replica.local()) {
      throw new ApiException(
          new ApiError(
              409,
              "invalid_request_error",
              "not_local",
              null,
              "The log of a replica is known where its process runs."));
    }
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    ArrayNode array = answer.putArray("lines");
    replica.log().last(lines).forEach(array::add);
    AdminServer.answer(context, answer);
  }
}
