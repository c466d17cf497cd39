package dev.switchboard.gateway.drill;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.io.IOException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * Has workers break their engines ({@code POST /engine/v1/faults}). A worker takes a fault back by
 * itself a second after the drill should have, so that it outlives neither this gateway nor the way
 * to it.
 */
public final class EngineFaults {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PATH = "/engine/v1/faults";
  private static final int TIMEOUT_MS = 3000;
  private static final int LONGER_MS = 1000;
  private static final int MOST_SAID_CHARS = 300;

  private final HttpClient client;

  public EngineFaults(Vertx vertx) {
    this.client =
        vertx.createHttpClient(new HttpClientOptions().setConnectTimeout(1000).setKeepAlive(true));
  }

  CompletionStage<Void> strike(Replica replica, DrillPlan plan) {
    UpstreamAddress address = replica.address();
    if (address == null) {
      return Future.<Void>failedFuture("it does not listen").toCompletionStage();
    }
    ObjectNode fault =
        lane(plan.kind().fault(), plan)
            .put("amount", plan.amount())
            .put("for_ms", plan.durationMs() + LONGER_MS);
    return post(address, fault).toCompletionStage();
  }

  CompletionStage<Void> heal(Replica replica, DrillPlan plan) {
    UpstreamAddress address = replica.address();
    return address == null
        ? Future.<Void>succeededFuture().toCompletionStage()
        : post(address, lane("none", plan)).toCompletionStage();
  }

  private static ObjectNode lane(String kind, DrillPlan plan) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("kind", kind)
        .put("stage", plan.stage())
        .put("rank", plan.rank());
  }

  private Future<Void> post(UpstreamAddress address, ObjectNode fault) {
    RequestOptions options = address.request(HttpMethod.POST, PATH).setTimeout(TIMEOUT_MS);
    options.putHeader("Content-Type", "application/json");
    try (Scope _ = UpstreamClient.UNTRACED.makeCurrent()) {
      return UpstreamClient.connected(client, options)
          .compose(request -> request.send(Buffer.buffer(fault.toString())))
          .compose(EngineFaults::answered)
          .timeout(TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }
  }

  private static Future<Void> answered(HttpClientResponse answer) {
    return answer
        .body()
        .compose(
            body ->
                switch (answer.statusCode()) {
                  case 200 -> Future.succeededFuture();
                  case 400 -> Future.failedFuture(refused(said(body)));
                  case 403 ->
                      Future.failedFuture(
                          new ApiException(
                              Drills.wrongState(
                                  "The worker takes no faults: it must run with"
                                      + " --allow-fault-injection.")));
                  default -> Future.failedFuture("it answered " + answer.statusCode());
                });
  }

  /** What it does not like is in what was asked for here. */
  private static ApiException refused(String why) {
    String field = why.startsWith("stage") ? "stage" : why.startsWith("rank") ? "rank" : "kind";
    return new ApiException(ApiError.invalid(field, "The worker says: " + why));
  }

  private static String said(Buffer body) {
    try {
      String text = JSON.readTree(body.getBytes()).at("/error/message").asText();
      return text.length() <= MOST_SAID_CHARS ? text : text.substring(0, MOST_SAID_CHARS);
    } catch (IOException e) {
      return "no";
    }
  }
}
