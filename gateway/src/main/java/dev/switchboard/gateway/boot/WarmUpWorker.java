package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.flight.NanoClock;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.Locale;

/**
 * What the {@link WarmUp} has behind its gateway: it answers at once, as an engine worker does for
 * one model and as a foreign server does for another, since their answers take different ways.
 */
final class WarmUpWorker {
  static final String WORKER = "warm-up-worker";
  static final String FOREIGN = "warm-up-foreign";
  static final int STREAM_TOKENS = 16;

  private static final String JSON = "application/json";
  private static final String ID = "chatcmpl-1";
  private static final String LANES =
      "\"lanes\":[{\"stage\":0,\"rank\":0,\"start_ns\":%1$d,\"end_ns\":%1$d,\"compute_ns\":1,"
          + "\"all_reduce_wait_ns\":0,\"receive_wait_ns\":0,\"send_ns\":0,\"sample_ns\":1,"
          + "\"copy_ns\":0,\"steps\":1,\"straggler_steps\":0,\"bytes\":1}]";
  private static final String STEP =
      "{\"step\":1,\"submit_ns\":%1$d,\"start_ns\":%1$d,\"end_ns\":%1$d,\"request_tokens\":1,"
          + "\"batch_tokens\":1,\"batch_requests\":1,"
          + LANES
          + "}";
  private static final String PHASE =
      "{\"start_ns\":%1$d,\"end_ns\":%1$d,\"tokens\":20,\"cached_tokens\":0,\"steps\":1,"
          + "\"wait_ns\":0,\"slowest\":"
          + STEP
          + ","
          + LANES
          + "}";
  private static final String TIMELINE =
      ",\"switchboard\":{\"replica\":\"w0\",\"received_ns\":%1$d,\"sent_ns\":%1$d,\"timelines\":["
          + "{\"request_id\":\"req-1\",\"choice\":0,\"received_ns\":%1$d,\"tokenized_ns\":%1$d,"
          + "\"scheduled_ns\":%1$d,\"first_token_ns\":%1$d,\"finished_ns\":%1$d,\"preemptions\":0,"
          + "\"prefill\":"
          + PHASE
          + ",\"decode\":"
          + PHASE
          + ",\"steps\":["
          + STEP
          + "]}]}";
  private static final String STATE =
      "{\"state\":\"ready\",\"topology\":{\"stages\":1,\"ranks\":1},"
          + "\"health\":{\"ranks\":[{\"stage\":0,\"rank\":0}]}}";

  private final NanoClock clock;

  WarmUpWorker(NanoClock clock) {
    this.clock = clock;
  }

  Future<HttpServer> listen(Vertx vertx, String host) {
    return vertx
        .createHttpServer()
        .requestHandler(request -> answer(vertx, request))
        .listen(0, host);
  }

  private void answer(Vertx vertx, HttpServerRequest request) {
    HttpServerResponse response = request.response();
    if (request.uri().startsWith("/engine/")) {
      response.putHeader("Content-Type", JSON).end(STATE);
    } else if (request.method().equals(HttpMethod.GET)) {
      response
          .putHeader("Content-Type", JSON)
          .end("{\"object\":\"list\",\"data\":[{\"id\":\"%s\"}]}".formatted(FOREIGN));
    } else {
      request.body().onSuccess(body -> complete(vertx, response, body.toString()));
    }
  }

  private void complete(Vertx vertx, HttpServerResponse response, String body) {
    boolean worker = body.contains(WORKER);
    if (body.contains("\"stream\":true")) {
      response.putHeader("Content-Type", "text/event-stream").setChunked(true);
      if (worker) {
        response.write(":answer " + ID + " 1 1 20\n\n");
      }
      write(vertx, response, worker, 0);
    } else {
      response.putHeader("Content-Type", JSON).end(whole(worker));
    }
  }

  /** A token at a time, each in a turn of its own: written together they would be read together. */
  private void write(Vertx vertx, HttpServerResponse response, boolean worker, int token) {
    if (token < STREAM_TOKENS) {
      String note = worker ? ":tokens 0/0:" + token + "\n\n" : "";
      response.write(event("\"content\":\"word \"", "null", "") + note);
      vertx.runOnContext(next -> write(vertx, response, worker, token + 1));
    } else {
      response.write(event("", "\"length\"", worker ? timeline() : ""));
      response.end("data: [DONE]\n\n");
    }
  }

  private String timeline() {
    return String.format(Locale.ROOT, TIMELINE, clock.epochNanos());
  }

  private String whole(boolean worker) {
    return "{\"id\":\""
        + ID
        + "\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
        + "\"message\":{\"role\":\"assistant\",\"content\":\"no\"},\"finish_reason\":\"stop\"}],"
        + "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":2,\"total_tokens\":22}"
        + (worker ? timeline() : "")
        + "}";
  }

  private static String event(String delta, String finishReason, String more) {
    return "data: {\"id\":\""
        + ID
        + "\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{"
        + "\"index\":0,\"delta\":{"
        + delta
        + "},\"finish_reason\":"
        + finishReason
        + "}]"
        + more
        + "}\n\n";
  }
}
